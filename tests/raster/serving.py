"""Servers on loopback: files by ranges, as object stores give them, and a STAC API that is busy at first."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Traffic:
    """What a server gave."""

    url: str = ""
    num_bytes: int = 0
    requests: list[str] = field(default_factory=list)
    refusals_left: int = 0
    refusal: int = 503


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    traffic: Traffic

    def log_message(self, *_: object) -> None: ...

    def refuses(self) -> bool:
        self.traffic.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        if self.traffic.refusals_left <= 0:
            return False
        self.traffic.refusals_left -= 1
        self.answer(self.traffic.refusal, b"")
        return True

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
            self.traffic.num_bytes += len(content)


def _files(folder: Path) -> type[_Handler]:
    class Files(_Handler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            if self.refuses():
                return
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.answer(404, b"")
                return
            content = path.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if asked is None:
                self.answer(200, content, Accept_Ranges="bytes")
                return
            first, last = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
            part = content[first : last + 1]
            self.answer(206, part, Content_Range=f"bytes {first}-{last}/{len(content)}", Accept_Ranges="bytes")

    return Files


def _api(items: Sequence[Mapping[str, Any]]) -> type[_Handler]:
    class Api(_Handler):
        def do_GET(self) -> None:
            root = {
                "type": "Catalog", "id": "test", "stac_version": "1.0.0", "description": "test",
                "conformsTo": ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"],
                "links": [{"rel": "self", "href": self.traffic.url}, {"rel": "root", "href": self.traffic.url},
                          {"rel": "search", "href": f"{self.traffic.url}/search", "method": "POST",
                           "type": "application/geo+json"}],
            }  # fmt: skip
            if not self.refuses():
                self.answer(200, json.dumps(root).encode(), Content_Type="application/json")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if not self.refuses():
                found = {"type": "FeatureCollection", "features": list(items), "links": []}
                self.answer(200, json.dumps(found).encode(), Content_Type="application/geo+json")

    return Api


@contextlib.contextmanager
def _serving(handler: type[_Handler], traffic: Traffic) -> Iterator[Traffic]:
    handler.traffic = traffic
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        traffic.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield traffic
        finally:
            server.shutdown()
            thread.join()


def files(folder: Path, refusals: int = 0) -> contextlib.AbstractContextManager[Traffic]:
    """The files of `folder`, by ranges; the first requests are refused."""
    return _serving(_files(folder), Traffic(refusals_left=refusals))


def api(items: Sequence[Mapping[str, Any]], refusals: int = 0, refusal: int = 503) -> (
    contextlib.AbstractContextManager[Traffic]
):  # fmt: skip
    """A STAC API that finds `items` whatever is asked; the first requests are refused."""
    return _serving(_api(items), Traffic(refusals_left=refusals, refusal=refusal))
