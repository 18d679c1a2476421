"""Support vector machine (Cortes and Vapnik 1995), by default with a radial kernel, one class against all others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy.typing import NDArray

from landweave.classical import reduced
from landweave.classical.samples import check_features, check_samples
from landweave.classical.scaled import blocks, check_arrays, rows_of, scale_of, squared_distances
from landweave.config import nearest
from landweave.errors import ConfigError

_NAMES = {"rbf": "rbf", "linear": "linear", "polynomial": "poly"}
KERNELS = tuple(_NAMES)
"""Kernels by our names; scikit-learn's stand beside them."""
# All classes share one kernel while it fits into memory (1 GiB); beyond that each class computes its own.
_KERNEL_SAMPLES = 11_000
_CACHE_MB = 1000
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
        gamma: Of the kernel.
        is_multilabel: Classes are independent instead of exclusive.
        kernel: "rbf" exp(-gamma * squared distance), "linear" x'y, or "polynomial" (gamma x'y)^degree.
        degree: Of a polynomial.
    """

    vectors: Float32[np.ndarray, "v f"]
    weights: Float64[np.ndarray, "k v"]
    bias: Float64[np.ndarray, " k"]
    mean: Float32[np.ndarray, " f"]
    std: Float32[np.ndarray, " f"]
    gamma: float
    is_multilabel: bool = False
    kernel: str = "rbf"
    degree: int = 3

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
        for rows, near in _kernels(scaled, self.vectors, self.kernel, self.gamma, self.degree):
            out[rows] = near @ self.weights.T + self.bias
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
        kept |= {"gamma": np.array([self.gamma]), "is_multilabel": np.array([self.is_multilabel], np.uint8)}
        # Cards of radial machines are as they were before there were others.
        other = {} if self.kernel == "rbf" else {"kernel": np.array([KERNELS.index(self.kernel), self.degree])}
        return {**kept, **other}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> SVM:
        """The model that `to_arrays` gave.

        Raises:
            CardError: The arrays are no such model.
        """
        found = dict(arrays)
        wanted = {**_ARRAYS, **({"kernel": ("i", 1)} if "kernel" in found else {})}
        check_arrays("support vector machine", found, wanted, set(found) == set(wanted) and _fit(found))
        gamma, is_multilabel = found.pop("gamma"), found.pop("is_multilabel")
        place, degree = found.pop("kernel", np.array([0, 3])).tolist()
        return cls(
            **found, gamma=float(gamma[0]), is_multilabel=bool(is_multilabel[0]), kernel=KERNELS[place], degree=degree
        )


def _fit(arrays: Mapping[str, NDArray[Any]]) -> bool:
    vectors, weights = arrays["vectors"], arrays["weights"]
    if vectors.ndim != 2 or weights.shape != (len(arrays["bias"]), len(vectors)):
        return False
    one = arrays["gamma"].size == arrays["is_multilabel"].size == 1
    kernel = arrays.get("kernel", np.array([0, 3]))
    if kernel.shape != (2,) or kernel[0] not in range(len(KERNELS)) or kernel[1] < 1:
        return False
    return bool(one and arrays["mean"].shape == arrays["std"].shape == vectors.shape[1:])


def fit(
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"] | UInt8[np.ndarray, "n k"],
    num_classes: int,
    *,
    strength: float = 1.0,
    gamma: float | None = None,
    kernel: str = "rbf",
    degree: int = 3,
    max_steps: int | None = None,
    num_vectors: int | None = None,
    one_scale: bool = False,
    seed: int = 0,
) -> SVM:
    """A machine for each class against all others, on features that are standardised first.

    Args:
        x: Samples.
        y: A class index a sample (IGNORE is left out), or a row of 0 and 1 for several labels a sample.
        num_classes: How many classes there are; those without samples get probability 0.
        strength: Inverse of the penalty (scikit-learn's C).
        gamma: Of the kernel; None for one over the number of features, which is scikit-learn's "scale" on
            standardised features.
        kernel: "rbf", "linear" or "polynomial".
        degree: Of a polynomial.
        max_steps: After so many steps of its solver a machine is taken as it is; None for no end. With strong penalties
            and classes that overlap, a polynomial kernel may need hours to come to its end, and is no better there.
        num_vectors: Of more samples than so many, as many are drawn, and machines are sought on them alone, for all
            samples and the squared hinge loss (classical/reduced.py): a minute where all vectors would take hours.
            None for all, where nothing is random.
        one_scale: All features are divided by the standard deviation of the one that varies most, so that principal
            components keep their weight. Otherwise each by its own.
        seed: Of the vectors that are drawn.

    Raises:
        SampleError: There are too few samples, or some are not finite.
        ConfigError: There is no such kernel.
    """
    if kernel not in KERNELS:
        raise ConfigError(f"kernel {kernel}", nearest(kernel, KERNELS), "name a known kernel")
    samples, labels = check_samples(x, y, num_classes)
    mean, std = scale_of(samples)
    if one_scale:
        std = np.full_like(std, std.max())
    scaled = (samples - mean) / std
    own = 1 / scaled.shape[1] if gamma is None else gamma
    targets = rows_of(labels, num_classes).T == 1
    if num_vectors is not None and num_vectors < len(scaled):
        places = np.sort(np.random.default_rng(seed).choice(len(scaled), num_vectors, replace=False))
        vectors = scaled[places]
        weights, bias = _on_few(scaled, vectors, targets, strength, (kernel, own, degree))
    else:
        solver = {"C": strength, "gamma": own, "degree": degree, "max_iter": -1 if max_steps is None else max_steps}
        vectors = scaled
        weights, bias = _on_all(scaled, targets, kernel, solver)
    used = (weights != 0).any(0)
    return SVM(vectors[used], weights[:, used], bias, mean, std, own, y.ndim == 2, kernel, degree)


def _on_all(
    scaled: Float32[np.ndarray, "n f"], targets: Bool[np.ndarray, "k n"], kernel: str, solver: Mapping[str, Any]
) -> tuple[Float64[np.ndarray, "k n"], Float64[np.ndarray, " k"]]:
    """Weights of all samples and bias of each class, by libsvm."""
    near = None
    if len(scaled) <= _KERNEL_SAMPLES:
        parts = _kernels(scaled, scaled, kernel, solver["gamma"], solver["degree"])
        near = np.concatenate([part for _, part in parts])
    return _by_class(targets, len(scaled), lambda is_in: _machine(scaled, near, is_in, _NAMES[kernel], solver))


def _on_few(
    scaled: Float32[np.ndarray, "n f"],
    vectors: Float32[np.ndarray, "m f"],
    targets: Bool[np.ndarray, "k n"],
    strength: float,
    kernel: tuple[str, float, int],
) -> tuple[Float64[np.ndarray, "k m"], Float64[np.ndarray, " k"]]:
    """Weights of the vectors and bias of each class, by Newton's method."""
    white = reduced.whitening(np.concatenate([part for _, part in _kernels(vectors, vectors, *kernel)]))
    features = np.concatenate([(part @ white).astype(np.float32) for _, part in _kernels(scaled, vectors, *kernel)])

    def machine(is_in: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        weights, bias = reduced.solve(features, is_in, strength)
        return white @ weights, bias

    return _by_class(targets, len(vectors), machine)


def _by_class(
    targets: Bool[np.ndarray, "k n"], num: int, solve: Callable[[NDArray[np.bool_]], tuple[NDArray[np.float64], float]]
) -> tuple[Float64[np.ndarray, "k m"], Float64[np.ndarray, " k"]]:
    weights, bias = np.zeros((len(targets), num)), np.empty(len(targets))
    for index, is_in in enumerate(targets):
        # A class that all samples have, or none, needs no machine and allows none.
        if is_in.all() or not is_in.any():
            bias[index] = np.inf if is_in.all() else -np.inf
        else:
            weights[index], bias[index] = solve(is_in)
    return weights, bias


def _kernels(
    x: Float32[np.ndarray, "n f"], y: Float32[np.ndarray, "m f"], kernel: str, gamma: float, degree: int
) -> Iterator[tuple[slice, Float64[np.ndarray, "b m"]]]:
    """The kernel of some of `x` and all of `y` at a time, with the rows that it is of."""
    if kernel == "rbf":
        for rows, far in squared_distances(x, y):
            yield rows, np.exp(-gamma * far)
    else:
        for rows in blocks(len(x), len(y)):
            product = (x[rows] @ y.T).astype(np.float64)
            yield rows, product if kernel == "linear" else (gamma * product) ** degree


def _machine(
    scaled: Float32[np.ndarray, "n f"],
    near: Float64[np.ndarray, "n n"] | None,
    is_in: Bool[np.ndarray, " n"],
    kernel: str,
    solver: Mapping[str, Any],
) -> tuple[Float64[np.ndarray, " n"], float]:
    """Weight of every sample, and the bias."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import SVC

    model = SVC(**solver, cache_size=_CACHE_MB, kernel=kernel if near is None else "precomputed")
    with warnings.catch_warnings():
        # That a machine may end before it is done is what max_steps says.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = model.fit(scaled if near is None else near, is_in)
    weights = np.zeros(len(scaled))
    weights[found.support_] = found.dual_coef_[0]
    return weights, float(found.intercept_[0])
