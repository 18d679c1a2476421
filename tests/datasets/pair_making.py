"""A place of 48 m that two sensors see, tiny: classes in squares, some told apart by one sensor alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.legend import LandClass, Legend
from landweave.raster.collect import CatalogJob, collect
from landweave.raster.write import write_map, write_tile

EDGE_M = 48.0
LEGEND = Legend(
    "four", "here", tuple(LandClass(i + 1, name, f"#00{i}0{i}0") for i, name in enumerate(("aa", "ab", "ba", "bb")))
)
HSI = ("H01", "H02", "H03", "H04")


def grid(pixel_m: float, left: float = 500_000.0, crs: str | None = "EPSG:32615") -> GeoBox:
    num = round(EDGE_M / pixel_m)
    return GeoBox((num, num), Affine(pixel_m, 0, left, 0, -pixel_m, 3_300_000.0), crs)


def classes(pixel_m: float) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Class indices in squares of 6 m: the first sensor tells rows, the second columns of pairs of them."""
    num = round(EDGE_M / pixel_m)
    square = (np.arange(num) * pixel_m // 6).astype(int)
    return (square[:, None] % 2 * 2 + square[None] % 2).astype(np.uint8)


def write_rgb(path: Path, pixel_m: float, part: slice = slice(None), crs: str | None = "EPSG:32615") -> None:
    """Bright where the class begins with b."""
    whole, place = grid(pixel_m, crs=crs), classes(pixel_m)
    noise = np.random.default_rng(1).integers(0, 20, (3, *place.shape))
    numbers = (60 + 100 * (place // 2).astype(int) + noise).astype(np.uint8)
    write_tile(path, numbers[:, :, part], whole[:, part])
    _sidecar(path, "aerial-rgb", ("R", "G", "B"))


def write_hsi(path: Path, pixel_m: float = 1.0, left: float = 500_000.0, crs: str | None = "EPSG:32615") -> None:
    """The second band is brighter where the class ends with b."""
    place = classes(pixel_m)
    noise = np.random.default_rng(2).integers(0, 50, (4, *place.shape))
    numbers = (500 + noise).astype(np.uint16)
    numbers[1] += 400 * (place % 2).astype(np.uint16)
    write_tile(path, numbers, grid(pixel_m, left, crs))
    _sidecar(path, "airborne-48", HSI)


def _sidecar(path: Path, sensor: str, bands: tuple[str, ...]) -> None:
    text = f'sensor = "{sensor}"\nbands = {list(bands)}\ndatetime = 2018-02-16T12:00:00Z\n'
    path.with_suffix(".toml").write_text(text.replace("'", '"'))


def write_place(folder: Path, rgb_m: float = 0.5, labels_m: float = 0.5) -> Path:
    """Two halves of a picture, a cube, and the map of classes with its legend; gives the catalog."""
    half = round(EDGE_M / rgb_m) // 2
    write_rgb(folder / "scenes" / "west.tif", rgb_m, slice(0, half))
    write_rgb(folder / "scenes" / "east.tif", rgb_m, slice(half, None))
    write_hsi(folder / "scenes" / "cube.tif")
    write_map(folder / "classes.tif", LEGEND.to_ids(classes(labels_m)), grid(labels_m), LEGEND)
    return catalog(folder)


def catalog(folder: Path) -> Path:
    """The catalog of folder/scenes."""
    collect(CatalogJob(sources=[str(folder / "scenes")]), folder / "catalog.parquet")
    return folder / "catalog.parquet"
