"""EuroSAT, tiny, in its published format: a folder a class, GeoTIFFs of 64 x 64 pixels with 13 bands, B8A last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.raster.write import write_tile

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A")


def numbers(label: str, number: int) -> NDArray[np.uint16]:
    """(band, row, col); B10 reaches 0."""
    made = np.random.default_rng([number, *label.encode()]).integers(1, 5000, (13, 64, 64), np.uint16)
    made[9] %= 3
    return made


def grid(number: int, shape: tuple[int, int] = (64, 64)) -> GeoBox:
    """Pixels of nearly 10 m, as the published files have them."""
    corner = 400_000 + 20_000.0 * number, 5_300_000.0
    return GeoBox(shape, Affine(9.9974, 0, corner[0], 0, -9.9981, corner[1]), "EPSG:32633")


def write(root: Path, label: str, number: int, array: NDArray[np.uint16] | None = None) -> Path:
    path = root / "EuroSAT_MS" / label / f"{label}_{number}.tif"
    made = numbers(label, number) if array is None else array
    write_tile(path, made, grid(number, made.shape[1:]))
    return path
