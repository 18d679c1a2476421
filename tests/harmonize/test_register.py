"""Phase correlation: known offsets come back, holes and flat images do not deceive it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from landweave.harmonize.register import Offset, offset, together


def image(seed: int = 0) -> NDArray[np.float32]:
    rough = np.random.default_rng(seed).normal(size=(96, 96))
    return np.asarray(ndimage.gaussian_filter(rough, 2.5) * 10 + 0.3, np.float32)


def moved(values: NDArray[np.float32], row: float, col: float) -> NDArray[np.float32]:
    return np.asarray(ndimage.shift(values, (row, col), order=5, mode="nearest"), np.float32)


@pytest.mark.parametrize("by", [(0, 0), (3, -2), (0.5, 0.5), (-1.3, 0.25), (0.1, -0.06)])
def test_a_known_offset_comes_back(by: tuple[float, float]) -> None:
    found = offset(image(), moved(image(), *by), np.ones((96, 96), bool))
    assert found is not None
    assert (found.row_px, found.col_px) == pytest.approx(by, abs=0.05)


def test_another_gain_and_noise_do_not_move_it() -> None:
    second = moved(image(), 0.7, -0.4) * 1.7 - 0.2 + np.random.default_rng(1).normal(0, 0.1, (96, 96))
    found = offset(image(), second.astype(np.float32), np.ones((96, 96), bool))
    assert found is not None
    assert (found.row_px, found.col_px) == pytest.approx((0.7, -0.4), abs=0.15)


def test_clouds_do_not_count() -> None:
    first, second, valid = image(), moved(image(), 1, 2), np.ones((96, 96), bool)
    valid[10:40, 20:50] = False
    first[~valid], second[~valid] = 9, np.nan
    found = offset(first, second, valid)
    assert found is not None
    assert (found.row_px, found.col_px) == pytest.approx((1, 2), abs=0.15)


def test_too_little_to_see_gives_none() -> None:
    few = np.zeros((96, 96), bool)
    few[:40] = True
    flat = np.full((96, 96), 0.3, np.float32)
    assert offset(image(), image(), few) is None
    assert offset(image(), flat, np.ones((96, 96), bool)) is None
    assert offset(image()[:16, :16], image()[:16, :16], np.ones((16, 16), bool)) is None


def test_a_wrong_chip_does_not_move_the_whole() -> None:
    assert together([]) is None
    whole = together([Offset(0.1, 0.2), Offset(0.12, 0.2), Offset(0.1, 0.24), Offset(-30, 7)])
    assert whole is not None and whole.num_chips == 4
    assert (whole.row_px, whole.col_px) == pytest.approx((0.1, 0.2), abs=0.03)
    assert whole.spread_px < 0.05
    assert Offset(3, 4).length_px == 5
