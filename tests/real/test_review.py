"""The page's pictures on six real epochs of a river that moves: Landsat at Pucallpa, 1985 to 2020, in degrees."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
from PIL import Image
from tests.review.making import LEGEND, Asking, box, make_guard, open_own

from landweave.raster.catalog import write_catalog
from landweave.raster.files import grid_of
from landweave.raster.read import read
from landweave.raster.scene import BandFile, Scene
from landweave.review.app import make_app
from landweave.review.desk import Desk
from landweave.review.events import NAME, Event, Header, write_events
from landweave.review.job import Job, open_job
from landweave.sensors import Band, Sensor
from landweave.tiling import Window

pytestmark = pytest.mark.real
YEARS = (1985, 1995, 2000, 2010, 2015, 2020)
BANDS = tuple(
    Band(name, centre, 100, 90, "digital_number")
    for name, centre in (("swir16", 1610), ("nir", 850), ("red", 655), ("green", 560))
)
SENSOR = Sensor("landsat-8-bit", "Landsat, 8 bit", "shared data", BANDS, ("swir16", "nir", "red"))


def changed(scenes: list[Scene], edge: int = 24) -> Window:
    """The square that differs most between the first and the last epoch."""
    (first, _), (last, _) = (read(scene, ("nir",), scene.grid) for scene in (scenes[0], scenes[-1]))
    height, width = (size // edge for size in first.shape[1:])
    apart = np.abs(first[0] - last[0])[: height * edge, : width * edge].reshape(height, edge, width, edge).mean((1, 3))
    row, col = np.unravel_index(np.argmax(apart), apart.shape)
    return Window(int(row) * edge, int(col) * edge, edge, edge)


@pytest.fixture
def job(tmp_path: Path, real_data: Path) -> Job:
    scenes = []
    for year in YEARS:
        path = str(real_data / "landsat_pucallpa_1985_2020" / f"{year}.tif")
        files = {band.name: BandFile(path, index + 1, nodata=0) for index, band in enumerate(BANDS)}
        scenes.append(Scene(str(year), SENSOR, dt.datetime(year, 7, 1, tzinfo=dt.UTC), grid_of(path), files))
    write_catalog(scenes, tmp_path / "catalog.parquet")
    grid = scenes[0].grid
    told = {"format": 1, "catalog": "catalog.parquet", "scenes": [{"id": scene.id} for scene in scenes]}
    told["grid"] = {"crs": str(grid.crs), "transform": list(grid.affine[:6]), "shape": list(grid.shape)}
    (tmp_path / "series.json").write_text(json.dumps(told), encoding="utf-8")
    window = changed(scenes)
    event = Event("river", box(window, grid), dt.date(2005, 1, 1), 2005, 1, 5, 0.9, 576, 466.0, window)
    write_events(tmp_path / NAME, Header("river", LEGEND, "series.json", None, pyproj.CRS(4326)), [event])
    return open_job(tmp_path)


def test_a_river_before_and_after(job: Job) -> None:
    ask = Asking(make_app(Desk(job, open_own(job)), make_guard()))
    assert ask.get("/api/job").json()["is_metric"] is False
    sides = ask.get("/api/events/0/sides").json()
    assert [YEARS[sides[side]] for side in ("before", "after")] == [2000, 2010]
    pictures: dict[int, Any] = {}
    for place in range(len(YEARS)):
        for look in ("true", "false", "wide"):
            answer = ask.get(f"/pictures/0/{place}/{look}.png")
            assert answer.status_code == 200
        pictures[place] = np.asarray(Image.open(io.BytesIO(ask.get(f"/pictures/0/{place}/false.png").content)), float)
    assert np.abs(pictures[0] - pictures[5]).mean() > 20
    series = ask.get("/api/events/0/series").json()
    assert series["dates"] == [f"{year}-07-01" for year in YEARS]
    assert all(value is not None for value in series["bands"]["nir"])
    shown = ask.get("/api/events/0", params={"reviewer": "Ada"}).json()
    assert shown["labels"] == {"before": False, "after": False}
    left, bottom, right, top = shown["map"]["bounds"]
    assert -75 < left < right < -74
    assert -9 < bottom < top < -8
