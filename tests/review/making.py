"""A small job to review: a made-up place of two years, its scenes, maps and events, and questions to its server."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyproj
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from landweave.legend import LandClass, Legend
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_map, write_tile
from landweave.review.desk import Desk
from landweave.review.events import EVENT, NAME, Event, Header, write_events
from landweave.review.guard import Guard
from landweave.review.job import Job, open_job
from landweave.review.store import Store, address_of, open_store
from landweave.sensors import sensor
from landweave.tiling import Window

LEGEND = Legend(
    "three",
    "made for tests",
    (LandClass(1, "Forest", "#117733"), LandClass(2, "Meadow", "#ddcc77"), LandClass(5, "Town", "#cc6677")),
)
SENSOR = sensor("sentinel-2-l2a")
BANDS = ("B02", "B03", "B04", "B08", "B11")
EDGE, PIXEL = 120, 10
JOB = "c0ffee" * 10 + "abcd"
# Reflectance of each class in the bands above, times 10,000.
LOOK = {1: (250, 450, 250, 3800, 1500), 2: (500, 800, 700, 3000, 2500), 5: (1400, 1500, 1600, 2000, 2300)}
DATES = tuple(dt.date(year, month, 11) for year in (2019, 2020) for month in range(1, 13))
TOKEN = "a-token-for-tests"
HOST = "127.0.0.1:8765"


def grid_of(edge: int = EDGE) -> GeoBox:
    return GeoBox((edge, edge), Affine(PIXEL, 0, 500_000, 0, -PIXEL, 5_000_000), "EPSG:32633")


def box(window: Window, grid: GeoBox) -> shapely.Geometry:
    found = window.on(grid).boundingbox
    return shapely.box(found.left, found.bottom, found.right, found.top)


def make_events(num: int = 6, edge: int = EDGE) -> list[Event]:
    """Events in rows, forest or meadow that became town, the later ones the surer."""
    grid, per_row = grid_of(edge), int(np.ceil(np.sqrt(num)))
    step = edge // per_row
    size = max(step // 2, 1)
    made = []
    for number in range(num):
        window = Window(number // per_row * step + step // 4, number % per_row * step + step // 4, size, size + 1)
        made.append(
            Event(
                id=f"event-{number:05d}",
                shape=box(window, grid),
                date=dt.date(2020, 4 + number % 6, 20),
                year=2020,
                from_id=1 + number % 2,
                to_id=5,
                probability=round(0.4 + 0.5 * number / max(num, 2), 3),
                num_pixels=window.num_pixels,
                area_ha=window.num_pixels / 100,
                window=window,
                kind=EVENT,
            )
        )
    return made


def ground(events: Iterable[Event], edge: int = EDGE, date: dt.date | None = None) -> Any:
    """Class ids on a day: forest in the west, meadow in the east, towns where events have happened."""
    ids = np.ones((edge, edge), np.uint8)
    ids[:, edge // 2 :] = 2
    for event in events:
        ids[event.window.slices] = event.to_id if date is None or event.date <= date else event.from_id
    return ids


def make_scenes(folder: Path, events: Sequence[Event], dates: Sequence[dt.date] = DATES, edge: int = EDGE) -> Path:
    """Scenes of the place in one catalog, every fifth with a cloud in its middle; gives series.json."""
    folder.mkdir(parents=True, exist_ok=True)
    grid, scenes = grid_of(edge), []
    table = np.zeros((256, len(BANDS)), np.float32)
    for number, values in LOOK.items():
        table[number] = values
    for place, date in enumerate(dates):
        rng = np.random.default_rng(place)
        season = 1 + 0.25 * np.sin(2 * np.pi * (date.timetuple().tm_yday - 110) / 365)
        values = table[ground(events, edge, date)] * np.array([1, 1, 1, season, 1], np.float32)
        numbers = np.moveaxis(values + rng.normal(0, 40, values.shape), -1, 0).clip(1, 9999) + 1000
        if place % 5 == 4:
            numbers[:, edge // 4 : -edge // 4, edge // 4 : -edge // 4] = 0
        path = folder / f"{date}.tif"
        write_tile(path, numbers.astype(np.uint16), grid, nodata=0)
        files = {band: BandFile(str(path), index + 1, 1e-4, -0.1, 0) for index, band in enumerate(BANDS)}
        when = dt.datetime.combine(date, dt.time(10), dt.UTC)
        scenes.append(Scene(f"scene-{date}", SENSOR, when, grid, files, None, "05.09", 0.0))
    write_catalog(scenes, folder / "catalog.parquet")
    told = {
        "format": 1,
        "catalog": "catalog.parquet",
        "grid": {"crs": "EPSG:32633", "transform": list(grid.affine[:6]), "shape": [edge, edge]},
        "scenes": [{"id": scene.id, "sensor": SENSOR.name, "date": str(scene.datetime.date())} for scene in scenes],
    }
    path = folder / "series.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def make_maps(folder: Path, events: Sequence[Event], edge: int = EDGE) -> None:
    for year in (2019, 2020):
        ids = ground(events, edge, dt.date(year, 12, 31))
        write_map(folder / "annual" / f"{year}.tif", ids, grid_of(edge), LEGEND)


def header(**changes: Any) -> Header:
    known = Header(JOB, LEGEND, "../series/series.json", "../maps", pyproj.CRS("EPSG:32633"))
    return replace(known, **changes)


def make_job(
    folder: Path,
    num: int = 6,
    *,
    dates: Sequence[dt.date] = DATES,
    edge: int = EDGE,
    events: Sequence[Event] | None = None,
) -> Path:
    """The folder of a job, beside those of its series and maps."""
    made = make_events(num, edge) if events is None else list(events)
    make_scenes(folder / "series", made, dates, edge)
    make_maps(folder / "maps", made, edge)
    (folder / "job").mkdir(exist_ok=True)
    write_events(folder / "job" / NAME, header(), made)
    return folder / "job"


def light_job(folder: Path, num: int = 6) -> Job:
    """A job of two scenes: for all that looks at no picture."""
    return open_job(make_job(folder, num, dates=DATES[::13], edge=32 if num < 10 else 240))


def open_desk(folder: Path, num: int = 6) -> Desk:
    job = light_job(folder, num)
    return Desk(job, open_own(job))


def open_own(job: Job) -> Store:
    job.folder.mkdir(exist_ok=True)
    return open_store(address_of(None, job.folder), job.header.job)


def fresh_desk(job: Job, folder: Path) -> Desk:
    """A job on which nothing was decided yet, in a database of its own."""
    folder.mkdir(exist_ok=True)
    return Desk(job, open_store(address_of(None, folder), job.header.job))


def make_guard(token: str = TOKEN) -> Guard:
    return Guard(token, frozenset({HOST, "localhost:8765"}), "landweave-8765")


class Asking:
    """Questions to a server that runs in this very process."""

    def __init__(self, app: Any, token: str | None = TOKEN, host: str = HOST) -> None:
        self.app = app
        self.host = host
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, **words: Any) -> httpx.Response:
        headers = {**self.headers, **words.pop("headers", {})}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{self.host}") as client:
                return await client.request(method, path, headers=headers, **words)

        return asyncio.run(ask())

    def get(self, path: str, **words: Any) -> httpx.Response:
        return self("GET", path, **words)

    def post(self, path: str, **words: Any) -> httpx.Response:
        return self("POST", path, **words)


def draft(number: int = 0, **changes: Any) -> Any:
    """A decision on the event of that number, as the page would send it."""
    known = {
        "key": f"key-{number:08d}",
        "event": f"event-{number:05d}",
        "kind": "approve",
        "reviewer": "Ada",
        "labels": None,
        "note": "",
    }
    return {**known, **changes}


def parts(error: Any) -> Iterable[str]:
    """The three parts of an error, none of them empty."""
    assert all((error.given, error.expected, error.do))
    return error.given, error.expected, error.do
