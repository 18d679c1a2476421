"""The server of the page: questions and answers as JSON, pictures as PNG. It decides nothing itself."""

from __future__ import annotations

import importlib.resources
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import StringConstraints

from landweave.config import Config
from landweave.errors import LandweaveError, OutputError, ReviewError, SceneError
from landweave.review.desk import ORDERS, SHOWN, Desk
from landweave.review.guard import HEADERS, Guard
from landweave.review.previews import SIDES, Look, Previews
from landweave.review.profile import profile
from landweave.review.show import show_event, show_job

Reviewer = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z-]{8,64}$")]
Note = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Row = Annotated[int, Query(ge=0)]
_STATUS: tuple[tuple[type[LandweaveError], int], ...] = ((OutputError, 507), (SceneError, 502), (LandweaveError, 400))
_KEEP = {"Cache-Control": "private, max-age=3600"}
_STATIC = ("review.css", "icon.svg", "review.js", "server.js", "chart.js", "map.js", "dialogs.js")


class DecisionTable(Config):
    """What the page sends when a person decides."""

    key: Key
    """Made by the page, so that what is sent twice is kept once."""
    event: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """Id of the event."""
    kind: Literal["approve", "discard", "relabel"]
    """What the person says."""
    reviewer: Reviewer
    """Who says it."""
    labels: tuple[int, int] | None = None
    """Class ids before and after, for relabel."""
    note: Note = ""
    """A remark."""


class UndoTable(Config):
    """What the page sends when a person takes a decision back."""

    key: Key
    """Made by the page."""
    undoes: Key
    """Key of the decision."""
    reviewer: Reviewer
    """Whose decision it is."""


