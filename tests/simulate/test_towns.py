"""Towns: quarters, streets, lots, houses, roads between towns, what is built when."""

from __future__ import annotations

import datetime as dt
import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND, numbers, roofs
from landweave.simulate.landscape import ground
from landweave.simulate.lattice import Axes
from landweave.simulate.region import EPOCH, Ground, Place, Region
from landweave.simulate.towns import PLANS, Plan
from landweave.tiling import Window

DATE = dt.date(2023, 7, 1)
BUILT = legend(LEGEND).index("Built-up")
CODE = numbers()
# All of the land is town, and nothing flecks or floods it.
ALL_TOWN = {"town": 1.0, "town_m": 12_000.0, "wild": 0.0, "lakes": 0.0, "river_m": 0.0, "quarry": 0.0}
CENTRE, WORKS = PLANS[2], PLANS[3]


@cache
def town(cell_m: float = 0.5, size: int = 700, seed: int = 3, date: dt.date = DATE, **region: Any) -> Ground:
    axes = Axes.of(Window(400, 300, size, size), cell_m)
    return ground(Place(seed, Region.model_validate(ALL_TOWN | region)), axes, date)


def is_roof(made: Ground) -> np.ndarray:
    return np.asarray(roofs()[made.kind] == 1)


def share(where: np.ndarray) -> float:
    return float(where.mean())


def houses(made: Ground) -> tuple[np.ndarray, int]:
    """Connected roofs, and how many there are."""
    labels, count = ndimage.label(is_roof(made))
    return labels, count


def inner_houses(made: Ground) -> np.ndarray:
    """Labels of the houses that do not touch the window's border."""
    labels, count = houses(made)
    border = {int(label) for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]) for label in np.unique(edge)}
    return np.array([label for label in range(1, count + 1) if label not in border])


# Plans.


@pytest.mark.parametrize("plan", PLANS)
def test_plans_can_be_built(plan: Plan) -> None:
    length, depth = plan.block
    low, high, shallow, deep = plan.house
    assert length > plan.street + 2 * plan.lot or plan is WORKS
    assert 0 < low <= high <= 1
    assert 0 < shallow <= deep <= 1
    assert 0 <= plan.setback[0] <= plan.setback[1]
    # The deepest house, set back furthest, still ends before the back of its lot, or just reaches it.
    assert plan.setback[1] + deep * (depth - plan.street) / 2 <= (depth - plan.street) / 2 + 1e-6
    assert 0 < plan.built <= 1
    assert 0 <= plan.paved <= 1
    assert set(plan.roofs) <= set(CODE)


def test_the_centre_is_denser_than_the_rest() -> None:
    assert min(plan.setback[0] for plan in PLANS if plan is not CENTRE) > CENTRE.setback[0]
    assert CENTRE.paved > max(plan.paved for plan in PLANS[:2])
    assert min(CENTRE.house[:1]) > max(plan.house[1] for plan in PLANS if plan is not CENTRE)


def test_works_have_the_largest_roofs() -> None:
    areas = [plan.lot * plan.house[0] * (plan.block[1] - plan.street) / 2 * plan.house[2] for plan in PLANS]
    assert max(areas) == areas[3] > 4 * max(areas[:3])


# What stands in a town.


def test_a_town_is_streets_roofs_and_yards() -> None:
    made = town()
    built = made.land == BUILT
    assert share(built) > 0.85
    assert 0.06 < share(is_roof(made)) < 0.5
    assert 0.08 < share(made.kind == CODE["asphalt"]) < 0.45
    green = np.isin(made.kind, [CODE["lawn"], CODE["garden_tree"]])
    assert 0.15 < share(green) < 0.75


def test_all_of_a_lot_is_built_up_though_it_is_green() -> None:
    made = town()
    for name in ("lawn", "garden_tree", "yard", "asphalt", "roof_tile"):
        here = made.kind == CODE[name]
        assert here.any(), name
        assert (made.land[here] == BUILT).all(), name


