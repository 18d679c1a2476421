"""Logistic regression: the linear model of a baseline, fitted by scikit-learn, kept as two arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import NDArray

from landweave.classical.samples import check_features, check_samples
from landweave.errors import CardError

_BLOCK = 65536


@dataclass(frozen=True, eq=False)
class Linear:
    """A fitted logistic regression.

    Attributes:
        weights: One row a class.
        bias: One a class; minus infinity where the class had no sample.
        is_multilabel: Classes are independent (logistic function) instead of exclusive (softmax).
    """

    weights: Float64[np.ndarray, "k f"]
    bias: Float64[np.ndarray, " k"]
    is_multilabel: bool = False

    @property
    def num_classes(self) -> int:
        """Length of a prediction."""
        return len(self.bias)

    @property
    def num_features(self) -> int:
        """Length of a sample."""
        return int(self.weights.shape[1])

    def predict_probabilities(self, x: Float32[np.ndarray, "n f"], num_threads: int = 1) -> Float32[np.ndarray, "n k"]:
        """Probability of every class; scikit-learn's within 1e-6.

        Args:
            x: Samples with finite values.
            num_threads: Not used: the one matrix product is done by BLAS, which has its own.

        Raises:
            CardError: The samples have another number of features.
        """
        check_features(x.shape[1], self.num_features)
        out = np.empty((len(x), self.num_classes), np.float32)
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            out[rows] = self._probabilities(x[rows] @ self.weights.T + self.bias)
        return out

    def _probabilities(self, scores: Float64[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
        if self.is_multilabel:
            return np.asarray(np.exp(-np.logaddexp(0, -scores)))
        # The largest score is taken away first, or exp would overflow.
        odds = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(odds / odds.sum(1, keepdims=True))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The model as named arrays, for a card."""
        flag = np.array([self.is_multilabel], np.uint8)
        return {"weights": self.weights, "bias": self.bias, "is_multilabel": flag}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Linear:
        """The model that `to_arrays` gave.

        Raises:
            CardError: The arrays are no linear model.
        """
        missing = {"weights", "bias", "is_multilabel"} - set(arrays)
        if missing or arrays["weights"].ndim != 2 or arrays["bias"].shape != arrays["weights"].shape[:1]:
            shapes = {name: array.shape for name, array in arrays.items()}
            raise CardError(
                f"arrays {shapes} of a linear model",
                "weights (k, f), bias (k), is_multilabel (1)",
                "copy the card again",
            )
        return cls(arrays["weights"], arrays["bias"], bool(arrays["is_multilabel"][0]))


def fit(
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"] | UInt8[np.ndarray, "n k"],
    num_classes: int,
    *,
    strength: float = 1.0,
    max_iterations: int = 300,
) -> Linear:
    """Multinomial logistic regression with an L2 penalty, on features that are standardised first.

    The standardisation is folded into the weights. Nothing is random.

    Args:
        x: Samples.
        y: A class index a sample (IGNORE is left out), or a row of 0 and 1 for several labels a sample: then there is
            one two-class regression a class.
        num_classes: How many classes there are; those without samples get probability 0.
        strength: Inverse of the penalty (scikit-learn's C).
        max_iterations: Of the solver, L-BFGS.

    Raises:
        SampleError: There are too few samples, or some are not finite.
    """
    samples, labels = check_samples(x, y, num_classes)
    mean, std = samples.mean(0, dtype=np.float64), samples.std(0, dtype=np.float64)
    # A band with one value everywhere says nothing, and must not divide by zero.
    scale = np.where(std > 0, std, 1)
    scaled = (samples - mean) / scale
    weights, bias = np.zeros((num_classes, x.shape[1])), np.full(num_classes, -np.inf)
    if y.ndim == 1:
        classes, found, start = _regress(scaled, labels, strength, max_iterations)
        # Of two classes scikit-learn keeps the difference; as a softmax the first one's score is 0.
        pair = len(classes) == 2
        weights[classes] = np.vstack([0 * found, found]) if pair else found
        bias[classes] = np.concatenate([0 * start, start]) if pair else start
    else:
        for index, column in enumerate(labels.T):
            _, found, start = _regress(scaled, column, strength, max_iterations)
            weights[index], bias[index] = found[0], start[0]
    # The standardisation becomes part of weights and bias: prediction needs no statistics.
    weights /= scale
    return Linear(weights, bias - weights @ mean, is_multilabel=y.ndim == 2)


def _regress(
    scaled: Float64[np.ndarray, "n f"], labels: UInt8[np.ndarray, " n"], strength: float, max_iterations: int
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Classes that there are, weights and bias as scikit-learn gives them: one row of weights for two classes."""
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(labels)
    # A label that all patches have, or none, needs no regression and allows none.
    if len(classes) == 1:
        return classes, np.zeros((1, scaled.shape[1])), np.where(classes > 0, np.inf, -np.inf)
    found = LogisticRegression(C=strength, max_iter=max_iterations).fit(scaled, labels)
    return found.classes_, found.coef_, found.intercept_
