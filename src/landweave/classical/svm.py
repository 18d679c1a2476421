"""Support vector machine with a radial kernel (Cortes and Vapnik 1995), one class against all others, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy.typing import NDArray

from landweave.classical.samples import check_features, check_samples
from landweave.classical.scaled import check_arrays, rows_of, scale_of, squared_distances

# All classes share one kernel while it fits into memory (1 GiB); beyond that each class computes its own.
_KERNEL_SAMPLES = 11_000
_ARRAYS = {
    "vectors": ("f", 2),
    "weights": ("f", 2),
    "bias": ("f", 1),
    "mean": ("f", 1),
    "std": ("f", 1),
    "gamma": ("f", 1),
    "is_multilabel": ("u", 1),
}


@dataclass(frozen=True, eq=False)
class SVM:
    """Fitted machines, one a class, on the support vectors of them all.

    Attributes:
        vectors: Support vectors, standardised.
        weights: Of every vector in the machine of each class.
        bias: Of each machine; infinite where a class has all training samples or none.
        mean: Of each feature.
        std: Of each feature.
        gamma: The kernel is exp(-gamma * squared distance).
        is_multilabel: Classes are independent instead of exclusive.
    """

    vectors: Float32[np.ndarray, "v f"]
    weights: Float64[np.ndarray, "k v"]
    bias: Float64[np.ndarray, " k"]
    mean: Float32[np.ndarray, " f"]
    std: Float32[np.ndarray, " f"]
    gamma: float
    is_multilabel: bool = False

    @property
    def num_classes(self) -> int:
        """Length of a prediction."""
        return len(self.bias)

    @property
    def num_features(self) -> int:
        """Length of a sample."""
        return int(self.vectors.shape[1])

    def decide(self, x: Float32[np.ndarray, "n f"]) -> Float64[np.ndarray, "n k"]:
        """Each sample's signed distance from the border of each class, as scikit-learn's decision function.

        Raises:
            CardError: The samples have another number of features.
        """
        check_features(x.shape[1], self.num_features)
        out = np.empty((len(x), self.num_classes))
        scaled = (np.asarray(x, np.float32) - self.mean) / self.std
        for rows, far in squared_distances(scaled, self.vectors):
            out[rows] = np.exp(-self.gamma * far) @ self.weights.T + self.bias
        return out

    def predict_probabilities(self, x: Float32[np.ndarray, "n f"], num_threads: int = 1) -> Float32[np.ndarray, "n k"]:
        """The decisions as shares: the likeliest class is the machines' choice, but shares are not calibrated.

        Args:
            x: Samples with finite values.
            num_threads: Not used: the one matrix product is done by BLAS, which has its own.

        Raises:
            CardError: The samples have another number of features.
        """
        scores = self.decide(x)
        if self.is_multilabel:
            return np.asarray(np.exp(-np.logaddexp(0, -scores)), np.float32)
        odds = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(odds / odds.sum(1, keepdims=True), np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The model as named arrays, for a card."""
        kept = {"vectors": self.vectors, "weights": self.weights, "bias": self.bias, "mean": self.mean, "std": self.std}
        return {**kept, "gamma": np.array([self.gamma]), "is_multilabel": np.array([self.is_multilabel], np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> SVM:
        """The model that `to_arrays` gave.

        Raises:
            CardError: The arrays are no such model.
        """
        found = dict(arrays)
        check_arrays("support vector machine", found, _ARRAYS, set(found) == set(_ARRAYS) and _fit(found))
        gamma, is_multilabel = found.pop("gamma"), found.pop("is_multilabel")
        return cls(**found, gamma=float(gamma[0]), is_multilabel=bool(is_multilabel[0]))


def _fit(arrays: Mapping[str, NDArray[Any]]) -> bool:
    vectors, weights = arrays["vectors"], arrays["weights"]
    if vectors.ndim != 2 or weights.shape != (len(arrays["bias"]), len(vectors)):
        return False
    one = arrays["gamma"].size == arrays["is_multilabel"].size == 1
    return bool(one and arrays["mean"].shape == arrays["std"].shape == vectors.shape[1:])


def fit(
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"] | UInt8[np.ndarray, "n k"],
    num_classes: int,
    *,
    strength: float = 1.0,
    gamma: float | None = None,
) -> SVM:
    """A machine for each class against all others, on features that are standardised first. Nothing is random.

    Args:
        x: Samples.
        y: A class index a sample (IGNORE is left out), or a row of 0 and 1 for several labels a sample.
        num_classes: How many classes there are; those without samples get probability 0.
        strength: Inverse of the penalty (scikit-learn's C).
        gamma: Of the kernel; None for one over the number of features, which is scikit-learn's "scale" on
            standardised features.

    Raises:
        SampleError: There are too few samples, or some are not finite.
    """
    samples, labels = check_samples(x, y, num_classes)
    mean, std = scale_of(samples)
    scaled = (samples - mean) / std
    own = 1 / scaled.shape[1] if gamma is None else gamma
    weights, bias = np.zeros((num_classes, len(scaled))), np.empty(num_classes)
    kernel = _kernel(scaled, own) if len(scaled) <= _KERNEL_SAMPLES else None
    for index, is_in in enumerate(rows_of(labels, num_classes).T == 1):
        # A class that all samples have, or none, needs no machine and allows none.
        if is_in.all() or not is_in.any():
            bias[index] = np.inf if is_in.all() else -np.inf
        else:
            weights[index], bias[index] = _machine(scaled, kernel, is_in, strength, own)
    used = (weights != 0).any(0)
    return SVM(scaled[used], weights[:, used], bias, mean, std, own, is_multilabel=y.ndim == 2)


def _kernel(scaled: Float32[np.ndarray, "n f"], gamma: float) -> Float64[np.ndarray, "n n"]:
    # Once for all classes: the distances are what takes the time.
    return np.concatenate([np.exp(-gamma * far) for _, far in squared_distances(scaled, scaled)])


def _machine(
    scaled: Float32[np.ndarray, "n f"],
    kernel: Float64[np.ndarray, "n n"] | None,
    is_in: Bool[np.ndarray, " n"],
    strength: float,
    gamma: float,
) -> tuple[Float64[np.ndarray, " n"], float]:
    """Weight of every sample, and the bias."""
    from sklearn.svm import SVC

    model = SVC(C=strength, gamma=gamma, kernel="rbf" if kernel is None else "precomputed")
    found = model.fit(scaled if kernel is None else kernel, is_in)
    weights = np.zeros(len(scaled))
    weights[found.support_] = found.dual_coef_[0]
    return weights, float(found.intercept_[0])
