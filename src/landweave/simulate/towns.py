"""Towns: quarters with streets, lots, houses, gardens, works and parks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landweave.simulate.kinds import classes, numbers
from landweave.simulate.lattice import Cells, cells, hashed, noise, noise_at, uniform
from landweave.simulate.region import Ground, Land, Place, events, pick

Line = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """How the quarters of one type are built; lengths in metres.

    Attributes:
        block: Length and depth of a block from street to street.
        street: Width of a street.
        lot: Width of a lot.
        house: Least and greatest share of the lot's width that its house takes, then of its depth.
        setback: Least and greatest distance of a house from the street.
        built: Chance of a house on a lot.
        paved: Share of lots whose ground is paved.
        roofs: Weights of its roofs; the region's where there are none.
    """

    block: tuple[float, float]
    street: float
    lot: float
    house: tuple[float, float, float, float]
    setback: tuple[float, float]
    built: float
    paved: float
    roofs: Mapping[str, float] = field(default_factory=dict)


_WORKS_ROOFS = {"roof_metal": 0.45, "roof_light": 0.35, "roof_grey": 0.2}
PLANS = (
    Plan((120, 74), 8, 22, (0.42, 0.62, 0.30, 0.42), (4, 8), 0.93, 0.10),
    Plan((150, 92), 7, 30, (0.36, 0.52, 0.24, 0.38), (6, 12), 0.88, 0.08),
    Plan((95, 70), 10, 16, (0.92, 1.00, 0.42, 0.60), (0, 2), 0.97, 0.60),
    Plan((210, 140), 12, 90, (0.55, 0.80, 0.45, 0.72), (6, 14), 0.88, 0.85, _WORKS_ROOFS),
)
_HOUSES, _VILLAS, _CENTRE, _WORKS, _PARK = range(5)


def paint_towns(land: Land, made: Ground) -> None:
    """Put towns on the ground."""
    place, axes = land.place, land.axes
    bent = land.warp[0] * np.float32(0.4), land.warp[1] * np.float32(0.4)
    quarters = cells(axes, place.key("quarters"), place.region.quarter_m, bent)
    nearness = _nearness(place, quarters)
    young, event = events(
        place, quarters.uniform(place.key("building")), quarters.uniform(place.key("built")), place.region.building
    )
    young &= nearness > 0.5
    there = (nearness < 1) & ~(young & (event > land.day))
    inside = there[quarters.place]
    if not inside.any():
        return
    even = quarters.uniform(place.key("quarter type"))
    kind = np.select(
        [nearness < 0.25, even < 0.12, even < 0.22, even < 0.55], [_CENTRE, _PARK, _WORKS, _VILLAS], _HOUSES
    )
    turn = quarters.uniform(place.key("quarter turn")) * np.float32(np.pi)
    where = quarters.place[inside]
    cos, sin = np.cos(turn)[where], np.sin(turn)[where]
    dx, dy = quarters.dx[inside], quarters.dy[inside]
    u, v = dx * cos + dy * sin + 5000, dy * cos - dx * sin + 5000
    bits = quarters.hashed(place.key("quarter"))[where]
    trees = noise(axes, place.key("garden trees"), 9)[inside]
    built = [_built(place, plan, _Spots(u, v, bits, trees)) for plan in PLANS]
    which = kind[where]
    code = np.select([which == i for i in range(4)], [part[0] for part in built], numbers()["pasture"])
    code = np.where((which == _PARK) & (trees > 0.62), numbers()["hedge"], code)
    owner = np.select([which == i for i in range(4)], [part[1] for part in built], bits)
    ring = (quarters.edge_m[inside] < 4.5) & (which != _PARK)
    made.kind[inside] = np.where(ring, numbers()["asphalt"], code)
    made.land[inside] = classes()[made.kind[inside]]
    made.owner[inside] = np.where(ring, place.key("street"), owner)
    made.since[inside] = np.where(young, event, 0)[where]


_TOWNS_M = 4200.0


@dataclass(frozen=True)
class _Towns:
    """Towns at places of their lattice: middles and radii in metres, and whether there is one."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    radius: Line
    there: NDArray[np.bool_]


def _towns(place: Place, i: NDArray[np.int64], j: NDArray[np.int64]) -> _Towns:
    jx, jy = (0.25 * (2 * uniform(place.key(f"town {side}"), j, i) - 1) for side in "xy")
    size = np.float32(0.45) + np.float32(1.1) * uniform(place.key("town size"), j, i)
    there = uniform(place.key("town"), j, i) < place.region.town
    return _Towns((i + jx) * _TOWNS_M, (j + jy) * _TOWNS_M, np.float32(place.region.town_m) * size, there)


