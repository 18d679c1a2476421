"""What models that compare samples share: features of one scale, distances in blocks, labels as rows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from landweave.classical import scaled
from landweave.errors import CardError
from landweave.legend import IGNORE

X = np.random.default_rng(0).normal(5, 3, (30, 7)).astype(np.float32)
Y = np.random.default_rng(1).normal(5, 3, (11, 7)).astype(np.float32)


def whole(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.concatenate([far for _, far in scaled.squared_distances(x, y)])


def test_scale_makes_mean_0_and_deviation_1() -> None:
    mean, std = scaled.scale_of(X)
    made = (X - mean) / std
    np.testing.assert_allclose(made.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(made.std(0), 1, atol=1e-5)


def test_a_feature_of_one_value_is_left_as_it_is() -> None:
    x = X.copy()
    x[:, 2] = 4
    mean, std = scaled.scale_of(x)
    assert (mean[2], std[2]) == (4, 1)


def test_distances_are_scipys() -> None:
    np.testing.assert_allclose(whole(X, Y), cdist(X, Y, "sqeuclidean"), rtol=1e-4, atol=1e-3)


@given(st.integers(1, 400))
def test_distances_do_not_depend_on_blocks(at_once: int) -> None:
    before = scaled._AT_ONCE
    try:
        scaled._AT_ONCE = at_once
        rows = [rows for rows, _ in scaled.squared_distances(X, Y)]
        np.testing.assert_allclose(whole(X, Y), cdist(X, Y, "sqeuclidean"), rtol=1e-4, atol=1e-3)
    finally:
        scaled._AT_ONCE = before
    assert rows[0].start == 0
    assert rows[-1].stop >= len(X)
    assert all(one.stop == other.start for one, other in itertools.pairwise(rows))


def test_distances_of_equal_samples_are_not_negative() -> None:
    assert (whole(X, X) >= 0).all()
    np.testing.assert_allclose(np.diag(whole(X, X)), 0, atol=1e-3)


@pytest.mark.parametrize(
    ("labels", "rows"),
    [
        ([0, 2, 1], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        ([2, 2], [[0, 0, 1], [0, 0, 1]]),
        ([IGNORE], [[0, 0, 0]]),
        ([[1, 0, 1]], [[1, 0, 1]]),
    ],
)
def test_labels_become_rows(labels: list[object], rows: list[list[int]]) -> None:
    assert scaled.rows_of(np.array(labels, np.uint8), 3).tolist() == rows


WANTED = {"one": ("f", 2), "two": ("i", 1)}
GOOD = {"one": np.zeros((2, 3)), "two": np.zeros(2, int)}


def test_arrays_that_fit_pass() -> None:
    scaled.check_arrays("thing", GOOD, WANTED, fits=True)


@pytest.mark.parametrize(
    ("arrays", "fits"),
    [
        (GOOD, False),
        ({"one": GOOD["one"]}, True),
        ({**GOOD, "three": GOOD["one"]}, True),
        ({**GOOD, "one": np.zeros(3)}, True),
        ({**GOOD, "two": np.zeros(2)}, True),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays: dict[str, np.ndarray], fits: bool) -> None:
    with pytest.raises(CardError) as caught:
        scaled.check_arrays("thing", arrays, WANTED, fits)
    assert "of a thing" in caught.value.given
    assert "one, two" in caught.value.expected
    assert "copy" in caught.value.do