def make_app(desk: Desk, guard: Guard) -> FastAPI:
    """The server of one job under review.

    Args:
        desk: Events and decisions.
        guard: Who may ask.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    previews = Previews(desk.job)
    app.middleware("http")(_watching(guard))
    app.add_exception_handler(LandweaveError, _say)
    app.add_exception_handler(RequestValidationError, _say_invalid)
    _add_pages(app, guard)
    _add_questions(app, desk, previews)
    _add_pictures(app, desk, previews)
    _add_decisions(app, desk)
    return app


def _watching(guard: Guard) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    async def watch(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        refused = guard.refusal(request.method, request.url.path, headers, request.cookies.get(guard.cookie))
        response = await answer(request) if refused is None else _three_parts(refused.error, refused.status)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return watch


def _three_parts(error: LandweaveError, status: int) -> JSONResponse:
    told = {"given": error.given, "expected": error.expected, "do": error.do}
    # Names of files need not be UTF-8, nor what somebody sends.
    return JSONResponse(
        {name: text.encode("utf-8", "backslashreplace").decode() for name, text in told.items()}, status
    )


async def _say(_: Request, error: Exception) -> Response:
    assert isinstance(error, LandweaveError)
    return _three_parts(error, next(status for kind, status in _STATUS if isinstance(error, kind)))


async def _say_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _three_parts(ReviewError(f"{where}: {str(first.get('input'))[:80]}", first["msg"], "reload the page"), 422)


def _add_pages(app: FastAPI, guard: Guard) -> None:
    files = _static_files()

    @app.get("/")
    def page(request: Request, token: str | None = None) -> Response:
        if guard.knows(token):
            # At once to the plain address: the token stays neither in the bar nor in what is shared.
            return _entered(guard)
        known = guard.knows(request.cookies.get(guard.cookie))
        return HTMLResponse(files["review.html" if known else "enter.html"][0], 200 if known else 401)

    @app.post("/enter")
    async def enter(request: Request) -> Response:
        told = parse_qs((await request.body()).decode("utf-8", "replace")).get("token", [""])[0]
        return _entered(guard) if guard.knows(told.strip()) else HTMLResponse(files["enter.html"][0], 401)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        # By name from a fixed table: no path is ever made from what is asked for.
        if name not in files:
            return _three_parts(ReviewError(f"the file {name[:80]}", "a file of the page", "reload the page"), 404)
        content, kind = files[name]
        return Response(content, media_type=kind)


def _entered(guard: Guard) -> Response:
    response = RedirectResponse("/", 303)
    response.set_cookie(guard.cookie, guard.token, httponly=True, samesite="strict", path="/")
    return response


def _static_files() -> dict[str, tuple[bytes, str]]:
    own = importlib.resources.files("landweave.review") / "static"
    leaflet = importlib.resources.files("xstatic.pkg.leaflet") / "data"
    kinds = {"html": "text/html; charset=utf-8", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    found = [(own, name) for name in (*_STATIC, "review.html", "enter.html")]
    found += [(leaflet, name) for name in ("leaflet.js", "leaflet.css")]
    return {name: ((folder / name).read_bytes(), kinds[name.rpartition(".")[2]]) for folder, name in found}


def _add_questions(app: FastAPI, desk: Desk, previews: Previews) -> None:
    @app.get("/api/job")
    def job() -> dict[str, Any]:
        return show_job(desk)

    @app.get("/api/next")
    def following(
        reviewer: Reviewer,
        order: Literal[tuple(ORDERS)] = "file",  # type: ignore[valid-type]
        shown: Literal[tuple(SHOWN)] = "mine",  # type: ignore[valid-type]
        after: int | None = None,
        back: bool = False,
    ) -> dict[str, Any]:
        if after is not None:
            _check_row(desk, after)
        row, place, num = desk.next_row(order=order, shown=shown, reviewer=reviewer, after=after, back=back)
        return {"row": row, "place": place, "of": num}

    @app.get("/api/progress")
    def progress(reviewer: Reviewer) -> dict[str, Any]:
        return desk.progress(reviewer)

    @app.get("/api/events/{row}")
    def event(row: int, reviewer: Reviewer) -> dict[str, Any]:
        _check_row(desk, row)
        return show_event(desk, previews, row, reviewer)

    @app.get("/api/events/{row}/sides")
    def sides(row: int) -> dict[str, int | None]:
        _check_row(desk, row)
        return dict(zip(SIDES, previews.sides(row), strict=True))

    @app.get("/api/events/{row}/series")
    def series(row: int) -> Response:
        _check_row(desk, row)
        return JSONResponse(profile(desk.job, row), headers=_KEEP)


def _add_pictures(app: FastAPI, desk: Desk, previews: Previews) -> None:
    @app.get("/pictures/{row}/{place}/{look}.png")
    def picture(row: int, place: int, look: Look) -> Response:
        _check_row(desk, row)
        if not 0 <= place < len(desk.job.scenes):
            raise ReviewError(f"scene {place}", f"0 to {len(desk.job.scenes) - 1}", "reload the page")
        return Response(previews.picture(row, place, look), media_type="image/png", headers=_KEEP)

    @app.get("/labels/{row}/{side}.png")
    def labels(row: int, side: Literal["before", "after"]) -> Response:
        _check_row(desk, row)
        if (made := previews.labels(row, side)) is None:
            raise ReviewError(f"the map {side} event {row}", "a map of that year", "name its folder with --maps")
        return Response(made, media_type="image/png", headers=_KEEP)


def _add_decisions(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/decisions")
    def decide(table: DecisionTable) -> dict[str, Any]:
        made = desk.decide(**{name: getattr(table, name) for name in DecisionTable.model_fields})
        return {"number": made.number, "key": made.key, "time": made.time.isoformat()}

    @app.post("/api/undo")
    def undo(table: UndoTable) -> dict[str, Any]:
        made = desk.undo(key=table.key, undoes=table.undoes, reviewer=table.reviewer)
        return {"number": made.number, "key": made.key, "row": desk.job.rows.get(made.event)}


def _check_row(desk: Desk, row: int) -> None:
    num = len(desk.job.events)
    if not 0 <= row < num:
        raise ReviewError(f"event {row}", f"0 to {num - 1}", "reload the page")