def _nearness(place: Place, quarters: Cells) -> Line:
    """0 in the middle of a town, 1 at its edge, for every node."""
    x, y = quarters.node_x, quarters.node_y
    i, j = np.floor(x / _TOWNS_M).astype(np.int64), np.floor(y / _TOWNS_M).astype(np.int64)
    best = np.full(x.shape, 9, np.float32)
    for down in (0, 1):
        for right in (0, 1):
            towns = _towns(place, i + right, j + down)
            far = np.hypot(x - towns.x, y - towns.y) / towns.radius
            best = np.where(towns.there, np.minimum(best, far), best).astype(np.float32)
    return best + np.float32(0.7) * (noise_at(x, y, place.key("town edge"), 900) - np.float32(0.5))


def paint_roads(land: Land, made: Ground) -> None:
    """Put winding roads from town to town on the ground."""
    place, axes = land.place, land.axes
    bend = tuple((noise(axes, place.key(f"road {side}"), 1600) - np.float32(0.5)) * np.float32(320) for side in "xy")
    x, y = axes.x[None] + bend[0], axes.y[:, None] + bend[1]
    box = x.min(), y.min(), x.max(), y.max()
    i0, j0, i1, j1 = (int(np.floor(side / _TOWNS_M)) for side in box)
    for j in range(j0 - 1, j1 + 3):
        for i in range(i0 - 1, i1 + 3):
            for down, right in ((0, 1), (1, 0), (1, 1)):
                ends = _towns(place, np.array([i, i + right]), np.array([j, j + down]))
                if ends.there.all() and _touches(ends, box):
                    made.paint(_to_segment(x, y, ends) < _ROAD_M / 2, "asphalt", place.key("road"))


_ROAD_M = 15.0


def _touches(ends: _Towns, box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = box
    across = ends.x.min() - _ROAD_M < right and ends.x.max() + _ROAD_M > left
    return bool(across and ends.y.min() - _ROAD_M < bottom and ends.y.max() + _ROAD_M > top)


def _to_segment(x: NDArray[np.float64], y: NDArray[np.float64], ends: _Towns) -> NDArray[np.float64]:
    """Metres to the straight line between two towns."""
    dx, dy = ends.x[1] - ends.x[0], ends.y[1] - ends.y[0]
    part = np.clip(((x - ends.x[0]) * dx + (y - ends.y[0]) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.asarray(np.hypot(x - ends.x[0] - part * dx, y - ends.y[0] - part * dy))


@dataclass(frozen=True)
class _Spots:
    """Cells within towns: metres along and across the streets, their quarter's random bits, and where trees are."""

    u: Line
    v: Line
    bits: NDArray[np.uint32]
    trees: Line


def _built(place: Place, plan: Plan, spots: _Spots) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Kind and object of every spot, were it in a quarter of that plan."""
    code = numbers()
    length, depth = (np.float32(side) for side in plan.block)
    iu, iv = np.floor(spots.u / length).astype(np.int32), np.floor(spots.v / depth).astype(np.int32)
    ru, rv = spots.u - iu * length, spots.v - iv * depth
    half = np.float32(plan.street / 2)
    street = (np.minimum(ru, length - ru) < half) | (np.minimum(rv, depth - rv) < half)
    lot = np.floor((ru - half) / np.float32(plan.lot)).astype(np.int32)
    along = ru - half - lot * np.float32(plan.lot)
    inward = np.minimum(rv, depth - rv) - half
    owner = hashed(spots.bits, iu, iv, lot * 2 + (rv > depth / 2))
    # The last lot of a block may be cut off by the street: it stays a yard.
    whole = (lot + 1) * np.float32(plan.lot) <= length - plan.street
    house, front, ridge = _house(plan, owner, along, inward)
    roof = pick(uniform(owner, np.array(5)), plan.roofs or place.region.roofs)
    garden = np.where(spots.trees > 0.60, code["garden_tree"], code["lawn"])
    paved = uniform(owner, np.array(6)) < plan.paved
    drive = (inward < front) & (uniform(owner, np.array(7)) < 0.3)
    yard = np.where(paved | drive, code["yard"], garden)
    kind = np.where(street, code["asphalt"], np.where(house & whole, roof, yard)).astype(np.uint8)
    # The two halves of a roof are objects of their own: one is brighter.
    part = np.where(house, 1 + (inward > front + ridge), 0)
    return kind, np.where(street, np.uint32(place.key("street")), hashed(owner, part))


def _house(plan: Plan, owner: NDArray[np.uint32], along: Line, inward: Line) -> tuple[NDArray[np.bool_], Line, Line]:
    """Where the house of a lot stands, how far it is from the street, and half its depth."""
    draws = [uniform(owner, np.array(number)) for number in range(5)]
    low, high, shallow, deep = plan.house
    wide = np.float32(plan.lot) * (low + (high - low) * draws[0])
    tall = np.asarray((plan.block[1] - plan.street) / 2 * (shallow + (deep - shallow) * draws[1]), np.float32)
    left = (np.float32(plan.lot) - wide) * draws[2]
    near, far = (np.float32(side) for side in plan.setback)
    front = near + (far - near) * draws[3]
    inside = (along > left) & (along < left + wide) & (inward > front) & (inward < front + tall)
    return np.asarray(inside & (draws[4] < plan.built)), front, np.asarray(tall / 2, np.float32)
