"""Models that compare samples: facts worked by hand, and what must not change what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from tests.classical.making import draw

from landweave.classical import neighbours, scaled, svm
from landweave.classical.neighbours import Neighbours
from landweave.classical.svm import SVM
from landweave.errors import CardError, SampleError
from landweave.legend import IGNORE

X, Y = draw(60, num_classes=3, num_features=4)
FRESH, _ = draw(25, num_classes=3, num_features=4, seed=1)
FITS: dict[str, Any] = {"neighbours": neighbours.fit, "svm": svm.fit}


def column(*values: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(values, np.float32)[:, None]


def classes(*values: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.array(values, np.uint8)


# Samples on a line at 0, 1, 2, 10, 11 with classes 0, 0, 1, 1, 2; who is near is the same after standardising.
LINE, ON_LINE = column(0, 1, 2, 10, 11), classes(0, 0, 1, 1, 2)


@pytest.mark.parametrize(
    ("place", "nearest", "shares"),
    [
        (0.0, 1, (1, 0, 0)),
        (10.9, 1, (0, 0, 1)),
        (10.1, 1, (0, 1, 0)),
        (0.0, 2, (1, 0, 0)),
        (1.9, 2, (1 / 2, 1 / 2, 0)),
        (12.0, 2, (0, 1 / 2, 1 / 2)),
        (0.0, 3, (2 / 3, 1 / 3, 0)),
        (100.0, 3, (0, 2 / 3, 1 / 3)),
        (-5.0, 4, (1 / 2, 1 / 2, 0)),
        (5.0, 5, (2 / 5, 2 / 5, 1 / 5)),
    ],
)
def test_neighbours_on_a_line(place: float, nearest: int, shares: tuple[float, float, float]) -> None:
    model = neighbours.fit(LINE, ON_LINE, 3, nearest=nearest)
    np.testing.assert_allclose(model.predict_probabilities(column(place))[0], shares, atol=1e-6)


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_samples_says_nothing(kind: str, seed: int) -> None:
    turned = np.random.default_rng(seed).permutation(len(X))
    one, other = FITS[kind](X, Y, 3), FITS[kind](X[turned], Y[turned], 3)
    np.testing.assert_allclose(one.predict_probabilities(FRESH), other.predict_probabilities(FRESH), atol=2e-3)


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize(("times", "plus"), [(1000.0, 0.0), (1.0, 50.0), (-2.0, 3.0), (0.01, -1.0)])
def test_the_unit_of_a_feature_says_nothing(kind: str, times: float, plus: float) -> None:
    one = FITS[kind](X, Y, 3).predict_probabilities(FRESH)
    x, fresh = X.copy(), FRESH.copy()
    for each in (x, fresh):
        each[:, 2] = each[:, 2] * times + plus
    np.testing.assert_allclose(FITS[kind](x, Y, 3).predict_probabilities(fresh), one, atol=2e-3)


@pytest.mark.parametrize("kind", FITS)
def test_numbers_of_classes_are_names(kind: str) -> None:
    turned = np.array([2, 0, 1])
    one, other = FITS[kind](X, Y, 3), FITS[kind](X, turned[Y].astype(np.uint8), 3)
    np.testing.assert_allclose(
        other.predict_probabilities(FRESH)[:, turned], one.predict_probabilities(FRESH), atol=2e-3
    )


@pytest.mark.parametrize("kind", FITS)
def test_each_sample_is_judged_by_itself(kind: str) -> None:
    model = FITS[kind](X, Y, 3)
    whole = model.predict_probabilities(FRESH)
    single = np.concatenate([model.predict_probabilities(FRESH[row : row + 1]) for row in range(len(FRESH))])
    np.testing.assert_allclose(single, whole, atol=1e-5)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole.sum(1), 1, atol=1e-5)
    assert model.predict_probabilities(FRESH[:0]).shape == (0, 3)


@pytest.mark.parametrize("kind", FITS)
def test_kept_as_npz_and_read_back(kind: str, tmp_path: Any) -> None:
    made = FITS[kind](X, Y, 3)
    np.savez(tmp_path / "model.npz", **made.to_arrays())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as kept:
        again = type(made).from_arrays({name: kept[name] for name in kept.files})
    np.testing.assert_array_equal(again.predict_probabilities(FRESH), made.predict_probabilities(FRESH))
    assert (again.num_classes, again.num_features) == (3, 4)
    assert set(again.to_arrays()) == set(made.to_arrays())


BAD: list[tuple[Any, Any, tuple[str, str, str]]] = [
    (X, np.full(60, IGNORE, np.uint8), ("0 labelled samples with 0", "at least two", "label more")),
    (X[:1], Y[:1], ("1 labelled samples with 1", "at least two", "label more")),
    (X, np.where(Y == 2, 7, Y).astype(np.uint8), ("up to 7", "3 classes", "legend")),
    (
        np.where(np.arange(60)[:, None] < 2, np.nan, X).astype(np.float32),
        Y,
        ("2 samples with NaN", "finite", "invalid"),
    ),
    (np.where(X.max() == X, np.inf, X).astype(np.float32), Y, ("1 samples with NaN", "finite", "invalid")),
    (X, np.eye(2, dtype=np.uint8)[Y % 2], ("shape (60, 2)", "3 classes", "legend")),
    (X, 2 * np.eye(3, dtype=np.uint8)[Y], ("up to 2", "3 classes", "legend")),
]


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("index", range(len(BAD)))
def test_samples_that_do_not_do(kind: str, index: int) -> None:
    x, y, words = BAD[index]
    with pytest.raises(SampleError) as caught:
        FITS[kind](x, y, 3)
    for word, part in zip(words, (caught.value.given, caught.value.expected, caught.value.do), strict=True):
        assert word in part


def test_samples_without_a_label_may_be_anything() -> None:
    x, y = X.copy(), Y.copy()
    x[:5], y[:5] = np.nan, IGNORE
    for fit in FITS.values():
        np.testing.assert_array_equal(
            fit(x, y, 3).predict_probabilities(FRESH), fit(X[5:], Y[5:], 3).predict_probabilities(FRESH)
        )


@pytest.mark.parametrize("kind", FITS)
@pytest.mark.parametrize("num", [0, 3, 5])
def test_other_numbers_of_features_are_refused(kind: str, num: int) -> None:
    with pytest.raises(CardError) as caught:
        FITS[kind](X, Y, 3).predict_probabilities(np.zeros((2, num), np.float32))
    assert f"samples of {num} features" in caught.value.given
    assert "4 features" in caught.value.expected
    assert "card's bands" in caught.value.do


def test_two_machines_of_two_classes_are_mirrors() -> None:
    model = svm.fit(X, (Y > 0).astype(np.uint8), 2)
    scores = model.decide(FRESH)
    np.testing.assert_allclose(scores[:, 0], -scores[:, 1], atol=5e-3)
    # Of one label a sample and two classes the shares are the logistic function of the difference.
    told = model.predict_probabilities(FRESH)
    np.testing.assert_allclose(told[:, 1], 1 / (1 + np.exp(scores[:, 0] - scores[:, 1])), atol=1e-5)


def test_far_away_a_machine_says_its_bias() -> None:
    # The kernel of what is far from all vectors is 0.
    model = svm.fit(X, Y, 3, gamma=1.0)
    far = np.full((1, 4), 1e4, np.float32)
    np.testing.assert_array_equal(model.decide(far)[0], model.bias)


def test_two_samples_make_the_machine_that_can_be_reckoned() -> None:
    # Standardised to -1 and 1; K = exp(-gamma * 4). Both dual weights are 1 / (1 - K) while C allows it, the bias is 0.
    for gamma in (0.1, 0.5, 1.0):
        near = np.exp(-gamma * 4)
        model = svm.fit(column(3, 7), classes(0, 1), 2, strength=1e6, gamma=gamma)
        np.testing.assert_allclose(np.abs(model.weights), 1 / (1 - near), rtol=1e-4)
        np.testing.assert_allclose(model.bias, 0, atol=1e-4)
        # On the margin at both samples, undecided between them.
        np.testing.assert_allclose(model.decide(column(3, 7, 5)), [[1, -1], [-1, 1], [0, 0]], atol=1e-3)


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
def test_no_weight_is_above_the_strength(strength: float) -> None:
    model = svm.fit(X, Y, 3, strength=strength)
    assert np.abs(model.weights).max() <= strength * (1 + 1e-9)
    # Each machine's weights of either side are equal (the constraint of its dual).
    np.testing.assert_allclose(model.weights.sum(1), 0, atol=1e-6 * max(1, strength))


def test_a_kernel_is_symmetric_with_ones_on_its_diagonal() -> None:
    points = scaled_of(X)
    made = np.concatenate([near for _, near in svm._kernels(points, points, "rbf", 0.25, 3)])
    np.testing.assert_allclose(np.diag(made), 1, atol=1e-5)
    np.testing.assert_allclose(made, made.T, atol=1e-6)
    assert made.min() > 0
    # Positive semi-definite, as the solver needs it.
    assert np.linalg.eigvalsh(made).min() > -1e-5


def scaled_of(x: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    mean, std = scaled.scale_of(x)
    return np.asarray((x - mean) / std, np.float32)


def test_scaling_is_scikit_learns_even_for_large_numbers_of_little_spread() -> None:
    x = (3e4 + np.random.default_rng(0).normal(0, 1, (500, 3))).astype(np.float32)
    mean, std = scaled.scale_of(x)
    theirs = StandardScaler().fit(x.astype(np.float64))
    np.testing.assert_allclose(mean, theirs.mean_, rtol=1e-6)
    np.testing.assert_allclose(std, theirs.scale_, rtol=1e-4)
    assert mean.dtype == std.dtype == np.float32


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))
def test_distances_are_those_of_pairs(num: int, others: int, features: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(-4, 5, (each, features)).astype(np.float32) for each in (num, others))
    found = np.concatenate([far for _, far in scaled.squared_distances(x, y)])
    wanted = [[sum((float(a) - float(b)) ** 2 for a, b in zip(one, other, strict=True)) for other in y] for one in x]
    # Whole numbers this small are exact.
    assert found.tolist() == wanted
    back = np.concatenate([far for _, far in scaled.squared_distances(y, x)])
    np.testing.assert_array_equal(back.T, found)


def test_nothing_has_no_distances() -> None:
    assert list(scaled.squared_distances(np.zeros((0, 3), np.float32), X[:2, :3])) == []
    ((rows, far),) = scaled.squared_distances(X[:2], np.zeros((0, 4), np.float32))
    assert X[:2][rows].shape[0] == 2
    assert far.shape == (2, 0)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_rows_of_classes_and_back(labels: list[int]) -> None:
    rows = scaled.rows_of(np.array(labels, np.uint8), 5)
    assert rows.dtype == np.uint8
    assert rows.argmax(1).tolist() == labels
    assert rows.sum(1).tolist() == [1] * len(labels)
    assert scaled.rows_of(rows, 5) is rows


@pytest.mark.parametrize("model", [Neighbours, SVM])
def test_no_arrays_at_all_are_refused(model: Any) -> None:
    with pytest.raises(CardError) as caught:
        model.from_arrays({})
    assert "arrays {} of a" in caught.value.given
    assert "mean, std" in caught.value.expected
    assert "copy the card again" in caught.value.do
