"""The forest kept as arrays against scikit-learn's own, sample for sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from tests.classical.making import draw

from landweave.classical import forest
from landweave.classical.forest import Forest
from landweave.errors import CardError, SampleError
from landweave.legend import IGNORE

X, Y = draw(600)
FRESH, _ = draw(403, seed=1)
SMALL = {"num_trees": 12, "seed": 3}


def theirs(x: Any = X, y: Any = Y, min_leaf: int = 5) -> Any:
    return RandomForestClassifier(12, min_samples_leaf=min_leaf, random_state=3).fit(x, y)


def close(ours: Any, expected: Any) -> None:
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("min_leaf", [1, 5, 100])
@pytest.mark.parametrize("num", [1, 3, 4, 403])
def test_probabilities_are_scikit_learns(min_leaf: int, num: int) -> None:
    ours = forest.fit(X, Y, 5, min_leaf=min_leaf, **SMALL).predict_probabilities(FRESH[:num])
    close(ours, theirs(min_leaf=min_leaf).predict_proba(FRESH[:num]))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours.sum(1), 1, atol=1e-5)


def test_values_on_a_threshold_go_the_same_way() -> None:
    # Whole numbers make thresholds of halves, and thresholds that float32 cannot hold lie between near values.
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (300, 3)).astype(np.float32) * np.float32(0.1)
    y = ((x.sum(1) + rng.normal(0, 0.05, 300)) > 0.45).astype(np.uint8)
    ours = forest.fit(x, y, 2, min_leaf=1, **SMALL)
    grown = theirs(x, y, 1)
    thresholds = np.concatenate([tree.tree_.threshold for tree in grown.estimators_]).astype(np.float32)
    near = np.unique(
        np.concatenate([thresholds, np.nextafter(thresholds, np.float32(9)), np.nextafter(thresholds, np.float32(-9))])
    )
    probes = np.stack([rng.permutation(near) for _ in range(3)], axis=1)
    close(ours.predict_probabilities(probes), grown.predict_proba(probes))


def test_the_number_of_threads_changes_nothing() -> None:
    x, y = draw(40_000)
    one, two = (forest.fit(x[:800], y[:800], 5, num_threads=n, **SMALL) for n in (1, 2))
    np.testing.assert_array_equal(one.nodes, two.nodes)
    np.testing.assert_array_equal(one.predict_probabilities(x, 1), two.predict_probabilities(x, 3))


def test_no_samples_no_predictions() -> None:
    assert forest.fit(X, Y, 5, **SMALL).predict_probabilities(FRESH[:0]).shape == (0, 5)


def test_classes_without_samples_have_probability_zero() -> None:
    labels = np.where(Y == 2, IGNORE, Y).astype(np.uint8)
    ours = forest.fit(X, labels, 7, **SMALL).predict_probabilities(FRESH)
    used = labels != IGNORE
    assert (ours[:, [2, 5, 6]] == 0).all()
    close(ours[:, [0, 1, 3, 4]], theirs(X[used], labels[used]).predict_proba(FRESH))


def test_several_labels_a_sample() -> None:
    labels = np.stack([Y == 0, Y < 3, np.ones_like(Y), np.zeros_like(Y)], axis=1).astype(np.uint8)
    ours = forest.fit(X, labels, 4, **SMALL).predict_probabilities(FRESH)
    expected = theirs(X, labels).predict_proba(FRESH)
    close(ours[:, :2], np.stack([expected[0][:, 1], expected[1][:, 1]], axis=1))
    assert (ours[:, 2] == 1).all()
    assert (ours[:, 3] == 0).all()


def test_arrays_and_back() -> None:
    made = forest.fit(X, Y, 5, **SMALL)
    again = Forest.from_arrays(made.to_arrays())
    np.testing.assert_array_equal(made.predict_probabilities(FRESH), again.predict_probabilities(FRESH))
    assert (again.num_features, again.num_classes) == (6, 5)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("feature", lambda a: a * 0 + 6),
        ("feature", lambda a: a * 0 - 2),
        ("threshold", lambda a: a * np.float32("nan")),
        ("next", lambda a: a * 0),
        ("next", lambda a: a + 1_000_000),
        ("next", lambda a: a[:-1]),
        ("shares", lambda a: a[:-5]),
        ("shares", lambda a: a * np.float32("inf")),
        ("shares", lambda a: a.astype(np.float64)),
        ("roots", lambda a: a - 1),
        ("roots", lambda a: a[:0]),
        ("num_features", lambda a: a[:0]),
    ],
)
def test_arrays_that_are_no_forest_are_refused(name: str, change: Any) -> None:
    arrays = forest.fit(X, Y, 5, **SMALL).to_arrays()
    with np.errstate(invalid="ignore"):
        arrays[name] = change(arrays[name])
    with pytest.raises(CardError) as caught:
        Forest.from_arrays(arrays)
    assert "forest" in caught.value.given
    assert caught.value.expected
    assert caught.value.do


TINY = forest.fit(X[:60], Y[:60], 5, num_trees=2).to_arrays()


@given(st.sampled_from(["feature", "next", "roots"]), st.integers(0, 10**6), st.integers(-(2**31), 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_no_changed_number_makes_prediction_run_away(name: str, where: int, value: int) -> None:
    arrays = {key: array.copy() for key, array in TINY.items()}
    arrays[name][where % len(arrays[name])] = value
    try:
        changed = Forest.from_arrays(arrays)
    except CardError:
        return
    assert changed.predict_probabilities(FRESH[:8]).shape == (8, 5)


def test_a_missing_array_is_refused() -> None:
    arrays = forest.fit(X, Y, 5, **SMALL).to_arrays()
    del arrays["shares"]
    with pytest.raises(CardError, match="shares"):
        Forest.from_arrays(arrays)


def test_samples_of_another_length_are_refused() -> None:
    with pytest.raises(CardError, match="5 features"):
        forest.fit(X, Y, 5, **SMALL).predict_probabilities(FRESH[:, :5])


@pytest.mark.parametrize(
    ("x", "y", "word"),
    [
        (X, np.full_like(Y, IGNORE), "0 different"),
        (X, np.zeros_like(Y), "1 different"),
        (X, Y + np.uint8(3), "5 classes"),
        (np.where(X > 3, np.nan, X).astype(np.float32), Y, "NaN"),
    ],
)
def test_samples_that_do_not_do_are_refused(x: Any, y: Any, word: str) -> None:
    with pytest.raises(SampleError) as caught:
        forest.fit(x, y, 5)
    assert word in str(caught.value)
    assert all((caught.value.given, caught.value.expected, caught.value.do))
