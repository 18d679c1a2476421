"""The landscape: structure, shares, determinism."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND, kinds, numbers
from landweave.simulate.landscape import ground
from landweave.simulate.lattice import Axes
from landweave.simulate.region import Ground, Place, Region, events, pick
from landweave.tiling import Window

DATE = dt.date(2023, 7, 1)
COARSE = Axes.of(Window(0, 0, 450, 450), 40.0)
NAMES = legend(LEGEND).names


def made(seed: int = 3, window: Window | None = None, **region: object) -> Ground:
    axes = Axes.of(window, 10 / 3) if window else COARSE
    return ground(Place(seed, Region.model_validate(region)), axes, DATE)


def share(of: Ground, name: str) -> float:
    return float((of.land == NAMES.index(name)).mean())


WHOLE = made()


def test_every_class_has_its_share() -> None:
    found = {name: share(WHOLE, name) for name in NAMES}
    assert sum(found.values()) == pytest.approx(1)
    assert 0.2 < found["Cropland"] < 0.5
    assert 0.03 < found["Built-up"] < 0.2
    assert 0.1 < found["Grassland"] < 0.4
    for name in ("Broad-leaved forest", "Coniferous forest", "Shrubland"):
        assert found[name] > 0.03, name
    assert 0.005 < found["Bare soil and rock"] < 0.08
    assert 0.01 < found["Water"] < 0.12


@pytest.mark.parametrize("part", [Window(150, 7, 1, 40), Window(3, 100, 200, 31), Window(160, 200, 60, 60)])
def test_a_part_alone_is_the_part_of_the_whole(part: Window) -> None:
    outer = Window(0, 0, 250, 270)
    shift = Window(4000, 9000, 0, 0)
    whole = made(window=Window(shift.row, shift.col, outer.height, outer.width))
    alone = made(window=Window(shift.row + part.row, shift.col + part.col, part.height, part.width))
    assert len(np.unique(whole.owner)) > 10
    for name, values in vars(alone).items():
        assert np.array_equal(values, getattr(whole, name)[part.slices]), name


def test_far_from_the_corner_nothing_is_lost() -> None:
    far = Window(30_000_000, 50_000_000, 200, 200)
    whole = made(window=far)
    part = made(window=Window(far.row + 50, far.col + 60, 30, 40))
    assert len(np.unique(whole.owner)) > 5
    assert np.array_equal(part.owner, whole.owner[50:80, 60:100])


def test_seeds_make_other_landscapes() -> None:
    other = made(seed=4)
    assert (other.land == WHOLE.land).mean() < 0.5


def test_a_region_has_what_it_asks_for() -> None:
    dry = made(wild=0.9, forest=0.1, shrub=0.5, lakes=0.0, river_m=0.0, town=0.0, quarry=0.0)
    assert share(dry, "Shrubland") > 0.3
    assert share(dry, "Built-up") < 0.02
    assert share(dry, "Water") == 0
    assert share(made(lakes=0.15), "Water") > 0.1
    assert share(made(conifer=1.0), "Coniferous forest") > 1.5 * share(WHOLE, "Coniferous forest")


def test_flecks_do_not_change_the_class() -> None:
    code = numbers()
    pines = (WHOLE.kind == code["conifer_stand"]) & (WHOLE.land == NAMES.index("Broad-leaved forest"))
    stands = WHOLE.land == NAMES.index("Broad-leaved forest")
    wanted = kinds()["broadleaf_stand"].flecks["conifer_stand"]
    assert 0.5 * wanted < pines.sum() / stands.sum() < 1.5 * wanted


def test_towns_have_streets_houses_and_gardens() -> None:
    town = made(window=Window(0, 0, 900, 900), town=1.0, town_m=9000)
    code, built = numbers(), town.land == NAMES.index("Built-up")
    assert built.mean() > 0.6
    kinds_there = set(np.unique(town.kind[built]).tolist())
    for name in ("asphalt", "lawn", "garden_tree", "yard", "roof_tile", "roof_metal"):
        assert code[name] in kinds_there, name
    roofs = np.isin(town.kind, [code[name] for name in code if name.startswith("roof_")])
    assert 0.08 < roofs[built].mean() < 0.5


def test_houses_are_rectangles_of_one_kind() -> None:
    from scipy import ndimage

    window = Window(0, 0, 800, 800)
    town = ground(Place(3, Region(town=1.0, town_m=9000)), Axes.of(window, 0.5), DATE)
    code = numbers()
    labels, count = ndimage.label(town.kind == code["roof_tile"])
    sizes = ndimage.sum_labels(np.ones_like(labels), labels, np.arange(1, count + 1)) * 0.25
    assert count > 10
    assert 30 < np.median(sizes) < 250


def test_fields_are_large_and_even() -> None:
    crops = WHOLE.land == NAMES.index("Cropland")
    same = (WHOLE.owner[:, 1:] == WHOLE.owner[:, :-1])[crops[:, 1:] & crops[:, :-1]]
    # Fields are some hundred metres wide: most neighbours at 30 m belong to the same.
    assert 0.7 < same.mean() < 0.97


def test_crops_rotate_and_land_stays() -> None:
    later = ground(Place(3, Region()), COARSE, dt.date(2024, 7, 1))
    crops = WHOLE.land == NAMES.index("Cropland")
    assert (later.kind != WHOLE.kind)[crops].mean() > 0.5
    assert (later.land != WHOLE.land).mean() < 0.03


def test_events_have_their_rate_and_stay_in_their_period() -> None:
    place = Place(1, Region(), (17_000, 17_000 + 3653))
    even = np.random.default_rng(1).random((2, 20_000)).astype(np.float32)
    happens, day = events(place, even[0], even[1], 0.02)
    assert abs(happens.mean() - 0.2) < 0.02
    assert day.min() >= 17_000
    assert day.max() <= 17_000 + 3653
    assert abs(day.mean() - 17_000 - 3653 / 2) < 50


def test_picks_follow_their_weights() -> None:
    even = np.linspace(0, 1, 10_001).astype(np.float32)
    found = pick(even, {"wheat": 3, "maize": 1})
    assert abs((found == numbers()["wheat"]).mean() - 0.75) < 0.001
    assert set(np.unique(found).tolist()) == {numbers()["wheat"], numbers()["maize"]}


def test_valleys_lie_along_rivers() -> None:
    river = WHOLE.kind == numbers()["river"]
    assert river.any()
    assert WHOLE.height[river].mean() < 0.3 * WHOLE.height.mean()
    assert WHOLE.height.min() >= 0


def test_grass_is_sown_anew_and_stays_grass() -> None:
    keys = {"wild": 0.0, "town": 0.0, "quarry": 0.0, "meadow": 0.9}
    period = (18_262, 19_357)
    place = Place(3, Region.model_validate(keys | {"renewal": 0.3}), period)
    axes = Axes.of(Window(0, 0, 300, 300), 10.0)
    new = numbers()["resown"]
    one, later = (ground(place, axes, dt.date(2021, month, 1)) for month in (5, 10))
    calm = ground(Place(3, Region.model_validate(keys), period), axes, dt.date(2021, 5, 1))
    # A hundred days after it was sown.
    assert 0.03 < (one.kind == new).mean() < 0.1
    assert not (calm.kind == new).any()
    assert np.array_equal(one.land, calm.land)
    assert np.array_equal(one.since, calm.since)
    assert not ((one.kind == new) & (later.kind == new)).any()
