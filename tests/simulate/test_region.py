"""Regions, places, the ground that is painted, and how things are chosen and dated."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landweave.config import check
from landweave.errors import ConfigError
from landweave.simulate.kinds import classes, numbers
from landweave.simulate.lattice import Axes
from landweave.simulate.reflectance import spectra
from landweave.simulate.region import EPOCH, Ground, Land, Place, Region, bare, chosen, events, joined, pick
from landweave.tiling import Window

EVEN = hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(0, 0.9990234375, width=32))
CODE = numbers()


def level(shape: tuple[int, int] = (6, 7)) -> Ground:
    high = np.zeros((shape[0] + 2, shape[1] + 2), np.float32)
    return bare(shape, np.zeros(shape, np.uint8), high, 10.0)


# Regions.


def test_a_region_without_wishes_is_whole() -> None:
    region = Region()
    assert sum(region.crops.values()) == pytest.approx(1)
    assert sum(region.roofs.values()) == pytest.approx(1)
    assert set(region.crops) | set(region.roofs) <= set(CODE)
    assert set(region.soils) <= set(spectra().names)


def test_regions_do_not_share_their_tables() -> None:
    one, other = Region(), Region()
    one.crops["wheat"] = 0.9
    one.soils.append("soil_red")
    assert other.crops["wheat"] != 0.9
    assert "soil_red" not in other.soils


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("relief_m", -1),
        ("wild", 1.2),
        ("forest", -0.1),
        ("lakes", 3),
        ("field_m", 0),
        ("town", 1.01),
        ("town_m", 0),
        ("felling", -0.01),
        ("quarry", "often"),
        ("soils", ["soil_brown"]),
        ("forrest", 0.5),
    ],
)
def test_what_no_region_can_be_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        check(Region, {key: value}, "region of a test")
    assert "region of a test" in caught.value.given
    assert key in caught.value.given + caught.value.expected
    assert caught.value.expected
    assert caught.value.do


def test_a_wrong_key_is_told_the_right_one() -> None:
    with pytest.raises(ConfigError, match="forest"):
        check(Region, {"forrest": 0.5}, "region")


# Places and land.


def test_layers_of_a_place_have_keys_of_their_own() -> None:
    keys = {Place(seed, Region()).key(name) for seed in range(20) for name in ("river", "lakes", "town", "town size")}
    assert len(keys) == 80


def test_the_region_does_not_change_a_places_keys() -> None:
    # What two regions have in common lies at the same places: only shares and looks differ.
    assert Place(4, Region()).key("river") == Place(4, Region(lakes=0.3)).key("river")


def test_days_count_from_1970() -> None:
    axes = Axes.of(Window(0, 0, 2, 2), 10.0)
    flat = np.zeros((2, 2), np.float32)
    land = Land(Place(1, Region()), axes, (flat, flat), flat, dt.date(2023, 7, 12))
    assert land.day == 19_550
    assert dt.date(1970, 1, 1) + dt.timedelta(days=land.day) == land.date
    assert dt.date(1970, 1, 1) == EPOCH


# Ground.


def test_bare_ground_is_bare() -> None:
    made = level()
    for name in ("kind", "land", "owner", "region", "across", "since", "east", "south"):
        values = getattr(made, name)
        assert values.shape == (6, 7), name
        assert (values == 0).all(), name


def test_layers_of_bare_ground_are_not_one_array() -> None:
    made = level()
    made.kind[:] = 3
    made.across[:] = 2
    assert (made.land == 0).all()
    assert (made.region == 0).all()
    assert (made.since == 0).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.sampled_from([0.25, 10 / 3, 10.0]))
def test_slopes_of_a_plane(east: float, south: float, cell_m: float) -> None:
    rows, cols = np.mgrid[0:8, 0:9] * cell_m
    made = bare((6, 7), np.zeros((6, 7), np.uint8), (500 + east * cols + south * rows).astype(np.float32), cell_m)
    assert np.allclose(made.east, east, atol=1e-3)
    assert np.allclose(made.south, south, atol=1e-3)
    assert np.allclose(made.height, (500 + east * cols + south * rows)[1:-1, 1:-1], atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.bool_, (6, 7)), st.sampled_from(sorted(CODE)), st.integers(0, 2**32 - 1))
def test_paint_changes_what_is_under_the_brush_and_nothing_else(where: np.ndarray, kind: str, owner: int) -> None:
    made = level()
    made.paint(np.ones((6, 7), np.bool_), "maize", 9)
    made.paint(where, kind, owner)
    assert (made.kind[where] == CODE[kind]).all()
    assert (made.land[where] == classes()[CODE[kind]]).all()
    assert (made.owner[where] == owner).all()
    assert (made.kind[~where] == CODE["maize"]).all()
    assert (made.owner[~where] == 9).all()


def test_paint_takes_kinds_owners_and_days_cell_by_cell() -> None:
    made = level((1, 3))
    kinds = np.array([[CODE["lake"], CODE["rock"], CODE["ley"]]], np.uint8)
    owners, since = np.array([[7, 8, 9]], np.uint32), np.array([[100, 200, 300]], np.int32)
    made.paint(np.array([[True, False, True]]), kinds, owners, since)
    assert made.kind.tolist() == [[CODE["lake"], 0, CODE["ley"]]]
    assert made.owner.tolist() == [[7, 0, 9]]
    assert made.since.tolist() == [[100, 0, 300]]
    assert made.land[0, 0] == classes()[CODE["lake"]]


def test_what_is_painted_over_forgets_its_day() -> None:
    made = level((1, 2))
    everywhere = np.ones((1, 2), np.bool_)
    made.paint(everywhere, "clearcut", 1, np.full((1, 2), 500, np.int32))
    made.paint(np.array([[True, False]]), "asphalt", 2)
    assert made.since.tolist() == [[0, 500]]


def marked(value: int, rows: int) -> Ground:
    made = level((rows, 4))
    made.paint(np.ones((rows, 4), np.bool_), "lake", value)
    made.height = np.full((rows, 4), value, np.float32)
    return made


def test_strips_are_joined_from_north_to_south() -> None:
    made = joined([marked(1, 2), marked(2, 3), marked(3, 1)])
    assert made.owner[:, 0].tolist() == [1, 1, 2, 2, 2, 3]
    assert all(values.shape == (6, 4) for values in vars(made).values())
    assert made.height[:, 3].tolist() == [1, 1, 2, 2, 2, 3]


def test_one_strip_joined_is_itself() -> None:
    made = marked(5, 3)
    for name, values in vars(joined([made])).items():
        assert np.array_equal(values, getattr(made, name)), name


@settings(deadline=None, max_examples=20)
@given(hnp.arrays(np.bool_, (3, 4)))
def test_of_two_grounds_the_chosen_one(where: np.ndarray) -> None:
    found = chosen(where, marked(1, 3), marked(2, 3))
    assert np.array_equal(found.owner, np.where(where, 1, 2))
    for name, values in vars(found).items():
        assert values.dtype == getattr(marked(1, 3), name).dtype, name


# Choice and dates.


@settings(deadline=None, max_examples=40)
@given(EVEN, st.dictionaries(st.sampled_from(sorted(CODE)), st.floats(0.01, 10), min_size=1, max_size=6))
def test_picks_are_of_the_list_and_in_its_order(even: np.ndarray, weights: dict[str, float]) -> None:
    found = pick(even, weights)
    names = [CODE[name] for name in weights]
    places = [names.index(int(code)) for code in found[np.argsort(even)]]
    assert places == sorted(places)


def test_weights_need_not_add_up() -> None:
    even = np.linspace(0, 0.999, 4000).astype(np.float32)
    assert np.array_equal(pick(even, {"wheat": 1, "rape": 3}), pick(even, {"wheat": 0.25, "rape": 0.75}))
    assert (pick(even, {"wheat": 0.0, "rape": 2.0})[1:] == CODE["rape"]).all()


def test_the_last_of_a_list_takes_the_end_of_the_range() -> None:
    assert pick(np.array([1.0], np.float32), {"wheat": 0.3, "rape": 0.7})[0] == CODE["rape"]


@settings(deadline=None, max_examples=40)
@given(EVEN, st.floats(0, 0.3), st.integers(10_000, 20_000), st.integers(1, 8_000))
def test_events_lie_in_their_period(even: np.ndarray, rate: float, first: int, days: int) -> None:
    happens, day = events(Place(1, Region(), (first, first + days)), even, even[::-1], rate)
    assert happens.shape == day.shape == even.shape
    assert (day >= first).all()
    assert (day <= first + days).all()
    assert np.array_equal(happens, even < rate * (days / 365.25))


def test_nothing_happens_at_a_rate_of_0_and_more_at_a_higher_one() -> None:
    even = np.random.default_rng(2).random(4000).astype(np.float32)
    place = Place(1, Region(), (17_000, 17_000 + 1461))
    none, some, more = (events(place, even, even, rate)[0] for rate in (0.0, 0.02, 0.05))
    assert not none.any()
    assert some.mean() == pytest.approx(0.08, abs=0.015)
    assert more.mean() == pytest.approx(0.2, abs=0.02)
    assert not (some & ~more).any()


# Events late in the year.


@pytest.mark.parametrize("late", [0.0, 0.5, 1.0])
def test_late_events_come_in_november_and_december(late: float) -> None:
    first, last = (dt.date(2020, 3, 1) - EPOCH).days, (dt.date(2022, 6, 30) - EPOCH).days
    rng = np.random.default_rng(0)
    chance, when = rng.random((2, 20_000), np.float32)
    _, days = events(Place(1, Region(), (first, last), late), chance, when, 0.1)
    assert first <= days.min() <= days.max() <= last
    months = (days.astype("M8[D]").astype("M8[M]").astype(int) % 12) + 1
    by_chance = 122 / (last - first)
    assert (months >= 11).mean() == pytest.approx(late + (1 - late) * by_chance, abs=0.02)
    # Every year's autumn has its share.
    years = days[months >= 11].astype("M8[D]").astype("M8[Y]").astype(int) + 1970
    assert abs((years == 2020).mean() - 0.5) < 0.05


def test_a_period_without_autumn_has_events_all_the_same() -> None:
    rng = np.random.default_rng(0)
    chance, when = rng.random((2, 100), np.float32)
    first = (dt.date(2021, 2, 1) - EPOCH).days
    _, days = events(Place(1, Region(), (first, first + 100), 0.8), chance, when, 0.1)
    assert (days >= first).all() and (days <= first + 100).all()
