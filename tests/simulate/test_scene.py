"""Scenes: numbers, masks, clouds, snow, swaths."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulate.making import JULY, S2, world

from landweave.sensors import sensor
from landweave.simulate.lattice import Axes
from landweave.simulate.observe import to_pixels
from landweave.simulate.reflectance import Season, Sun, seen_by
from landweave.simulate.region import Ground
from landweave.simulate.scene import Part, observe, sun_at, swath
from landweave.simulate.truth import cover
from landweave.simulate.weather import Sky, weather
from landweave.simulate.world import World, cell_m, ground_of, reflect_of
from landweave.tiling import Window

WHOLE = Window(0, 0, 120, 120)


def seen(made: World, window: Window = WHOLE, index: int = 0) -> Part:
    return observe(made, made.scenes[index], window)


CLEAR = seen(world())
CLOUDY_SEED = 6


def test_bands_have_their_own_pixels_and_types() -> None:
    assert CLEAR.layers["B04"].shape == (120, 120)
    assert CLEAR.layers["B11"].shape == (60, 60)
    assert CLEAR.layers["B01"].shape == (20, 20)
    assert CLEAR.layers["mask"].shape == (60, 60)
    assert {layer.dtype.name for name, layer in CLEAR.layers.items() if name != "mask"} == {"uint16"}


def test_numbers_hold_the_offset_of_the_newest_baseline() -> None:
    red = CLEAR.layers["B04"].astype(float) * 0.0001 - 0.1
    assert CLEAR.layers["B04"].min() > 900
    assert 0.01 < np.median(red) < 0.2
    assert red.max() < 0.9


def test_the_truth_is_the_cover_of_the_day() -> None:
    assert np.array_equal(CLEAR.truth, cover(world(), WHOLE, JULY))


def test_a_clear_scene_is_all_usable() -> None:
    assert set(np.unique(CLEAR.layers["mask"]).tolist()) <= {4, 5, 6}
    assert CLEAR.clouded == 0


def test_pixels_follow_their_class() -> None:
    red, near_infrared = (CLEAR.layers[name] * 0.0001 - 0.1 for name in ("B04", "B08"))
    ndvi = (near_infrared - red) / (near_infrared + red)
    forest = np.isin(CLEAR.truth, (3, 4))
    assert forest.sum() > 50
    assert np.median(ndvi[forest]) > 0.75
    if (CLEAR.truth == 7).sum() > 50:
        assert np.median(near_infrared[CLEAR.truth == 7]) < 0.08


@pytest.mark.parametrize("window", [Window(60, 0, 60, 120), Window(54, 60, 24, 36)])
def test_a_part_alone_is_the_part_of_the_whole(window: Window) -> None:
    scene = S2 | {"cloud": 0.4, "snow_m": 50.0, "gap": 0.2}
    made = world(scene)
    whole, part = seen(made), seen(made, window)
    for name, layer in part.layers.items():
        ratio = 120 // whole.layers[name].shape[0]
        rows, cols = (slice(a // ratio, (a + b) // ratio) for a, b in
                      ((window.row, window.height), (window.col, window.width)))  # fmt: skip
        assert np.array_equal(layer, whole.layers[name][rows, cols]), name


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_clouds_take_their_share(share: float) -> None:
    axes = Axes.of(Window(0, 0, 300, 300), 250.0)
    over = weather(bare(axes), axes, 3, Sky(share, None, JULY, sun_at(190)))
    assert abs((over.cloud > 0.5).mean() - share) < 0.03
    assert abs((over.shadow > 0.5).mean() - share) < 0.03
    assert over.snow.max() == 0


def bare(axes: Axes) -> Ground:
    """Level ground with nothing on it."""
    zeros = [np.zeros(axes.shape, kind) for kind in (np.uint8, np.uint8, np.uint32, np.uint8, np.uint8, np.float32)]
    return Ground(*zeros, np.zeros(axes.shape, np.int32), zeros[5], zeros[5], zeros[5])


def test_a_shadow_lies_away_from_the_sun() -> None:
    axes = Axes.of(Window(0, 0, 200, 200), 50.0)
    over = weather(bare(axes), axes, 3, Sky(0.3, None, JULY, Sun(45, 90)))
    # The sun stands in the east at 45 degrees: a cloud 1,500 m high shades what lies 30 cells to its west.
    assert np.allclose(over.shadow[:, :-30], over.cloud[:, 30:], atol=1e-4)
    assert over.cloud.max() > 0.9


def test_clouds_are_bright_and_marked_and_shadows_are_dark() -> None:
    made = world(S2 | {"cloud": 0.4}, size_px=180, seed=CLOUDY_SEED)
    part = seen(made, Window.of((180, 180)))
    mask = np.repeat(np.repeat(part.layers["mask"], 2, 0), 2, 1)
    near_infrared, clear = (
        observed.layers["B08"] * 0.0001 - 0.1
        for observed in (part, seen(world(size_px=180, seed=CLOUDY_SEED), Window.of((180, 180))))
    )
    land = clear > 0.15
    assert (mask == 9).mean() > 0.05
    assert near_infrared[mask == 9].mean() > 0.5
    assert (land & (mask == 3)).sum() > 100
    assert np.median((near_infrared / clear)[land & (mask == 3)]) < 0.85
    untouched = land & np.isin(mask, (4, 5, 6))
    assert abs(np.median((near_infrared / clear)[untouched]) - 1) < 0.05


def test_snow_lies_high_and_is_dark_in_the_shortwave() -> None:
    made = world(S2 | {"snow_m": 0.0, "date": dt.date(2023, 2, 1)})
    part = seen(made)
    white = part.layers["mask"] == 11
    assert white.mean() > 0.2
    green = part.layers["B03"][::2, ::2] * 0.0001 - 0.1
    shortwave = part.layers["B11"] * 0.0001 - 0.1
    assert green[white].mean() > 0.4 > 2 * shortwave[white].mean()
    assert (seen(world(S2 | {"snow_m": 5000.0})).layers["mask"] == 11).sum() == 0


def test_beyond_the_swath_there_is_no_data() -> None:
    made = world(S2 | {"gap": 0.3})
    part = seen(made)
    for name, layer in part.layers.items():
        assert abs((layer == 0).mean() - 0.3) < 0.05, name
    inside = swath(made, made.scenes[0], Axes.of(WHOLE, 10.0))
    assert np.array_equal(part.layers["B04"] > 0, inside)
    assert np.array_equal(inside, np.sort(inside, axis=1))


def test_landsat_has_its_pixels_scale_and_quality() -> None:
    made = world({"sensor": "landsat-8-c2l2", "date": JULY})
    part = seen(made, Window(0, 0, 40, 40))
    assert part.layers["SR_B4"].shape == part.layers["mask"].shape == (40, 40)
    red = part.layers["SR_B4"] * 0.0000275 - 0.2
    same = (CLEAR.layers["B04"] * 0.0001 - 0.1).reshape(40, 3, 40, 3).mean(axis=(1, 3))
    assert abs(red.mean() - same.mean()) < 0.01
    assert np.corrcoef(red.ravel(), same.ravel())[0, 1] > 0.95
    assert set(np.unique(part.layers["mask"]).tolist()) <= {21824, 21952}


def test_a_fine_picture_knows_its_buildings() -> None:
    made = world(
        {"sensor": "worldview-rgb", "date": JULY, "window_px": (0, 0, 12, 12)}, regions=[{"town": 1.0, "town_m": 9000}]
    )
    part = seen(made, Window(0, 0, 240, 240))
    assert part.layers["R"].dtype == np.uint8
    assert part.buildings.shape == (240, 240)
    assert set(np.unique(part.buildings).tolist()) == {1, 2}
    assert 0.05 < (part.buildings == 2).mean() < 0.6


def test_the_sun_stands_high_in_summer_and_southeast_in_the_morning() -> None:
    summer, winter = sun_at(172), sun_at(355)
    assert 28 < summer.zenith_deg < 38
    assert 70 < winter.zenith_deg < 78
    assert 120 < summer.azimuth_deg < 160
    assert 150 < winter.azimuth_deg < 165


# What masks say, held against what is there, cell by cell.

HELD = {"cloud": 0.35, "gap": 0.15, "snow_m": 150.0}


def blocks(cells: np.ndarray, ratio: int) -> np.ndarray:
    """Cells of each pixel of the mask, in a last axis."""
    rows, cols = (side // ratio for side in cells.shape)
    split = cells.reshape(rows, ratio, cols, ratio).transpose(0, 2, 1, 3)
    return np.asarray(split.reshape(rows, cols, ratio**2))


def known(scene: dict[str, Any], size_m: float, num: int) -> dict[str, np.ndarray]:
    """Mean cloud, shadow and snow, commonest class and swath of each of `num` x `num` pixels of the mask."""
    made = world(scene, seed=15)
    cell = cell_m(sensor(scene["sensor"]).pixel_size_m)
    ratio = round(size_m / cell)
    axes = Axes.of(Window(0, 0, num * ratio, num * ratio), cell)
    ground = ground_of(made, axes, JULY)
    over = weather(ground, axes, made.seed, Sky(scene["cloud"], scene["snow_m"], JULY, sun_at(193)))
    found = {name: blocks(plane, ratio).mean(axis=2) for name, plane in vars(over).items()}
    classes = blocks(ground.land, ratio)
    found["land"] = np.stack([(classes == index).sum(axis=2) for index in range(8)]).argmax(axis=0)
    found["inside"] = swath(made, made.scenes[0], Axes.of(Window(0, 0, num, num), size_m))
    return found


def apart(values: np.ndarray, *limits: float) -> np.ndarray:
    """Where rounding cannot decide on which side of a limit a mean lies."""
    return np.asarray(np.logical_and.reduce([abs(values - limit) > 1e-4 for limit in limits]))


def test_every_code_of_the_scene_classification_is_true() -> None:
    scene = S2 | HELD
    mask = seen(world(scene, seed=15)).layers["mask"]
    what = known(scene, 20.0, 60)
    sure = apart(what["cloud"], 0.5, 0.12) & apart(what["shadow"], 0.3) & apart(what["snow"], 0.4)
    plain = np.where(what["land"] == 7, 6, np.where(np.isin(what["land"], (0, 6)), 5, 4))
    expected = np.where(what["snow"] > 0.4, 11, plain)
    expected = np.where(what["shadow"] > 0.3, 3, expected)
    expected = np.where(what["cloud"] > 0.12, 8, expected)
    expected = np.where(what["cloud"] > 0.5, 9, expected)
    expected = np.where(what["inside"], expected, 0)
    assert sure.mean() > 0.99
    assert set(np.unique(mask).tolist()) == {0, 3, 4, 5, 6, 8, 9, 11}
    assert np.array_equal(mask[sure], expected[sure])


def test_every_bit_of_landsats_quality_is_true() -> None:
    scene = {"sensor": "landsat-8-c2l2", "date": JULY} | HELD
    bits = seen(world(scene, seed=15), Window(0, 0, 40, 40)).layers["mask"]
    what = known(scene, 30.0, 40)
    sure = apart(what["cloud"], 0.5, 0.12) & apart(what["shadow"], 0.3) & apart(what["snow"], 0.4) & what["inside"]
    assert sure.mean() > 0.8
    assert np.array_equal(bits == 1, ~what["inside"])

    def bit(number: int) -> np.ndarray:
        return np.asarray((bits[sure] >> number) & 1 == 1)

    thin = what["cloud"] > 0.12
    for number, expected in {
        0: np.zeros(thin.shape, bool),
        1: thin & (what["cloud"] <= 0.5),
        3: what["cloud"] > 0.5,
        4: (what["shadow"] > 0.3) & ~thin,
        5: (what["snow"] > 0.4) & ~thin,
        6: ~thin,
        7: what["land"] == 7,
    }.items():
        assert np.array_equal(bit(number), expected[sure]), number
        assert number == 0 or expected[sure].any(), number


@pytest.mark.parametrize(
    ("name", "finest", "num"),
    [("sentinel-2-l2a", 10.0, 60), ("landsat-8-c2l2", 30.0, 20), ("landsat-9-c2l2", 30.0, 20)],
)
def test_numbers_are_the_ground_under_the_point_spread_with_noise(name: str, finest: float, num: int) -> None:
    made = world({"sensor": name, "date": JULY}, seed=15)
    part = seen(made, Window(0, 0, num, num))
    bands = [band for band in sensor(name).bands if band.unit == "reflectance"]
    cell, margin = cell_m(finest), 27
    axes = Axes.of(Window(0, 0, num * 3, num * 3).grow(margin), cell)
    ground = ground_of(made, axes, JULY)
    light = reflect_of(made, ground, axes, Season(193, sun_at(193), seen_by(bands)))
    for band, cells in zip(bands, light, strict=True):
        expected = to_pixels(cells, round(band.pixel_size_m / cell), margin)
        found = part.layers[band.name] * band.scale + band.offset
        sigma = np.sqrt(0.0015**2 + (0.008 * expected) ** 2)
        rest = (found - expected) / sigma
        assert rest.shape == expected.shape
        assert abs(rest.mean()) < 5 / np.sqrt(rest.size), band.name
        assert 0.8 < rest.std() < 1.2, band.name
        assert abs(rest).max() < 5, band.name


@settings(deadline=None, max_examples=30)
@given(st.floats(1, 365))
def test_the_sun_of_every_day_stands_above_the_horizon_in_the_southeast(day: float) -> None:
    sun = sun_at(day)
    assert 28 < sun.zenith_deg < 78
    assert 115 < sun.azimuth_deg < 165


@settings(deadline=None, max_examples=15)
@given(st.floats(0.02, 0.9), st.floats(0.02, 0.9))
def test_a_wider_gap_holds_the_narrower_one(one: float, other: float) -> None:
    narrow, wide = sorted((one, other))
    axes = Axes.of(WHOLE, 10.0)
    data = [swath(made, made.scenes[0], axes) for gap in (narrow, wide) for made in (world(S2 | {"gap": gap}),)]
    assert not (data[1] & ~data[0]).any()
    assert abs((~data[1]).mean() - wide) < 0.03
