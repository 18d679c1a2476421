"""The forest on differences: what its trees do, walked in numpy, and scikit-learn's forest on the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from tests.classical.making import draw

from landweave.classical import difference_forest
from landweave.classical.difference_forest import DifferenceForest
from landweave.errors import CardError, SampleError
from landweave.legend import IGNORE

X, Y = draw(1500, num_features=8)
FRESH, TRUTH = draw(1000, num_features=8, seed=1)
FIRST, SECOND = np.triu_indices(8, 1)
FITTED = difference_forest.fit(X, Y, 5, num_trees=12, seed=3)
SMALL = difference_forest.fit(X[:200], Y[:200], 5, num_trees=6)


def columns(x: Any) -> Any:
    return x[:, FIRST] - x[:, SECOND]


def right(shares: Any) -> float:
    return float((shares.argmax(1) == TRUTH).mean())


def leaves(forest: DifferenceForest, x: Any) -> Any:
    """Leaf of every sample in every tree, walked in numpy, with its depth."""
    at, depth = np.tile(forest.roots, (len(x), 1)), np.zeros((len(x), len(forest.roots)), int)
    rows = np.arange(len(x))[:, None]
    while (inner := (node := forest.nodes[at])["first"] >= 0).any():
        far = x[rows, np.maximum(node["first"], 0)] - x[rows, np.maximum(node["second"], 0)] > node["threshold"]
        at = np.where(inner, node["next"] + far, at)
        depth += inner
    return forest.nodes[at]["next"], depth


def test_it_is_as_right_as_scikit_learns_on_the_columns() -> None:
    theirs = RandomForestClassifier(12, max_features="sqrt", bootstrap=False, random_state=0)
    expected = theirs.fit(columns(X), Y).predict_proba(columns(FRESH))
    assert right(expected) > 0.7
    assert abs(right(FITTED.predict_probabilities(FRESH)) - right(expected)) < 0.03
    # Which differences matter is much the same, too.
    assert np.corrcoef(FITTED.importance, theirs.feature_importances_)[0, 1] > 0.8
    assert FITTED.importance.sum() == pytest.approx(1)


def purity(shares: Any) -> float:
    return float((shares**2).sum(1).mean())


def test_the_best_split_of_few_samples_is_scikit_learns() -> None:
    # All differences are tried, and so few samples are sorted: nothing is left to chance but which of two equals it is.
    for start in range(0, 120, 24):
        x, y = X[start : start + 24], Y[start : start + 24]
        ours = difference_forest.fit(x, y, 5, num_trees=1, max_features=1.0, max_depth=1)
        theirs = RandomForestClassifier(1, max_features=1.0, max_depth=1, bootstrap=False).fit(columns(x), y)
        assert purity(ours.predict_probabilities(x)) == pytest.approx(purity(theirs.predict_proba(columns(x))))
        assert (ours.importance.max(), len(ours.shares)) == (1, 2)


def test_the_best_split_of_many_samples_is_near_scikit_learns() -> None:
    ours = difference_forest.fit(X, Y, 5, num_trees=1, max_features=1.0, max_depth=1).predict_probabilities(X)
    theirs = RandomForestClassifier(1, max_features=1.0, max_depth=1, bootstrap=False).fit(columns(X), Y)
    best = purity(theirs.predict_proba(columns(X)))
    assert best - 0.002 < purity(ours) <= best + 1e-6


def test_a_walk_is_the_walk() -> None:
    found, _ = leaves(FITTED, FRESH)
    np.testing.assert_allclose(FITTED.predict_probabilities(FRESH), FITTED.shares[found].mean(1), atol=1e-6)
    for num in (0, 1, 3):
        np.testing.assert_array_equal(
            FITTED.predict_probabilities(FRESH[:num]), FITTED.predict_probabilities(FRESH)[:num]
        )


def test_trees_know_what_they_were_grown_on() -> None:
    # Without bootstrap and limits every leaf is of one class, and every sample falls into one of its own class.
    found, _ = leaves(FITTED, X)
    assert (FITTED.shares.max(1) == 1).all()
    np.testing.assert_array_equal(FITTED.shares[found].argmax(2), np.tile(Y[:, None], 12))


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        ({"max_depth": 3}, lambda depth, sizes: depth.max() == 3),
        ({"min_leaf": 40}, lambda depth, sizes: sizes.min() >= 40),
        ({"min_split": 400}, lambda depth, sizes: sizes.max() < 400),
    ],
)
def test_limits_are_kept(arguments: Any, holds: Any) -> None:
    found, depth = leaves(difference_forest.fit(X, Y, 5, num_trees=4, **arguments), X)
    sizes = np.concatenate([np.unique(tree, return_counts=True)[1] for tree in found.T])
    assert holds(depth, sizes)
    assert len(sizes) > 8


def test_differences_that_are_left_out_are_not_used() -> None:
    kept = np.zeros(28, np.bool_)
    kept[[3, 17, 20]] = True
    made = difference_forest.fit(X, Y, 5, num_trees=4, kept=kept)
    assert set(np.flatnonzero(made.importance)) == {3, 17, 20}
    inner = made.nodes[made.nodes["first"] >= 0]
    assert set(zip(inner["first"], inner["second"], strict=True)) == set(zip(FIRST[kept], SECOND[kept], strict=True))


def test_what_is_common_to_all_features_changes_nothing() -> None:
    # Whole numbers, whose differences are exact.
    whole = np.round(X * 64)
    one, two = (difference_forest.fit(x, Y, 5, num_trees=2) for x in (whole, whole + 4096))
    np.testing.assert_array_equal(one.nodes, two.nodes)


def test_threads_change_nothing_and_seeds_do() -> None:
    one, two = (difference_forest.fit(X, Y, 5, num_trees=4, bootstrap=True, num_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.nodes, two.nodes)
    np.testing.assert_array_equal(one.predict_probabilities(FRESH, 1), two.predict_probabilities(FRESH, 3))
    plain, other = (difference_forest.fit(X, Y, 5, num_trees=4, seed=seed) for seed in (0, 1))
    for unlike in (plain, other):
        assert len(unlike.nodes) != len(one.nodes) or (unlike.nodes != one.nodes).any()
    # A sample that no tree drew may be told wrong.
    assert (leaves(one, X)[0] >= 0).all()


def test_classes_without_samples_and_labels_left_out() -> None:
    labels = np.where(Y == 2, IGNORE, Y).astype(np.uint8)
    shares = difference_forest.fit(X, labels, 7, num_trees=4).predict_probabilities(FRESH)
    assert (shares[:, [2, 5, 6]] == 0).all()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)


def test_equal_samples_of_two_classes_share_a_leaf() -> None:
    x = np.repeat(X[:2], 50, axis=0)
    y = np.tile(np.array([0, 1], np.uint8), 50)
    made = difference_forest.fit(x, y, 2, num_trees=2)
    np.testing.assert_allclose(made.predict_probabilities(x), 0.5)
    y[:50] = 1
    np.testing.assert_allclose(
        difference_forest.fit(x, y, 2, num_trees=2).predict_probabilities(x[::50])[:, 1], [1, 0.5]
    )


def test_arrays_and_back() -> None:
    again = DifferenceForest.from_arrays(FITTED.to_arrays())
    np.testing.assert_array_equal(FITTED.predict_probabilities(FRESH), again.predict_probabilities(FRESH))
    np.testing.assert_array_equal(FITTED.importance, again.importance)
    assert (again.num_features, again.num_classes) == (8, 5)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("first", lambda a: np.where(a < 0, a, 8)),
        ("second", lambda a: a * 0 - 2),
        ("threshold", lambda a: a * np.float32("nan")),
        ("next", lambda a: a * 0),
        ("next", lambda a: a + 1_000_000),
        ("next", lambda a: a[:-1]),
        ("shares", lambda a: a[:-5]),
        ("shares", lambda a: a * np.float32("inf")),
        ("roots", lambda a: a - 1),
        ("roots", lambda a: a[:0]),
        ("importance", lambda a: a[:-1]),
        ("num_features", lambda a: a[:0]),
        ("num_features", lambda a: a * 0 + 7),
    ],
)
def test_arrays_that_are_no_forest_are_refused(name: str, change: Any) -> None:
    arrays = SMALL.to_arrays()
    with np.errstate(invalid="ignore"):
        arrays[name] = change(arrays[name])
    with pytest.raises(CardError) as caught:
        DifferenceForest.from_arrays(arrays)
    assert "forest" in caught.value.given
    assert caught.value.expected
    assert caught.value.do


TINY = difference_forest.fit(X[:60], Y[:60], 5, num_trees=2).to_arrays()


@given(st.sampled_from(["first", "second", "next", "roots"]), st.integers(0, 10**6), st.integers(-(2**15), 2**15 - 1))
@settings(max_examples=40, deadline=None)
def test_no_changed_number_makes_prediction_run_away(name: str, where: int, value: int) -> None:
    arrays = {key: array.copy() for key, array in TINY.items()}
    arrays[name][where % len(arrays[name])] = value
    try:
        changed = DifferenceForest.from_arrays(arrays)
    except CardError:
        return
    assert changed.predict_probabilities(FRESH[:8]).shape == (8, 5)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"max_features": "log2"}, "log2"),
        ({"max_features": 0.0}, "max_features 0"),
        ({"kept": np.zeros(28, np.bool_)}, "0 differences"),
        ({"kept": np.ones(27, np.bool_)}, "27 differences"),
    ],
)
def test_arguments_that_do_not_do_are_refused(arguments: Any, word: str) -> None:
    with pytest.raises(SampleError, match=word) as caught:
        difference_forest.fit(X, Y, 5, **arguments)
    assert all((caught.value.expected, caught.value.do))


def test_samples_that_do_not_do_are_refused() -> None:
    with pytest.raises(CardError, match="7 features"):
        SMALL.predict_probabilities(FRESH[:, :7])
    with pytest.raises(SampleError, match="NaN"):
        difference_forest.fit(np.where(X > 3, np.nan, X).astype(np.float32), Y, 5)
