"""The linear model kept as two arrays against scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tests.classical.making import draw

from landweave.classical import linear
from landweave.classical.linear import Linear
from landweave.errors import CardError, SampleError
from landweave.legend import IGNORE

X, Y = draw(500)
# Bands of very different size: reflectance beside brightness temperature.
X *= np.array([1, 1e-3, 1, 300, 1, 1], np.float32)
X[:, 3] += 280
FRESH = X[::-1] + np.float32(0.01)


def theirs(y: Any) -> Any:
    scaler = StandardScaler().fit(X.astype(np.float64))
    model = LogisticRegression(max_iter=300).fit(scaler.transform(X.astype(np.float64)), y)
    return model.predict_proba(scaler.transform(FRESH.astype(np.float64)))


def close(ours: Any, expected: Any) -> None:
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("labels", [Y, (Y > 2).astype(np.uint8)], ids=["five classes", "two classes"])
def test_probabilities_are_scikit_learns(labels: Any) -> None:
    num = int(labels.max()) + 1
    ours = linear.fit(X, labels, num).predict_probabilities(FRESH)
    close(ours, theirs(labels))
    np.testing.assert_allclose(ours.sum(1), 1, atol=1e-5)


def test_classes_without_samples_have_probability_zero() -> None:
    ours = linear.fit(X, (Y % 2 * 3).astype(np.uint8), 5).predict_probabilities(FRESH)
    assert (ours[:, [1, 2, 4]] == 0).all()
    close(ours[:, [0, 3]], theirs(Y % 2))


def test_several_labels_a_sample() -> None:
    labels = np.stack([Y == 0, Y < 3, np.ones_like(Y), np.zeros_like(Y)], axis=1).astype(np.uint8)
    model = linear.fit(X, labels, 4)
    ours = model.predict_probabilities(FRESH)
    close(ours[:, 0], theirs(Y == 0)[:, 1])
    close(ours[:, 1], theirs(Y < 3)[:, 1])
    assert (ours[:, 2] == 1).all()
    assert (ours[:, 3] == 0).all()
    assert Linear.from_arrays(model.to_arrays()).is_multilabel


def test_a_constant_band_does_no_harm() -> None:
    x = X.copy()
    x[:, 0] = 7
    assert np.isfinite(linear.fit(x, Y, 5).predict_probabilities(x)).all()


def test_labels_left_out_are_left_out() -> None:
    labels = Y.copy()
    labels[100:] = IGNORE
    ours, fewer = linear.fit(X, labels, 5), linear.fit(X[:100], Y[:100], 5)
    np.testing.assert_array_equal(ours.weights, fewer.weights)


def test_large_numbers_do_not_overflow() -> None:
    model = Linear(np.array([[1000.0], [-1000.0]]), np.zeros(2))
    np.testing.assert_array_equal(model.predict_probabilities(np.array([[9], [-9]], np.float32)), [[1, 0], [0, 1]])


def test_a_prediction_does_not_depend_on_its_neighbours() -> None:
    model = linear.fit(X, Y, 5)
    many = np.tile(X, (140, 1))
    found = model.predict_probabilities(many)
    assert len(many) > 65536
    np.testing.assert_allclose(found[-len(X) :], model.predict_probabilities(X), atol=1e-6)


def test_arrays_and_back() -> None:
    made = linear.fit(X, Y, 5)
    again = Linear.from_arrays(made.to_arrays())
    np.testing.assert_array_equal(made.predict_probabilities(FRESH), again.predict_probabilities(FRESH))
    assert (again.num_features, again.num_classes) == (6, 5)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"weights": np.zeros((2, 3)), "bias": np.zeros(2)},
        {"weights": np.zeros((2, 3)), "bias": np.zeros(3), "is_multilabel": np.zeros(1)},
        {"weights": np.zeros(2), "bias": np.zeros(2), "is_multilabel": np.zeros(1)},
    ],
)
def test_arrays_that_are_no_linear_model_are_refused(arrays: Any) -> None:
    with pytest.raises(CardError) as caught:
        Linear.from_arrays(arrays)
    assert all((caught.value.given, caught.value.expected, caught.value.do))


def test_samples_of_another_length_are_refused() -> None:
    with pytest.raises(CardError, match="7 features"):
        linear.fit(X, Y, 5).predict_probabilities(np.zeros((1, 7), np.float32))


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(SampleError, match="different"):
        linear.fit(X, np.zeros_like(Y), 5)
