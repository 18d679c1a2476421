"""Components from 142 numbers against scikit-learn's PCA of the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.decomposition
from tests.spectra.making import temperatures
from tests.spectra.test_differences import some_weights

from landweave.errors import CardError, SpectraError
from landweave.spectra import components
from landweave.spectra.components import PCA
from landweave.spectra.differences import differences

X, _ = temperatures(150, 30)
NUM_PAIRS = 30 * 29 // 2


def theirs(weights: Any = None, num: int = 5, x: Any = X) -> Any:
    return sklearn.decomposition.PCA(num, svd_solver="full").fit(differences(x, weights).astype(np.float64))


def close(ours: Any, expected: Any, of: float = 1e-5) -> None:
    np.testing.assert_allclose(ours, expected, rtol=0, atol=of * np.abs(expected).max())


@pytest.mark.parametrize("kind", ["all", "kept", "weighted"])
def test_components_are_those_of_the_columns(kind: str) -> None:
    weights = some_weights(kind, NUM_PAIRS)
    ours, expected = components.fit(X, 5, weights), theirs(weights)
    columns = differences(X, weights)
    close(ours.variance, expected.explained_variance_)
    close(ours.explained, expected.explained_variance_ratio_)
    own = ours.components()[:, weights] if kind == "kept" else ours.components()
    close(own, expected.components_, 1e-3)
    close(ours.scores(X), expected.transform(columns), 1e-4)
    again = differences(ours.reconstruct(ours.scores(X)).astype(np.float32), weights)
    close(again, expected.inverse_transform(expected.transform(columns)), 1e-4)


def test_all_142_microwindows() -> None:
    x, _ = temperatures(60)
    ours, expected = components.fit(x, 3), theirs(None, 3, x)
    close(ours.variance, expected.explained_variance_)
    close(ours.components(), expected.components_, 1e-4)
    np.testing.assert_allclose(np.linalg.norm(ours.components(), axis=1), 1)


def test_what_all_microwindows_have_in_common_changes_nothing() -> None:
    made = components.fit(X, 5)
    np.testing.assert_allclose(made.scores(X + np.float32(16)), made.scores(X), atol=2e-2)
    assert made.explained.sum() < 1
    np.testing.assert_allclose(components.fit(X, 29).explained.sum(), 1)


def test_arrays_and_back() -> None:
    made = components.fit(X, 5)
    np.testing.assert_array_equal(PCA.from_arrays(made.to_arrays()).scores(X), made.scores(X))
    arrays = made.to_arrays()
    for name in arrays:
        for wrong in (arrays[name][:-1], arrays[name][None], arrays[name] * np.nan, arrays[name].astype(np.float32)):
            with pytest.raises(CardError) as caught:
                PCA.from_arrays({**arrays, name: wrong})
            assert all((caught.value.given, caught.value.expected, caught.value.do))


def test_what_does_not_do_is_refused() -> None:
    with pytest.raises(SpectraError, match="30 components"):
        components.fit(X, 30)
    with pytest.raises(SpectraError, match="weights"):
        components.fit(X, 3, np.ones(4))
    with pytest.raises(CardError, match="29 microwindows"):
        components.fit(X, 3).scores(X[:, :29])
