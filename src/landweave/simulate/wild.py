"""Woods, shrubs, natural grass and rock, and the small things that stand within them and within fields. Pure."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from landweave.simulate.kinds import kinds, numbers
from landweave.simulate.lattice import Cells, cells, fractal, hashed, noise, noise_at, rank, uniform
from landweave.simulate.region import Ground, Land, events

_FLECK_M = 32.0


def paint_wild(land: Land, made: Ground) -> None:
    """Put what is not farmed on the ground."""
    place, axes, region = land.place, land.axes, land.place.region
    inside = rank(fractal(axes, place.key("wild"), 2800, 5), 5) > 1 - region.wild
    open_land = rank(fractal(axes, place.key("open"), 1100, 4), 4) > region.forest
    bushy = rank(fractal(axes, place.key("bushes"), 620, 4), 4) > 1 - region.shrub
    rocky = rank(fractal(axes, place.key("rocks"), 420, 4), 4) > 1 - region.rock
    stands = cells(axes, place.key("stands"), region.stand_m, land.warp)
    species, since = _species(land, stands)
    owner = stands.hashed(place.key("stand"))[stands.place]
    patches = hashed(owner, np.array(7))
    made.paint(inside, species[stands.place], owner, since[stands.place])
    made.paint(inside & open_land, "natural_grass", patches)
    made.paint(inside & bushy, "shrubs", patches)
    made.paint(inside & open_land & rocky, "rock", patches)
    made.paint((land.to_river < 70) & (noise(axes, place.key("riparian"), 220) > 0.52), "broadleaf_stand", owner)


def _species(land: Land, stands: Cells) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Kind of every stand, and the day on which it was felled."""
    place, region, code = land.place, land.place.region, numbers()
    soft = noise_at(stands.node_x, stands.node_y, place.key("conifers"), 1800)
    age = stands.uniform(place.key("age"))
    conifer = stands.uniform(place.key("species")) < np.clip(region.conifer + 1.5 * (soft - 0.5), 0.03, 0.97)
    felled, event = events(
        place, stands.uniform(place.key("felling")), stands.uniform(place.key("felled")), region.felling
    )
    felled &= (event <= land.day) & (age <= 0.96)
    kind = np.where(conifer, code["conifer_stand"], code["broadleaf_stand"])
    kind = np.where(conifer & (age < 0.08), code["young_stand"], kind)
    kind = np.where((age > 0.96) | felled, code["clearcut"], kind)
    if region.regrowth_days:
        grown = (land.day - event) / region.regrowth_days
        kind = np.where(felled & (grown < 0.25), code["felled"], kind)
        kind = np.where(felled & (grown >= 1), code["thicket"], kind)
    return kind.astype(np.uint8), np.where(felled, event, 0).astype(np.int32)


def paint_flecks(land: Land, made: Ground) -> None:
    """Other trees in a stand, bushes in a pasture, bare spots in a field: seen, but too small to be mapped.

    A fleck keeps its object's random bits, and with them its soil.
    """
    even = rank(fractal(land.axes, land.place.key("flecks"), _FLECK_M, 2), 2)
    whole = made.kind.copy()
    plenty = _plenty(uniform(made.owner, np.array(6)))
    for number, kind in enumerate(kinds().values()):
        low, high = np.zeros_like(even), np.ones_like(even)
        for turn, (name, share) in enumerate(kind.flecks.items()):
            width = np.float32(share) * plenty
            # By turns from both ends of the noise, so that two kinds are patches and not rings of one another.
            if turn % 2:
                found, high = (even < high) & (even >= high - width), high - width
            else:
                found, low = (even >= low) & (even < low + width), low + width
            made.kind[(whole == number) & found] = numbers()[name]


def _plenty(even: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """How many flecks an object has against the mean: some have hardly any, some twice as many; the mean is 1."""
    return np.asarray(np.float32(0.3) + np.float32(2.1) * even * even)
