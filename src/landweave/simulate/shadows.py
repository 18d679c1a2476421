"""Shadows that houses and trees cast, for pixels small enough to show them. Pure."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from landweave.simulate.kinds import kinds
from landweave.simulate.lattice import Plane
from landweave.simulate.reflectance import Sun
from landweave.simulate.region import Ground

LONGEST_M = 24.0
"""Shadows are cut off at this length, in low sun."""
# What a shadow takes of the light: the direct part, less what bright surroundings give back.
_TAKEN = np.float32(0.58)
_HEIGHT_M = {
    "roof_metal": 9.0,
    "garden_tree": 5.0,
    "hedge": 6.0,
    "broadleaf_stand": 16.0,
    "conifer_stand": 18.0,
    "young_stand": 5.0,
}
_ROOF_M = 6.5


def cast(seen: Float32[np.ndarray, "b h w"], ground: Ground, cell_m: float, sun: Sun) -> Float32[np.ndarray, "b h w"]:
    """Darken what lies in the shadow of something higher toward the sun. Changes `seen`.

    Within `LONGEST_M` of the array's border shadows from outside are missing.
    """
    high = np.array([_HEIGHT_M.get(name, _ROOF_M * name.startswith("roof_")) for name in kinds()], np.float32)
    height = high[ground.kind]
    seen *= 1 - _TAKEN * _shadow(height, cell_m, sun)
    return seen


def _shadow(height: Plane, cell_m: float, sun: Sun) -> Plane:
    """1 where the sun does not come, 0 elsewhere."""
    azimuth, rise_m = np.deg2rad(sun.azimuth_deg), cell_m / np.tan(np.deg2rad(sun.zenith_deg))
    dark = np.zeros(height.shape, np.bool_)
    for step in range(1, int(LONGEST_M / cell_m) + 1):
        # The sun stands at an azimuth clockwise from north; rows count southward.
        down, right = round(-np.cos(azimuth) * step), round(np.sin(azimuth) * step)
        if step * rise_m > height.max():
            break
        dark |= _moved(height, down, right) - height > np.float32(step * rise_m)
    return dark.astype(np.float32)


def _moved(values: Plane, down: int, right: int) -> Plane:
    """For each cell the value `down` and `right` of it, 0 beyond the border."""
    out = np.zeros_like(values)
    height, width = values.shape
    rows, cols = height - abs(down), width - abs(right)
    if rows > 0 and cols > 0:
        to_row, to_col, from_row, from_col = max(-down, 0), max(-right, 0), max(down, 0), max(right, 0)
        out[to_row : to_row + rows, to_col : to_col + cols] = values[
            from_row : from_row + rows, from_col : from_col + cols
        ]
    return out
