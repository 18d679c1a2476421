"""The kernels of MODIS's model: values by hand, symmetry, and what they do between their ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.spectra.anisotropy import geometry_kernel, volume_kernel

ANGLES = st.floats(0, 70)
TURNS = st.floats(0, 180)


@given(ANGLES, ANGLES, TURNS)
def test_sun_and_view_may_change_places(sun: float, view: float, azimuth: float) -> None:
    assert volume_kernel(sun, view, azimuth) == pytest.approx(volume_kernel(view, sun, azimuth), abs=1e-9)
    assert geometry_kernel(sun, view, azimuth) == pytest.approx(geometry_kernel(view, sun, azimuth), abs=1e-9)


@given(ANGLES, ANGLES, TURNS)
def test_left_and_right_are_alike(sun: float, view: float, azimuth: float) -> None:
    assert volume_kernel(sun, view, azimuth) == pytest.approx(volume_kernel(sun, view, -azimuth), abs=1e-9)
    assert geometry_kernel(sun, view, azimuth) == pytest.approx(geometry_kernel(sun, view, 360 - azimuth), abs=1e-6)


@given(ANGLES, TURNS)
def test_straight_down_has_no_azimuth(sun: float, azimuth: float) -> None:
    assert volume_kernel(sun, 0, azimuth) == pytest.approx(volume_kernel(sun, 0, 0), abs=1e-9)
    assert geometry_kernel(sun, 0, azimuth) == pytest.approx(geometry_kernel(sun, 0, 0), abs=1e-9)


@pytest.mark.parametrize("angle", [0.0, 10.0, 30.0, 45.0, 60.0])
def test_in_the_hot_spot_no_shadow_is_seen(angle: float) -> None:
    radians = math.radians(angle)
    secant = 1 / math.cos(radians)
    assert geometry_kernel(angle, angle, 0) == pytest.approx(secant**2 - secant)
    assert volume_kernel(angle, angle, 0) == pytest.approx(math.pi / 4 * (secant - 1))


@pytest.mark.parametrize("kernel", [volume_kernel, geometry_kernel])
@pytest.mark.parametrize("view", [5.0, 8.0, 10.3])
def test_land_is_brightest_with_the_sun_behind(kernel: object, view: float) -> None:
    assert callable(kernel)
    values = [kernel(40.0, view, azimuth) for azimuth in (0, 45, 90, 135, 180)]
    assert values == sorted(values, reverse=True)
    assert values[0] > kernel(40.0, 0.0, 0.0) > values[-1]
