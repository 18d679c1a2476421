"""Brightness temperature: units of spectral radiance, Planck's law and its inverse at the microwindows. Pure."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Shaped
from scipy import constants

from landweave.errors import RadiometryError
from landweave.spectra.microwindows import CENTRES_PER_CM

UNIT = "nW/(cm2 sr cm-1)"
"""The unit of every radiance here."""

_IN_OURS = {UNIT: 1.0, "W/(cm2 sr cm-1)": 1e9, "W/(m2 sr cm-1)": 1e5, "mW/(m2 sr cm-1)": 1e2, "W/(m2 sr m-1)": 1e7}
UNITS = tuple(_IN_OURS)
"""Names of the units that are known."""

# 2 h c2 and h c / k for wavenumbers in cm-1: W/(m2 sr cm-1) per cm-3 made ours, and K per cm-1.
_FIRST = 2 * constants.h * constants.c**2 * 1e8 * _IN_OURS["W/(m2 sr cm-1)"]
_SECOND = constants.h * constants.c / constants.k * 1e2


def to_unit(radiance: Float[np.ndarray, "..."], unit: str, into: str = UNIT) -> Float[np.ndarray, "..."]:
    """Radiance of one unit in another one, in the precision that it has.

    Raises:
        RadiometryError: A unit is not known: radiance per wavelength among them, and what is no radiance.
    """
    for name in (unit, into):
        if name not in _IN_OURS:
            raise RadiometryError(
                f"radiance in {name or 'a unit without a name'}",
                f"one of {', '.join(UNITS)}",
                "name the unit as one of these, or convert before",
            )
    return radiance if unit == into else radiance * radiance.dtype.type(_IN_OURS[unit] / _IN_OURS[into])


def planck(
    temperature: Shaped[np.ndarray, "*b _"], centres_per_cm: Float64[np.ndarray, " l"] = CENTRES_PER_CM
) -> Float64[np.ndarray, "*b l"]:
    """Radiance of a black body, nW/(cm2 sr cm-1), by Planck's law at the centre of each microwindow.

    Args:
        temperature: In K, above 0; the last axis is microwindows, or 1 where all have one temperature.
        centres_per_cm: Wavenumbers.
    """
    return np.asarray(_FIRST * centres_per_cm**3 / np.expm1(_SECOND * centres_per_cm / temperature))


def brightness_temperature(
    radiance: Float[np.ndarray, "b l"], centres_per_cm: Float64[np.ndarray, " l"] = CENTRES_PER_CM
) -> tuple[Float32[np.ndarray, "b l"], Bool[np.ndarray, "b l"]]:
    """Temperature of the black body that would send each radiance, and where there is one.

    The mean over a microwindow is taken for the radiance at its centre, on which differences between spectra do not
    depend. Noise makes faint radiances negative: they, zero, and what is not finite have no temperature. They are NaN
    and not valid; whoever computes on counts them and leaves them out.

    Args:
        radiance: In nW/(cm2 sr cm-1).
        centres_per_cm: Wavenumbers of the last axis.

    Raises:
        RadiometryError: There is another number of microwindows.
    """
    check_length(radiance.shape[-1], len(centres_per_cm))
    valid = np.isfinite(radiance) & (radiance > 0)
    # Double precision within: the logarithm of 1 + a large number, told apart to a millikelvin.
    safe = np.where(valid, radiance, 1).astype(np.float64)
    found = _SECOND * centres_per_cm / np.log1p(_FIRST * centres_per_cm**3 / safe)
    return np.where(valid, found, np.nan).astype(np.float32), valid


def check_length(given: int, expected: int = len(CENTRES_PER_CM)) -> None:
    """Refuse spectra of another number of microwindows.

    Raises:
        RadiometryError: They are.
    """
    if given != expected:
        raise RadiometryError(
            f"spectra of {given} microwindows",
            f"{expected} microwindows, in the order of docs/methods/limb_spectra.md",
            "average the spectra over these microwindows",
        )
