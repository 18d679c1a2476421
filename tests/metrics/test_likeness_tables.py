"""Likeness of images whose measures are worked out by hand, and what holds for any two images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from landweave.errors import GridError
from landweave.metrics.likeness import MEASURES, Likeness

FEW = settings(max_examples=8)
SEEDS = st.integers(0, 2**16)


def row(*values: float) -> NDArray[np.float32]:
    """One band of one row."""
    return np.array([[values]], np.float32)


def drawn(seed: int, num: int = 2, height: int = 14, width: int = 13) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0.05, 0.9, (num, height, width)).astype(np.float32)


@pytest.mark.parametrize(
    ("made", "measured", "angle"),
    [
        ((1, 0), (0, 1), math.pi / 2),
        ((1, 1), (1, 0), math.pi / 4),
        ((1, 0), (-1, 0), math.pi),
        ((0.5, 0.5), (0.1, 0.1), 0),
        ((1, math.sqrt(3)), (1, 0), math.pi / 3),
        ((1, 1, 0), (0, 1, 1), math.pi / 3),
        ((3, 4), (4, 3), math.acos(24 / 25)),
    ],
)
def test_the_angle_is_that_of_two_long_vectors(
    made: tuple[float, ...], measured: tuple[float, ...], angle: float
) -> None:
    found = Likeness.of(row(*made), row(*measured))
    assert found.sam[0] == pytest.approx(angle, abs=1e-3 if angle in {0, math.pi} else 1e-6)
    assert found.overall()["sam"] == pytest.approx(found.sam[0])


@pytest.mark.parametrize(
    ("made", "measured", "rmse", "ergas", "peak", "psnr"),
    [
        ((0.6, 0.6), (0.5, 0.5), 0.1, 20, 1, 20),
        ((0.4, 0.6), (0.5, 0.5), 0.1, 20, 1, 20),
        ((0.51, 0.51), (0.5, 0.5), 0.01, 2, 1, 40),
        ((0.51, 0.51), (0.5, 0.5), 0.01, 2, 10, 60),
        ((25.5, 0), (0, 25.5), 25.5, 200, 255, 20),
        ((0, 0), (1, 7), 5, 125, 5, 0),
        # The mean of what was measured may be negative; its sign says nothing of the error.
        ((-0.4, -0.4), (-0.5, -0.5), 0.1, 20, 1, 20),
    ],
)
def test_errors_by_hand(
    made: tuple[float, ...], measured: tuple[float, ...], rmse: float, ergas: float, peak: float, psnr: float
) -> None:
    found = Likeness.of(row(*made), row(*measured), peak=peak)
    each, whole = found.by_band(), found.overall()
    for name, wanted in {"rmse": rmse, "ergas": ergas, "psnr": psnr}.items():
        assert each[name][0] == pytest.approx(wanted, rel=1e-4, abs=1e-4), name
        assert whole[name] == pytest.approx(wanted, rel=1e-4, abs=1e-4), name


def test_over_bands_errors_are_those_of_all_values() -> None:
    measured = np.ones((2, 1, 2), np.float32)
    made = measured + np.array([3, 4], np.float32)[:, None, None]
    found = Likeness.of(made, measured, peak=10).overall()
    assert found["rmse"] == pytest.approx(math.sqrt(12.5))
    assert found["ergas"] == pytest.approx(100 * math.sqrt(12.5))
    # Not the mean of 10.46 and 7.96 dB.
    assert found["psnr"] == pytest.approx(10 * math.log10(100 / 12.5))


@pytest.mark.parametrize("peak", [1.0, 255.0])
@pytest.mark.parametrize(("a", "b"), [(0.2, 0.4), (0.0, 0.5), (0.0, 0.0), (1.0, 1.0), (0.9, 0.1)])
def test_images_of_one_value_differ_in_their_light_alone(a: float, b: float, peak: float) -> None:
    made, measured = (np.full((1, 11, 11), value * peak, np.float32) for value in (a, b))
    found = Likeness.of(made, measured, peak=peak)
    small = (0.01 * peak) ** 2
    light = (2 * a * b * peak**2 + small) / ((a**2 + b**2) * peak**2 + small)
    assert found.windows == 1
    assert found.ssim[0] == pytest.approx(light, rel=1e-4)


@pytest.mark.parametrize(
    ("shape", "structure", "quality"),
    [
        ((10, 40), 0, 0),
        ((11, 11), 1, 0),
        ((12, 13), 6, 0),
        ((31, 40), 630, 0),
        ((32, 32), 484, 1),
        ((33, 34), 552, 6),
    ],
)
def test_windows_lie_whole_in_the_image(shape: tuple[int, int], structure: int, quality: int) -> None:
    values = drawn(0, 1, *shape)
    found = Likeness.of(values, values)
    assert (found.windows, found.images.windows) == (structure, quality)


@pytest.mark.parametrize(
    ("hole", "windows"),
    [((0, 0), 120), ((10, 10), 0), ((5, 5), 121 - 36), ((20, 20), 120), ((0, 10), 121 - 11), ((1, 1), 117)],
)
def test_one_hole_takes_all_windows_that_hold_it(hole: tuple[int, int], windows: int) -> None:
    values, valid = drawn(1, 1, 21, 21), np.ones((21, 21), bool)
    valid[hole] = False
    found = Likeness.of(values, values * np.float32(0.5), valid)
    assert found.windows == windows and found.images.count == 440


def test_where_nothing_is_valid_nothing_is_told() -> None:
    values = drawn(2)
    found = Likeness.of(values, values, np.zeros((14, 13), bool))
    for name, told in found.by_band().items():
        assert np.isnan(told).all(), name
    whole = found.overall()
    assert tuple(whole) == MEASURES and all(math.isnan(value) for value in whole.values())
    assert found.images.count == 0 and not found.products.any()


@pytest.mark.parametrize(("made", "measured"), [((0, 0), (0, 0)), ((0, 0), (1, 2)), ((1, 2), (0, 0))])
def test_a_band_of_nothing_has_no_angle(made: tuple[float, ...], measured: tuple[float, ...]) -> None:
    assert np.isnan(Likeness.of(row(*made), row(*measured)).sam).all()


@pytest.mark.parametrize("shape", [(1, 14, 13), (2, 13, 13), (2, 14, 14), (3, 14, 13)])
def test_other_shapes_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(GridError) as caught:
        Likeness.of(drawn(0), np.zeros(shape, np.float32))
    assert str(shape) in caught.value.given
    assert caught.value.expected == "the same bands on the same pixels" and "one grid" in caught.value.do


@FEW
@given(SEEDS, st.floats(0.1, 10))
def test_a_factor_is_no_angle_and_the_other_way_round_is_the_same(seed: int, factor: float) -> None:
    first, second = drawn(seed), drawn(seed + 1)
    plain, scaled = Likeness.of(first, second), Likeness.of((first * factor).astype(np.float32), second)
    np.testing.assert_allclose(scaled.sam, plain.sam, atol=1e-6)
    back = Likeness.of(second, first)
    for name in ("sam", "rmse", "ssim", "psnr"):
        np.testing.assert_allclose(back.by_band()[name], plain.by_band()[name], rtol=1e-9, err_msg=name)


@FEW
@given(SEEDS, st.integers(0, 14), st.integers(0, 13))
def test_any_two_parts_give_the_sums_of_the_whole(seed: int, row_at: int, col_at: int) -> None:
    """Valid or not, pixel by pixel; windows lie in one part or the other and are left out here."""
    made, measured = drawn(seed), drawn(seed + 1)
    part = np.zeros((14, 13), bool)
    part[:row_at, :col_at] = True
    one, other = (Likeness.of(made, measured, some) for some in (part, ~part))
    both, whole = one + other, Likeness.of(made, measured)
    assert both.images.count == whole.images.count == 14 * 13
    np.testing.assert_allclose(both.products, whole.products, rtol=1e-12)
    for name in ("sam", "rmse", "ergas", "psnr"):
        np.testing.assert_allclose(both.by_band()[name], whole.by_band()[name], rtol=1e-9, err_msg=name)
    assert both.windows <= whole.windows


@FEW
@given(SEEDS, st.integers(1, 5))
def test_structure_is_one_at_most_and_bands_do_not_mix(seed: int, num: int) -> None:
    made, measured = drawn(seed, num), drawn(seed + 1, num)
    whole = Likeness.of(made, measured)
    assert (np.abs(whole.ssim) <= 1 + 1e-12).all() and (whole.sam >= 0).all()
    for place in range(num):
        alone = Likeness.of(made[place : place + 1], measured[place : place + 1])
        for name, values in alone.by_band().items():
            np.testing.assert_allclose(values[0], whole.by_band()[name][place], rtol=1e-12, err_msg=name)
