"""Nearest neighbours kept as arrays against scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from tests.classical.making import draw

from landweave.classical import neighbours
from landweave.classical.neighbours import Neighbours
from landweave.errors import CardError, SampleError
from landweave.legend import IGNORE

X, Y = draw(400)
# Features of very different size and place, which standardising makes one.
X *= np.array([1, 1e-3, 1, 300, 1, 1], np.float32)
X[:, 3] += 280
FRESH = X[::-1] + np.float32(0.01)


def theirs(y: Any, nearest: int) -> Any:
    scaler = StandardScaler().fit(X.astype(np.float64))
    model = KNeighborsClassifier(nearest).fit(scaler.transform(X.astype(np.float64)), y)
    return model.predict_proba(scaler.transform(FRESH.astype(np.float64)))


@pytest.mark.parametrize("nearest", [1, 5, 400])
def test_probabilities_are_scikit_learns(nearest: int) -> None:
    ours = neighbours.fit(X, Y, 5, nearest=nearest).predict_probabilities(FRESH)
    np.testing.assert_allclose(ours, theirs(Y, nearest), atol=1e-6)


def test_five_neighbours_as_in_the_paper() -> None:
    assert neighbours.fit(X, Y, 5).nearest == 5


def test_classes_without_samples_have_probability_zero() -> None:
    ours = neighbours.fit(X, (Y % 2 * 3).astype(np.uint8), 5).predict_probabilities(FRESH)
    assert (ours[:, [1, 2, 4]] == 0).all()


def test_several_labels_a_sample() -> None:
    labels = np.stack([Y == 0, Y < 3], axis=1).astype(np.uint8)
    ours = neighbours.fit(X, labels, 2).predict_probabilities(FRESH)
    for place, column in enumerate(labels.T):
        np.testing.assert_allclose(ours[:, place], theirs(column, 5)[:, 1], atol=1e-6)


def test_blocks_of_samples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = neighbours.fit(X, Y, 5)
    before = whole.predict_probabilities(FRESH)
    monkeypatch.setattr("landweave.classical.scaled._AT_ONCE", 3 * len(X))
    np.testing.assert_array_equal(whole.predict_probabilities(FRESH), before)


def test_a_constant_feature_does_no_harm_and_unlabelled_samples_are_left_out() -> None:
    x, labels = X.copy(), Y.copy()
    x[:, 0] = 7
    labels[:50] = IGNORE
    model = neighbours.fit(x, labels, 5)
    assert len(model.samples) == 350
    assert np.isfinite(model.predict_probabilities(x)).all()


@pytest.mark.parametrize("nearest", [0, 401])
def test_more_neighbours_than_samples_are_refused(nearest: int) -> None:
    with pytest.raises(SampleError) as caught:
        neighbours.fit(X, Y, 5, nearest=nearest)
    assert f"400 labelled samples for {nearest}" in caught.value.given
    assert "neighbour" in caught.value.expected
    assert "nearest" in caught.value.do


def test_samples_of_another_length_are_refused() -> None:
    with pytest.raises(CardError, match="7 features"):
        neighbours.fit(X, Y, 5).predict_probabilities(np.zeros((1, 7), np.float32))


MADE = neighbours.fit(X, Y, 5).to_arrays()


@pytest.mark.parametrize(
    "changed",
    [
        {"samples": None},
        {"samples": MADE["samples"][:, :3]},
        {"targets": MADE["targets"][:7]},
        {"targets": MADE["targets"].astype(np.float32)},
        {"nearest": np.array([0], np.int32)},
        {"nearest": np.array([9999], np.int32)},
        {"std": MADE["std"][:2]},
        {"more": MADE["std"]},
    ],
)
def test_arrays_that_are_no_neighbours_are_refused(changed: Any) -> None:
    arrays = {name: array for name, array in {**MADE, **changed}.items() if array is not None}
    with pytest.raises(CardError) as caught:
        Neighbours.from_arrays(arrays)
    assert all((caught.value.given, caught.value.expected, caught.value.do))
