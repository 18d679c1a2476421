"""Any window of a simulated world made alone equals the part of the whole: cover, reflectance, numbers, masks, truth.

Whatever is asked first, in this process or in another one. Each whole is first seen not to be empty.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.provenance import file_sha256
from landweave.sensors import sensor
from landweave.simulate.deliver import deliveries, layers_of
from landweave.simulate.lattice import Axes
from landweave.simulate.mistakes import OldMap
from landweave.simulate.reflectance import Season, reflect, seen_by
from landweave.simulate.region import Ground
from landweave.simulate.scene import Part, observe, sun_at, swath
from landweave.simulate.truth import changes, cover, old_map
from landweave.simulate.weather import Sky, weather
from landweave.simulate.world import CELLS, World, cell_m, ground_of, load_world, region_of
from landweave.simulate.write import PartTask, make_part
from landweave.tiling import Window

SEED, SIZE = 15, 120
JULY = dt.date(2023, 7, 12)
FIRST, LAST = dt.date(2017, 7, 1), dt.date(2023, 7, 1)
OLD = OldMap(date=FIRST, omission={"Cropland": 0.2, "Grassland": 0.3}, commission={"Shrubland": 0.2}, patch_m=90)
# Every term at once: two regions, clouds, snow, a swath edge, felling and building, and what differs from day to day.
BUSY: dict[str, Any] = {
    "height_px": SIZE,
    "width_px": SIZE,
    "region_km": 0.8,
    "regions": [
        {"felling": 0.08, "building": 0.1, "regrowth_days": 700, "stand_m": 150},
        {"soils": ["soil_red", "soil_ochre"], "delay_days": -20, "renewal": 0.1},
    ],
    "season_days": 5,
    "shift_m": 4,
    "residual": 1,
    "late": 0.4,
    "scenes": [
        {"sensor": "sentinel-2-l2a", "date": "2023-07-12", "cloud": 0.35, "snow_m": 260.0, "gap": 0.15},
        {"sensor": "landsat-8-c2l2", "date": "2020-06-02", "cloud": 0.35, "gap": 0.2},
        {"sensor": "worldview-rgb", "date": "2023-07-12", "window_px": (0, 0, 12, 12), "cloud": 0.2},
    ],
}
WHOLE = Window(0, 0, SIZE, SIZE)


@cache
def busy(seed: int = SEED) -> World:
    return load_world("demo-1", seed, **BUSY)


@st.composite
def windows(draw: st.DrawFn, size: int = SIZE, step: int = 1, most: int = 48) -> Window:
    """Windows within a square of `size`, their sides at multiples of `step`."""
    height, width = (step * draw(st.integers(1, most // step)) for _ in range(2))
    row, col = (step * draw(st.integers(0, (size - side) // step)) for side in (height, width))
    return Window(row, col, height, width)


def scaled(window: Window, ratio: int) -> Window:
    """A window of fine pixels in pixels that are `ratio` times as large."""
    return Window(*(side // ratio for side in (window.row, window.col, window.height, window.width)))


# Cover.


@cache
def whole_cover() -> np.ndarray:
    return cover(busy(), WHOLE, JULY)


def test_the_whole_cover_is_not_empty() -> None:
    counts = np.bincount(whole_cover().ravel(), minlength=8)
    assert counts.size == 8
    assert (counts > 20).sum() >= 7
    assert counts.max() < 0.8 * SIZE * SIZE


@settings(deadline=None, max_examples=12)
@given(windows())
def test_cover_of_any_window(window: Window) -> None:
    assert np.array_equal(cover(busy(), window, JULY), whole_cover()[window.slices])


def test_cover_one_pixel_at_a_time() -> None:
    for row, col in ((0, 0), (0, SIZE - 1), (SIZE - 1, 0), (SIZE - 1, SIZE - 1), (59, 60), (17, 101)):
        assert cover(busy(), Window(row, col, 1, 1), JULY)[0, 0] == whole_cover()[row, col]


def test_cover_reaches_beyond_the_worlds_border() -> None:
    outside = cover(busy(), WHOLE.grow(9), JULY)
    assert outside.shape == (SIZE + 18, SIZE + 18)
    assert np.array_equal(outside[9:-9, 9:-9], whole_cover())


def test_strips_that_are_painted_one_by_one_leave_no_seam() -> None:
    # Landscapes are painted in strips of 144 cells: windows that begin elsewhere have their strips elsewhere.
    tall = cover(busy(), Window(0, 30, SIZE, 12), JULY)
    for row in (1, 24, 47, 48, 49, 95):
        part = Window(row, 30, SIZE - row, 12)
        assert np.array_equal(cover(busy(), part, JULY), tall[row:]), row


# Ground and reflectance.


@cache
def whole_axes() -> Axes:
    return Axes.of(Window(0, 0, 150, 150), 10 / CELLS)


@cache
def whole_reflectance() -> np.ndarray:
    return reflectance(whole_axes())


def reflectance(axes: Axes) -> np.ndarray:
    bands = [sensor("sentinel-2-l2a").band(name) for name in ("B02", "B04", "B08", "B11")]
    season = Season(193, sun_at(193), seen_by(bands))
    world = busy()
    return reflect(ground_of(world, axes, JULY), axes, world.seed, world.regions, season)


def test_the_whole_reflectance_is_not_empty() -> None:
    found = whole_reflectance()
    assert found.shape == (4, 150, 150)
    assert found.min() > 0
    assert found.max() < 1
    assert len(np.unique(found[2])) > 5000
    assert set(np.unique(region_of(busy(), whole_axes())).tolist()) == {0, 1}


@settings(deadline=None, max_examples=10)
@given(windows(150))
def test_reflectance_of_any_window(window: Window) -> None:
    found = reflectance(Axes.of(window, 10 / CELLS))
    assert np.array_equal(found, whole_reflectance()[:, *window.slices])


@cache
def whole_ground() -> Ground:
    return ground_of(busy(), whole_axes(), JULY)


@settings(deadline=None, max_examples=10)
@given(windows(150))
def test_every_layer_of_the_ground_of_any_window(window: Window) -> None:
    alone = ground_of(busy(), Axes.of(window, 10 / CELLS), JULY)
    for name, values in vars(alone).items():
        assert np.array_equal(values, getattr(whole_ground(), name)[window.slices]), name


@settings(deadline=None, max_examples=8)
@given(windows(150))
def test_weather_of_any_window(window: Window) -> None:
    sky = Sky(0.4, 200.0, JULY, sun_at(193))
    axes = Axes.of(window, 10 / CELLS)
    alone = weather(ground_of(busy(), axes, JULY), axes, SEED, sky)
    whole = weather(whole_ground(), whole_axes(), SEED, sky)
    for name, values in vars(alone).items():
        assert 0 <= values.min() <= values.max() <= 1, name
        assert np.array_equal(values, getattr(whole, name)[window.slices]), name


# Scenes.


def finest(index: int) -> Window:
    """All of a scene in its finest pixels."""
    return (WHOLE, scaled(WHOLE, 3), Window(0, 0, 240, 240))[index]


@cache
def whole_scene(index: int) -> Part:
    return observe(busy(), busy().scenes[index], finest(index))


def assert_part(alone: Part, whole: Part, window: Window) -> None:
    """All that is delivered of `window` is that part of the whole."""
    height = whole.truth.shape[0]
    assert alone.layers.keys() == whole.layers.keys()
    for name, layer in alone.layers.items():
        ratio = height // whole.layers[name].shape[0]
        expected = whole.layers[name][scaled(window, ratio).slices]
        assert layer.dtype == expected.dtype, name
        assert np.array_equal(layer, expected), name
    assert np.array_equal(alone.truth, whole.truth[window.slices])
    assert np.array_equal(alone.buildings, whole.buildings[window.slices])


@pytest.mark.parametrize(
    ("index", "bands", "masks"), [(0, 12, {0, 3, 4, 5, 6, 9, 11}), (1, 7, {1, 21824, 21952, 22280, 23888}), (2, 3, {1})]
)
def test_the_whole_scene_is_not_empty(index: int, bands: int, masks: set[int]) -> None:
    scene = whole_scene(index)
    assert len(scene.layers) == bands + 1
    assert masks <= set(np.unique(scene.layers["mask"]).tolist())
    for name, layer in scene.layers.items():
        assert name == "mask" or len(np.unique(layer)) > 30, name
    assert len(np.unique(scene.truth)) >= (5, 5, 1)[index]


@settings(deadline=None, max_examples=6)
@given(windows(SIZE, 6))
def test_a_sentinel_2_scene_of_any_window(window: Window) -> None:
    assert_part(observe(busy(), busy().scenes[0], window), whole_scene(0), window)


@settings(deadline=None, max_examples=6)
@given(windows(SIZE // 3, 1, 16))
def test_a_landsat_scene_of_any_window(window: Window) -> None:
    assert_part(observe(busy(), busy().scenes[1], window), whole_scene(1), window)


@settings(deadline=None, max_examples=4)
@given(windows(240, 2, 60))
def test_a_fine_picture_of_any_window(window: Window) -> None:
    assert_part(observe(busy(), busy().scenes[2], window), whole_scene(2), window)


def test_the_order_of_parts_does_not_matter() -> None:
    parts = [Window(row, col, 60, 60) for row in (0, 60) for col in (0, 60)]
    scene = busy().scenes[0]
    for order in (parts, parts[::-1]):
        for part in order:
            assert_part(observe(busy(), scene, part), whole_scene(0), part)


def test_a_scene_does_not_depend_on_the_scenes_beside_it() -> None:
    alone = load_world("demo-1", SEED, **BUSY | {"scenes": BUSY["scenes"][1:2]})
    window = Window(8, 12, 16, 16)
    assert_part(observe(alone, alone.scenes[0], window), whole_scene(1), window)


@settings(deadline=None, max_examples=10)
@given(windows())
def test_the_swath_of_any_window(window: Window) -> None:
    scene = busy().scenes[0]
    whole = swath(busy(), scene, Axes.of(WHOLE, 10.0))
    assert 0.8 < whole.mean() < 0.9
    assert np.array_equal(swath(busy(), scene, Axes.of(window, 10.0)), whole[window.slices])


# Truth of years, changes, the old map.


@cache
def whole_changes() -> np.ndarray:
    return changes(busy(), WHOLE, FIRST, LAST)


@cache
def whole_old_map() -> np.ndarray:
    return old_map(busy(), WHOLE, OLD)


def test_changes_and_mistakes_are_not_empty() -> None:
    assert (whole_changes()[0] > 0).mean() > 0.005
    assert len(np.unique(whole_changes()[2])) > 3
    assert 0.03 < (whole_old_map() != cover(busy(), WHOLE, OLD.date)).mean() < 0.5


@settings(deadline=None, max_examples=6)
@given(windows())
def test_changes_of_any_window(window: Window) -> None:
    assert np.array_equal(changes(busy(), window, FIRST, LAST), whole_changes()[:, *window.slices])


@settings(deadline=None, max_examples=6)
@given(windows())
def test_the_old_map_of_any_window(window: Window) -> None:
    assert np.array_equal(old_map(busy(), window, OLD), whole_old_map()[window.slices])


# Other processes.

PROGRAM = """
import datetime as dt, hashlib, json, sys
from landweave.simulate.region import Ground
from landweave.simulate.scene import observe
from landweave.simulate.truth import changes, cover, old_map
from landweave.simulate.world import World
from landweave.simulate.mistakes import OldMap
from landweave.tiling import Window

