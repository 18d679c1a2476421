"""Regressions of several numbers: scikit-learn's lines and forests, kept as arrays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from landweave.classical import regression
from landweave.errors import CardError, SampleError


def samples(num: int = 300) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 1, (num, 3)).astype(np.float32)
    return x, (x * [0.9, 1.1, 1] + [0.02, -0.01, 0] + generator.normal(0, 0.01, x.shape)).astype(np.float32)


def test_lines_are_those_of_least_squares() -> None:
    x, y = samples()
    parts = [regression.LineSums.of(x[some], y[some]) for some in (slice(0, 100), slice(100, 300))]
    model = sum(parts, regression.LineSums.zero(3)).fit()
    for place in range(3):
        oracle = LinearRegression().fit(x[:, [place]].astype(np.float64), y[:, place])
        assert model.weights[place, place] == pytest.approx(oracle.coef_[0], rel=1e-6)
        assert model.bias[place] == pytest.approx(oracle.intercept_, abs=1e-7)
    np.testing.assert_allclose(regression.predict(model, x), x @ model.weights.T + model.bias, atol=1e-6)


def test_a_forest_is_that_of_scikit_learn() -> None:
    x, y = samples()
    oracle = RandomForestRegressor(7, min_samples_leaf=5, max_features=1 / 3, random_state=3).fit(x, y)
    model = regression.fit_forest(x, y, num_trees=7, seed=3)
    np.testing.assert_allclose(regression.predict(model, x), oracle.predict(x), atol=1e-6)


@pytest.mark.parametrize("name", ["linear", "forest"])
def test_arrays_give_the_regression_back(name: str) -> None:
    x, y = samples()
    model = regression.LineSums.of(x, y).fit() if name == "linear" else regression.fit_forest(x, y, num_trees=3)
    again = regression.from_arrays(name, model.to_arrays())
    np.testing.assert_array_equal(regression.predict(again, x), regression.predict(model, x))


def test_what_does_not_do_is_refused() -> None:
    x, y = samples()
    with pytest.raises(SampleError, match="one value alone"):
        regression.LineSums.of(np.ones((5, 3), np.float32), y[:5]).fit()
    with pytest.raises(SampleError, match="not finite"):
        regression.fit_forest(np.full_like(x, np.nan), y)
    with pytest.raises(CardError, match="a card of a spline"):
        regression.from_arrays("spline", {})
    with pytest.raises(CardError, match="samples of 2 features"):
        regression.predict(regression.LineSums.of(x, y).fit(), x[:, :2])
