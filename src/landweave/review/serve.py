"""The page's server as a process: where it listens, and the address to open."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import uvicorn

from landweave.errors import OutputError, ReviewError
from landweave.review.app import make_app
from landweave.review.desk import Desk
from landweave.review.guard import Guard, token_of
from landweave.review.job import open_job
from landweave.review.store import address_of, open_store

PORT = 8765


@dataclass(frozen=True)
class Server:
    """A server that has its port and waits to be run.

    Attributes:
        desk: What is reviewed.
        guard: Who may ask.
        listener: The open socket.
        host: Where it listens.
    """

    desk: Desk
    guard: Guard
    listener: socket.socket
    host: str

    @property
    def address(self) -> str:
        """What to open in a browser."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        shown = "127.0.0.1" if self.host == "0.0.0.0" else shown
        return f"http://{shown}:{self.listener.getsockname()[1]}/?token={quote(self.guard.token)}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def run(self) -> None:
        """Answer until somebody stops it."""
        config = uvicorn.Config(
            make_app(self.desk, self.guard), log_level="warning", access_log=False, server_header=False, lifespan="off"
        )
        try:
            uvicorn.Server(config).run(sockets=[self.listener])
        finally:
            self.desk.store.close()


def make_server(
    path: Path,
    *,
    database: str | None = None,
    host: str = "127.0.0.1",
    port: int = PORT,
    allow: Iterable[str] = (),
    new_token: bool = False,
    series: Path | None = None,
    maps: Path | None = None,
) -> Server:
    """Open a job and its database, and take the port.

    Args:
        path: The folder with events.parquet, or the file.
        database: Address of a database; a file of SQLite beside the events where None.
        host: Where to listen.
        port: Likewise; 0 for any that is free.
        allow: More names with port that the server answers to, those of a proxy for example.
        new_token: Make a new token: pages that are open have to be opened again.
        series: series.json, where it lies elsewhere.
        maps: The folder of annual maps, likewise.

    Raises:
        ReviewError: The job, the database or the address does not fit.
        OutputError: The folder cannot be written, or the port is taken.
    """
    job = open_job(path, series, maps)
    token = token_of(job.folder, anew=new_token)
    store = open_store(address_of(database, job.folder), job.header.job)
    listener = _listen(host, port)
    own = listener.getsockname()[1]
    guard = Guard(token, frozenset(_hosts(host, own, allow)), f"landweave-{own}")
    return Server(Desk(job, store), guard, listener, host)


def is_loopback(host: str) -> bool:
    """Whether a host to listen on can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except socket.gaierror as error:
        raise ReviewError(f"--host {host}: {error.strerror}", "an address of this machine", "name another") from error
    except OSError as error:
        raise OutputError(
            f"{host} port {port}: {error.strerror}", "a free port", "choose another with --port, or --port 0 for any"
        ) from error
    # From now on browsers wait until the server answers, and are not refused.
    listener.listen()
    listener.set_inheritable(True)
    return listener


def _hosts(host: str, port: int, allow: Iterable[str]) -> Iterable[str]:
    names = {"127.0.0.1", "localhost", "[::1]"}
    if not is_loopback(host):
        names |= {host.lower(), socket.gethostname().lower()}
    yield from (f"{name}:{port}" for name in names)
    # Browsers leave the port away where it is that of http.
    yield from (name.lower().removesuffix(":80") for name in allow)
