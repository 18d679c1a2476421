"""WorldCereal (ESA): monthly Sentinel-2 of African fields with crops, and of a square with a model's cropland."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet

from landweave.datasets.raw import Raw, cells, labels_of, of_image
from landweave.errors import SeriesError
from landweave.raster.dates import days

_SIZES = {"B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20, "B11": 20, "B12": 20}
_NODATA, _SCALE = 65535, 1e-4
# About 10 km: fields of one survey lie nearer to each other.
_CELL = 0.1
_EPOCH = int(days("1990-01-01"))


def read_fields(folder: Path) -> Raw:
    """500 fields of 2017 on 12 months, 10 bands of level 2A; classes are groups of crops and cover."""
    path = folder / "test_public_extractions.parquet"
    try:
        table = pyarrow.parquet.read_table(path)
        months = int(table["available_timesteps"].to_numpy().min())
        columns = [[f"OPTICAL-{band}-ts{month}-{size}m" for band, size in _SIZES.items()] for month in range(months)]
        numbers = np.stack([np.stack([table[name].to_numpy() for name in month], 1) for month in columns], 1)
    except (pyarrow.ArrowException, KeyError) as error:
        raise SeriesError(f"{path}: {error}", "the published extractions", "fetch the file again") from error
    starts = np.array(table["start_date"].to_pylist(), "datetime64[M]")
    when = days(starts[:, None] + np.arange(months))
    label, classes = labels_of(table["balancing_class"].to_pylist())
    x, y = table["lon"].to_numpy(), table["lat"].to_numpy()
    valid = (numbers != _NODATA).all(2)
    return Raw(numbers * _SCALE, valid, when, label, classes, table["year"].to_numpy(), x, y, cells(x, y, _CELL),
               "sentinel-2-l2a", tuple(_SIZES), 10.0, "EPSG:4326")  # fmt: skip


def read_cube(folder: Path) -> Raw:
    """100 x 100 pixels on 12 months, 9 bands; the classes are those of a model, not of the ground."""
    bands = tuple(band for band in _SIZES if band != "B8A")
    with h5py.File(folder / "worldcereal_preprocessed_inputs.nc") as file:
        numbers = np.stack([file[f"S2-L2A-{band}"][...].view(np.uint16) for band in bands], 1)
        x, y, when = file["x"][...], file["y"][...], file["t"][...] + _EPOCH
    with h5py.File(folder / "worldcereal_cropland_classification.nc") as file:
        cropland = file["__xarray_dataarray_variable__"][0]
    valid = (numbers != _NODATA).all(1)
    values, good, rows, cols = of_image(numbers * _SCALE, valid, cropland <= 1)
    label = cropland[rows, cols].astype(np.int64)
    year = np.full(len(rows), 1970 + int(when[-1]) // 365)
    return Raw(values, good, np.tile(when, (len(rows), 1)), label, ("Other", "Cropland"), year, x[cols], y[rows],
               rows // 10 * 10 + cols // 10, "sentinel-2-l2a", bands, 10.0, "EPSG:32631")  # fmt: skip
