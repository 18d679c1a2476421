"""Particles of polar stratospheric clouds: refractive indices of what they are made of, and what they do to light."""

from __future__ import annotations

import importlib.resources
import tomllib
from functools import cache

import numpy as np
from jaxtyping import Complex128, Float64
from pydantic import Field

from landweave.config import Config, check
from landweave.simulate.mie import Optics, optics
from landweave.spectra.microwindows import CENTRES_PER_CM, MICROWINDOWS

NARROW = sum(window.region.startswith("R") for window in MICROWINDOWS)
"""Number of the narrow microwindows, which stand before the wide ones."""


class Material(Config):
    """A material's dielectric function, as particles.toml says it."""

    infinity: float = Field(ge=1)
    """What it is far above all bands."""
    bands: list[tuple[float, float, float]]
    """Position and width in cm-1, and strength, of each band."""


class Constituent(Config):
    """A kind of particles, as particles.toml says it."""

    mixture: dict[str, float]
    """Shares of materials."""
    radius_um: list[float] = Field(min_length=1)
    """Median radii."""
    volume_density: list[float] = Field(min_length=1)
    """Volumes of particles in air, um3/cm3."""


class _ParticleFile(Config):
    """particles.toml: what particles of clouds are made of."""

    materials: dict[str, Material]
    """Materials by name."""
    constituents: dict[str, Constituent]
    """Kinds of particles by name."""


@cache
def _known() -> _ParticleFile:
    text = importlib.resources.files("landweave.simulate").joinpath("particles.toml").read_text(encoding="utf-8")
    return check(_ParticleFile, tomllib.loads(text), "particles.toml")


def constituents() -> dict[str, Constituent]:
    """Every kind of particles by name, in the order of the file."""
    return _known().constituents


def refractive_index(name: str, per_cm: Float64[np.ndarray, " l"]) -> Complex128[np.ndarray, " l"]:
    """Refractive index n + i k of a kind of particles at wavenumbers: the root of its mixture's dielectric function."""
    total = np.zeros(per_cm.shape, complex)
    for material, share in constituents()[name].mixture.items():
        own = _known().materials[material]
        total += share * own.infinity
        for position, width, strength in own.bands:
            total += share * strength * position**2 / (position**2 - per_cm**2 - 1j * width * per_cm)
    return np.sqrt(total)


@cache
def particle_optics(name: str) -> Optics:
    """What a kind of particles does to light at the narrow microwindows, by the radii of particles.toml."""
    per_cm = CENTRES_PER_CM[:NARROW]
    return optics(refractive_index(name, per_cm), per_cm, np.array(constituents()[name].radius_um))
