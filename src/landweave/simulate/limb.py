"""Light along a line of sight past the Earth: what air and clouds send, absorb and scatter. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from landweave.simulate.atmosphere import EDGES_KM
from landweave.simulate.particles import NARROW
from landweave.spectra.brightness import planck
from landweave.spectra.microwindows import CENTRES_PER_CM, MICROWINDOWS

EARTH_KM = 6371.0
# MIPAS sees about 3 km at once (Fischer et al. 2008, Atmos. Chem. Phys. 8, 2151): three rays stand for that.
_RAYS_KM = ((-1.0, 0.25), (0.0, 0.5), (1.0, 0.25))
REACH_KM = 1.0
"""How far above its tangent altitude a spectrum still sees."""
_BLOCK = 128
# Noise of a mean over 1 cm-1, nW/(cm2 sr cm-1), by the instrument's bands: that of one spectral point (about 30, 12 and
# 1.2; Fischer et al. 2008) over the root of the number of points.
_NOISE = ((685.0, 970.0, 5.0), (1020.0, 1570.0, 2.0), (1820.0, 2410.0, 0.19))


@dataclass(frozen=True)
class View:
    """What lies along B lines of sight: K shells from below, L wavenumbers.

    Attributes:
        per_cm: The wavenumbers.
        tangent_km: Lowest altitude of each line.
        temperature_k: Of the air, by shell.
        gas: Absorption of gases, 1/km; the first axis is 1 where all have the same.
        filled: Share of each shell that the cloud fills.
        absorbed: Absorption by the cloud's particles, 1/km.
        scattered: The same for scattering.
        below: Radiance of what lies below the cloud, nW/(cm2 sr cm-1).
    """

    per_cm: Float64[np.ndarray, " l"]
    tangent_km: Float64[np.ndarray, " b"]
    temperature_k: Float32[np.ndarray, "b k"]
    gas: Float32[np.ndarray, "c k l"]
    filled: Float32[np.ndarray, "b k"]
    absorbed: Float32[np.ndarray, "b l"]
    scattered: Float32[np.ndarray, "b l"]
    below: Float32[np.ndarray, "b l"]

    def __len__(self) -> int:
        return len(self.tangent_km)

    def take(self, rows: slice | NDArray[np.int64]) -> View:
        """Some of the lines."""
        names = ("tangent_km", "temperature_k", "filled", "absorbed", "scattered", "below")
        gas = self.gas if len(self.gas) == 1 else self.gas[rows]
        return replace(self, gas=gas, **{name: getattr(self, name)[rows] for name in names})

    def at(self, places: NDArray[np.int64]) -> View:
        """Some of the wavenumbers."""
        names = ("per_cm", "gas", "absorbed", "scattered", "below")
        return replace(self, **{name: getattr(self, name)[..., places] for name in names})


def radiance(view: View) -> Float32[np.ndarray, "b l"]:
    """Radiance without noise, nW/(cm2 sr cm-1), as the instrument's field of view takes it in.

    Each shell emits by its temperature and takes away by extinction. What particles scatter into the line comes from
    below on one side and from dark space on the other (single scattering, evenly in all directions).
    """
    parts = (view.take(slice(start, start + _BLOCK)) for start in range(0, len(view), _BLOCK))
    empty = np.zeros((0, len(view.per_cm)), np.float32)
    return np.concatenate([empty, *(_mean(part) for part in parts)])


def _mean(view: View) -> Float32[np.ndarray, "b l"]:
    total = np.zeros((len(view), len(view.per_cm)), np.float32)
    emits = [_emission(warm, view.per_cm) for warm in view.temperature_k.T]
    for up_km, weight in _RAYS_KM:
        total += np.float32(weight) * _ray(view, paths(view.tangent_km + up_km), emits)
    return total


def _ray(
    view: View, path: Float32[np.ndarray, "b k"], emits: Sequence[Float32[np.ndarray, "c l"]]
) -> Float32[np.ndarray, "b l"]:
    seen = np.zeros((len(view), len(view.per_cm)), np.float32)
    shells = []
    # From the far side down to the tangent point, and up again through the same shells.
    for shell in range(path.shape[1] - 1, -1, -1):
        if not path[:, shell].any():
            break
        shells.append(_shell(view, path[:, shell, None], shell, emits[shell]))
        seen = seen * shells[-1][0] + shells[-1][1]
    for left, own in reversed(shells):
        seen = seen * left + own
    return seen


def _shell(
    view: View, path: Float32[np.ndarray, "b 1"], shell: int, emits: Float32[np.ndarray, "c l"]
) -> tuple[Float32[np.ndarray, "b l"], Float32[np.ndarray, "b l"]]:
    """What a shell lets through, as a share, and what it sends."""
    filled = view.filled[:, shell, None]
    if not filled.any():
        left = np.exp(-path * view.gas[:, shell])
        return left, emits * (1 - left)
    absorbed = view.gas[:, shell] + filled * view.absorbed
    scattered = filled * view.scattered
    total = absorbed + scattered
    left = np.exp(-path * total)
    # Gases leave no wavenumber quite clear, so that the sum is above 0.
    return left, (absorbed * emits + scattered * np.float32(0.5) * view.below) / total * (1 - left)


def _emission(warm: Float32[np.ndarray, " b"], per_cm: Float64[np.ndarray, " l"]) -> Float32[np.ndarray, "c l"]:
    # Once where all lines pass the same air.
    own = warm[:1] if (warm == warm[0]).all() else warm
    return planck(np.broadcast_to(own[:, None], (len(own), len(per_cm))), per_cm).astype(np.float32)


def paths(tangent_km: Float64[np.ndarray, " b"]) -> Float32[np.ndarray, "b k"]:
    """Length in km of half a line of sight within each shell; 0 in shells below its tangent point."""
    lowest = EARTH_KM + tangent_km[:, None]
    reach = np.sqrt(np.maximum((EARTH_KM + EDGES_KM) ** 2 - lowest**2, 0))
    return np.diff(reach, axis=1).astype(np.float32)


def _wide() -> Float32[np.ndarray, "w l"]:
    """Shares of narrow microwindows in each wide one, by overlap."""
    overlap = [
        [max(min(a.upper_per_cm, b.upper_per_cm) - max(a.lower_per_cm, b.lower_per_cm), 0) for b in MICROWINDOWS]
        for a in MICROWINDOWS[NARROW:]
    ]
    shares = np.array(overlap)[:, :NARROW]
    return np.asarray(shares / shares.sum(1, keepdims=True), np.float32)


WIDE = _wide()
"""The wide microwindows as means of the narrow ones."""


def noise_level() -> Float32[np.ndarray, " l"]:
    """Standard deviation of the instrument's noise in each narrow microwindow, nW/(cm2 sr cm-1)."""
    per_cm = CENTRES_PER_CM[:NARROW]
    inside = [(per_cm >= low) & (per_cm < high) for low, high, _ in _NOISE]
    return np.select(inside, [level for _, _, level in _NOISE]).astype(np.float32)


def with_wide(narrow: Float32[np.ndarray, "b l"]) -> Float32[np.ndarray, "b m"]:
    """All 142 microwindows: the wide ones are means of the narrow ones that they overlap, noise and all."""
    return np.concatenate([narrow, narrow @ WIDE.T], axis=1)
