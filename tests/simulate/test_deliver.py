"""Deliveries: which layers are made together, in which parts, and what each part holds."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulate.making import JULY, S2, world

from landweave.legend import legend
from landweave.simulate.deliver import Delivery, deliveries, layers_of, parts_of
from landweave.simulate.kinds import roofs
from landweave.simulate.lattice import Axes
from landweave.simulate.region import EPOCH
from landweave.simulate.truth import changes, cover
from landweave.simulate.world import World, ground_of
from landweave.tiling import Window

L8 = {"sensor": "landsat-8-c2l2", "date": "2019-06-02"}
PICTURE = {"sensor": "worldview-rgb", "date": "2023-07-12", "window_px": (12, 6, 12, 12)}
OLD = {"date": "2016-07-01", "omission": {"Grassland": 0.3, "Cropland": 0.2}, "commission": {"Shrubland": 0.15}}
BUSY = [{"felling": 0.08, "building": 0.1, "town": 1.0, "town_m": 1300}]
KNOWN = legend("simulated-8")


@cache
def made() -> World:
    return world(S2, L8, PICTURE, size_px=60, seed=22, regions=BUSY, old_map=OLD)


@cache
def numbers(index: int) -> dict[str, np.ndarray]:
    delivery = deliveries(made())[index]
    return dict(layers_of(made(), delivery, delivery.window)[0])


# Which layers.


def test_every_scene_is_a_delivery_and_the_rest_of_the_truth_is_one() -> None:
    found = deliveries(made())
    assert [each.name for each in found] == ["scene-000", "scene-001", "scene-002", "truth"]
    assert [each.scene for each in found] == [0, 1, 2, None]
    assert [each.pixel_size_m for each in found] == [10, 30, 0.5, 10]


def test_windows_are_counted_in_the_finest_pixels() -> None:
    assert [each.window for each in deliveries(made())] == [
        Window(0, 0, 60, 60), Window(0, 0, 20, 20), Window(240, 120, 240, 240), Window(0, 0, 60, 60),
    ]  # fmt: skip


def test_truth_maps_stand_once_a_year() -> None:
    paths = [layer.path for each in deliveries(made()) for layer in each.layers if layer.path.startswith("truth/")]
    assert sorted(paths) == [
        "truth/2019.tif", "truth/2023.tif", "truth/buildings-002.tif", "truth/change.tif", "truth/old-map-2016.tif",
    ]  # fmt: skip


def test_one_year_has_no_change() -> None:
    paths = [layer.path for each in deliveries(world(size_px=60)) for layer in each.layers]
    assert "truth/change.tif" not in paths
    assert len(deliveries(world(size_px=60))) == 1


def test_a_scene_of_a_part_of_the_world_does_not_bring_the_truth_of_all() -> None:
    small = world(S2 | {"window_px": (0, 0, 30, 30)}, size_px=60)
    scene, truth = deliveries(small)
    assert scene.window == Window(0, 0, 30, 30)
    assert [layer.path for layer in truth.layers] == ["truth/2023.tif"]
    assert truth.window == small.window


# Parts.


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(["sentinel-2-l2a", "landsat-8-c2l2"]))
def test_parts_partition_a_delivery_of_any_size(rows: int, cols: int, sensor: str) -> None:
    this = world({"sensor": sensor, "date": JULY}).model_copy(update={"height_px": 6 * rows, "width_px": 6 * cols})
    each = deliveries(this)[0]
    parts = parts_of(this, each)
    assert sum(part.num_pixels for part in parts) == each.window.num_pixels
    assert len(set(parts)) == len(parts)
    assert all(part.clip(each.window) == part for part in parts)
    for part in parts:
        # Every part holds whole pixels of 60 m, or of 30 m.
        coarsest = 6 if sensor.startswith("sentinel") else 1
        assert not any(side % coarsest for side in (part.row, part.col, part.height, part.width))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 10), st.integers(1, 10))
def test_a_part_in_pixels_of_another_size_is_the_same_land(row: int, col: int, height: int, width: int) -> None:
    fine = Window(6 * row, 6 * col, 6 * height, 6 * width)
    delivery = Delivery("d", made().window, 10.0, (), 0)
    for size in (10.0, 20.0, 60.0):
        part = delivery.part(fine, size)
        assert part.row * size == fine.row * 10
        assert part.width * size == fine.width * 10
        assert part.num_pixels * size**2 == fine.num_pixels * 100


def test_parts_of_fine_pictures_are_small() -> None:
    this = world({"sensor": "worldview-rgb", "date": JULY, "window_px": (0, 0, 120, 120)})
    each = deliveries(this)[0]
    parts = parts_of(this, each)
    assert each.window.shape == (2400, 2400)
    assert len(parts) == 16
    assert max(part.num_pixels for part in parts) == 720**2


# What they hold.


@pytest.mark.parametrize("index", range(4))
def test_every_band_of_every_layer_is_there_in_its_size(index: int) -> None:
    delivery = deliveries(made())[index]
    found = numbers(index)
    for layer in delivery.layers:
        shape = delivery.part(delivery.window, layer.pixel_size_m).shape
        for band in layer.bands:
            assert found[band].shape == shape, band


def test_maps_hold_ids_of_the_legend() -> None:
    ids = {entry.id for entry in KNOWN.classes}
    for index, name in ((0, "truth-2023"), (3, "truth-2019"), (3, "old-map")):
        there = set(np.unique(numbers(index)[name]).tolist())
        assert there <= ids, name
        assert len(there) >= 4, name


def test_truth_beside_the_scene_is_the_cover_of_its_day() -> None:
    truth = KNOWN.to_indices(numbers(0)["truth-2023"])
    assert np.array_equal(truth, cover(made(), made().window, JULY))


def test_truth_maps_differ_exactly_where_the_change_truth_says() -> None:
    before, after = numbers(3)["truth-2019"], numbers(0)["truth-2023"]
    changed = before != after
    first, last, day = (numbers(3)[name] for name in ("from", "to", "day"))
    assert changed.sum() > 20
    assert np.array_equal(first > 0, changed)
    assert np.array_equal(last > 0, changed)
    assert np.array_equal(first[changed], before[changed])
    assert np.array_equal(last[changed], after[changed])
    assert (day[~changed] == 0).all()


def test_days_of_change_lie_between_the_two_truths() -> None:
    day = numbers(3)["day"]
    known = day[day > 0].astype(int)
    assert known.size > 20
    assert known.min() > (dt.date(2019, 6, 2) - EPOCH).days
    assert known.max() <= (JULY - EPOCH).days


def test_change_is_split_in_time_by_a_day_between() -> None:
    # What changed by a day in between, and what changed after it: both together are all that changed at least once.
    middle = dt.date(2021, 6, 1)
    first, last = dt.date(2019, 6, 2), JULY
    early = changes(made(), made().window, first, middle)
    late = changes(made(), made().window, middle, last)
    all_of_it = changes(made(), made().window, first, last)
    assert (early[2][early[2] > 0] <= (middle - EPOCH).days).all()
    assert (late[2][late[2] > 0] > (middle - EPOCH).days).all()
    assert not ((all_of_it[0] > 0) & (early[0] == 0) & (late[0] == 0)).any()
    once = (early[0] > 0) ^ (late[0] > 0)
    assert np.array_equal((all_of_it[0] > 0)[once], np.ones(int(once.sum()), bool))


def test_nothing_changes_from_a_day_to_itself() -> None:
    assert (changes(made(), made().window, JULY, JULY) == 0).all()


def test_the_old_map_is_wrong_and_the_rest_of_it_is_the_truth_of_its_day() -> None:
    old = KNOWN.to_indices(numbers(3)["old-map"])
    truth = cover(made(), made().window, dt.date(2016, 7, 1))
    wrong = old != truth
    assert 0.02 < wrong.mean() < 0.35
    # Classes without omission are never lost.
    losing = {KNOWN.names.index(name) for name in ("Grassland", "Cropland")}
    assert set(np.unique(truth[wrong]).tolist()) <= losing


# Buildings.


def test_buildings_lie_where_houses_stand() -> None:
    # The picture's ground, made by itself: each pixel of 0.5 m has 2 x 2 cells.
    window = deliveries(made())[2].window
    cells = Window(*(2 * side for side in (window.row, window.col, window.height, window.width)))
    made_ground = ground_of(made(), Axes.of(cells, 0.25), JULY)
    roofed = roofs()[made_ground.kind].reshape(240, 2, 240, 2).sum(axis=(1, 3))
    built = numbers(2)["buildings"] == 2
    assert 0.02 < built.mean() < 0.7
    assert np.array_equal(built, roofed > 2)


def test_buildings_are_built_up_in_the_10_m_truth() -> None:
    built = (numbers(2)["buildings"] == 2).reshape(12, 20, 12, 20).mean(axis=(1, 3))
    truth = KNOWN.to_indices(numbers(0)["truth-2023"])[12:24, 6:18]
    assert (truth[built > 0.5] == KNOWN.index("Built-up")).all()
    assert (built > 0.5).any()


def test_roofs_look_unlike_the_lawns_around_them() -> None:
    found = numbers(2)
    built = found["buildings"] == 2
    red, green = (found[name].astype(float) for name in ("R", "G"))
    assert np.median((red / green)[built]) > np.median((red / green)[~built])


# Clouds.


def test_the_clouded_share_of_parts_adds_up_to_that_of_the_whole() -> None:
    cloudy = world(S2 | {"cloud": 0.5}, size_px=120, seed=6)
    (delivery,) = deliveries(cloudy)
    _, whole = layers_of(cloudy, delivery, delivery.window)
    parts = [Window(row, col, 60, 60) for row in (0, 60) for col in (0, 60)]
    shares = [layers_of(cloudy, delivery, part)[1] for part in parts]
    assert 0.05 < whole < 0.95
    assert np.mean(shares) == pytest.approx(whole, abs=1e-6)
    assert len(set(shares)) > 1


def test_truth_has_no_clouds() -> None:
    delivery = deliveries(made())[3]
    assert layers_of(made(), delivery, Window(0, 0, 6, 6))[1] == 0.0


def keys(**more: Any) -> set[str]:
    this = world(S2, size_px=60, **more)
    return set(layers_of(this, deliveries(this)[0], Window(0, 0, 6, 6))[0])


def test_what_is_made_of_a_scene_does_not_depend_on_the_worlds_other_wishes() -> None:
    assert keys() == keys(old_map=OLD)
