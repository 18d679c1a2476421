"""Small series and points for tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from tests.mapping.places import BANDS, LEGEND, SENSOR, grid_at

from landweave.datasets.points import Points
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.series.plan import Dated, Series


def make_dated(folder: Path, name: str, date: dt.date, grid: GeoBox, seed: int = 0, cloud: float = 0.0) -> Scene:
    """A scene of one file with all bands, taken on `date`; its upper part is without data, as large as `cloud` says."""
    generator = np.random.default_rng(seed)
    numbers = generator.integers(1100, 5000, (len(BANDS), *grid.shape), np.uint16)
    numbers[:, : int(grid.shape[0] * cloud)] = 0
    path = folder / f"{name}.tif"
    write_tile(path, numbers, grid, nodata=0)
    files = {band: BandFile(str(path), index + 1, 0.0001, -0.1, 0) for index, band in enumerate(BANDS)}
    when = dt.datetime.combine(date, dt.time(10), dt.UTC)
    return Scene(name, SENSOR, when, grid, files, None, "05.09", 100 * cloud)


def make_series(folder: Path, dates: Sequence[str], shape: tuple[int, int] = (12, 16)) -> tuple[Series, list[Scene]]:
    """A series of random scenes on `dates`, with its catalog."""
    grid = grid_at(*shape)
    days = [dt.date.fromisoformat(text) for text in dates]
    scenes = [make_dated(folder, f"s{n}", day, grid, n) for n, day in enumerate(days)]
    write_catalog(scenes, folder / "catalog.parquet")
    dated = tuple(Dated(s.id, SENSOR.name, day, day.year, 0.0) for s, day in zip(scenes, days, strict=True))
    return Series(folder / "catalog.parquet", grid, BANDS, {SENSOR.name: BANDS}, dated), scenes


def make_points(num: int = 12, num_dates: int = 5, seed: int = 0, **changes: Any) -> Points:
    """Points with random values, every third date of which is not valid."""
    generator = np.random.default_rng(seed)
    valid = (np.arange(num)[:, None] + np.arange(num_dates)) % 3 > 0
    arrays = {
        "values": generator.random((num, num_dates, len(BANDS)), np.float32) * valid[..., None],
        "valid": valid,
        "days": (17900 + 30 * np.arange(num_dates) + np.arange(num)[:, None]).astype(np.int32),
        "label": (np.arange(num) % len(LEGEND)).astype(np.int16),
        "year": np.full(num, 2019, np.int16),
        "x": generator.random(num),
        "y": generator.random(num),
        "block": np.arange(num, dtype=np.int32) // 2,
        "part": (np.arange(num) // 2 % 3).astype(np.uint8),
    }
    named = {"sensor": SENSOR.name, "bands": BANDS, "unit": "reflectance", "pixel_size_m": 10.0, "crs": "EPSG:32633"}
    return Points(**{**arrays, **named, "legend": LEGEND, **changes})
