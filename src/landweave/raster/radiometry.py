"""Stored numbers and physical values, and the checks that keep them apart. Pure."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from landweave.errors import RadiometryError
from landweave.sensors import Band, DType

# So many values tell what unit they have.
_LOOKED_AT = 10_000
# A surface may shine beyond 1 (snow, sun glint, cloud tops), digital numbers start far above.
_BRIGHTEST = 3.0
_COLDEST_K, _HOTTEST_K = 100.0, 400.0


def to_physical(numbers: Shaped[np.ndarray, "..."], scale: float, offset: float) -> Float32[np.ndarray, "..."]:
    """Physical values of stored numbers: number * scale + offset, in float32, never clipped."""
    out = np.empty(numbers.shape, np.float32)
    scale_into(numbers, scale, offset, out)
    return out


def scale_into(
    numbers: Shaped[np.ndarray, "..."], scale: float, offset: float, out: Float32[np.ndarray, "..."]
) -> None:
    """The same, written into `out` without a copy between."""
    # Copied first: numpy multiplies floats in place faster than it multiplies and converts at once.
    np.copyto(out, numbers, casting="same_kind")
    if scale != 1:
        out *= np.float32(scale)
    if offset:
        out += np.float32(offset)


def to_numbers(
    values: Float32[np.ndarray, "..."],
    valid: Bool[np.ndarray, "..."],
    scale: float,
    offset: float,
    *,
    dtype: DType = "uint16",
    nodata: float | None = 0,
) -> Shaped[np.ndarray, "..."]:
    """Stored numbers of physical values: the nearest step, `nodata` where not valid.

    Values beyond the type's range are set to its ends, and a valid value never becomes `nodata`: it moves by one step.
    """
    if dtype == "float32":
        stored = ((values - np.float32(offset)) / np.float32(scale)).astype(np.float32)
        return stored if nodata is None else np.asarray(np.where(valid, stored, np.float32(nodata)))
    # A valid value that would be stored as nodata would be lost; a step beside it is an error of 0.0001.
    limits = np.iinfo(dtype)
    # float64: a float32 has too few digits for the number 65535 with an offset far from zero.
    steps = np.rint((values.astype(np.float64) - offset) / scale)
    numbers = np.asarray(np.clip(np.nan_to_num(steps), limits.min, limits.max).astype(dtype))
    if nodata is None:
        return numbers
    away = nodata + 1 if nodata < limits.max else nodata - 1
    numbers[numbers == nodata] = away
    return np.asarray(np.where(valid, numbers, np.asarray(nodata, dtype)))


def check_physical(
    values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"], bands: tuple[Band, ...], source: str
) -> None:
    """Refuse values that cannot have the unit that their bands declare.

    Reflectance whose median lies above 3 looks like digital numbers, one below -0.05 like an offset removed twice;
    a brightness temperature outside 100-400 K like unscaled numbers. At most 10,000 valid values, evenly spaced, are
    looked at.

    Raises:
        RadiometryError: A band's valid values do not look like its unit.
    """
    places = np.flatnonzero(valid)
    # Under clouds alone nothing can be said.
    if not len(places):
        return
    places = places[:: math.ceil(len(places) / _LOOKED_AT)]
    for channel, band in zip(values, bands, strict=True):
        # The median: glint, clouds at the edge and dead pixels must not decide.
        middle = float(np.median(channel.reshape(-1)[places]))
        if band.unit == "reflectance":
            _check_reflectance(middle, band, source)
        elif band.unit == "brightness_temperature" and not _COLDEST_K < middle < _HOTTEST_K:
            raise RadiometryError(
                f"{source}: band {band.name} with a median of {middle:.4g} K",
                f"a brightness temperature between {_COLDEST_K:g} and {_HOTTEST_K:g} K",
                "correct scale and offset in the sidecar, or declare unit = digital_number",
            )


def _check_reflectance(middle: float, band: Band, source: str) -> None:
    if middle > _BRIGHTEST:
        raise RadiometryError(
            f"{source}: band {band.name} with a median of {middle:.4g}, which looks like digital numbers",
            "reflectance, nominally 0-1",
            "set scale and offset in the sidecar, or declare unit = digital_number",
        )
    if middle < -0.05:
        raise RadiometryError(
            f"{source}: band {band.name} with a median of {middle:.4g}, as where an offset is removed twice",
            "reflectance, nominally 0-1",
            "check the processing baseline, and --offset or the offset in the sidecar",
        )
