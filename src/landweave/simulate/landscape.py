"""What stands where: terrain, water, woods, fields, towns and roads, for any window of a world. Pure."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from landweave.simulate.kinds import numbers
from landweave.simulate.lattice import (
    Axes,
    Cells,
    Plane,
    cells,
    fractal,
    hashed,
    noise,
    noise_at,
    rank,
    strips,
    uniform,
)
from landweave.simulate.region import Ground, Land, Place, bare, events, joined, pick
from landweave.simulate.towns import paint_roads, paint_towns
from landweave.simulate.wild import paint_flecks, paint_wild

# Cells are painted in strips of so many rows: what is at work then fits into a core's cache.
_STRIP = 144


def ground(place: Place, axes: Axes, date: dt.date) -> Ground:
    """What stands on the cells of `axes` at a date."""
    strips_of = [Axes(axes.x, axes.y[row : row + _STRIP], axes.cell_m) for row in range(0, len(axes.y), _STRIP)]
    return joined([_strip(place, strip, date) for strip in strips_of])


def _strip(place: Place, axes: Axes, date: dt.date) -> Ground:
    wide = _grown(axes)
    water, to_river, half_m = _waters(place, wide)
    height = _height(place, wide, to_river)
    inner = (slice(1, -1), slice(1, -1))
    land = Land(place, axes, _warp(place, axes), to_river[inner], date)
    made = bare(axes.shape, _soil(place, axes), height, axes.cell_m)
    _farmland(land, made)
    paint_wild(land, made)
    _banks(land, made, half_m[inner])
    _pits(place, axes, made)
    paint_towns(land, made)
    paint_roads(land, made)
    made.paint(water[inner] == 1, "lake", place.key("lake"))
    made.paint(water[inner] == 2, "river", place.key("river"))
    paint_flecks(land, made)
    return made


def _grown(axes: Axes) -> Axes:
    step = axes.cell_m
    x = np.concatenate([axes.x[:1] - step, axes.x, axes.x[-1:] + step])
    y = np.concatenate([axes.y[:1] - step, axes.y, axes.y[-1:] + step])
    return Axes(x, y, step)


def _warp(place: Place, axes: Axes) -> tuple[Plane, Plane]:
    """Metres by which borders bend."""
    return tuple(
        (noise(axes, place.key(f"warp {side}"), 160) - np.float32(0.5)) * np.float32(90)
        + (noise(axes, place.key(f"bend {side}"), 700) - np.float32(0.5)) * np.float32(260)
        for side in "xy"
    )  # type: ignore[return-value]


def _soil(place: Place, axes: Axes) -> NDArray[np.uint8]:
    even = rank(fractal(axes, place.key("soil"), 2600, 3), 3)
    num = len(place.region.soils)
    # The first soils of the list are the commonest: shares fall from one to the next.
    return np.asarray(np.minimum(even * even * np.float32(num), num - 1), np.uint8)


def _line_m(axes: Axes, number: int, spacing_m: float, octaves: int) -> Plane:
    """Metres to the nearest place where noise crosses its middle: winding lines that never cross."""
    values = fractal(_grown(axes), number, spacing_m, octaves, 0.42) - np.float32(0.5)
    slope = np.hypot(values[2:, 1:-1] - values[:-2, 1:-1], values[1:-1, 2:] - values[1:-1, :-2])
    steepness = slope / np.float32(2 * axes.cell_m) + np.float32(0.25 / spacing_m)
    return np.asarray(np.abs(values[1:-1, 1:-1]) / steepness)


def _waters(place: Place, axes: Axes) -> tuple[NDArray[np.uint8], Plane, Plane]:
    """0 land, 1 lake, 2 river for each cell; metres to the river's middle, and half its width."""
    region = place.region
    to_river = _line_m(axes, place.key("river"), 5200, 4)
    half = np.float32(region.river_m / 2) * (np.float32(0.5) + noise(axes, place.key("river width"), 1400))
    lake = rank(fractal(axes, place.key("lakes"), 2400, 4, 0.42), 4, 0.42) > 1 - region.lakes
    water = lake.astype(np.uint8)
    water[to_river < half] = 2
    return water, to_river, half