def test_houses_have_the_sizes_of_houses() -> None:
    made = town()
    labels, _ = houses(made)
    inner = inner_houses(made)
    areas = ndimage.sum_labels(np.ones_like(labels), labels, inner) * 0.25
    assert len(inner) > 20
    assert 60 < np.median(areas) < 260
    assert share(areas < 15) < 0.1


def test_houses_fill_their_upright_boxes() -> None:
    # Rectangles turned with their quarter: in their own axes they fill their box, which the area and the greatest
    # extent say together.
    made = town()
    labels, _ = houses(made)
    filled = []
    for label in inner_houses(made)[:40]:
        rows, cols = np.nonzero(labels == label)
        if rows.size < 120:
            continue
        points = np.stack([rows, cols], 1) - [rows.mean(), cols.mean()]
        turns = np.deg2rad(np.arange(0, 90, 3))
        boxes = [
            np.ptp(points @ [np.cos(t), np.sin(t)]) * np.ptp(points @ [-np.sin(t), np.cos(t)]) for t in turns
        ]  # fmt: skip
        filled.append(rows.size / min(boxes))
    assert len(filled) > 10
    assert np.median(filled) > 0.85


def test_a_house_has_one_roof_in_two_halves() -> None:
    made = town()
    labels, _ = houses(made)
    halves, kinds_there = [], []
    for label in inner_houses(made):
        inside = labels == label
        if 100 < inside.sum() < 1200:
            halves.append(len(np.unique(made.owner[inside])))
            kinds_there.append(len(np.unique(made.kind[inside])))
    assert len(halves) > 15
    # Houses that touch their neighbours count as one here; most do not.
    assert np.median(halves) == 2
    assert np.median(kinds_there) == 1


def test_houses_stand_off_the_street_and_never_on_it() -> None:
    made = town()
    street = made.kind == CODE["asphalt"]
    assert not (street & is_roof(made)).any()
    # Detached houses are set back: within 2 m of a street hardly anything is roofed.
    beside = ndimage.binary_dilation(street, iterations=4) & ~street
    assert share(is_roof(made)[beside]) < 0.5 * share(is_roof(made)[~street])


def test_streets_are_one_net() -> None:
    made = town()
    labels, count = ndimage.label(made.kind == CODE["asphalt"], np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    assert count >= 1
    assert sizes.max() / sizes.sum() > 0.9


def test_streets_belong_to_the_street() -> None:
    made = town(building=0.0)
    place = Place(3, Region())
    streets = made.owner[made.kind == CODE["asphalt"]]
    assert share(np.isin(streets, [place.key("street"), place.key("road")])) > 0.8


def test_no_town_no_house() -> None:
    made = town(size=300, cell_m=10.0, town=0.0)
    assert not is_roof(made).any()
    assert not np.isin(made.kind, [CODE["lawn"], CODE["garden_tree"], CODE["yard"]]).any()


def test_roofs_are_those_of_the_region() -> None:
    wooden = Region.model_validate(ALL_TOWN | {"roofs": {"roof_wood": 1.0}})
    made = ground(Place(3, wooden), Axes.of(Window(400, 300, 700, 700), 0.5), DATE)
    code = made.kind[is_roof(made)]
    assert share(code == CODE["roof_wood"]) > 0.5
    # Works keep roofs of their own; nobody else has tiles.
    assert not (code == CODE["roof_tile"]).any()
    usual = town()
    assert not (usual.kind == CODE["roof_wood"]).any()


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000))
def test_towns_of_any_seed_have_houses_and_streets(seed: int) -> None:
    made = town(2.0, 350, seed)
    # Rivers and lakes lie in towns too: of the first 193 seeds one is built up by 0.55 only, half of them wholly.
    assert 0.02 < share(is_roof(made)) < 0.6
    assert share(made.kind == CODE["asphalt"]) > 0.03
    assert share(made.land == BUILT) > 0.25


