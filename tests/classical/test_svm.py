"""Support vector machines kept as arrays against scikit-learn's own, one class against all others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.classical.making import draw

from landweave.classical import svm
from landweave.classical.svm import SVM
from landweave.errors import CardError, ConfigError, SampleError
from landweave.legend import IGNORE

X, Y = draw(300)
X *= np.array([1, 1e-3, 1, 300, 1, 1], np.float32)
X[:, 3] += 280
FRESH = X[::-1] + np.float32(0.01)


def theirs(y: Any, **arguments: Any) -> Any:
    scaler = StandardScaler().fit(X.astype(np.float64))
    model = OneVsRestClassifier(SVC(**arguments)).fit(scaler.transform(X.astype(np.float64)), y)
    return model.decision_function(scaler.transform(FRESH.astype(np.float64)))


@pytest.mark.parametrize(("strength", "gamma"), [(1.0, None), (10.0, 0.02)])
def test_decisions_are_scikit_learns(strength: float, gamma: float | None) -> None:
    model = svm.fit(X, Y, 5, strength=strength, gamma=gamma)
    np.testing.assert_allclose(model.decide(FRESH), theirs(Y, C=strength, gamma=gamma or "scale"), atol=5e-3)


@pytest.mark.parametrize(
    ("ours", "kernel"), [({"kernel": "linear"}, "linear"), ({"kernel": "polynomial", "degree": 2}, "poly")]
)
def test_other_kernels_are_scikit_learns(ours: dict[str, Any], kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = theirs(Y, kernel=kernel, gamma=0.3, degree=2)
    for most in (svm._KERNEL_SAMPLES, 0):
        monkeypatch.setattr(svm, "_KERNEL_SAMPLES", most)
        model = svm.fit(X, Y, 5, gamma=0.3, **ours)
        np.testing.assert_allclose(model.decide(FRESH), expected, atol=0.05)
    again = SVM.from_arrays(model.to_arrays())
    np.testing.assert_array_equal(again.decide(FRESH), model.decide(FRESH))
    assert (again.kernel, again.degree) == (model.kernel, model.degree)


def test_a_kernel_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConfigError, match="kernel poly") as caught:
        svm.fit(X, Y, 5, kernel="poly")
    assert "polynomial" in caught.value.expected


def test_a_machine_that_is_stopped_early_is_taken_as_it_is() -> None:
    short, whole = (svm.fit(X, Y, 5, strength=1000.0, max_steps=steps) for steps in (5, None))
    assert len(short.vectors) < len(whole.vectors)
    assert np.isfinite(short.decide(FRESH)).all()
    assert "kernel" not in whole.to_arrays()


def test_machines_on_few_vectors_are_nearly_as_right() -> None:
    x, y = draw(900, seed=2)
    fresh, truth = draw(600, seed=3)
    whole, few = (svm.fit(x, y, 5, gamma=0.1, num_vectors=num) for num in (None, 60))
    right = [(model.predict_probabilities(fresh).argmax(1) == truth).mean() for model in (whole, few)]
    assert right[1] > right[0] - 0.02 > 0.7
    assert len(few.vectors) == 60 < len(whole.vectors)
    again, other = (svm.fit(x, y, 5, gamma=0.1, num_vectors=60, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.decide(fresh), few.decide(fresh))
    assert (other.vectors != few.vectors).any()
    # Vectors for all samples are all vectors: the plain machine.
    np.testing.assert_array_equal(svm.fit(X, Y, 5, num_vectors=300).decide(FRESH), svm.fit(X, Y, 5).decide(FRESH))


def test_machines_on_few_vectors_know_classes_without_samples() -> None:
    ours = svm.fit(X, (Y % 2 * 3).astype(np.uint8), 5, num_vectors=20, kernel="linear").predict_probabilities(FRESH)
    assert (ours[:, [1, 2, 4]] == 0).all()
    assert (ours[:, [0, 3]] > 0).all()


def test_probabilities_choose_what_the_machines_choose() -> None:
    model = svm.fit(X, Y, 5)
    told = model.predict_probabilities(FRESH)
    np.testing.assert_array_equal(told.argmax(1), theirs(Y).argmax(1))
    np.testing.assert_allclose(told.sum(1), 1, atol=1e-6)


def test_the_kernel_of_all_classes_and_one_for_each_give_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = svm.fit(X, Y, 5)
    monkeypatch.setattr(svm, "_KERNEL_SAMPLES", 0)
    np.testing.assert_allclose(svm.fit(X, Y, 5).decide(FRESH), shared.decide(FRESH), atol=5e-3)


def test_classes_without_samples_have_probability_zero() -> None:
    ours = svm.fit(X, (Y % 2 * 3).astype(np.uint8), 5).predict_probabilities(FRESH)
    assert (ours[:, [1, 2, 4]] == 0).all()
    assert (ours[:, [0, 3]] > 0).all()


def test_several_labels_a_sample() -> None:
    labels = np.stack([Y == 0, Y < 3, np.ones_like(Y), np.zeros_like(Y)], axis=1).astype(np.uint8)
    model = svm.fit(X, labels, 4)
    ours = model.predict_probabilities(FRESH)
    np.testing.assert_array_equal(ours[:, 0] > 0.5, theirs(Y == 0) > 0)
    assert (ours[:, 2] == 1).all()
    assert (ours[:, 3] == 0).all()
    assert SVM.from_arrays(model.to_arrays()).is_multilabel


def test_only_support_vectors_are_kept() -> None:
    model = svm.fit(X, (Y > 2).astype(np.uint8), 2, strength=100.0)
    assert 0 < len(model.vectors) < len(X)
    assert (model.weights != 0).any(0).all()


def test_labels_left_out_are_left_out() -> None:
    labels = Y.copy()
    labels[100:] = IGNORE
    ours, fewer = svm.fit(X, labels, 5), svm.fit(X[:100], Y[:100], 5)
    np.testing.assert_array_equal(ours.decide(FRESH), fewer.decide(FRESH))


def test_arrays_and_back() -> None:
    made = svm.fit(X, Y, 5)
    again = SVM.from_arrays(made.to_arrays())
    np.testing.assert_array_equal(made.predict_probabilities(FRESH), again.predict_probabilities(FRESH))
    assert (again.num_features, again.num_classes) == (6, 5)


def test_samples_that_do_not_do_are_refused() -> None:
    with pytest.raises(CardError, match="7 features"):
        svm.fit(X, Y, 5).predict_probabilities(np.zeros((1, 7), np.float32))
    with pytest.raises(SampleError, match="different"):
        svm.fit(X, np.zeros_like(Y), 5)


MADE = svm.fit(X, Y, 5).to_arrays()


@pytest.mark.parametrize(
    "changed",
    [
        {"vectors": None},
        {"vectors": MADE["vectors"][:, :3]},
        {"vectors": MADE["vectors"][0]},
        {"weights": MADE["weights"][:, :7]},
        {"bias": MADE["bias"][:2]},
        {"gamma": np.zeros(2)},
        {"mean": MADE["mean"][:2]},
        {"is_multilabel": np.zeros(1, np.float32)},
        {"kernel": np.array([3, 3])},
        {"kernel": np.array([2, 0])},
        {"kernel": np.array([1])},
        {"kernel": np.array([1.0, 3.0])},
    ],
)
def test_arrays_that_are_no_machines_are_refused(changed: Any) -> None:
    arrays = {name: array for name, array in {**MADE, **changed}.items() if array is not None}
    with pytest.raises(CardError) as caught:
        SVM.from_arrays(arrays)
    assert all((caught.value.given, caught.value.expected, caught.value.do))


def test_one_scale_keeps_the_weight_of_features() -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(0, [8.0, 1.0, 0.01], (60, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.uint8)
    each, one = (svm.fit(x, y, 2, one_scale=one) for one in (False, True))
    np.testing.assert_allclose(each.std, x.std(0), rtol=1e-5)
    np.testing.assert_allclose(one.std, x.std(0).max(), rtol=1e-5)
    # What varies little hardly moves a decision then.
    moved = x + np.array([0, 0, 0.02], np.float32)
    assert np.abs(one.decide(moved) - one.decide(x)).max() < 0.01 < np.abs(each.decide(moved) - each.decide(x)).max()
