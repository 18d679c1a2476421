"""Spectral indices of reflectance: numbers that mean vegetation, water, snow or bare soil. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from landweave.errors import SensorError
from landweave.sensors import Sensor

Values = Float32[np.ndarray, "..."]

# Where each role lies: the middle of what sensors of land call so, and how far from it a band's centre may be.
_ROLES: dict[str, tuple[float, float]] = {
    "coastal": (443, 12),
    "blue": (482, 25),
    "green": (560, 20),
    "red": (655, 25),
    "rededge1": (704, 8),
    "rededge2": (741, 8),
    "rededge3": (783, 8),
    "nir": (850, 40),
    "swir16": (1610, 60),
    "swir22": (2190, 70),
}


def ndvi(red: Values, nir: Values) -> Values:
    """Normalised difference vegetation index (Rouse et al. 1974): (nir - red) / (nir + red); 0 where the sum is 0."""
    return _ratio(nir - red, nir + red)


def evi(blue: Values, red: Values, nir: Values) -> Values:
    """Enhanced vegetation index (Huete et al. 2002, eq. 1, MODIS): 2.5 (nir - red) / (nir + 6 red - 7.5 blue + 1).

    The divisor passes through 0 over clouds and snow, so that the index is kept within -1 to 2, where land lies.
    """
    return np.asarray(np.clip(_ratio(2.5 * (nir - red), nir + 6 * red - 7.5 * blue + 1), -1, 2), np.float32)


def ndwi(green: Values, nir: Values) -> Values:
    """Normalised difference water index (McFeeters 1996): (green - nir) / (green + nir); above 0 for open water."""
    return _ratio(green - nir, green + nir)


def ndsi(green: Values, swir16: Values) -> Values:
    """Normalised difference snow index (Hall et al. 1995): (green - swir) / (green + swir), swir at 1.6 um."""
    return _ratio(green - swir16, green + swir16)


def bare_soil(blue: Values, red: Values, nir: Values, swir16: Values) -> Values:
    """Bare soil index (Rikimaru et al. 2002): ((swir + red) - (nir + blue)) / ((swir + red) + (nir + blue))."""
    up, down = swir16 + red, nir + blue
    return _ratio(up - down, up + down)


INDICES: dict[str, tuple[Callable[..., Values], tuple[str, ...]]] = {
    "ndvi": (ndvi, ("red", "nir")),
    "evi": (evi, ("blue", "red", "nir")),
    "ndwi": (ndwi, ("green", "nir")),
    "ndsi": (ndsi, ("green", "swir16")),
    "bare_soil": (bare_soil, ("blue", "red", "nir", "swir16")),
}
"""Every index by name, with the roles of the bands that it takes."""


def roles(sensor: Sensor, bands: Sequence[str]) -> dict[str, int]:
    """Which of `bands` is blue, green, red, nir and so on: role to place in `bands`, by the bands' centres.

    Of two bands that could be one, the nearer one is; "nir" is the wide band where there are two, as pixel sizes tell.

    Raises:
        SensorError: A band is unknown.
    """
    chosen: dict[str, int] = {}
    wanted = sensor.select(bands)
    for role, (centre, reach) in _ROLES.items():
        near = [
            (band.pixel_size_m, abs(band.wavelength_nm - centre), place)
            for place, band in enumerate(wanted)
            if band.wavelength_nm is not None and abs(band.wavelength_nm - centre) <= reach
        ]
        if near:
            chosen[role] = min(near)[2]
    return chosen


def known_indices(found: Mapping[str, int]) -> tuple[str, ...]:
    """Names of the indices whose bands are all there, in their own order."""
    return tuple(name for name, (_, needed) in INDICES.items() if all(role in found for role in needed))


def indices(
    values: Float32[np.ndarray, "... c"], found: Mapping[str, int], names: Sequence[str] | None = None
) -> Float32[np.ndarray, "... i"]:
    """The indices of values whose last axis is bands.

    Args:
        values: Reflectance.
        found: Role to place on that axis, as `roles` gives it.
        names: Which indices, in this order; all that the bands allow where left away.

    Raises:
        SensorError: A band that an index needs is not there, or no index can be computed at all.
    """
    wanted = known_indices(found) if names is None else tuple(names)
    needed = {role for name in wanted for role in INDICES[name][1]}
    if not wanted or not needed <= set(found):
        missing = sorted(needed - set(found)) or ["red", "nir"]
        raise SensorError(
            f"bands that are {', '.join(found) or 'none of those known'}",
            f"{', '.join(missing)} for {', '.join(wanted) or 'any index'}",
            "take the bands that the indices need",
        )
    layers = [INDICES[name][0](*(values[..., found[role]] for role in INDICES[name][1])) for name in wanted]
    return np.stack(layers, axis=-1)


def _ratio(top: Values | np.float32, bottom: Values | np.float32) -> Values:
    # Single pixels come as numbers. Without a warning and without NaN: what reflects nothing has no index, and says 0.
    out = np.zeros_like(bottom, np.float32)
    np.divide(top, bottom, out=out, where=bottom != 0, casting="same_kind")
    return out
