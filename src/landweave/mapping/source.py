"""Where a task's pixels come from: one scene, or a series of them, on the part of the grid that a tile sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32
from odc.geo.geobox import GeoBox

from landweave.raster.read import read
from landweave.raster.scene import Scene
from landweave.tiling import Window


def pixels(
    scene: Scene, bands: Sequence[str], grid: GeoBox, window: Window
) -> tuple[Float32[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    """Physical values of `bands` in `window` of `grid`, and where they are valid; 0 and False beyond the grid.

    Beyond the grid lies what a network's own padding would be, so that a tile at the edge is seen as the whole is.
    """
    values, valid = read(scene, bands, window.on(grid))
    height, width = grid.shape
    inside = window.clip(Window(0, 0, height, width))
    if inside != window:
        outside = np.ones(window.shape, np.bool_)
        outside[inside.inside(window).slices] = False
        valid &= ~outside
        values[:, outside] = 0
    return values, valid


def series_pixels(
    series: Sequence[Scene], bands_of: Sequence[Sequence[str]], grid: GeoBox, window: Window
) -> tuple[Float32[np.ndarray, "t c h w"], Bool[np.ndarray, "t h w"]]:
    """Physical values of every scene of a series in `window` of `grid`, and where each of them is valid.

    Sensors may be mixed: each scene is read by its own bands, which mean the same at the same place of the list. A
    scene on another grid comes by interpolation, as `pixels` of it alone. Each file is opened once a process.

    Args:
        series: At least one scene, in the order of the result.
        bands_of: For each scene the names of its bands, as many for one scene as for another.
        grid: Any CRS and pixel size.
        window: Which part of it; what reaches beyond it is not valid.
    """
    values = np.empty((len(series), len(bands_of[0]), *window.shape), np.float32)
    valid = np.empty((len(series), *window.shape), np.bool_)
    for place, (scene, bands) in enumerate(zip(series, bands_of, strict=True)):
        values[place], valid[place] = pixels(scene, bands, grid, window)
    return values, valid
