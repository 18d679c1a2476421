"""MODIS series of the R package sits (Simoes et al. 2021): labelled samples, and a stack of composites since 2000."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import pyproj
from numpy.typing import NDArray

from landweave.datasets.raw import Raw, cells, centres, labels_of, of_image, year_of
from landweave.errors import SeriesError
from landweave.raster.dates import days
from landweave.raster.read import grid_of, read_numbers
from landweave.tiling import Window

_SENSOR, _PIXEL_M = "modis-mod13q1", 231.656
# Samples of one field lie nearer to each other than this, in degrees.
_CELL = 0.25
_STEP_DAYS, _FIRST = 16, dt.date(2000, 2, 18)
_SCALE, _NODATA, _LOWEST = 1e-4, -3000, -2000
_FETCH = "fetch it again"


def read_mt(folder: Path) -> Raw:
    """2,115 samples of Mato Grosso: mir, blue, nir, red, evi, ndvi on 23 dates, 9 classes."""
    return _samples(folder / "samples_mt_9classes.npz")


def read_4bands(folder: Path) -> Raw:
    """1,218 samples: NDVI, EVI, NIR, MIR on 23 dates, 4 classes."""
    return _samples(folder / "samples_modis_4bands.npz")


def read_ndvi(folder: Path) -> Raw:
    """1,218 samples: NDVI on 12 dates, 4 classes."""
    return _samples(folder / "samples_modis_ndvi.npz")


def read_sinop(folder: Path) -> Raw:
    """NDVI and EVI of 40 x 40 pixels near Sinop on 392 dates; nothing is labelled."""
    layers = []
    for name in ("ndvi", "evi"):
        href = str(folder / f"sinop-crop-{name}.tif")
        height, width = grid_of(href).shape
        layers.append(read_numbers(href, Window(0, 0, height, width), range(1, 393)))
    numbers = np.stack(layers, 1)
    valid = (numbers != _NODATA).all(1)
    values, good, rows, cols = of_image(numbers * _SCALE, valid, np.ones(numbers.shape[2:], bool))
    grid = grid_of(str(folder / "sinop-crop-ndvi.tif"))
    x, y = centres(grid, rows, cols)
    dates = np.tile(composites(len(numbers)), (len(rows), 1))
    nothing, last = np.full(len(rows), -1), np.full(len(rows), year_of(int(dates[0, -1])))
    block = rows // 10 * 10 + cols // 10
    return Raw(values, good, dates, nothing, (), last, x, y, block, _SENSOR, ("NDVI", "EVI"), _PIXEL_M, str(grid.crs))


def read_rasters(folder: Path) -> Raw:
    """NDVI of 12 composites near Sinop at 18 places of known cover, by the nearest pixel."""
    rasters = sorted((folder / "mod13q1").glob("TERRA_MODIS_*_NDVI_*.jp2"), key=_date)
    with (folder / "samples" / "samples_sinop_crop.csv").open(encoding="utf-8", newline="") as file:
        entries = list(csv.DictReader(file))
    if not rasters or not entries:
        raise SeriesError(f"{folder} without rasters or samples", "NDVI of several dates, and samples", _FETCH)
    grid = grid_of(str(rasters[0]))
    x, y = (np.array([float(entry[name]) for entry in entries]) for name in ("longitude", "latitude"))
    there = pyproj.Transformer.from_crs("EPSG:4326", str(grid.crs), always_xy=True).transform(x, y)
    a, b, c, d, e, f = (~grid.affine)[:6]
    cols, rows = (np.floor(p * there[0] + q * there[1] + r).astype(int) for p, q, r in ((a, b, c), (d, e, f)))
    stack = np.stack([read_numbers(str(path), Window.of((grid.shape[0], grid.shape[1])))[0] for path in rasters])
    numbers = stack[:, rows, cols].T
    label, classes = labels_of([entry["label"] for entry in entries])
    when = np.tile(days([_date(path) for path in rasters]), (len(entries), 1))
    year = np.full(len(entries), year_of(int(when[0, -1])))
    values, valid, block = numbers[..., None] * _SCALE, numbers > _LOWEST, np.arange(len(entries))
    return Raw(values, valid, when, label, classes, year, x, y, block, _SENSOR, ("NDVI",), _PIXEL_M, "EPSG:4326")


def _date(path: Path) -> str:
    return path.stem.rpartition("_")[2]


def composites(num: int, first: dt.date = _FIRST) -> NDArray[np.int64]:
    """Days of `num` composites of 16 days, which begin anew on every first of January, as those of MOD13 do."""
    found, day = list[dt.date](), first
    while len(found) < num:
        found.append(day)
        day += dt.timedelta(_STEP_DAYS)
        if day.year > found[-1].year:
            day = dt.date(day.year, 1, 1)
    return days(found)


def _samples(path: Path) -> Raw:
    with np.load(path) as file:
        told = {name: file[name] for name in file.files}
    label, classes = labels_of(told["label"])
    when = told["days_since_1970"]
    # The year in which most of a season's crop stands is that of its last date.
    year = np.array([year_of(int(day)) for day in when[:, -1]])
    valid = np.isfinite(told["X"]).all(2)
    x, y = told["lon"], told["lat"]
    bands = tuple(str(name) for name in told["bands"])
    return Raw(
        told["X"], valid, when, label, classes, year, x, y, cells(x, y, _CELL), _SENSOR, bands, _PIXEL_M, "EPSG:4326"
    )
