"""Differences through their metric against the columns themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spectra.making import temperatures

from landweave.errors import SpectraError
from landweave.spectra.differences import as_matrix, covariance, differences, embed, kept, metric, root, variances
from landweave.spectra.microwindows import NUM_PAIRS, pair_index


def some_weights(kind: str, num_pairs: int) -> Any:
    rng = np.random.default_rng(1)
    made = {"all": None, "kept": rng.random(num_pairs) < 0.3, "weighted": rng.random(num_pairs)}
    return made[kind]


@given(st.integers(2, 9), st.sampled_from(["all", "kept", "weighted"]), st.integers(0, 100))
@settings(max_examples=40)
def test_the_metric_is_that_of_the_columns(length: int, kind: str, seed: int) -> None:
    weights = some_weights(kind, length * (length - 1) // 2)
    x = np.random.default_rng(seed).normal(200, 9, (5, length)).astype(np.float32)
    columns = differences(x, weights).astype(np.float64)
    near = {"rtol": 1e-4, "atol": 0.05}
    np.testing.assert_allclose(x @ metric(weights, length) @ x.T, columns @ columns.T, **near)
    points = embed(x, weights)
    np.testing.assert_allclose(points @ points.T, columns @ columns.T, **near)
    np.testing.assert_allclose(np.diff(points, axis=0) ** 2 @ np.ones(length),
                               (np.diff(columns, axis=0) ** 2).sum(1), **near)  # fmt: skip


def test_all_weights_one_is_centring() -> None:
    np.testing.assert_allclose(metric(num=7), 7 * np.eye(7) - 1)
    own, inverse = root(metric(num=7))
    np.testing.assert_allclose(own @ own, metric(num=7), atol=1e-9)
    np.testing.assert_allclose(own @ inverse, np.eye(7) - 1 / 7, atol=1e-9)


def test_columns_are_in_the_order_of_pairs() -> None:
    x, _ = temperatures(3)
    columns = differences(x)
    assert columns.shape == (3, NUM_PAIRS)
    np.testing.assert_array_equal(columns[:, pair_index(85, 105)], x[:, 85] - x[:, 105])
    mask = np.zeros(NUM_PAIRS, np.bool_)
    mask[pair_index(26, 139)] = True
    np.testing.assert_array_equal(differences(x, mask)[:, 0], x[:, 26] - x[:, 139])
    np.testing.assert_array_equal(differences(x, mask.astype(np.float64))[:, mask], differences(x, mask))


def test_variances_are_those_of_the_columns() -> None:
    # More spectra than one block has.
    x, _ = temperatures(5000, 12)
    mean, cov = covariance(x)
    np.testing.assert_allclose(mean, x.mean(0, dtype=np.float64))
    np.testing.assert_allclose(cov, np.cov(x.T.astype(np.float64)))
    expected = differences(x).var(0, ddof=1, dtype=np.float64)
    np.testing.assert_allclose(variances(cov), expected, rtol=1e-5)
    middle = float(np.median(expected))
    np.testing.assert_array_equal(kept(cov, middle), expected >= middle)
    with pytest.raises(SpectraError, match="K2"):
        kept(cov, 1e9)


def test_numbers_of_pairs_as_a_matrix() -> None:
    made = as_matrix(np.arange(6))
    assert made.tolist() == [[0, 0, 1, 2], [0, 0, 3, 4], [1, 3, 0, 5], [2, 4, 5, 0]]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: metric(np.ones(7), 4), "7 weights"),
        (lambda: metric(np.full(6, np.nan), 4), "6 of them not finite"),
        (lambda: differences(np.ones((2, 4), np.float32), np.ones(5, np.bool_)), "5 weights"),
        (lambda: covariance(np.ones((1, 4), np.float32)), "1 spectra"),
        (lambda: covariance(np.array([[1, 2], [np.nan, 2], [1, 3]], np.float32)), "1 spectra with values"),
    ],
)
def test_what_does_not_do_is_refused(call: Any, word: str) -> None:
    with pytest.raises(SpectraError) as caught:
        call()
    assert word in caught.value.given
    assert all((caught.value.expected, caught.value.do))
