"""Image measures: numbers worked out by hand, tiles that add up, and the oracle of scikit-learn and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchmetrics.functional.image import spectral_angle_mapper

from landweave.errors import GridError
from landweave.metrics.image import ImageSums


def bands(*pixels: list[float]) -> NDArray[np.float64]:
    """Bands of one row of pixels."""
    return np.array(pixels, float)[:, None, :]


def draw(seed: int, shape: tuple[int, ...] = (3, 12, 15)) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.1, 1, shape)
    return truth + rng.normal(0, 0.05, shape), truth


def test_rmse_by_hand() -> None:
    # Differences 1, -1, 2 and 0, 0, 3: sqrt(6 / 3) and sqrt(9 / 3).
    found = ImageSums.of(bands([2, 1, 5], [1, 1, 4]), bands([1, 2, 3], [1, 1, 1]))
    assert found.rmse == pytest.approx([math.sqrt(2), math.sqrt(3)])


def test_sre_by_hand() -> None:
    # Mean 2, mean squared error 0.04: 10 log10(4 / 0.04) = 20 dB.
    found = ImageSums.of(bands([1.2, 3.2]), bands([1, 3]))
    assert found.sre == pytest.approx([20.0])


def test_sam_by_hand() -> None:
    # Spectra at right angles, then one 45 degrees off: 67.5 degrees on average.
    found = ImageSums.of(bands([1, 1], [0, 1]), bands([0, 1], [1, 0]))
    assert found.sam == pytest.approx(67.5)


def test_sam_leaves_spectra_of_zeros_out() -> None:
    found = ImageSums.of(bands([0, 1], [0, 0]), bands([1, 1], [1, 1]))
    assert found.angles == 1
    assert found.sam == pytest.approx(45)


def test_ergas_by_hand() -> None:
    # Relative errors 0.1 and 0.2 at a ratio of 2: 50 * sqrt(0.025).
    found = ImageSums.of(bands([11, 11], [24, 24]), bands([10, 10], [20, 20]))
    assert found.ergas(2) == pytest.approx(50 * math.sqrt(0.025))


def test_psnr_by_hand() -> None:
    # A mean squared error of 1 under a peak of 100: 40 dB.
    assert ImageSums.of(bands([1, 3]), bands([2, 2])).psnr(100) == pytest.approx([40.0])


def test_uiqi_by_hand() -> None:
    # Twice the truth in one window: level 2*2 / (1 + 4) and spread 2*2 / (1 + 4), 0.64.
    truth = np.arange(1.0, 5).reshape(1, 2, 2)
    assert ImageSums.of(2 * truth, truth, window_px=2).uiqi == pytest.approx([0.64])


def test_uiqi_of_opposite_structure_is_negative() -> None:
    truth = np.array([[[1.0, 3], [3, 1]]])
    assert ImageSums.of(4 - truth, truth, window_px=2).uiqi == pytest.approx([-1.0])


def test_uiqi_of_flat_windows_compares_levels() -> None:
    truth = np.full((1, 8, 8), 2.0)
    # 2 * 4 * 2 / (16 + 4)
    assert ImageSums.of(2 * truth, truth).uiqi == pytest.approx([0.8])
    assert ImageSums.of(truth, truth).uiqi == pytest.approx([1.0])


def test_uiqi_equals_its_definition_in_every_window() -> None:
    told, truth = draw(3)
    values = []
    for row in range(12 - 8 + 1):
        for col in range(15 - 8 + 1):
            x, y = (part[0, row : row + 8, col : col + 8].ravel() for part in (told, truth))
            shared = np.cov(x, y, bias=True)
            top = 4 * shared[0, 1] * x.mean() * y.mean()
            values.append(top / ((shared[0, 0] + shared[1, 1]) * (x.mean() ** 2 + y.mean() ** 2)))
    assert len(values) == 40
    assert ImageSums.of(told, truth).uiqi[0] == pytest.approx(np.mean(values))


def test_uiqi_of_small_differences_on_a_high_level_keeps_its_digits() -> None:
    rng = np.random.default_rng(0)
    noise, other = rng.normal(0, 1e-3, (2, 1, 10, 10))
    low, high = (ImageSums.of(level + noise, level + noise + other).uiqi[0] for level in (10.0, 1e4))
    assert low == pytest.approx(high, rel=1e-3)


def test_equal_images() -> None:
    _, truth = draw(1)
    found = ImageSums.of(truth, truth)
    assert found.rmse == pytest.approx(np.zeros(3))
    assert found.sam == pytest.approx(0, abs=1e-5)
    assert found.uiqi == pytest.approx(np.ones(3))
    assert found.ergas(2) == pytest.approx(0)
    assert np.isinf(found.sre).all()
    assert np.isinf(found.psnr(1)).all()


def test_sam_is_that_of_torchmetrics() -> None:
    import torch

    told, truth = draw(2)
    oracle = spectral_angle_mapper(torch.from_numpy(told[None]), torch.from_numpy(truth[None]))
    assert ImageSums.of(told, truth).sam == pytest.approx(math.degrees(float(oracle)))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 11), st.integers(0, 1000))
def test_sums_of_parts_are_sums_of_the_whole(cut: int, seed: int) -> None:
    told, truth = draw(seed)
    whole = ImageSums.of(told, truth)
    parts = (
        ImageSums.zero(3) + ImageSums.of(told[:, :cut], truth[:, :cut]) + ImageSums.of(told[:, cut:], truth[:, cut:])
    )
    assert parts.count == whole.count == 180
    assert parts.rmse == pytest.approx(whole.rmse)
    assert parts.sre == pytest.approx(whole.sre)
    assert parts.sam == pytest.approx(whole.sam)
    assert parts.ergas(6) == pytest.approx(whole.ergas(6))
    assert parts.psnr(1) == pytest.approx(whole.psnr(1))
    # Windows that lie across the cut are in neither part.
    assert parts.windows == sum(max(0, rows - 7) for rows in (cut, 12 - cut)) * 8


def test_only_valid_pixels_count() -> None:
    told, truth = draw(4)
    valid = np.ones((12, 15), np.bool_)
    valid[:2], valid[:, 11:] = False, False
    told[:, ~valid] = np.nan
    found = ImageSums.of(told, truth, valid)
    part = ImageSums.of(told[:, 2:, :11], truth[:, 2:, :11])
    assert found.count == part.count == 110
    assert found.windows == part.windows == 12
    assert found.rmse == pytest.approx(part.rmse)
    assert found.uiqi == pytest.approx(part.uiqi)
    assert found.sam == pytest.approx(part.sam)


def test_nothing_is_nan_and_never_zero() -> None:
    none = ImageSums.zero(2)
    assert np.isnan([*none.rmse, *none.sre, none.sam, *none.uiqi, none.ergas(2)]).all()
    too_small = ImageSums.of(np.ones((1, 4, 4)), np.ones((1, 4, 4)))
    assert np.isnan(too_small.uiqi).all()


def test_other_shapes_are_refused() -> None:
    with pytest.raises(GridError) as told:
        ImageSums.of(np.ones((1, 4, 4)), np.ones((1, 4, 5)))
    assert "(1, 4, 4)" in told.value.given
    assert "same" in told.value.expected
    assert "grid" in told.value.do
