"""Kinds: what can stand on the ground, of which class, made of which materials through the year."""

from __future__ import annotations

import importlib.resources
import tomllib
from functools import cache

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from landweave.config import Config, check
from landweave.legend import legend

LEGEND = "simulated-8"


class Texture(Config):
    """How much of the gap shows: its mean share, and its standard deviations by scale."""

    base: float = Field(ge=0, le=1)
    """Mean share of the gap."""
    cell: float = Field(default=0, ge=0)
    """From one ground cell to the next."""
    fine: float = Field(default=0, ge=0)
    """At about 15 m."""
    mid: float = Field(default=0, ge=0)
    """At about 45 m."""
    broad: float = Field(default=0, ge=0)
    """At about 150 m."""
    rows: float = Field(default=0, ge=0)
    """Of rows and tramlines along a field."""


class Kind(Config):
    """Something that stands on the ground, as a table [kinds.NAME] of kinds.toml says it."""

    land_class: str = Field(alias="class")
    """Name of its class in legend simulated-8."""
    calendar: str = Field(min_length=3)
    """Where its dates come from."""
    days: list[float]
    """Days of the year of the knots, from 1 to 366."""
    mix: dict[str, list[float]]
    """Share of each material at each knot; what is left is soil."""
    gap: str
    """What shows in gaps: shade, soil, or a material."""
    gain: float = Field(ge=0)
    """Standard deviation of an object's brightness, in logarithms."""
    vary: float = Field(ge=0)
    """Standard deviation of the shares of an object's materials, in logarithms."""
    shift_days: float = Field(ge=0)
    """Standard deviation of an object's calendar in days."""
    texture: Texture
    """How much of the gap shows."""
    flecks: dict[str, float] = Field(default_factory=dict)
    """Kinds that stand here and there within it, too small to be mapped, and their shares."""


class _KindFile(Config):
    """kinds.toml: what worlds are made of."""

    kinds: dict[str, Kind]
    """Kinds of ground by name."""


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by name; their order gives each its number on the ground."""
    text = importlib.resources.files("landweave.simulate").joinpath("kinds.toml").read_text(encoding="utf-8")
    return check(_KindFile, tomllib.loads(text), "kinds.toml").kinds


@cache
def numbers() -> dict[str, int]:
    """Number of every kind."""
    return {name: number for number, name in enumerate(kinds())}


@cache
def classes() -> UInt8[np.ndarray, "256"]:
    """Class index in legend simulated-8 of every kind's number, as a table of 256 entries."""
    table = np.full(256, 255, np.uint8)
    names = legend(LEGEND)
    table[: len(kinds())] = [names.index(kind.land_class) for kind in kinds().values()]
    return table


CROPS = {
    "wheat": "Wheat",
    "rape": "Rapeseed",
    "maize": "Maize",
    "beet": "Beet",
    "potato": "Potato",
    "alfalfa": "Alfalfa",
    "ley": "Ley",
    "fallow": "Fallow",
    "meadow": "Grassland",
    "pasture": "Grassland",
    "resown": "Grassland",
}
"""Kinds that grow on fields, and their classes in legend simulated-crops."""


@cache
def crop_ids() -> UInt8[np.ndarray, "256"]:
    """Id in legend simulated-crops of every kind's number, 0 for what grows on no field, as a table of 256 entries."""
    table, known = np.zeros(256, np.uint8), legend("simulated-crops")
    for number, name in enumerate(kinds()):
        if name in CROPS:
            table[number] = known.ids[known.index(CROPS[name])]
    return table


@cache
def roofs() -> UInt8[np.ndarray, "256"]:
    """1 for the numbers of kinds that are roofs, as a table of 256 entries."""
    table = np.zeros(256, np.uint8)
    table[: len(kinds())] = [name.startswith("roof_") for name in kinds()]
    return table
