"""Where a task's pixels come from: one scene, on the part of the grid that a tile sees."""

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
