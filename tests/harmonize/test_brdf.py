"""Published lines and the view from straight above: each row beside its source, and factors worked out from kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landweave.errors import RadiometryError
from landweave.harmonize.angles import Angles, between
from landweave.harmonize.physical import (
    adjustment,
    compared,
    lines,
    nadir_factors,
    published,
    reach_px,
    satellite,
    spread_px,
)
from landweave.harmonize.views import Sizes
from landweave.sensors import sensor
from landweave.spectra.anisotropy import geometry_kernel, volume_kernel

S2 = sensor("sentinel-2-l2a")
SIZES = Sizes({10: ("B02",), 20: ("B11",)}, 30)

# HLS User Guide 1.4: band, slope and offset of Sentinel-2A, then of Sentinel-2B.
ROWS = [
    ("B01", 0.9959, -0.0002, 0.9959, -0.0002),
    ("B02", 0.9778, -0.0040, 0.9778, -0.0040),
    ("B03", 1.0053, -0.0009, 1.0075, -0.0008),
    ("B04", 0.9765, 0.0009, 0.9761, 0.0010),
    ("B8A", 0.9983, -0.0001, 0.9966, 0.0000),
    ("B11", 0.9987, -0.0011, 1.0000, -0.0003),
    ("B12", 1.0030, -0.0012, 0.9867, 0.0004),
    # B08 is a wider band than OLI's near infrared, and B05 has no like: neither has a row.
    ("B08", 1, 0, 1, 0),
    ("B05", 1, 0, 1, 0),
]
# Roy et al. 2016 and 2017, Table 1: band, then the weights of the kernels iso, geo and vol.
WEIGHTS = [
    ("B02", 0.0774, 0.0079, 0.0372),
    ("B03", 0.1306, 0.0178, 0.0580),
    ("B04", 0.1690, 0.0227, 0.0574),
    ("B11", 0.3430, 0.0453, 0.1154),
    ("B12", 0.2658, 0.0387, 0.0639),
]


@pytest.mark.parametrize(("band", "slope_a", "offset_a", "slope_b", "offset_b"), ROWS)
def test_rows_are_those_of_the_user_guide(
    band: str, slope_a: float, offset_a: float, slope_b: float, offset_b: float
) -> None:
    for name, slope, offset in (("S2A", slope_a, offset_a), ("S2B", slope_b, offset_b)):
        found = adjustment(name, (band,))
        assert [float(value[0]) for value in found] == pytest.approx([slope, offset], abs=1e-7)
        assert found[0].dtype == found[1].dtype == np.float32


def test_rows_come_in_the_order_of_the_bands() -> None:
    names = ("B12", "B02", "B05")
    slopes, offsets = adjustment("S2B", names)
    np.testing.assert_allclose(slopes, [0.9867, 0.9778, 1])
    np.testing.assert_allclose(offsets, [0.0004, -0.0040, 0], atol=1e-9)
    assert [part.shape for part in adjustment("S2A", ())] == [(0,), (0,)]


@pytest.mark.parametrize("name", ["S2A_MSIL2A_20180420T101031", "S2A", "s2a_lower", "S2B_MSIL1C"])
def test_satellites_are_told_by_their_first_letters(name: str) -> None:
    assert satellite(name) == name[:3].upper()


@pytest.mark.parametrize("name", ["", "S2", "S2C_MSIL2A", "LC08_L2SP", "my scene", "source", "xS2A"])
def test_names_that_tell_no_satellite_are_refused(name: str) -> None:
    with pytest.raises(RadiometryError) as caught:
        satellite(name)
    assert f"scene {name}, of which no band adjustment" in caught.value.given
    assert "S2A or S2B" in caught.value.expected and "product's own name" in caught.value.do


@pytest.mark.parametrize("name", ["S2C", "source", "", "s2a"])
def test_satellites_without_rows_are_refused(name: str) -> None:
    with pytest.raises(RadiometryError) as caught:
        adjustment(name, ("B02",))
    assert caught.value.given == f"satellite {name}"
    assert "S2" in caught.value.expected and caught.value.do == "name one of them"


@pytest.mark.parametrize(("band", "iso", "geo", "vol"), WEIGHTS)
@pytest.mark.parametrize("angles", [Angles(40, 10, 0), Angles(40, 10, 180), Angles(60, 5, 90), Angles(20, 11.9, 33)])
def test_factors_are_reflectance_from_above_over_reflectance_as_seen(
    band: str, iso: float, geo: float, vol: float, angles: Angles
) -> None:
    seen = (angles.sun_zenith, angles.view_zenith, angles.azimuth)
    above = (angles.sun_zenith, 0, 0)
    wanted, was = (iso + geo * geometry_kernel(*three) + vol * volume_kernel(*three) for three in (above, seen))
    assert nadir_factors(S2, (band,), angles)[0] == pytest.approx(wanted / was, rel=1e-12)


@settings(max_examples=20)
@given(st.floats(5, 70), st.floats(1, 12))
def test_land_seen_with_the_sun_behind_is_darkened_and_the_other_side_brightened(sun: float, view: float) -> None:
    bands = tuple(row[0] for row in WEIGHTS)
    behind, ahead = (nadir_factors(S2, bands, Angles(sun, view, azimuth)) for azimuth in (0, 180))
    assert (ahead > 1).all() and (ahead > behind).all()
    if view < sun:
        assert (behind < 1).all()
    # Sentinel-2 looks aside by 12 degrees at most: what this mends is a fifth, not a factor.
    assert (behind > 0.8).all() and (ahead < 1.2).all()


@pytest.mark.parametrize("sun", [0.0, 25.0, 65.0])
def test_from_straight_above_nothing_changes(sun: float) -> None:
    bands = ("B02", "B03", "B04", "B05", "B08", "B11", "B12")
    np.testing.assert_array_equal(nadir_factors(S2, bands, Angles(sun, 0, 77)), np.ones(7))


def test_bands_without_weights_stay() -> None:
    found = nadir_factors(S2, ("B05", "B02", "B01"), Angles(40, 10, 0))
    assert found[0] == found[2] == 1 and found[1] < 1


def test_lines_are_the_published_slope_times_the_factor() -> None:
    bands, angles = ("B04", "B05", "B12"), Angles(50, 9, 170)
    plain, turned = (lines(S2, "S2B_x", bands, told) for told in (None, angles))
    factors = nadir_factors(S2, bands, angles)
    np.testing.assert_allclose(plain, [(0.9761, 0.0010), (1, 0), (0.9867, 0.0004)], atol=1e-7)
    for (slope, offset), (slope_plain, offset_plain), factor in zip(turned, plain, factors, strict=True):
        assert slope == pytest.approx(slope_plain * factor) and offset == offset_plain
    with pytest.raises(RadiometryError, match="LC08"):
        lines(S2, "LC08_x", bands, None)


def test_every_published_number_has_its_source() -> None:
    for name, table in published().items():
        assert len(table["source"]) > 20, name
    assert {len(row) for name, row in published()["brdf"].items() if name != "source"} == {3}


def test_the_point_spread_is_what_the_optics_leave_at_the_nyquist_frequency() -> None:
    """A Gaussian of s pixels leaves exp(- pi^2 s^2 / 2) of the contrast there, and widths add up as squares."""

    def left(sigma_px: float) -> float:
        return math.exp(-((math.pi * sigma_px) ** 2) / 2)

    fine_px = math.sqrt(-2 * math.log(0.25 / (2 / math.pi))) / math.pi
    assert 2 / math.pi * left(fine_px) == pytest.approx(0.25)
    assert 2 / math.pi * left(math.hypot(spread_px(), fine_px / 3)) == pytest.approx(0.31)
    assert spread_px() == pytest.approx(0.3532, abs=1e-4)
    assert (reach_px(0.0), reach_px(spread_px())) == (0, 2)


@settings(max_examples=25)
@given(st.integers(0, 2**16), st.floats(0.1, 3), st.floats(-0.5, 0.5), st.sampled_from([0.0, spread_px(), 0.8]))
def test_comparing_is_linear_and_blind_to_what_is_not_valid(
    seed: int, factor: float, more: float, sigma_px: float
) -> None:
    generator = np.random.default_rng(seed)
    views = {10.0: generator.uniform(0, 1, (1, 12, 12)).astype(np.float32),
             20.0: generator.uniform(0, 1, (1, 6, 6)).astype(np.float32)}  # fmt: skip
    valid = generator.uniform(0, 1, (4, 4)) > 0.3
    plain = compared(views, valid, SIZES, sigma_px)
    moved = {size: (view * factor + more).astype(np.float32) for size, view in views.items()}
    np.testing.assert_allclose(
        compared(moved, valid, SIZES, sigma_px)[:, valid], plain[:, valid] * factor + more, atol=2e-6
    )
    broken = {10.0: np.where(valid.repeat(3, 0).repeat(3, 1), views[10.0], np.float32(np.nan)), 20.0: views[20.0]}
    np.testing.assert_array_equal(compared(broken, valid, SIZES, sigma_px)[0], plain[0])
    assert not plain[:, ~valid].any() and plain.dtype == np.float32
    # Means lie between the least and the greatest that there is.
    assert plain[:, valid].min(initial=0) >= 0 and plain.max() <= 1 + 1e-6


@given(st.floats(-720, 720), st.floats(-720, 720), st.integers(-2, 2))
def test_the_angle_between_two_directions(first: float, second: float, turns: int) -> None:
    apart = between(first, second)
    assert 0 <= apart <= 180
    assert between(second, first) == apart
    assert between(first + 360 * turns, second) == pytest.approx(apart, abs=1e-6)
    assert math.cos(math.radians(apart)) == pytest.approx(math.cos(math.radians(first - second)), abs=1e-9)
