"""Who has ended: a connection from every rank to the first, which the system closes when one of the two dies."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import selectors
import socket
import threading
from dataclasses import dataclass, field

# A process that is gone is known at once; a machine that is gone after these probes of the kernel: about 6 s.
_PROBES = {socket.TCP_KEEPIDLE: 3, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 3}
# How long a rank that waits for a dead one may take to notice it by itself. NCCL does not notice.
_GRACE_S = 7.0
_LISTEN_S = 0.2
TOKEN_BYTES = 16
_DIED = "it was killed or crashed without a word"
# How much later than the first of them others may find that they waited in vain.
_SKEW_S = 4.0
_HANGS = "hangs"
_ABSENT = "it lives, but did not come where the others waited for it"
_SILENT = "it answers no more"


@dataclass(frozen=True)
class Lost:
    """A rank that ended before the others, or keeps them waiting.

    Attributes:
        rank: Which.
        why: What it said last, or that it said nothing.
        what: What became of it.
    """

    rank: int
    why: str = _DIED
    what: str = "has ended"

    def __str__(self) -> str:
        return f"rank {self.rank} {self.what}: {self.why}"


@dataclass
class Lifeline:
    """This rank's end of the line. Every rank hears who was lost first, and why.

    A rank that does not end by itself within some seconds after that is ended: it waits for what never comes.

    Attributes:
        rank: This rank.
        peers: Open connections by rank: of the first rank to all others, of the others to the first.
    """

    rank: int
    peers: dict[int, socket.socket] = field(default_factory=dict)
    _server: socket.socket | None = None
    _token: bytes = b""
    _lost: Lost | None = None
    _heard: threading.Event = field(default_factory=threading.Event)
    _left: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _buffers: dict[socket.socket, bytes] = field(default_factory=dict)
    _waited: set[int] = field(default_factory=set)

    @classmethod
    def listen(cls, host: str) -> Lifeline:
        """The first rank's end; `address` tells the others where."""
        token = secrets.token_bytes(TOKEN_BYTES)
        made = cls(0, _server=_serve(host), _token=token)
        made._begin()
        return made

    @property
    def address(self) -> tuple[int, bytes]:
        """Port and token: who does not know the token is not listened to."""
        assert self._server is not None
        return int(self._server.getsockname()[1]), self._token

    @classmethod
    def connect(cls, rank: int, host: str, port: int, token: bytes) -> Lifeline:
        """The end of another rank."""
        line = socket.create_connection((host, port), timeout=60)
        made = cls(rank, {0: _kept_alive(line)})
        line.sendall(_message(hello=rank, token=token.hex()))
        made._begin()
        return made

    def who(self, timeout_s: float) -> Lost | None:
        """The rank that was lost first, as soon as it is known; None when it is not known in time."""
        self._heard.wait(timeout_s)
        return self._lost

    def who_hangs(self, timeout_s: float) -> Lost | None:
        """As `who`, for a rank that waited for others in vain: of those that live, who did not wait is named."""
        if self._server:
            self._hear_of_waiting(self.rank)
        elif 0 in self.peers:
            with contextlib.suppress(OSError):
                self.peers[0].sendall(_message(waited=self.rank))
        # The first rank always has an answer, unless it is the one that hangs, and so much that no thread of it runs.
        return self.who(timeout_s) or (None if self._server else Lost(0, _SILENT, _HANGS))

    def leave(self, failed: str | None = None) -> None:
        """Close this end: in peace, or with the reason why this rank cannot go on."""
        self._left.set()
        # Whoever fails because another one was lost is not the reason.
        words = _message(failed=failed) if failed and not self._lost else _message(bye=self.rank)
        for line in list(self.peers.values()):
            with contextlib.suppress(OSError):
                line.sendall(words)
        if self._thread:
            self._thread.join()
        for line in [*self.peers.values(), *([self._server] if self._server else [])]:
            line.close()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="lifeline", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        with selectors.DefaultSelector() as selector:
            for line in [*self.peers.values(), *([self._server] if self._server else [])]:
                selector.register(line, selectors.EVENT_READ)
            while not self._left.is_set():
                for key, _ in selector.select(_LISTEN_S):
                    self._serve_one(key.fileobj, selector)  # type: ignore[arg-type]

    def _serve_one(self, line: socket.socket, selector: selectors.BaseSelector) -> None:
        if line is self._server:
            fresh, _ = line.accept()
            selector.register(_kept_alive(fresh), selectors.EVENT_READ)
            return
        try:
            got = line.recv(65536)
        except OSError:
            got = b""
        *words, rest = (self._buffers.get(line, b"") + got).split(b"\n")
        self._buffers[line] = rest
        for word in words:
            self._take(line, word)
        if not got:
            selector.unregister(line)
            self._note(line, None)

    def _take(self, line: socket.socket, word: bytes) -> None:
        """One message of a peer; a stranger's is not read."""
        try:
            told = json.loads(word)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            return
        known = line in self.peers.values()
        if not known and self._server and told.get("token") == self._token.hex():
            self.peers[int(told["hello"])] = line
            # Whoever comes after one was lost must hear it too.
            if self._lost:
                self._tell(line, self._lost)
        elif (known or not self._server) and "lost" in told:
            # Also from a first rank that has said goodbye: it may leave while it tells.
            self._set(Lost(int(told["lost"]), str(told["why"]), str(told["what"])))
        elif known and "waited" in told:
            self._hear_of_waiting(int(told["waited"]))
        elif known and "failed" in told:
            self._note(line, str(told["failed"]))
        elif known and "bye" in told:
            self.peers = {rank: other for rank, other in self.peers.items() if other is not line}

    def _note(self, line: socket.socket, why: str | None) -> None:
        """The peer at the other end was lost; the first rank tells all others."""
        for rank, other in list(self.peers.items()):
            if other is line:
                del self.peers[rank]
                self._set(Lost(rank, why) if why else Lost(rank))

    def _hear_of_waiting(self, rank: int) -> None:
        if not self._waited:
            threading.Thread(target=self._name_missing, name="lifeline-missing", daemon=True).start()
        self._waited.add(rank)

    def _name_missing(self) -> None:
        """Once all who waited have said so, name the others."""
        if self._left.wait(_SKEW_S) or self._lost:
            return
        missing = sorted({self.rank, *self.peers} - self._waited)
        if missing:
            also = f"; nor did rank {', '.join(map(str, missing[1:]))}" if missing[1:] else ""
            self._set(Lost(missing[0], _ABSENT + also, _HANGS))

    def _tell(self, line: socket.socket, lost: Lost) -> None:
        with contextlib.suppress(OSError):
            line.sendall(_message(lost=lost.rank, why=lost.why, what=lost.what))

    def _set(self, lost: Lost) -> None:
        if self._lost is None:
            self._lost = lost
            # Before this rank itself hears of it and leaves: others take its end for the cause otherwise.
            for other in list(self.peers.values()) if self._server else ():
                self._tell(other, lost)
            self._heard.set()
            threading.Thread(target=self._end_late, name="lifeline-end", daemon=True).start()

    def _end_late(self) -> None:
        """End this process when it has not left by itself."""
        if not self._left.wait(_GRACE_S):
            logging.getLogger(__name__).critical(
                "given: rank %d, which does not come to its end; %s\nexpected: all ranks to go on together\n"
                "to do: mend what ended that rank and run the same command again: checkpoints are kept",
                self.rank,
                self._lost,
            )
            # The main thread is inside a call that does not come back, so that no exception reaches it.
            os._exit(1)


def _serve(host: str) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError:
        # The name that others know this machine by may belong to none of its own addresses.
        return socket.create_server(("", 0))


def _kept_alive(line: socket.socket) -> socket.socket:
    line.settimeout(10)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _PROBES.items():
        line.setsockopt(socket.IPPROTO_TCP, option, value)
    return line


def _message(**told: object) -> bytes:
    return json.dumps(told).encode() + b"\n"
