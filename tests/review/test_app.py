"""The server: what it answers, what it refuses, and that it names no file and no address of others."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.review.making import (
    HOST,
    TOKEN,
    Asking,
    draft,
    fresh_desk,
    light_job,
    make_events,
    make_guard,
    make_job,
    open_desk,
    open_own,
)

from landweave.errors import OutputError
from landweave.legend import LandClass, Legend
from landweave.review.app import make_app
from landweave.review.desk import Desk
from landweave.review.job import Job, open_job
from landweave.review.store import Store

NASTY = '<img src=x onerror="alert(1)"> & \u202e "quotes" \U0001f33f'


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return light_job(tmp_path_factory.mktemp("app"))


@pytest.fixture
def desk(job: Job, tmp_path: Path) -> Desk:
    return fresh_desk(job, tmp_path)


@pytest.fixture
def ask(desk: Desk) -> Asking:
    return Asking(make_app(desk, make_guard()))


def three(response: Any, status: int) -> dict[str, str]:
    assert response.status_code == status, response.text
    told: dict[str, str] = response.json()
    assert set(told) == {"given", "expected", "do"}
    assert all(told.values())
    return told


def test_the_job(ask: Asking) -> None:
    told = ask.get("/api/job").json()
    assert (told["events"], told["units"], told["order"]) == (6, 0, "doubt")
    assert told["legend"][2] == {"id": 5, "name": "Town", "color": "#cc6677"}
    assert [scene["date"] for scene in told["scenes"]] == ["2019-01-11", "2020-02-11"]
    assert told["is_metric"]


def test_an_event(ask: Asking) -> None:
    told = ask.get("/api/events/1", params={"reviewer": "Ada"}).json()
    assert (told["id"], told["from_id"], told["to_id"], told["year"]) == ("event-00001", 2, 5, 2020)
    assert told["labels"] == {"before": True, "after": True}
    assert told["mine"] is None
    left, bottom, right, top = told["map"]["bounds"]
    assert left < right
    assert bottom < top
    assert {other["row"] for other in told["map"]["others"]} == {0, 2, 3, 4, 5}
    assert all(0 <= x <= 1 and 0 <= y <= 1 for ring in told["outline"] for x, y in ring)


def test_a_decision_is_kept_and_the_next_event_comes(ask: Asking, desk: Desk) -> None:
    words = {"reviewer": "Ada", "order": "file"}
    assert ask.get("/api/next", params=words).json() == {"row": 0, "place": 1, "of": 6}
    answer = ask.post("/api/decisions", json=draft(0, note=NASTY))
    assert answer.json()["number"] == 1
    assert ask.post("/api/decisions", json=draft(0, note=NASTY)).json() == answer.json()
    assert ask.get("/api/next", params=words).json() == {"row": 1, "place": 1, "of": 5}
    assert ask.get("/api/next", params={**words, "back": True, "after": 1}).json()["row"] == 5
    (kept,) = desk.store.since()
    assert (kept.event, kept.kind, kept.reviewer, kept.note) == ("event-00000", "approve", "Ada", NASTY)
    assert ask.get("/api/progress", params={"reviewer": "Ada"}).json()["judged"] == 1


def test_others_are_told_once_one_has_judged(ask: Asking) -> None:
    ask.post("/api/decisions", json=draft(0, key="key-of-bob", reviewer="Bob", kind="discard", note="no"))
    seen = ask.get("/api/events/0", params={"reviewer": "Ada"}).json()
    assert (seen["others"], seen["num_others"]) == ([], 1)
    ask.post("/api/decisions", json=draft(0))
    seen = ask.get("/api/events/0", params={"reviewer": "Ada"}).json()
    assert [(one["reviewer"], one["kind"], one["note"]) for one in seen["others"]] == [("Bob", "discard", "no")]
    assert seen["mine"]["kind"] == "approve"


def test_relabel_and_undo(ask: Asking, desk: Desk) -> None:
    ask.post("/api/decisions", json=draft(0, kind="relabel", labels=[1, 2]))
    assert ask.get("/api/events/0", params={"reviewer": "Ada"}).json()["mine"]["to_id"] == 2
    undo = {"key": "key-undo1", "undoes": draft(0)["key"], "reviewer": "Ada"}
    assert ask.post("/api/undo", json=undo).json()["row"] == 0
    assert ask.post("/api/undo", json=undo).status_code == 200
    assert ask.get("/api/events/0", params={"reviewer": "Ada"}).json()["mine"] is None
    three(ask.post("/api/undo", json={**undo, "key": "key-undo2"}), 400)
    assert len(desk.store.since()) == 2


@pytest.mark.parametrize("changes", [
    {"key": "short"}, {"key": "../../etc/passwd"}, {"kind": "undo"}, {"kind": "delete"}, {"reviewer": ""},
    {"reviewer": "   "}, {"reviewer": "a\u0000b"}, {"reviewer": "a\nb"}, {"reviewer": "x" * 61}, {"note": "x" * 2001},
    {"note": "a\u0000b"}, {"labels": [1]}, {"labels": ["a", "b"]}, {"surprise": 1}, {"event": ""}, {"event": None},
    {"note": "\ud800"},
])  # fmt: skip
def test_decisions_that_are_none_are_refused(ask: Asking, desk: Desk, changes: dict[str, Any]) -> None:
    body = json.dumps(draft(0, **changes))
    three(ask.post("/api/decisions", content=body, headers={"Content-Type": "application/json"}), 422)
    assert desk.store.since() == []


@pytest.mark.parametrize("changes", [{"event": "no such"}, {"kind": "relabel", "labels": [1, 99]}, {"kind": "relabel"}])
def test_decisions_that_do_not_fit_are_refused(ask: Asking, desk: Desk, changes: dict[str, Any]) -> None:
    three(ask.post("/api/decisions", json=draft(0, **changes)), 400)
    assert desk.store.since() == []


@pytest.mark.parametrize("path", [
    "/api/events/6?reviewer=Ada", "/api/events/-1?reviewer=Ada", "/api/next?reviewer=Ada&after=77",
    "/pictures/0/9/true.png", "/pictures/9/0/true.png", "/pictures/0/-1/true.png", "/labels/9/before.png",
    "/api/events/9/series", "/api/events/9/sides",
])  # fmt: skip
def test_what_is_not_there_is_said(ask: Asking, path: str) -> None:
    three(ask.get(path), 400)


@pytest.mark.parametrize("path", [
    "/api/events/x?reviewer=Ada", "/api/events/0", "/api/next?reviewer=Ada&order=none",
    "/api/next?reviewer=Ada&shown=x",
    "/pictures/0/0/other.png", "/labels/0/between.png", "/pictures/a/0/true.png", "/api/progress?reviewer=%00",
])  # fmt: skip
def test_what_means_nothing_is_said(ask: Asking, path: str) -> None:
    three(ask.get(path), 422)


@pytest.mark.parametrize("path", [
    "/static/../review.py", "/static/..%2f..%2fserve.py", "/static/%2e%2e/token", "/static//etc/passwd",
    "/static/....//token", "/../../etc/passwd", "/review/token", "/static/token", "/static/enter.html/..",
    "/events.parquet",
    "/pictures/0/0/..%2f..%2ftoken", "/labels/0/..%2fbefore.png", "/static/C:%5cwindows", "/openapi.json", "/docs",
])  # fmt: skip
def test_no_path_leads_to_a_file(ask: Asking, desk: Desk, path: str) -> None:
    desk.job.folder.mkdir(exist_ok=True)
    (desk.job.folder / "token").write_text("the secret of the test", encoding="utf-8")
    answer = ask.get(path)
    assert answer.status_code in {401, 404, 422}
    assert "secret" not in answer.text
    assert "root:" not in answer.text


def test_pictures_labels_and_series(tmp_path: Path) -> None:
    job = open_job(make_job(tmp_path, 2, edge=40))
    ask = Asking(make_app(Desk(job, open_own(job)), make_guard()))
    assert ask.get("/api/events/0/sides").json() == {"before": 15, "after": 16}
    for path in (
        "/pictures/0/15/true.png",
        "/pictures/0/15/false.png",
        "/pictures/0/16/wide.png",
        "/labels/0/after.png",
    ):
        answer = ask.get(path)
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG")
        assert "private" in answer.headers["Cache-Control"]
    assert len(ask.get("/api/events/0/series").json()["dates"]) == 24
    bare = Asking(make_app(Desk(replace(job, maps=None), open_own(job)), make_guard()))
    three(bare.get("/labels/0/after.png"), 400)
    (tmp_path / "series" / "2020-04-11.tif").unlink()
    three(Asking(make_app(Desk(job, open_own(job)), make_guard())).get("/pictures/0/15/true.png"), 502)


def test_a_full_disk_is_told_and_nothing_is_lost(ask: Asking, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    append = Store.append

    def full(*_: Any) -> Any:
        raise OutputError("the database: database or disk is full", "free space", "free some")

    monkeypatch.setattr(Store, "append", full)
    assert "full" in three(ask.post("/api/decisions", json=draft(0)), 507)["given"]
    monkeypatch.setattr(Store, "append", append)
    assert ask.post("/api/decisions", json=draft(0)).status_code == 200
    assert len(desk.store.since()) == 1


def test_a_browser_enters_by_the_address_or_by_the_form(desk: Desk) -> None:
    ask = Asking(make_app(desk, make_guard()), token=None)
    assert ask.get("/").status_code == 401
    assert "Token" in ask.get("/").text
    entered = ask.get("/", params={"token": TOKEN})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/")
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    page = ask.get("/", headers={"Cookie": cookie.split(";")[0]})
    assert page.status_code == 200
    assert TOKEN not in page.text
    assert ask.get("/", params={"token": "wrong"}).status_code == 401
    origin = {"Origin": f"http://{HOST}"}
    assert ask.post("/enter", data={"token": "wrong"}, headers=origin).status_code == 401
    formed = ask.post("/enter", data={"token": f" {TOKEN} "}, headers=origin)
    assert formed.headers["Set-Cookie"] == cookie
    assert ask.post("/enter", data={"token": TOKEN}, headers={"Origin": "http://evil.example"}).status_code == 403


def test_every_answer_tells_the_browser_what_to_refuse(ask: Asking, desk: Desk) -> None:
    closed = Asking(make_app(desk, make_guard()), token=None)
    for answer in (ask.get("/"), ask.get("/api/job"), ask.get("/nothing"), closed.get("/api/job")):
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    assert ask.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_the_page_names_nothing_elsewhere_and_has_no_script_inside(ask: Asking) -> None:
    page = ask.get("/", headers={"Cookie": f"landweave-8765={TOKEN}"}).text
    for path in re.findall(r'(?:src|href)="([^"#]+)"', page):
        assert path.startswith("/static/")
        assert ask.get(path).status_code == 200
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", page)
    for name in ("review.js", "server.js", "chart.js", "map.js", "dialogs.js"):
        script = ask.get(f"/static/{name}")
        assert script.headers["Content-Type"].startswith("text/javascript")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", script.text)
        # Text goes into the page as text.
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.text)


def test_labels_with_marks_in_them_travel_as_they_are(job: Job, tmp_path: Path) -> None:
    classes = [LandClass(number, f"{NASTY}{number}", "#112233") for number in (1, 2, 5)]
    legend = Legend("nasty", "a test", tuple(classes))
    job = replace(job, header=replace(job.header, legend=legend))
    answer = Asking(make_app(fresh_desk(job, tmp_path), make_guard())).get("/api/job")
    assert answer.json()["legend"][0]["name"] == f"{NASTY}1"
    assert answer.headers["Content-Type"] == "application/json"


def test_a_job_of_ten_thousand_events(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, 10_000)
    ask = Asking(make_app(desk, make_guard()))
    assert ask.get("/api/job").json()["events"] == 10_000
    told = ask.get("/api/next", params={"reviewer": "Ada", "order": "size", "after": 9_999}).json()
    assert told["of"] == 10_000
    shown = ask.get("/api/events/5000", params={"reviewer": "Ada"}).json()
    assert shown["id"] == make_events(10_000, 240)[5000].id
    assert len(shown["map"]["others"]) == 60
