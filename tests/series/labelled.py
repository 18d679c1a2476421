"""A small land of known classes, two years of scenes of it, and an old map that is partly wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.mapping.places import SENSOR, grid_at

from landweave.config import check
from landweave.jobs.executor import Executor
from landweave.jobs.serial import Serial
from landweave.legend import Legend, legend
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_map, write_tile
from landweave.series.label import run
from landweave.series.labelplan import LabelJob
from landweave.series.plan import Dated, Series, write_series

BANDS = ("B02", "B03", "B04", "B08", "B11")
EDGE = 64
DATES = ("2018-04-01", "2018-06-01", "2018-08-01", "2019-04-03", "2019-06-01", "2019-08-01")
CLASSES = ("Water", "Cropland", "Coniferous forest")
LEGEND = legend("simulated-8")
# Reflectance of each class in spring, early and late summer.
LOOKS = {
    "Water": [[0.05, 0.06, 0.04, 0.02, 0.01]] * 3,
    "Cropland": [[0.08, 0.1, 0.12, 0.2, 0.28], [0.04, 0.07, 0.05, 0.45, 0.2], [0.1, 0.14, 0.18, 0.28, 0.34]],
    "Coniferous forest": [[0.02, 0.03, 0.025, 0.22, 0.09]] * 3,
}


def truth() -> NDArray[np.uint8]:
    """Water in the north, then fields and forest side by side."""
    indices = np.empty((EDGE, EDGE), np.uint8)
    indices[:] = LEGEND.index("Cropland")
    indices[:16] = LEGEND.index("Water")
    indices[16:, 32:] = LEGEND.index("Coniferous forest")
    return indices


def old_map(share: float = 0.1, seed: int = 0) -> NDArray[np.uint8]:
    """The truth with a share of labels replaced by another of its classes, in patches of 4 x 4."""
    generator, told = np.random.default_rng(seed), truth()
    wrong = np.kron(generator.random((EDGE // 4, EDGE // 4)) < share, np.ones((4, 4), bool))
    known = np.unique(told)
    other = known[(np.searchsorted(known, told) + 1) % len(known)]
    return np.where(wrong, other, told)


def make_scenes(folder: Path, dates: Sequence[str] = DATES, noise: float = 0.01) -> list[Scene]:
    """One file a scene; the first of each year has a cloud over its north-western corner."""
    grid, scenes, told = grid_at(EDGE, EDGE), list[Scene](), truth()
    for number, text in enumerate(dates):
        date = dt.date.fromisoformat(text)
        generator = np.random.default_rng(number)
        season = (date.month - 3) // 2
        looks = np.zeros((8, len(BANDS)))
        for name, bands in LOOKS.items():
            looks[LEGEND.index(name)] = bands[min(season, 2)]
        values = looks[told].transpose(2, 0, 1) + generator.normal(0, noise, (len(BANDS), EDGE, EDGE))
        numbers = (10000 * values + 1000).clip(1, 9999).astype(np.uint16)
        if number % 3 == 0:
            numbers[:, :8, :8] = 0
        path = folder / f"s{number}.tif"
        write_tile(path, numbers, grid, nodata=0)
        files = {band: BandFile(str(path), index + 1, 1e-4, -0.1, 0) for index, band in enumerate(BANDS)}
        when = dt.datetime.combine(date, dt.time(10), dt.UTC)
        scenes.append(Scene(f"s{number}", SENSOR, when, grid, files, None, "05.09", 0.0))
    return scenes


def make_land(folder: Path, dates: Sequence[str] = DATES, **changes: Any) -> dict[str, Any]:
    """Scenes, series, old map and truth in `folder`; gives what a job takes."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes = make_scenes(folder, dates)
    write_catalog(scenes, folder / "catalog.parquet")
    dated = tuple(Dated(s.id, SENSOR.name, s.datetime.date(), s.datetime.year, 0.0) for s in scenes)
    series = Series(folder / "catalog.parquet", scenes[0].grid, BANDS, {SENSOR.name: BANDS}, dated)
    write_series(series, folder / "series.json")
    for name, indices in (("old", old_map()), ("truth", truth())):
        write_map(folder / f"{name}.tif", LEGEND.to_ids(indices), series.grid, LEGEND)
    told = {"series": folder / "series.json", "map": folder / "old.tif", "legend": LEGEND.name}
    small = {"samples": 600, "floor": 40, "points": 900, "trees": 10, "block_px": 8, "gap_px": 2, "core_px": 64}
    return {**told, **small, "truth": str(folder / "truth.tif"), **changes}


def label(values: dict[str, Any], out: Path, executor: Executor | None = None, **changes: Any) -> list[Any]:
    """Run the job to its end; gives its records."""
    return list(run(check(LabelJob, {**values, **changes}, "a test"), out, executor or Serial()))


def other_legend() -> Legend:
    """The same ids with other names."""
    classes = tuple(replace(entry, name=entry.name + " of old") for entry in LEGEND.classes)
    return Legend("other", "a test", classes)
