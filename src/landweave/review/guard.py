"""Who may ask the server for what: the token, the names that it answers to, and what browsers are told to refuse."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landweave.atomic import aside
from landweave.errors import OutputError, ReviewError

MOST_BYTES = 65_536
_TOKEN = "token"
# Nothing from elsewhere, no script inside a page: a label or a note that is shown as text can only be text.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer browsers would not say either that the form of this page is of this page.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# The form that asks for the token, and how it looks.
OPEN = {"/", "/enter", "/static/review.css"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: the status, and what to say."""

    status: int
    error: ReviewError


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides about requests by their headers alone.

    Attributes:
        token: Whoever has it may review.
        hosts: Names with port that the server answers to, lower case.
        cookie: Name of the cookie that holds the token; ports share cookies, so that it tells the port.
    """

    token: str
    hosts: frozenset[str]
    cookie: str

    def refusal(self, method: str, path: str, headers: Mapping[str, str], cookie: str | None) -> Refusal | None:
        """Why a request is refused, or None.

        Args:
            method: GET, POST ...
            path: Without the question.
            headers: By name in lower case.
            cookie: What the cookie holds, or None.
        """
        if (host := headers.get("host", "").lower()) not in self.hosts:
            # A page elsewhere that makes its own name lead here would be told of events as if it were this page.
            return _refuse(421, f"a request for {host[:80] or 'no host'}", f"one of {', '.join(sorted(self.hosts))}")
        if method not in {"GET", "HEAD"} and (refused := self._foreign(method, headers)):
            return refused
        if path in OPEN or self.knows(cookie) or self.knows(_bearer(headers)):
            return None
        return _refuse(401, "a request without the token", "the token that was printed when the server started")

    def _foreign(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        origin = headers.get("origin")
        # A program with the token in its header is no page that somebody was lured to.
        is_program = origin is None and self.knows(_bearer(headers))
        if not is_program and origin not in {f"http://{host}" for host in self.hosts}:
            return _refuse(403, f"{method} from {(origin or 'nowhere')[:80]}", "a request of the page itself")
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return _refuse(413, f"{length or 'unknown'} bytes", f"at most {MOST_BYTES}, told beforehand")
        return None

    def knows(self, told: str | None) -> bool:
        """Whether that is the token; the time it takes tells nothing of it."""
        return told is not None and secrets.compare_digest(told.encode("utf-8", "replace"), self.token.encode())


def _bearer(headers: Mapping[str, str]) -> str | None:
    kind, _, told = headers.get("authorization", "").partition(" ")
    return told if kind.lower() == "bearer" else None


def _refuse(status: int, given: str, expected: str) -> Refusal:
    return Refusal(status, ReviewError(given, expected, "open the address that landweave review printed"))


def token_of(folder: Path, *, anew: bool = False) -> str:
    """The token of a review: kept in its folder, readable by its user alone, so that pages outlive the server.

    Raises:
        OutputError: The folder cannot be written.
    """
    path = folder / _TOKEN
    if not anew and path.is_file() and (known := path.read_text(encoding="utf-8").strip()):
        return known
    token = secrets.token_urlsafe(24)
    with aside(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(token + "\n", encoding="utf-8")
    if path.stat().st_mode & 0o077:
        raise OutputError(f"{path}, which others may read", "a file system with permissions", "choose another folder")
    return token