def _height(place: Place, axes: Axes, to_river: Plane) -> Plane:
    hills = fractal(axes, place.key("hills"), 5600, 5, 0.42)
    valley = to_river / (to_river + np.float32(700))
    return np.asarray(hills * valley * np.float32(2 * place.region.relief_m))


def _farmland(land: Land, made: Ground) -> None:
    place, axes, region = land.place, land.axes, land.place.region
    blocks = cells(axes, place.key("blocks"), 900, land.warp)
    bits = blocks.hashed(place.key("block"))
    lie = noise_at(blocks.node_x, blocks.node_y, place.key("turn"), 3500)
    turn = 6 * lie + 0.5 * blocks.uniform(place.key("own turn"))
    u, v = _turned(blocks, turn)
    width = region.field_m * (0.55 + blocks.uniform(place.key("width")))
    length = width * (1.6 + 2.4 * blocks.uniform(place.key("length")))
    owner = bits[blocks.place]
    row, side_m = strips(v, width[blocks.place], owner)
    owner = hashed(owner, row)
    col, end_m = strips(u, length[blocks.place], owner)
    owner = hashed(owner, col)
    green = noise_at(blocks.node_x, blocks.node_y, place.key("meadows"), 2600)
    share = np.clip(region.meadow + 1.1 * (green - 0.5), 0.04, 0.92)[blocks.place].astype(np.float32)
    share = share + np.float32(0.5) * np.exp(-land.to_river / np.float32(160))
    even = uniform(owner, np.array(1))
    crop = pick(uniform(owner, np.array(land.date.year)), region.crops)
    grass = np.where(uniform(owner, np.array(3)) < 0.55, np.uint8(numbers()["meadow"]), np.uint8(numbers()["pasture"]))
    grass = np.where(_renewed(land, owner), np.uint8(numbers()["resown"]), grass)
    made.paint(np.ones(axes.shape, np.bool_), np.where(even < share, grass, crop), owner)
    made.across[:] = v
    made.paint(np.minimum(side_m, end_m) < 1.2, "pasture", owner)
    _borders(place, made, blocks)


_RENEWAL_DAYS = 100


def _renewed(land: Land, owner: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Where grass was ploughed and sown anew a short while ago."""
    place = land.place
    if not place.region.renewal:
        return np.zeros(owner.shape, np.bool_)
    chance, when = (uniform(owner, np.array(salt)) for salt in (21, 22))
    there, day = events(place, chance, when, place.region.renewal)
    return there & (day <= land.day) & (land.day < day + _RENEWAL_DAYS)


def _turned(nodes: Cells, turn: NDArray[np.floating]) -> tuple[Plane, Plane]:
    cos, sin = np.cos(turn).astype(np.float32)[nodes.place], np.sin(turn).astype(np.float32)[nodes.place]
    return nodes.dx * cos + nodes.dy * sin, nodes.dy * cos - nodes.dx * sin


def _borders(place: Place, made: Ground, blocks: Cells) -> None:
    """Roads, tracks and hedges between blocks of fields."""
    bits = blocks.hashed(place.key("border"))
    pair = bits[blocks.place] + bits[blocks.other]
    even = uniform(pair, np.array(1))
    made.paint((even < 0.3) & (blocks.edge_m < 5), "asphalt", pair)
    made.paint((even >= 0.3) & (even < 0.6) & (blocks.edge_m < 2.5), "track", pair)
    made.paint((even >= 0.6) & (even < 0.85) & (blocks.edge_m < 8), "hedge", pair)


def _banks(land: Land, made: Ground, half_m: Plane) -> None:
    """Gravel and sand beside rivers, tapering off."""
    ample = noise(land.axes, land.place.key("bank"), 300) - np.float32(0.62)
    made.paint(land.to_river - half_m < ample * 90, "bank", land.place.key("bank"))


def _pits(place: Place, axes: Axes, made: Ground) -> None:
    pits = cells(axes, place.key("pits"), 2600)
    there = pits.uniform(place.key("pit")) < place.region.quarry
    radius = np.where(there, 90 + 190 * pits.uniform(place.key("pit size")), 1e-3).astype(np.float32)[pits.place]
    ragged = np.float32(0.9) * (fractal(axes, place.key("pit edge"), 130, 2) - np.float32(0.5))
    made.paint(np.hypot(pits.dx, pits.dy) / radius + ragged < 1, "quarry", pits.hashed(place.key("pit"))[pits.place])
