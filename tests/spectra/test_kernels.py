"""Kernels and kernel components from temperatures against scikit-learn's on the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.decomposition
import sklearn.metrics.pairwise
from tests.spectra.making import temperatures
from tests.spectra.test_components import close
from tests.spectra.test_differences import some_weights

from landweave.errors import CardError, ConfigError, SpectraError
from landweave.spectra import kernels
from landweave.spectra.differences import covariance, differences
from landweave.spectra.kernels import Kernel, KernelPCA, kernel_matrix, scale

X, _ = temperatures(130, 20)
FRESH, _ = temperatures(40, 20, seed=1)
NUM_PAIRS = 190
GAMMA = scale(covariance(X)[1])
THEIRS: dict[str, Any] = {
    "linear": sklearn.metrics.pairwise.linear_kernel,
    "rbf": lambda x, y: sklearn.metrics.pairwise.rbf_kernel(x, y, gamma=GAMMA),
    "polynomial": lambda x, y: sklearn.metrics.pairwise.polynomial_kernel(x, y, degree=3, gamma=GAMMA, coef0=1),
}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("kind", ["all", "kept", "weighted"])
def test_kernels_are_those_of_the_columns(name: str, kind: str) -> None:
    weights = some_weights(kind, NUM_PAIRS)
    columns, fresh = (differences(x, weights).astype(np.float64) for x in (X, FRESH))
    ours = kernel_matrix(Kernel(name, GAMMA), X, FRESH, weights)
    close(ours, THEIRS[name](columns, fresh), 1e-6)
    assert ours.dtype == np.float64


def test_the_scale_is_one_over_the_variance_of_all_columns() -> None:
    weights = some_weights("weighted", NUM_PAIRS)
    for given in (None, weights):
        total = differences(X, given).astype(np.float64).var(0, ddof=1).sum()
        np.testing.assert_allclose(scale(covariance(X)[1], given), 1 / total, rtol=1e-4)


def close_but_for_signs(ours: Any, expected: Any, of: float) -> None:
    close(ours * np.sign((ours * expected).sum(0)), expected, of)


@pytest.mark.parametrize(("name", "theirs"), [("rbf", "rbf"), ("polynomial", "poly")])
def test_kernel_components_are_those_of_the_columns(name: str, theirs: str) -> None:
    model = sklearn.decomposition.KernelPCA(4, kernel=theirs, gamma=GAMMA, degree=3, coef0=1)
    columns, fresh = (differences(x).astype(np.float64) for x in (X, FRESH))
    expected = model.fit_transform(columns)
    ours = kernels.fit(X, 4, name=name)
    close(ours.variance, model.eigenvalues_ / (len(X) - 1))
    close_but_for_signs(ours.scores(X), expected, 1e-4)
    close_but_for_signs(ours.scores(FRESH), model.transform(fresh), 1e-4)


def test_all_spectra_as_landmarks_are_exact() -> None:
    few = X[:80]
    exact = kernels.fit(few, 4, name="rbf")
    again = kernels.fit(few, 4, name="rbf", num_landmarks=len(few) - 1, seed=3)
    close(again.variance, exact.variance, 5e-3)
    close_but_for_signs(again.scores(FRESH), exact.scores(FRESH), 0.06)


def test_few_landmarks_come_near() -> None:
    # A polynomial kernel of smooth spectra has few dimensions: a third of the spectra span nearly all of it.
    exact, fewer = kernels.fit(X, 3), kernels.fit(X, 3, num_landmarks=80)
    assert len(fewer.anchors) == 80
    close_but_for_signs(fewer.scores(FRESH), exact.scores(FRESH), 0.02)
    other = kernels.fit(X, 3, num_landmarks=80, seed=1)
    assert not np.array_equal(fewer.anchors, other.anchors)


def test_scores_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = kernels.fit(X, 3, num_landmarks=80)
    monkeypatch.setattr(kernels, "_AT_ONCE", 1000)
    again = kernels.fit(X, 3, num_landmarks=80)
    close(again.scores(FRESH), whole.scores(FRESH))


def test_arrays_and_back() -> None:
    made = kernels.fit(X, 4, degree=2, offset=0.5, num_landmarks=60)
    arrays = made.to_arrays()
    again = KernelPCA.from_arrays(arrays)
    assert again.kernel == made.kernel
    np.testing.assert_array_equal(again.scores(FRESH), made.scores(FRESH))
    changes = [(name, wrong) for name in arrays for wrong in (arrays[name][:-1], arrays[name] * np.inf)]
    for name, wrong in [*changes, ("kernel", np.array([3.0, 1, 3, 1])), ("kernel", np.array([0, -1.0, 3, 1]))]:
        with pytest.raises(CardError) as caught, np.errstate(invalid="ignore"):
            KernelPCA.from_arrays({**arrays, name: wrong})
        assert all((caught.value.given, caught.value.expected, caught.value.do))


@pytest.mark.parametrize(
    ("error", "call", "word"),
    [
        (ConfigError, lambda: Kernel("rbg"), "kernel rbg"),
        (ConfigError, lambda: Kernel("rbf", -1.0), "gamma -1"),
        (SpectraError, lambda: kernels.fit(X, 130), "130 kernel components"),
        (SpectraError, lambda: kernels.fit(X, 4, num_landmarks=4), "of 4 spectra"),
        (SpectraError, lambda: kernels.fit(np.ones((11_001, 2), np.float32), 1, gamma=1.0), "11001 spectra"),
        (CardError, lambda: kernels.fit(X, 3).scores(X[:, :9]), "9 microwindows"),
    ],
)
def test_what_does_not_do_is_refused(error: type[Exception], call: Any, word: str) -> None:
    with pytest.raises(error, match=word) as caught:
        call()
    assert len(caught.value.args) == 3
