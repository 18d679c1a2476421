"""Ranks in network namespaces of their own, joined by a bridge: the kernel counts what each sends, and limits links.

It needs iproute2, and root or user namespaces. Each rank has a namespace with one interface, eth0, whose other end is
on a bridge in a namespace of its own; nothing outside them is reached or changed. `tc tbf` limits what leaves a rank.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Ethernet 14, IPv4 20, TCP 32 with time stamps: what the kernel counts of every packet besides its content.
HEADER_BYTES = 66
_NET, _PORT = "10.213.0", 29511
_COUNTERS = ("tx_bytes", "tx_packets", "rx_bytes", "rx_packets")
_INSIDE = "LANDWEAVE_BENCHMARK_INSIDE"


def enter() -> None:
    """Return where this process may make network namespaces; else begin again inside a user namespace that may.

    Raises:
        SystemExit: Neither root nor user namespaces are to be had.
    """
    if shutil.which("ip") is None or shutil.which("tc") is None:
        raise SystemExit("given: no ip or tc\nexpected: iproute2\nto do: apt-get install iproute2")
    if os.geteuid() == 0 and _may():
        # Asked to end, this process still takes its namespaces away.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        return
    if _INSIDE in os.environ:
        raise SystemExit(
            "given: no root, and a kernel or container that gives no network namespaces to others\n"
            "expected: root, or user namespaces\nto do: run it with sudo, or where unshare --user --net works"
        )
    # Names of namespaces are files in /run/netns, which only root may write: a /run of one's own will do.
    inside = f"mount -t tmpfs none /run && exec {sys.executable} " + " ".join(sys.argv)
    words = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", inside]
    raise SystemExit(subprocess.call(words, env={**os.environ, _INSIDE: "1"}))


def _may() -> bool:
    name = f"lw-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "delete", name], check=False)
    return made


def _ip(*words: str, inside: str = "") -> None:
    subprocess.run(["ip", *(["-n", inside] if inside else []), *words], check=True)


@dataclass(frozen=True)
class Net:
    """Namespaces of so many ranks.

    Attributes:
        names: Of each rank's namespace.
    """

    names: tuple[str, ...]

    def limit(self, megabytes_per_s: Sequence[float | None]) -> None:
        """Let each rank send so much at most, in 10^6 bytes; None as much as it can."""
        for name, rate in zip(self.names, megabytes_per_s, strict=True):
            where = ["tc", "-n", name, "qdisc"]
            subprocess.run([*where, "del", "dev", "eth0", "root"], capture_output=True, check=False)
            if rate is not None:
                told = ["rate", f"{round(rate * 1e6)}bps", "burst", "64kb", "latency", "2s"]
                subprocess.run([*where, "add", "dev", "eth0", "root", "tbf", *told], check=True)

    def run(self, words: Sequence[str], work: Path, world_size: int = 0) -> list[dict[str, Any]]:
        """Run `words` in all namespaces; gives what each process wrote to rank-N.json in `work`.

        The first `world_size` of them are the ranks of a world, or all.

        Raises:
            SystemExit: A rank failed; its words are shown.
        """
        with ExitStack() as stack:
            started = []
            for rank, name in enumerate(self.names):
                log = stack.enter_context((work / f"rank-{rank}.log").open("wb"))
                told: dict[str, Any] = {
                    "RANK": rank,
                    "LOCAL_RANK": rank,
                    "WORLD_SIZE": world_size or len(self.names),
                    "MASTER_PORT": _PORT,
                }
                told |= {"MASTER_ADDR": f"{_NET}.1", "GLOO_SOCKET_IFNAME": "eth0", "OMP_NUM_THREADS": 1}
                environment = {**os.environ, **{key: str(value) for key, value in told.items()}}
                inside = ["ip", "netns", "exec", name, *words]
                started.append(subprocess.Popen(inside, env=environment, stdout=log, stderr=log))
            try:
                codes = _wait(started)
            finally:
                for process in started:
                    process.kill()
                    process.wait()
        for rank, code in enumerate(codes):
            if code:
                raise SystemExit(f"rank {rank} ended with {code}:\n{(work / f'rank-{rank}.log').read_text()[-3000:]}")
        return [json.loads((work / f"rank-{rank}.json").read_text()) for rank in range(len(self.names))]


def _wait(started: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """Exit codes of all; when one fails the others are given some seconds."""
    late_s = float("inf")
    while any(process.poll() is None for process in started) and time.monotonic() < late_s:
        if any(process.returncode for process in started):
            late_s = min(late_s, time.monotonic() + 15)
        time.sleep(0.05)
    return [process.poll() or 0 for process in started]


@contextmanager
def joined(num_ranks: int) -> Iterator[Net]:
    """Namespaces of so many ranks, and of the bridge between them; they go with this block."""
    mark = f"lw{os.getpid()}"
    hub, names = f"{mark}-hub", tuple(f"{mark}-{rank}" for rank in range(num_ranks))
    try:
        _ip("netns", "add", hub)
        _ip("link", "add", "bridge", "type", "bridge", inside=hub)
        _ip("link", "set", "bridge", "up", inside=hub)
        for rank, name in enumerate(names):
            _ip("netns", "add", name)
            _ip("link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"to{rank}", "netns", hub)
            _ip("link", "set", f"to{rank}", "master", "bridge", "up", inside=hub)
            _ip("address", "add", f"{_NET}.{rank + 1}/24", "dev", "eth0", inside=name)
            _ip("link", "set", "eth0", "up", inside=name)
            _ip("link", "set", "lo", "up", inside=name)
        yield Net(names)
    finally:
        for name in (hub, *names):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def counted() -> dict[str, int]:
    """What the kernel has counted on this rank's interface so far."""
    folder = Path("/sys/class/net/eth0/statistics")
    return {name: int((folder / name).read_text()) for name in _COUNTERS}


def content(before: dict[str, int], after: dict[str, int], way: str) -> int:
    """Bytes without headers that went between two counts; `way` is tx or rx."""
    packets = after[f"{way}_packets"] - before[f"{way}_packets"]
    return after[f"{way}_bytes"] - before[f"{way}_bytes"] - HEADER_BYTES * packets


def tell(work: Path, found: dict[str, Any]) -> None:
    """Leave what this rank found for `Net.run`."""
    (work / f"rank-{os.environ['RANK']}.json").write_text(json.dumps(found))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that goes with this block."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
