"""Samples walked in blocks: each once, whatever the block and the threads, and the mean over trees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from landweave.classical.walking import mean_shares

X = np.random.default_rng(1).random((50, 3)).astype(np.float32)


def two_trees(values: NDArray[np.float32], sums: NDArray[np.float64]) -> None:
    for column in (0, 1):
        right = values[:, column] > 0.5
        sums[~right, 0] += 1
        sums[right, 1] += 1


@pytest.mark.parametrize("block", [1, 7, 50, 1000])
@pytest.mark.parametrize("num_threads", [1, 3])
def test_blocks_and_threads_do_not_show(block: int, num_threads: int) -> None:
    found = mean_shares(two_trees, X, 2, 2, block=block, num_threads=num_threads)
    expected = (X[:, :2] > 0.5).mean(1)
    np.testing.assert_array_equal(found, np.stack([1 - expected, expected], 1).astype(np.float32))
    assert found.dtype == np.float32


def test_no_samples_give_no_rows() -> None:
    assert mean_shares(two_trees, X[:0], 2, 2, block=8, num_threads=2).shape == (0, 2)
