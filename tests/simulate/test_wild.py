"""Woods, shrubs, natural grass and rock; and what stands within them, too small to be mapped."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND, classes, kinds, numbers
from landweave.simulate.landscape import ground
from landweave.simulate.lattice import Axes
from landweave.simulate.region import EPOCH, Ground, Place, Region
from landweave.simulate.wild import _plenty
from landweave.tiling import Window

CODE = numbers()
NAMES = legend(LEGEND).names
DATE = dt.date(2023, 7, 1)
PERIOD = (17_167, 20_089)
# Nothing but wild land: no town, water, pit or field hides it.
ALL_WILD = {"wild": 1.0, "town": 0.0, "lakes": 0.0, "river_m": 0.0, "quarry": 0.0}


def made(date: dt.date = DATE, seed: int = 4, cell_m: float = 20.0, size: int = 330, **region: Any) -> Ground:
    place = Place(seed, Region.model_validate(ALL_WILD | region), PERIOD)
    return ground(place, Axes.of(Window(0, 0, size, size), cell_m), date)


@cache
def usual() -> Ground:
    return made()


def share(of: Ground, *names: str) -> float:
    return float(np.isin(of.land, [NAMES.index(name) for name in names]).mean())


FOREST = ("Broad-leaved forest", "Coniferous forest")


# Shares.


def test_wild_land_is_not_farmed() -> None:
    assert share(usual(), "Cropland", "Built-up", "Water") < 0.01
    assert share(usual(), *FOREST) > 0.4


@pytest.mark.parametrize("wild", [0.0, 0.3, 0.7])
def test_the_wild_share_is_met(wild: float) -> None:
    place = Place(4, Region.model_validate(ALL_WILD | {"wild": wild, "meadow": 0.0}))
    found = ground(place, Axes.of(Window(0, 0, 400, 400), 120.0), DATE)
    assert share(found, *FOREST, "Shrubland", "Bare soil and rock") < wild + 0.16
    assert share(found, *FOREST) > 0.45 * wild


@pytest.mark.parametrize("forest", [0.1, 0.5, 0.9])
def test_the_forest_share_is_met(forest: float) -> None:
    found = made(cell_m=60.0, forest=forest, shrub=0.0, rock=0.0)
    # Stands along rivers and clear-cuts come and go: a tenth.
    assert share(found, *FOREST) == pytest.approx(forest, abs=0.12)
    assert share(found, "Grassland") == pytest.approx(1 - forest, abs=0.12)


def test_shrubs_and_rock_take_their_shares() -> None:
    found = made(cell_m=60.0, shrub=0.3, forest=0.5, rock=0.4)
    assert share(found, "Shrubland") == pytest.approx(0.3, abs=0.1)
    # Rock is a share of the open land, where it meets no stand along a river.
    assert 0.08 < share(found, "Bare soil and rock") < 0.3
    assert share(made(rock=0.0), "Bare soil and rock") < 0.005


def test_conifers_are_chosen() -> None:
    none, all_of_them = made(conifer=0.0), made(conifer=1.0)
    assert share(none, "Coniferous forest") < 0.45 * share(none, "Broad-leaved forest")
    assert share(all_of_them, "Coniferous forest") > 2 * share(all_of_them, "Broad-leaved forest")


def test_broad_leaved_trees_stand_along_rivers() -> None:
    place = Place(4, Region(wild=0.0, town=0.0, lakes=0.0, quarry=0.0))
    found = ground(place, Axes.of(Window(0, 0, 500, 500), 12.0), DATE)
    river = found.kind == CODE["river"]
    near = ndimage.binary_dilation(river, iterations=5) & ~river
    trees = found.kind == CODE["broadleaf_stand"]
    assert river.sum() > 300
    assert trees[near].mean() > 0.1
    assert trees[near].mean() > 5 * trees[~near & ~river].mean()


# Stands.


def test_stands_are_of_one_kind_each() -> None:
    stands = np.isin(usual().kind, [CODE["conifer_stand"], CODE["broadleaf_stand"], CODE["young_stand"]])
    owners = usual().owner[stands]
    classes_of = usual().land[stands]
    counts = [len(np.unique(classes_of[owners == owner])) for owner in np.unique(owners)[:80]]
    # A stand along a river turns into broad-leaved trees: a few have two.
    assert np.mean(np.array(counts) == 1) > 0.7


def test_stands_are_patches_of_some_hectares() -> None:
    found = made(cell_m=10.0, size=300, forest=1.0, shrub=0.0)
    owners, cells = np.unique(found.owner, return_counts=True)
    assert len(owners) > 80
    assert 1 < np.median(cells) * 100 / 1e4 < 12


def test_kinds_of_forest_have_their_classes() -> None:
    for kind, name in (
        ("broadleaf_stand", "Broad-leaved forest"),
        ("conifer_stand", "Coniferous forest"),
        ("young_stand", "Coniferous forest"),
        ("clearcut", "Shrubland"),
        ("natural_grass", "Grassland"),
        ("rock", "Bare soil and rock"),
    ):
        assert classes()[CODE[kind]] == NAMES.index(name), kind


# Felling.


def clear(of: Ground) -> np.ndarray:
    return np.asarray((of.land == NAMES.index("Shrubland")) & (of.since > 0))


def test_without_felling_nothing_happens() -> None:
    early, late = (made(dt.date(year, 7, 1), felling=0.0) for year in (2017, 2024))
    assert (late.since == 0).all()
    assert np.array_equal(early.land, late.land)


def test_felling_has_its_rate() -> None:
    found = made(dt.date(2024, 12, 31), cell_m=60.0, felling=0.03, forest=1.0, shrub=0.0)
    # Eight years at 3 %.
    assert clear(found).mean() == pytest.approx(0.24, abs=0.06)


def test_what_is_felled_stays_felled() -> None:
    states = [clear(made(dt.date(year, 7, 1), felling=0.05)) for year in (2017, 2019, 2022, 2024)]
    shares = [state.mean() for state in states]
    assert shares == sorted(shares)
    assert shares[-1] > 2 * shares[0]
    assert not (states[0] & ~states[-1]).any()


def test_the_day_of_felling_is_past_and_is_the_stands() -> None:
    found = made(dt.date(2021, 7, 1), felling=0.05)
    assert clear(found).any()
    days = found.since[clear(found)]
    assert days.min() >= PERIOD[0]
    assert days.max() <= (dt.date(2021, 7, 1) - EPOCH).days
    owners = found.owner[clear(found)]
    for owner in np.unique(owners)[:30]:
        assert len(np.unique(days[owners == owner])) == 1


# Flecks.


@pytest.mark.parametrize("name", ["broadleaf_stand", "conifer_stand", "natural_grass", "shrubs"])
def test_flecks_have_their_shares(name: str) -> None:
    found = made(cell_m=7.0, size=500)
    wanted = kinds()[name].flecks
    # What is of this kind's class and objects, flecks included.
    home = np.isin(found.owner, np.unique(found.owner[found.kind == CODE[name]]))
    home &= found.land == classes()[CODE[name]]
    total = sum(wanted.values())
    assert home.sum() > 3000
    others = sum((found.kind[home] == CODE[fleck]).mean() for fleck in wanted)
    assert others == pytest.approx(total, abs=0.07)
    assert others > 0.3 * total


def test_flecks_are_small() -> None:
    found = made(cell_m=4.0, size=500, conifer=0.0)
    pines = (found.kind == CODE["conifer_stand"]) & (found.land == NAMES.index("Broad-leaved forest"))
    labels, count = ndimage.label(pines)
    areas_m2 = np.bincount(labels.ravel())[1:] * 16.0
    assert count > 30
    # A mapped pixel has 100 square metres; a hectare has 10,000.
    assert np.median(areas_m2) < 1500
    assert areas_m2.max() < 20_000


def test_flecks_keep_their_object() -> None:
    found = made(cell_m=4.0, size=400)
    pines = (found.kind == CODE["conifer_stand"]) & (found.land == NAMES.index("Broad-leaved forest"))
    rows, cols = np.nonzero(pines & ndimage.binary_erosion(found.land == NAMES.index("Broad-leaved forest")))
    around = ndimage.generic_filter(found.owner.astype(np.float64), np.min, 3)
    most = ndimage.generic_filter(found.owner.astype(np.float64), np.max, 3)
    same = (around == most)[rows, cols]
    assert rows.size > 100
    assert same.mean() > 0.7


@settings(deadline=None, max_examples=20)
@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)))
def test_plenty_is_bounded(even: np.ndarray) -> None:
    found = _plenty(even)
    assert found.min() >= 0.3 - 1e-6
    assert found.max() <= 2.4 + 1e-6
    order = np.argsort(even, axis=None)
    assert (np.diff(found.ravel()[order]) >= 0).all()


def test_plenty_is_1_on_average_so_that_shares_hold() -> None:
    even = np.linspace(0, 1, 20_001, dtype=np.float32)[None]
    assert _plenty(even).mean() == pytest.approx(1, abs=1e-3)
    assert np.quantile(_plenty(even), 0.2) < 0.5
    assert np.quantile(_plenty(even), 0.9) > 1.8


def test_no_kind_can_be_covered_by_its_flecks() -> None:
    for name, kind in kinds().items():
        assert 2.4 * sum(kind.flecks.values()) < 0.6, name


# Regrowth.


def kinds_of_felled(date: dt.date, **region: Any) -> set[str]:
    found = made(date, felling=0.1, forest=1.0, shrub=0.0, **region)
    names = list(kinds())
    return {names[kind] for kind in np.unique(found.kind[found.since > 0])}


def test_what_was_felled_turns_green_without_changing_its_class() -> None:
    ages = ("felled", "clearcut", "thicket")
    found = made(felling=0.1, forest=1.0, shrub=0.0, regrowth_days=400)
    day = (DATE - EPOCH).days
    for kind, first, last in zip(ages, (0, 100, 400), (100, 400, 9999), strict=True):
        here = (found.kind == CODE[kind]) & (found.since > 0)
        age = day - found.since[here]
        assert here.any()
        assert age.min() >= first
        assert age.max() < last
        assert (found.land[here] == NAMES.index("Shrubland")).all()


def test_without_regrowth_it_is_green_at_once() -> None:
    assert not {"felled", "thicket"} & kinds_of_felled(DATE)


def test_smaller_stands_are_asked_for() -> None:
    small, large = (len(np.unique(made(stand_m=size, forest=1.0).owner)) for size in (120, 240))
    assert small > 2.5 * large
