"""Who may ask for what."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.review.making import HOST, TOKEN, make_guard, parts

from landweave.review.guard import HEADERS, MOST_BYTES, token_of

GUARD = make_guard()
OWN = {"host": HOST, "authorization": f"Bearer {TOKEN}"}
PAGE = {"host": HOST, "origin": f"http://{HOST}", "content-length": "100"}


def status(method: str, path: str, headers: dict[str, str], cookie: str | None = None) -> int:
    found = GUARD.refusal(method, path, headers, cookie)
    if found is None:
        return 200
    parts(found.error)
    return found.status


@pytest.mark.parametrize(("headers", "cookie", "expected"), [
    ({"host": HOST}, TOKEN, 200),
    ({"host": "LOCALHOST:8765"}, TOKEN, 200),
    (OWN, None, 200),
    ({"host": HOST}, None, 401),
    ({"host": HOST}, "", 401),
    ({"host": HOST}, TOKEN + "x", 401),
    ({"host": HOST}, "ünï", 401),
    ({"host": HOST, "authorization": f"Basic {TOKEN}"}, None, 401),
    ({"host": HOST, "authorization": "Bearer"}, None, 401),
    ({}, TOKEN, 421),
    ({"host": "evil.example"}, TOKEN, 421),
    ({"host": "evil.example:8765"}, TOKEN, 421),
    ({"host": "127.0.0.1:8766"}, TOKEN, 421),
    ({"host": "127.0.0.1"}, TOKEN, 421),
    ({"host": f"{HOST}.evil.example"}, TOKEN, 421),
])  # fmt: skip
def test_questions(headers: dict[str, str], cookie: str | None, expected: int) -> None:
    assert status("GET", "/api/job", headers, cookie) == expected


@pytest.mark.parametrize(("headers", "cookie", "expected"), [
    (PAGE, TOKEN, 200),
    ({**PAGE, "origin": "http://localhost:8765"}, TOKEN, 200),
    ({**PAGE, "origin": "http://evil.example"}, TOKEN, 403),
    ({**PAGE, "origin": "null"}, TOKEN, 403),
    ({**PAGE, "origin": f"https://{HOST}"}, TOKEN, 403),
    ({"host": HOST, "content-length": "1"}, TOKEN, 403),
    ({**OWN, "content-length": "1"}, None, 200),
    ({**OWN, "origin": "http://evil.example", "content-length": "1"}, None, 403),
    ({**PAGE, "content-length": str(MOST_BYTES + 1)}, TOKEN, 413),
    ({**PAGE, "content-length": "-1"}, TOKEN, 413),
    ({"host": HOST, "origin": f"http://{HOST}"}, TOKEN, 413),
    (PAGE, None, 401),
    ({**PAGE, "host": "evil.example"}, TOKEN, 421),
])  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_changes(method: str, headers: dict[str, str], cookie: str | None, expected: int) -> None:
    assert status(method, "/api/decisions", headers, cookie) == expected


@pytest.mark.parametrize("path", ["/", "/enter", "/static/review.css"])
def test_the_form_that_asks_for_the_token_is_open_to_its_own_name_only(path: str) -> None:
    assert status("GET", path, {"host": HOST}) == 200
    assert status("GET", path, {"host": "evil.example"}) == 421


@pytest.mark.parametrize("path", ["/api/job", "/static/review.js", "/pictures/0/0/true.png", "//", "/enter/"])
def test_all_else_needs_the_token(path: str) -> None:
    assert status("GET", path, {"host": HOST}) == 401


def test_browsers_are_told_to_run_nothing_but_the_pages_own_script() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_a_token_is_made_once_and_read_by_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "review"
    token = token_of(folder)
    assert len(token) >= 32
    assert token_of(folder) == token
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert token_of(folder, anew=True) != token
    assert len({token_of(tmp_path / str(n)) for n in range(5)}) == 5


def test_an_empty_token_is_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n", encoding="utf-8")
    assert len(token_of(tmp_path)) >= 32
