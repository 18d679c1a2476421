"""Regression of several numbers at once: a line for each, or a forest; kept as the arrays of their classifying kin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from landweave.classical.forest import Forest, joined
from landweave.classical.linear import Linear
from landweave.classical.samples import check_features
from landweave.config import nearest
from landweave.errors import CardError, SampleError

Regression = Forest | Linear
"""A fitted regression: a forest whose leaves hold means in place of shares, or lines in place of scores."""
_KINDS: dict[str, type[Forest] | type[Linear]] = {"forest": Forest, "linear": Linear}


@dataclass(frozen=True, eq=False)
class LineSums:
    """What a line from each number to the one of the same place is fitted from; + puts samples together.

    Attributes:
        count: Samples.
        sums: Of x, y, x * x and x * y, for every place.
    """

    count: int
    sums: Float64[np.ndarray, "4 f"]

    @classmethod
    def zero(cls, num: int) -> LineSums:
        """No samples."""
        return cls(0, np.zeros((4, num)))

    @classmethod
    def of(cls, x: Float32[np.ndarray, "n f"], y: Float32[np.ndarray, "n f"]) -> LineSums:
        """The sums of samples."""
        a, b = x.astype(np.float64), y.astype(np.float64)
        return cls(len(x), np.stack([a.sum(0), b.sum(0), (a * a).sum(0), (a * b).sum(0)]))

    def __add__(self, other: LineSums) -> LineSums:
        return LineSums(self.count + other.count, self.sums + other.sums)

    def fit(self) -> Linear:
        """The lines of least squares: y = slope * x + offset, each place for itself.

        Raises:
            SampleError: There are fewer than two samples, or x is the same in all of them.
        """
        x, y, xx, xy = self.sums
        spread = self.count * xx - x**2
        # What rounding leaves where all samples are alike.
        if self.count < 2 or not (spread > 1e-12 * np.maximum(self.count * xx, 1e-30)).all():
            raise SampleError(
                f"{self.count} samples, or some with one value alone", "at least two that differ", "bring more pairs"
            )
        slope = (self.count * xy - x * y) / spread
        return Linear(np.diag(slope), (y - slope * x) / self.count)


def fit_forest(
    x: Float32[np.ndarray, "n f"],
    y: Float32[np.ndarray, "n k"],
    *,
    num_trees: int = 50,
    min_leaf: int = 5,
    seed: int = 0,
    num_threads: int = 1,
) -> Forest:
    """A forest of regression trees (Breiman 2001), whose leaves hold the means of all k numbers.

    Args:
        x: Samples.
        y: What to tell of each.
        num_trees: How many trees.
        min_leaf: Samples of a leaf at least.
        seed: Of the bootstrap and the splits; the forest does not depend on the number of threads.
        num_threads: How many trees grow at once.

    Raises:
        SampleError: There are fewer than two samples, or some are not finite.
    """
    from sklearn.ensemble import RandomForestRegressor

    if len(x) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SampleError(
            f"{len(x)} samples, or some not finite", "two finite ones at least", "leave invalid pixels out"
        )
    grown = RandomForestRegressor(
        num_trees, min_samples_leaf=min_leaf, max_features=1 / 3, random_state=seed, n_jobs=num_threads
    ).fit(x, y[:, 0] if y.shape[1] == 1 else y)
    trees = [tree.tree_ for tree in grown.estimators_]
    leaves = [tree.value[tree.children_left < 0][:, :, 0].astype(np.float32) for tree in trees]
    return joined(trees, leaves, x.shape[1])


def predict(model: Regression, x: Float32[np.ndarray, "n f"], num_threads: int = 1) -> Float32[np.ndarray, "n k"]:
    """What a regression tells of samples.

    Raises:
        CardError: The samples have another number of features.
    """
    if isinstance(model, Forest):
        return model.predict_probabilities(x, num_threads)
    check_features(x.shape[1], model.num_features)
    return np.asarray(x @ model.weights.T + model.bias, np.float32)


def from_arrays(name: str, arrays: Mapping[str, NDArray[Any]]) -> Regression:
    """The regression called `name` whose `to_arrays` gave `arrays`.

    Raises:
        CardError: There is no such regression, or the arrays are not its.
    """
    if name not in _KINDS:
        raise CardError(f"a card of a {name}", nearest(name, _KINDS), "use a card of this version of landweave")
    return _KINDS[name].from_arrays(arrays)
