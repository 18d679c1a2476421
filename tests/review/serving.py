"""A server of the page in a process of its own, as a person starts it; it can be killed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.faults.landweave import Started, start

_START_S = 90


@dataclass
class Served:
    """A server that answers: its process and the address that it printed."""

    process: Started
    address: str

    @property
    def port(self) -> int:
        port = urlsplit(self.address).port
        assert port
        return port

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {parse_qs(urlsplit(self.address).query)['token'][0]}"}

    def get(self, path: str, **words: object) -> httpx.Response:
        return httpx.get(self.root + path, headers=self.headers, **words)  # type: ignore[arg-type]

    def post(self, path: str, body: object) -> httpx.Response:
        return httpx.post(self.root + path, headers=self.headers, json=body)

    def kill(self) -> None:
        """SIGKILL: it has no time to do anything."""
        self.process.kill()
        self.process.communicate()


def serve(job: Path, *options: object, port: int = 0, before: str = "") -> Served:
    process = start("review", job, "--port", port, *options, before=before)
    lines = []
    while line := process.stdout.readline():
        lines.append(line)
        if line.startswith("open "):
            break
    else:
        raise RuntimeError("".join(lines) + process.communicate()[1])
    served = Served(process, line.removeprefix("open ").strip())
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if served.get("/api/job").status_code == 200:
                return served
        time.sleep(0.05)
    raise TimeoutError(served.address)


@contextlib.contextmanager
def serving(job: Path, *options: object, port: int = 0, before: str = "") -> Iterator[Served]:
    served = serve(job, *options, port=port, before=before)
    try:
        yield served
    finally:
        served.kill()
