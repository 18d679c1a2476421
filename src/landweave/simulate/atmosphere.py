"""The air of a polar winter for limb spectra: altitudes of its shells, their temperature, and what gases absorb."""

from __future__ import annotations

import importlib.resources
import tomllib
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64
from pydantic import Field

from landweave.config import Config, check
from landweave.simulate.particles import NARROW
from landweave.spectra.microwindows import CENTRES_PER_CM

EDGES_KM: Float64[np.ndarray, " e"] = np.concatenate([np.arange(8, 33, 0.5), [33.0, 35.0, 38.0, 42.0, 47.0, 55.0]])
"""Where shells of air begin and end."""
EDGES_KM.setflags(write=False)
MIDDLES_KM = (EDGES_KM[1:] + EDGES_KM[:-1]) / 2
MIDDLES_KM.setflags(write=False)
_AT_KM = 18.0

Profile = Literal["mixed", "sinking", "layer"]


class Feature(Config):
    """What a gas absorbs around a wavenumber."""

    gas: str
    """Its name."""
    profile: Profile
    """How much of it is at which altitude."""
    position: float
    """Wavenumber, cm-1."""
    width: float = Field(gt=0)
    """Standard deviation, cm-1."""
    strength: float = Field(ge=0)
    """Absorption there at 18 km, 1/km."""


class Air(Config):
    """gases.toml: the air of a polar winter."""

    air_scale_km: float = Field(gt=0)
    """Altitude over which the density of air falls by e."""
    sinking_scale_km: float = Field(gt=0)
    """The same for what falls off besides."""
    layer_km: tuple[float, float]
    """Altitude and standard deviation of the layer."""
    altitude_km: list[float]
    """Where temperature is told."""
    temperature_k: list[float]
    """Temperature there."""
    below_k: tuple[float, float]
    """Of what sends light up into clouds, in clear intervals and where gases hide it."""
    features: list[Feature]
    """What gases absorb."""


@cache
def air() -> Air:
    """The air of gases.toml."""
    text = importlib.resources.files("landweave.simulate").joinpath("gases.toml").read_text(encoding="utf-8")
    return check(Air, tomllib.loads(text), "gases.toml")


def temperature(altitude_km: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """Temperature of the air that nothing disturbs, K."""
    known = air()
    return np.asarray(np.interp(altitude_km, known.altitude_km, known.temperature_k))


@cache
def gases() -> tuple[Float32[np.ndarray, "g k l"], tuple[str, ...]]:
    """Absorption in 1/km by gas, shell and narrow microwindow, and the names of the gases."""
    names = tuple(sorted({feature.gas for feature in air().features}))
    total = np.zeros((len(names), len(MIDDLES_KM), NARROW), np.float32)
    for feature in air().features:
        bell = np.exp(-0.5 * ((CENTRES_PER_CM[:NARROW] - feature.position) / feature.width) ** 2)
        total[names.index(feature.gas)] += feature.strength * _amount(feature.profile)[:, None] * bell
    return total, names


def _amount(profile: Profile) -> Float64[np.ndarray, " k"]:
    """Of a gas in each shell, as a multiple of that at 18 km."""
    known, above = air(), MIDDLES_KM - _AT_KM
    if profile == "layer":
        middle, width = known.layer_km
        return np.asarray(np.exp(0.5 * ((_AT_KM - middle) / width) ** 2 - 0.5 * ((MIDDLES_KM - middle) / width) ** 2))
    falls = 1 / known.air_scale_km + (1 / known.sinking_scale_km if profile == "sinking" else 0)
    return np.asarray(np.exp(-above * falls))
