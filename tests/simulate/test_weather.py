"""Clouds, the shadows that they cast, snow, and what all three hide."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.simulate.test_scene import bare

from landweave.sensors import sensor
from landweave.simulate.kinds import numbers
from landweave.simulate.lattice import Axes
from landweave.simulate.reflectance import Sun, seen_by, spectra
from landweave.simulate.weather import Sky, Weather, hide, weather
from landweave.tiling import Window

JULY = dt.date(2023, 7, 12)
NOON = Sun(40, 180)
BANDS = [sensor("sentinel-2-l2a").band(name) for name in ("B02", "B04", "B08", "B11")]
TABLE = seen_by(BANDS)
CLOUD, SNOW = (TABLE[:, spectra().index(name)] for name in ("cloud", "snow_old"))
SHARES = st.floats(0, 1, width=32)


def axes(size: int = 80, cell_m: float = 60.0, row: int = 0, col: int = 0) -> Axes:
    return Axes.of(Window(row, col, size, size), cell_m)


def sky(cloud: float = 0.4, snow_m: float | None = None, date: dt.date = JULY, sun: Sun = NOON) -> Sky:
    return Sky(cloud, snow_m, date, sun)


def over(here: Axes, what: Sky, seed: int = 3) -> Weather:
    return weather(bare(here), here, seed, what)


# Clouds.


def test_a_clear_sky_hides_nothing() -> None:
    found = over(axes(), sky(0.0))
    assert found.cloud.max() == found.shadow.max() == found.snow.max() == 0
    assert found.cloud.shape == found.shadow.shape == found.snow.shape == (80, 80)


def test_an_overcast_sky_hides_all() -> None:
    found = over(axes(), sky(1.0))
    assert (found.cloud > 0.5).mean() > 0.97


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.floats(0.01, 0.99), st.integers(-1000, 1000))
def test_opacities_are_shares(seed: int, cloud: float, row: int) -> None:
    found = over(axes(30, row=row), sky(cloud), seed)
    for plane in (found.cloud, found.shadow):
        assert plane.dtype == np.float32
        assert plane.min() >= 0
        assert plane.max() <= 1


@settings(deadline=None, max_examples=15)
@given(st.floats(0.02, 0.9), st.floats(0.02, 0.9))
def test_more_clouds_are_the_same_clouds_grown(one: float, other: float) -> None:
    few, many = (over(axes(40), sky(share)).cloud for share in sorted((one, other)))
    assert (few <= many).all()


def test_every_day_and_seed_has_clouds_of_its_own() -> None:
    first = over(axes(), sky()).cloud
    next_day = over(axes(), sky(date=JULY + dt.timedelta(days=1))).cloud
    other_seed = over(axes(), sky(), seed=4).cloud
    for other in (next_day, other_seed):
        assert not np.array_equal(first, other)
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.6
    assert np.array_equal(first, over(axes(), sky()).cloud)


def test_clouds_have_soft_edges_and_thick_middles() -> None:
    found = over(axes(200, 20.0), sky(0.4)).cloud
    thin = (found > 0) & (found < 1)
    assert 0.02 < thin.mean() < 0.4
    assert (found == 1).any()
    assert (found == 0).any()
    # From one cell of 20 m to the next the opacity climbs, it does not jump.
    assert np.quantile(abs(np.diff(found, axis=1))[thin[:, 1:]], 0.9) < 0.5


# Shadows.


@settings(deadline=None, max_examples=12)
@given(st.floats(10, 70), st.floats(0, 359))
def test_a_shadow_is_the_cloud_that_stands_toward_the_sun(zenith: float, azimuth: float) -> None:
    here = axes(30, 50.0)
    found = over(here, sky(sun=Sun(zenith, azimuth)))
    away = 1500 * np.tan(np.deg2rad(zenith))
    there = Axes(
        here.x + away * np.sin(np.deg2rad(azimuth)), here.y - away * np.cos(np.deg2rad(azimuth)), here.cell_m
    )  # fmt: skip
    assert np.allclose(over(there, sky()).cloud, found.shadow, atol=1e-3)


def test_low_sun_throws_shadows_far() -> None:
    here = axes(160, 50.0)
    high, low = (over(here, sky(0.3, sun=Sun(zenith, 180))) for zenith in (20, 60))
    for found, metres in ((high, 1500 * np.tan(np.deg2rad(20))), (low, 1500 * np.tan(np.deg2rad(60)))):
        # The sun in the south: a shadow lies so many rows north of its cloud.
        rows = round(metres / 50)
        here_and_there = np.corrcoef(found.shadow[:-rows].ravel(), found.cloud[rows:].ravel())[0, 1]
        assert here_and_there > 0.97


# Snow.


def hilly(here: Axes, kind: str = "meadow") -> Weather:
    made = bare(here)
    made.height = np.linspace(0, 500, here.shape[0], dtype=np.float32)[:, None].repeat(here.shape[1], 1)
    made.kind[:] = numbers()[kind]
    return weather(made, here, 3, sky(0.0, 250.0))


def test_snow_lies_above_its_height() -> None:
    found = hilly(axes(200, 10.0)).snow
    assert (found[:60] == 0).all()
    assert (found[150:] == 1).all()
    assert 0.3 < found[80:120].mean() < 0.7


def test_the_snow_line_is_ragged() -> None:
    found = hilly(axes(200, 10.0)).snow
    first = (found > 0.5).argmax(axis=0)
    assert np.ptp(first) > 5


@pytest.mark.parametrize(
    ("kind", "most"), [("conifer_stand", 0.35), ("broadleaf_stand", 0.6), ("lake", 0.0), ("asphalt", 0.7), ("ley", 1.0)]
)
def test_crowns_water_and_towns_hold_less_snow(kind: str, most: float) -> None:
    assert hilly(axes(100, 10.0), kind).snow.max() == pytest.approx(most)


def test_a_higher_snow_line_leaves_less() -> None:
    here = axes(100, 10.0)
    made = bare(here)
    made.height = np.linspace(0, 500, 100, dtype=np.float32)[:, None].repeat(100, 1)
    low, high = (weather(made, here, 3, sky(0.0, metres)).snow for metres in (100.0, 350.0))
    assert (high <= low).all()
    assert high.sum() < 0.6 * low.sum()


def test_snow_differs_by_day() -> None:
    here = axes(100, 10.0)
    made = bare(here)
    made.height = np.full((100, 100), 250, np.float32)
    one, other = (weather(made, here, 3, sky(0.0, 250.0, date)).snow for date in (JULY, dt.date(2023, 1, 5)))
    assert not np.array_equal(one, other)


# What is hidden.


def planes(cloud: float = 0, shadow: float = 0, snow: float = 0) -> Weather:
    return Weather(*(np.full((2, 3), value, np.float32) for value in (cloud, shadow, snow)))


def ground(value: float = 0.2) -> np.ndarray:
    return np.full((4, 2, 3), value, np.float32)


def test_nothing_hidden_nothing_changed() -> None:
    assert np.array_equal(hide(ground(), planes(), TABLE), ground())


def test_under_a_thick_cloud_only_the_cloud_is_seen() -> None:
    found = hide(ground(), planes(cloud=1, shadow=0.5, snow=0.7), TABLE)
    assert np.allclose(found, CLOUD[:, None, None], atol=1e-6)


def test_deep_snow_is_all_that_is_seen() -> None:
    found = hide(ground(), planes(snow=1), TABLE)
    assert np.allclose(found, SNOW[:, None, None], atol=1e-6)


def test_a_full_shadow_leaves_the_light_of_the_sky() -> None:
    assert np.allclose(hide(ground(), planes(shadow=1), TABLE), 0.2 * 0.38, atol=1e-6)
    assert np.allclose(hide(ground(), planes(shadow=0.5), TABLE), 0.2 * 0.69, atol=1e-6)


def test_a_shadow_darkens_the_snow_below_it() -> None:
    found = hide(ground(), planes(shadow=1, snow=1), TABLE)
    assert np.allclose(found, 0.38 * SNOW[:, None, None], atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(hnp.arrays(np.float32, (4, 2, 3), elements=SHARES), SHARES, SHARES, SHARES)
def test_what_is_seen_lies_between_the_ground_and_what_hides_it(
    seen: np.ndarray, cloud: float, shadow: float, snow: float
) -> None:
    found = hide(seen.copy(), planes(cloud, shadow, snow), TABLE)
    assert found.shape == seen.shape
    assert np.isfinite(found).all()
    assert found.min() >= -1e-6
    assert found.max() <= 1 + 1e-6
    if cloud == shadow == snow == 0:
        assert np.array_equal(found, seen)


@settings(deadline=None, max_examples=20)
@given(SHARES, SHARES)
def test_thicker_clouds_are_nearer_to_white(one: float, other: float) -> None:
    thin, thick = (hide(ground(0.05), planes(cloud=share), TABLE) for share in sorted((one, other)))
    assert (thin <= thick + 1e-6).all()
