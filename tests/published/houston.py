"""Houston 2018, tiny, in its published layout: tiles of the picture, the cube as ENVI, and the class raster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio import Affine

LEFT, TOP, EDGE_M = 272_056.0, 3_290_290.0, 24.0


def write_raster(path: Path, numbers: np.ndarray, pixel_m: float, left: float = LEFT, driver: str = "GTiff") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = numbers.shape
    profile = {"count": count, "height": height, "width": width, "dtype": numbers.dtype, "driver": driver}
    place = Affine(pixel_m, 0, left, 0, -pixel_m, TOP)
    with rasterio.open(path, "w", **profile, crs="EPSG:26915", transform=place) as file:
        file.write(numbers)
    return path


def classes(pixel_m: float) -> np.ndarray:
    """Ids in squares of 3 m: 6 (bare earth) and 9 (non-residential buildings) in turn, and a strip of 0."""
    num = round(EDGE_M / pixel_m)
    square = (np.arange(num) * pixel_m // 3).astype(int)
    ids = np.where((square[:, None] + square[None]) % 2, 9, 6).astype(np.uint8)
    ids[:1] = 0
    return ids


def write(folder: Path, num_layers: int = 50, phase: int = 2) -> Path:
    """The data set below `folder`: four tiles that meet the class raster, and a fifth that does not."""
    cubes = {1: "HSI/2018_IEEE_GRSS_DFC_HSI_TR", 2: "FullHSIDataset/20170218_UH_CASI_S4_NAD83.pix"}
    names = {1: ("VHR - RGB", "GT"), 2: ("Final RGB HR Imagery", "TrainingGT")}[phase]
    fine = classes(0.05)
    for tile in range(5):
        part = fine[:, tile * 120 : tile * 120 + 120] if tile < 4 else fine[:, :120]
        # The picture's number tells the tile and the class.
        numbers = np.stack([part * 10, part * 0 + tile, part]).astype(np.uint8)
        left = LEFT + tile * 6.0 if tile < 4 else LEFT + 600.0
        write_raster(folder / names[0] / f"UH_NAD83_{int(left)}_3289689.tif", numbers, 0.05, left)
    cube = np.broadcast_to(classes(1.0).astype(np.uint16) * 100, (num_layers, 24, 24)).copy()
    cube += np.arange(num_layers, dtype=np.uint16)[:, None, None] + 1
    write_raster(folder / cubes[phase], cube, 1.0, driver="ENVI")
    write_raster(folder / names[1] / "2018_IEEE_GRSS_DFC_GT_TR.tif", classes(0.5)[None], 0.5)
    return folder