# Towns in the land, and roads between them.


@cache
def land(**region: Any) -> Ground:
    return ground(Place(8, Region.model_validate(region)), Axes.of(Window(0, 0, 700, 700), 18.0), DATE)


def test_towns_are_patches_in_the_land() -> None:
    made = land(town=0.6, building=0.0)
    roofed = ndimage.binary_closing(is_roof(made), iterations=8)
    labels, _ = ndimage.label(roofed)
    sizes = np.bincount(labels.ravel())[1:]
    large = sizes[sizes > 400]
    assert 2 <= len(large) <= 12
    # Three towns in five squares of 4.2 km of at most 850 m times 1.55: far less than half of the land.
    assert share(roofed) < 0.4


def test_larger_towns_take_more_land() -> None:
    small, large = (share(is_roof(land(town_m=size))) for size in (500.0, 1100.0))
    assert large > 1.8 * small


def test_roads_lead_from_town_to_town() -> None:
    made = land(town=1.0, town_m=300.0, wild=0.0, building=0.0)
    road = made.owner == Place(8, Region()).key("road")
    assert road.any()
    assert (made.kind[road] == CODE["asphalt"]).mean() > 0.8
    labels, _ = ndimage.label(ndimage.binary_dilation(road, iterations=2), np.ones((3, 3)))
    widest = max(max(part.stop - part.start for part in box) for box in ndimage.find_objects(labels) if box)
    # 12.6 km of land: the net of roads spans nearly all of it.
    assert widest > 600


def test_without_towns_there_are_no_roads_between_them() -> None:
    road = land(town=0.0).owner == Place(8, Region()).key("road")
    assert not road.any()


# What is built when.


def built_on(date: dt.date, rate: float) -> Ground:
    place = Place(8, Region.model_validate({"town": 1.0, "wild": 0.0, "building": rate}), (17_167, 20_089))
    return ground(place, Axes.of(Window(0, 0, 420, 420), 30.0), date)


def test_towns_grow_and_never_shrink() -> None:
    grown = [roofed_land(built_on(dt.date(year, 7, 1), 0.08)) for year in (2017, 2019, 2021, 2024)]
    shares = [share(where) for where in grown]
    assert shares == sorted(shares)
    assert shares[-1] > 1.15 * shares[0]
    for before, after in itertools.pairwise(grown):
        assert not (before & ~after).any()


def roofed_land(made: Ground) -> np.ndarray:
    inside = np.isin(made.kind, [CODE[name] for name in ("lawn", "garden_tree", "yard")])
    return np.asarray(inside | is_roof(made))


def test_what_is_built_says_when() -> None:
    made = built_on(dt.date(2022, 7, 1), 0.08)
    since = made.since[roofed_land(made)]
    assert share(since > 0) > 0.03
    days = np.unique(since[since > 0])
    assert len(days) > 5
    assert days.min() >= 17_167
    assert days.max() <= (dt.date(2022, 7, 1) - EPOCH).days


def test_without_building_towns_stay() -> None:
    early, late = (built_on(dt.date(year, 7, 1), 0.0) for year in (2017, 2024))
    assert np.array_equal(roofed_land(early), roofed_land(late))
    assert (late.since[roofed_land(late)] == 0).all()


def test_a_quarter_is_built_on_the_day_that_it_says() -> None:
    after = built_on(dt.date(2024, 7, 1), 0.08)
    day = int(np.median(after.since[roofed_land(after) & (after.since > 0)]))
    day = int(after.since.ravel()[np.argmin(np.where(roofed_land(after), abs(after.since - day), 10**6))])
    of_it = roofed_land(after) & (after.since == day)
    eve, morrow = (built_on(EPOCH + dt.timedelta(days=day + step), 0.08) for step in (-1, 1))
    assert of_it.sum() > 3
    assert not roofed_land(eve)[of_it].any()
    assert roofed_land(morrow)[of_it].all()
