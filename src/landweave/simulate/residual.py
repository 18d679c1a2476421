"""What differs from scene to scene and from year to year although the land does not: place, light and season. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from landweave.sensors import Band
from landweave.simulate.lattice import Axes, fractal, normal

# Uncertainty that the Sentinel-2 Mission Requirements Document allows level 2A: 0.05 of the reflectance and 0.005 more.
_RELATIVE, _ABSOLUTE = np.float32(0.05), np.float32(0.005)
# Aerosols scatter less the longer the wavelength: Angstrom's exponent of continental air.
_ANGSTROM, _REFERENCE_NM = 1.3, 550.0
_AEROSOL_M, _OCTAVES = 4000.0, 3
# Standard deviation of `fractal` with these octaves.
_FRACTAL_SD = 0.12
_EAST, _SOUTH, _GAIN, _AEROSOL, _BAND, _FIELD = range(1, 7)


def misplaced(axes: Axes, number: int, shift_m: float) -> Axes:
    """The ground that a scene shows at `axes`: its position is wrong by the same few metres everywhere.

    Args:
        axes: Where the scene's metadata say that it lies.
        number: Random bits of the scene.
        shift_m: Standard deviation of the error along each axis.
    """
    if not shift_m:
        return axes
    east, south = (shift_m * _drawn(number, salt) for salt in (_EAST, _SOUTH))
    return Axes(axes.x + east, axes.y + south, axes.cell_m)


def late_by(number: int, season_days: float) -> float:
    """Days by which the calendar of a year is early, from the random bits of the year."""
    return season_days * _drawn(number, _EAST)


def left_over(
    seen: Float32[np.ndarray, "b h w"], axes: Axes, number: int, bands: Sequence[Band], strength: float
) -> Float32[np.ndarray, "b h w"]:
    """Reflectance with what the correction of atmosphere and light has left in it.

    A gain that all bands share, a smaller one of each band, and aerosols that change over a few kilometres and are
    strongest in the blue.

    Args:
        seen: Reflectance of every cell.
        axes: Where the cells lie.
        number: Random bits of the scene.
        bands: Bands of `seen`.
        strength: 1 for errors as large as the specification allows at one standard deviation.
    """
    shared = _drawn(number, _GAIN)
    field = (fractal(axes, number ^ _FIELD, _AEROSOL_M, _OCTAVES) - np.float32(0.5)) / np.float32(_FRACTAL_SD)
    haze = (np.float32(_drawn(number, _AEROSOL)) + field) * np.float32(0.7)
    out = np.empty_like(seen)
    for index, band in enumerate(bands):
        gain = np.float32(strength * (0.8 * shared + 0.6 * _drawn(number, _BAND * 100 + index)))
        falls = np.float32(strength * (_REFERENCE_NM / (band.wavelength_nm or _REFERENCE_NM)) ** _ANGSTROM)
        out[index] = seen[index] * (1 + _RELATIVE * gain) + _ABSOLUTE * falls * haze
    return out


def _drawn(number: int, salt: int) -> float:
    return float(normal(number, np.array(salt))[0])
