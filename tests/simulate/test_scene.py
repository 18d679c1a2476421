"""Scenes: numbers, masks, clouds, snow, swaths."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from tests.simulate.making import JULY, S2, world

from landweave.simulate.lattice import Axes
from landweave.simulate.reflectance import Sun
from landweave.simulate.region import Ground
from landweave.simulate.scene import Part, observe, sun_at, swath
from landweave.simulate.truth import cover
from landweave.simulate.weather import Sky, weather
from landweave.simulate.world import World
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
