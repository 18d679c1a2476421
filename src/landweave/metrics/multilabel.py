"""Several labels a patch: precision, recall and F1 three ways, and average precision, with support by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8
from numpy.typing import NDArray

from landweave.metrics.confusion import mean_of_known


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and F1, averaged in one way."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class Multilabel:
    """Predicted probabilities beside the truth; + puts samples together, for average precision needs all of them.

    Precision is 0 where nothing is predicted, recall where nothing is true, F1 where neither is, as in scikit-learn.

    Attributes:
        probabilities: Of every class for every patch.
        truth: 1 where the patch has the class.
        threshold: From which probability on a class is predicted; one for all, or one for each.
    """

    probabilities: Float32[np.ndarray, "n k"]
    truth: UInt8[np.ndarray, "n k"]
    threshold: float | tuple[float, ...] = 0.5

    @classmethod
    def zero(cls, num_classes: int, threshold: float | tuple[float, ...] = 0.5) -> Multilabel:
        """No patches."""
        return cls(np.zeros((0, num_classes), np.float32), np.zeros((0, num_classes), np.uint8), threshold)

    def __add__(self, other: Multilabel) -> Multilabel:
        return Multilabel(
            np.concatenate([self.probabilities, other.probabilities]),
            np.concatenate([self.truth, other.truth]),
            self.threshold,
        )

    @property
    def support(self) -> Int64[np.ndarray, " k"]:
        """How many patches have each class."""
        return np.asarray(self.truth.sum(0, dtype=np.int64))

    @property
    def micro(self) -> Scores:
        """All decisions counted together."""
        return Scores(*(float(score[0]) for score in _scores(*(count.sum(keepdims=True) for count in self._counts(0)))))

    @property
    def by_class(self) -> tuple[Scores, ...]:
        """Each class by itself."""
        return tuple(Scores(*map(float, three)) for three in zip(*_scores(*self._counts(0)), strict=True))

    @property
    def macro(self) -> Scores:
        """Mean over the classes, those without support included."""
        return Scores(*(float(score.mean()) for score in _scores(*self._counts(0))))

    @property
    def sample(self) -> Scores:
        """Mean over the patches."""
        if not len(self.truth):
            return Scores(float("nan"), float("nan"), float("nan"))
        return Scores(*(float(score.mean()) for score in _scores(*self._counts(1))))

    @property
    def average_precision(self) -> Float64[np.ndarray, " k"]:
        """Mean over the true patches of the precision at their probability; NaN for a class without support."""
        columns = zip(self.probabilities.T, self.truth.T, strict=True)
        return np.array([_average_precision(scores, truth) for scores, truth in columns], np.float64)

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes that have support."""
        return mean_of_known(self.average_precision)

    @property
    def micro_average_precision(self) -> float:
        """Average precision of all decisions together."""
        return _average_precision(self.probabilities.ravel(), self.truth.ravel())

    def _counts(self, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """True positives, predicted and true along an axis."""
        # At the threshold counts as predicted: 0.5 says yes.
        predicted, truth = self.probabilities >= np.asarray(self.threshold), self.truth > 0
        hits = (predicted & truth).sum(axis, dtype=np.int64)
        return hits, predicted.sum(axis, dtype=np.int64), truth.sum(axis, dtype=np.int64)


def _scores(
    hits: NDArray[np.int64], predicted: NDArray[np.int64], true: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    return (
        np.asarray(hits / np.maximum(predicted, 1)),
        np.asarray(hits / np.maximum(true, 1)),
        np.asarray(2 * hits / np.maximum(predicted + true, 1)),
    )


def _average_precision(scores: Float32[np.ndarray, " n"], truth: UInt8[np.ndarray, " n"]) -> float:
    # scikit-learn warns and says 0 here; a class that nobody looked for has no precision.
    total = int(truth.sum())
    if not total:
        return float("nan")
    # Stable, so that equal probabilities give equal results on every machine.
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order], dtype=np.int64)
    # Patches of one probability are found together, in no order.
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision = hits[last] / (last + 1)
    return float(np.diff(hits[last], prepend=0) @ precision / total)