asked = json.load(sys.stdin)
world, window = World.model_validate(asked["world"]), Window(*asked["window"])
part = observe(world, world.scenes[0], window)
days = [dt.date.fromisoformat(day) for day in asked["days"]]
made = {**part.layers, "truth": part.truth, "cover": cover(world, window, days[1])}
made["changes"] = changes(world, window, *days)
made["old"] = old_map(world, window, OldMap.model_validate(asked["old"]))
print(json.dumps({name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in made.items()}))
"""


def test_another_process_makes_the_same() -> None:
    window = Window(54, 18, 30, 42)
    asked = {
        "world": busy().model_dump(mode="json"),
        "window": [window.row, window.col, window.height, window.width],
        "days": [FIRST.isoformat(), LAST.isoformat()],
        "old": OLD.model_dump(mode="json"),
    }
    ran = subprocess.run(  # Hashes of Python's own differ from process to process: nothing may rest on them.
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(asked),
        env={"PYTHONHASHSEED": "321"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ran.stdout)
    whole = whole_scene(0)
    expected = {
        name: layer[scaled(window, SIZE // layer.shape[0]).slices] for name, layer in whole.layers.items()
    } | {
        "truth": whole.truth[window.slices],
        "cover": cover(busy(), WHOLE, LAST)[window.slices],
        "changes": whole_changes()[:, *window.slices],
        "old": whole_old_map()[window.slices],
    }  # fmt: skip
    assert found == {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in expected.items()}


def test_one_process_and_a_pool_make_the_same_parts(tmp_path: Path) -> None:
    made: dict[str, dict[str, str]] = {}
    chosen = [deliveries(busy())[index] for index in (1, 3)]
    for name, executor in (("serial", Serial()), ("pool", Pool(2))):
        folder = tmp_path / name
        tasks = [PartTask(busy(), folder, each, window) for each in chosen for window in halves(each.window)]
        outcomes = {outcome.key: outcome.error for outcome in executor.run(make_part, tasks)}
        assert outcomes == {task.key: None for task in tasks}
        made[name] = {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*.tif")}
    assert len(made["serial"]) == 2 * (8 + 3)
    assert made["pool"] == made["serial"]


def halves(window: Window) -> list[Window]:
    """The northern and the southern half of a window."""
    high = window.height // 12 * 6
    return [
        Window(window.row, window.col, high, window.width),
        Window(window.row + high, window.col, window.height - high, window.width),
    ]


# Seeds.


def test_equal_seeds_are_equal_and_other_seeds_differ() -> None:
    window = Window(30, 30, 30, 30)
    made = {seed: observe(busy(seed), busy(seed).scenes[0], window).layers["B08"] for seed in (1, 2, 3, SEED)}
    again = load_world("demo-1", SEED, **BUSY)
    assert again is not busy(SEED)
    assert np.array_equal(observe(again, again.scenes[0], window).layers["B08"], made[SEED])
    hashes = {layer.tobytes() for layer in made.values()}
    assert len(hashes) == 4


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_every_two_seeds_differ(one: int, other: int) -> None:
    axes = Axes.of(Window(0, 0, 60, 60), 40.0)
    first, second = (ground_of(load_world("demo-1", seed), axes, JULY) for seed in (one, other))
    assert np.array_equal(first.owner, second.owner) == (one == other)
    assert np.array_equal(first.height, second.height) == (one == other)


# What is written.


def test_parts_put_together_are_the_delivery_in_one_go() -> None:
    world = load_world("demo-1", SEED, **BUSY | {"old_map": OLD.model_dump(mode="json")})
    made = deliveries(world)
    assert len(made) == 4
    for delivery in (made[1], made[3]):
        whole, _ = layers_of(world, delivery, delivery.window)
        assert len(whole) >= 5
        height = delivery.window.height
        for part in quarters(delivery.window)[1:3]:
            numbers, _ = layers_of(world, delivery, part)
            assert numbers.keys() == whole.keys()
            for name, values in numbers.items():
                ratio = height // whole[name].shape[0]
                assert np.array_equal(values, whole[name][scaled(part, ratio).slices]), name


def quarters(window: Window) -> list[Window]:
    """Four parts of a window."""
    high, wide = window.height // 2, window.width // 2
    return [Window(window.row + row, window.col + col, high, wide) for row in (0, high) for col in (0, wide)]


def test_cells_are_those_that_pixels_ask_for() -> None:
    assert cell_m(10.0) == pytest.approx(10 / 3)
    assert cell_m(30.0) == 10.0
    assert cell_m(0.5) == 0.25
