"""Made-up limb spectra for the tests of limb/: six kinds of clouds that differ where the paper says, and clear air."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from landweave.spectra.brightness import planck
from landweave.spectra.microwindows import CENTRES_PER_CM, CLASSES
from landweave.spectra.observations import LimbSpectra

CLEAR = len(CLASSES)


def _feature(centre: float, width: float, height: float) -> np.ndarray:
    return height * np.exp(-(((CENTRES_PER_CM - centre) / width) ** 2))


# A curve a class, K: ice falls towards 960, NAT has its peak at 820 or beside it, STS slopes more or less.
_CURVES = np.stack(
    [
        _feature(960, 25, -14) + _feature(1408, 40, 3),
        _feature(820, 4, 9) + _feature(1408, 60, -4),
        _feature(815, 9, 4) + _feature(1235, 20, -4),
        (CENTRES_PER_CM - 800) / 1400 * 4,
        (CENTRES_PER_CM - 800) / 1400 * 9,
        (CENTRES_PER_CM - 800) / 1400 * 14 + _feature(1935, 60, 4),
    ]
)


def clouds(num: int, seed: int = 0) -> tuple[Float32[np.ndarray, "n 142"], UInt8[np.ndarray, " n"]]:
    """Brightness temperatures of clouds, and their classes in turn."""
    rng = np.random.default_rng(seed)
    label = (np.arange(num) % len(CLASSES)).astype(np.uint8)
    level = rng.uniform(185, 205, (num, 1))
    strength = rng.uniform(0.7, 1.3, (num, 1))
    made = level + strength * _CURVES[label] + rng.normal(0, 0.3, (num, len(CENTRES_PER_CM)))
    return made.astype(np.float32), label


def spectra(num: int, seed: int = 0, *, clear: int = 0, south: bool = True, labelled: bool = True) -> LimbSpectra:
    """Clouds, and after them clear air, over a few days of a polar winter."""
    rng = np.random.default_rng(seed + 1)
    temperature, label = clouds(num + clear, seed)
    # Clear air is dark between the lines: 833 cm-1 is such a place, 790 cm-1 is full of lines.
    temperature[num:] -= 40 * ((CENTRES_PER_CM < 785) | (CENTRES_PER_CM > 799))
    label[num:] = CLEAR
    total, sign = num + clear, -1 if south else 1
    start = np.datetime64("2009-06-13T00:00:00", "s")
    return LimbSpectra(
        radiance=planck(temperature.astype(np.float64)).astype(np.float32),
        valid=np.ones(temperature.shape, np.bool_),
        time=start + np.sort(rng.integers(0, 4 * 86400, total)).astype("timedelta64[s]"),
        latitude=(sign * rng.uniform(60, 88, total)).astype(np.float32),
        longitude=rng.uniform(-180, 179, total).astype(np.float32),
        tangent_altitude_km=rng.uniform(14, 28, total).astype(np.float32),
        label=label if labelled else None,
        classes=(*CLASSES, "clear") if labelled else (),
        truth={"radius_um": np.ones(total, np.float32)} if labelled else {},
    )


def path_of(folder: Path, name: str) -> Path:
    """Where a file of spectra lies."""
    return folder / f"{name}.nc"
