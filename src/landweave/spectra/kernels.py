"""Kernels of difference vectors, and kernel principal components by them, from the temperatures alone. Pure.

Schoelkopf et al. 1997, as Sedona et al. 2020 (Atmos. Meas. Tech. 13, 3661, section 3.2) use it; for large sets by the
Nystroem method (Williams and Seeger 2001). The algebra is in docs/methods/limb_spectra.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float, Float32, Float64
from numpy.typing import NDArray

from landweave.config import nearest
from landweave.errors import CardError, ConfigError, SpectraError
from landweave.spectra.differences import Weights, covariance, embed, metric, root

KERNELS = ("linear", "rbf", "polynomial")

# An exact decomposition of more spectra would need more than 1 GiB for its kernel alone.
_EXACT = 11_000
_AT_ONCE = 1 << 22
_AXES = {"root": 2, "anchors": 2, "weights": 2, "offset": 1, "variance": 1, "kernel": 1}


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of difference vectors d and e.

    Attributes:
        name: "linear" d'e, "rbf" exp(-gamma |d - e|2), or "polynomial" (gamma d'e + offset)^degree.
        gamma: As above, per K2.
        degree: Of the polynomial.
        offset: Of the polynomial.
    """

    name: str = "rbf"
    gamma: float = 1.0
    degree: int = 3
    offset: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in KERNELS:
            raise ConfigError(f"kernel {self.name}", nearest(self.name, KERNELS), "name a known kernel")
        if not (self.gamma > 0 and self.degree >= 1):
            raise ConfigError(f"gamma {self.gamma}, degree {self.degree}", "gamma > 0, degree >= 1", "mend them")

    def matrix(self, z: Float[np.ndarray, "n l"], other: Float[np.ndarray, "m l"]) -> Float[np.ndarray, "n m"]:
        """The kernel of every pair of embedded spectra (`differences.embed`), in the precision that they have."""
        product = z @ other.T
        if self.name == "linear":
            return np.asarray(product)
        if self.name == "polynomial":
            product *= self.gamma
            product += self.offset
            return np.asarray(product**self.degree)
        # |d - e|2 = |d|2 + |e|2 - 2 d'e, in place: the matrix is what takes the memory.
        product *= -2
        product += np.einsum("nl,nl->n", z, z)[:, None]
        product += np.einsum("ml,ml->m", other, other)
        np.maximum(product, 0, out=product)
        product *= -self.gamma
        return np.asarray(np.exp(product, out=product))


def kernel_matrix(
    kernel: Kernel, x: Float32[np.ndarray, "n l"], other: Float32[np.ndarray, "m l"], weights: Weights = None
) -> Float64[np.ndarray, "n m"]:
    """The kernel of the weighted difference vectors of every two spectra, in double precision.

    Args:
        kernel: Which one.
        x: Temperatures, K.
        other: Temperatures, K.
        weights: Of the pairs, or which of them are kept; None for all.

    Raises:
        SpectraError: There are not as many weights as pairs.
    """
    return np.asarray(kernel.matrix(embed(x, weights), embed(other, weights)))


def scale(cov: Float64[np.ndarray, "l l"], weights: Weights = None) -> float:
    """A gamma that suits a set of spectra: one over the variance of all its weighted differences together."""
    return float(1 / np.trace(metric(weights, len(cov)) @ cov))


@dataclass(frozen=True, eq=False)
class KernelPCA:
    """Fitted kernel components: scores are kernel(spectrum, anchors) @ weights - offset.

    Attributes:
        root: Of the metric: embeds temperatures.
        anchors: Embedded spectra that others are compared with: all that it was fitted on, or landmarks.
        weights: Of each anchor in each component.
        offset: Of each component.
        variance: Of each score, largest first.
        kernel: Which one.
    """

    root: Float64[np.ndarray, "l l"]
    anchors: Float64[np.ndarray, "m l"]
    weights: Float64[np.ndarray, "m q"]
    offset: Float64[np.ndarray, " q"]
    variance: Float64[np.ndarray, " q"]
    kernel: Kernel

    def scores(self, x: Float32[np.ndarray, "b l"]) -> Float32[np.ndarray, "b q"]:
        """Scores of temperatures in K; NaN where a spectrum has NaN.

        Raises:
            CardError: There is another number of microwindows.
        """
        if x.shape[1] != len(self.root):
            raise CardError(
                f"spectra of {x.shape[1]} microwindows",
                f"{len(self.root)}, as the components were fitted on",
                "use components of these microwindows",
            )
        out = np.empty((len(x), len(self.offset)), np.float32)
        step = max(1, _AT_ONCE // len(self.anchors))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            out[rows] = self.kernel.matrix(x[rows] @ self.root, self.anchors) @ self.weights - self.offset
        return out

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The components as named arrays, for a card."""
        kernel = self.kernel
        told = [float(KERNELS.index(kernel.name)), kernel.gamma, float(kernel.degree), kernel.offset]
        return {**{name: getattr(self, name) for name in _AXES}, "kernel": np.array(told)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> KernelPCA:
        """The components that `to_arrays` gave.

        Raises:
            CardError: The arrays are no kernel components.
        """
        found = dict(arrays)
        if not _fit(found):
            raise CardError(
                f"arrays { ({name: array.shape for name, array in found.items()}) } of kernel components",
                f"{', '.join(_AXES)} of fitting shapes",
                "copy the card again",
            )
        place, gamma, degree, offset = found.pop("kernel").tolist()
        return cls(**found, kernel=Kernel(KERNELS[int(place)], gamma, int(degree), offset))


def fit(
    x: Float32[np.ndarray, "b l"],
    num: int,
    *,
    name: str = "polynomial",
    gamma: float | None = None,
    degree: int = 3,
    offset: float = 1.0,
    weights: Weights = None,
    num_landmarks: int | None = None,
    seed: int = 0,
) -> KernelPCA:
    """Kernel components of the weighted differences of `x`.

    Args:
        x: Temperatures, K.
        num: How many components.
        name: Of the kernel; the paper's figures are of a polynomial one.
        gamma: Of the kernel; None for `scale`.
        degree: Of a polynomial kernel.
        offset: Of a polynomial kernel.
        weights: Of the pairs, or which of them are kept; None for all.
        num_landmarks: None for exact components. Otherwise so many spectra, drawn at random, stand for all others
            (Nystroem): the kernel is approximated within what these span, the components are those of all of `x`.
        seed: Of the draw.

    Raises:
        SpectraError: There are too few spectra for so many components, or too many for exact ones.
        ConfigError: There is no such kernel.
    """
    _, cov = covariance(x)
    kernel = Kernel(name, scale(cov, weights) if gamma is None else gamma, degree, offset)
    _check(len(x), num, num_landmarks)
    own = root(metric(weights, x.shape[1]))[0]
    points = x @ own
    if num_landmarks is None or num_landmarks >= len(x):
        return _exact(kernel, own, points, num)
    places = np.random.default_rng(seed).choice(len(x), num_landmarks, replace=False)
    return _by_landmarks(kernel, own, points, points[np.sort(places)], num)


def _exact(kernel: Kernel, own: NDArray[Any], points: NDArray[Any], num: int) -> KernelPCA:
    found = kernel.matrix(points, points)
    means = found.mean(0)
    found -= means
    found -= found.mean(1, keepdims=True)
    size = len(points)
    values, vectors = scipy.linalg.eigh(found, subset_by_index=(size - num, size - 1), overwrite_a=True)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    # Centred eigenvectors sum to 0, so that of the centring of a new spectrum's row only the mean row is left.
    weights = np.divide(vectors, np.sqrt(values), out=np.zeros_like(vectors), where=values > values[0] * 1e-12)
    weights *= _signs(vectors)
    return KernelPCA(own, points, weights, means @ weights, values / (size - 1), kernel)


def _by_landmarks(kernel: Kernel, own: NDArray[Any], points: NDArray[Any], marks: NDArray[Any], num: int) -> KernelPCA:
    values, vectors = np.linalg.eigh(kernel.matrix(marks, marks))
    is_used = values > values[-1] * 1e-10
    whiten = vectors[:, is_used] / np.sqrt(values[is_used])
    sums, products = np.zeros(whiten.shape[1]), np.zeros((whiten.shape[1],) * 2)
    step = max(1, _AT_ONCE // len(marks))
    for start in range(0, len(points), step):
        features = kernel.matrix(points[start : start + step], marks) @ whiten
        sums += features.sum(0)
        products += features.T @ features
    mean = sums / len(points)
    spread = (products - len(points) * np.outer(mean, mean)) / (len(points) - 1)
    variance, axes = np.linalg.eigh(spread)
    chosen = axes[:, ::-1][:, :num]
    weights = whiten @ chosen
    signs = _signs(weights)
    return KernelPCA(own, marks, weights * signs, (mean @ chosen) * signs, variance[::-1][:num].clip(0), kernel)


def _signs(columns: NDArray[Any]) -> NDArray[Any]:
    # The largest entry of each column is made positive: signs are free, but shall not change from run to run.
    return np.asarray(np.sign(columns[np.abs(columns).argmax(0), np.arange(columns.shape[1])]))


def _check(num_spectra: int, num: int, num_landmarks: int | None) -> None:
    size = min(num_spectra, num_landmarks or num_spectra)
    if not 1 <= num < size:
        raise SpectraError(f"{num} kernel components of {size} spectra", f"1 to {size - 1}", "take more spectra")
    if size > _EXACT:
        raise SpectraError(
            f"{size} spectra to compare with each other",
            f"at most {_EXACT}, whose kernel fits into 1 GiB",
            "set num_landmarks, or fit on fewer spectra",
        )


def _fit(arrays: Mapping[str, NDArray[Any]]) -> bool:
    if {name: array.ndim for name, array in arrays.items()} != _AXES or arrays["kernel"].shape != (4,):
        return False
    if not all(array.dtype == np.float64 and np.isfinite(array).all() for array in arrays.values()):
        return False
    (num, _), (size, kept) = arrays["root"].shape, arrays["weights"].shape
    place, gamma, degree, _ = arrays["kernel"]
    shapes = [arrays[name].shape for name in ("root", "anchors", "offset", "variance")]
    fits = shapes == [(num, num), (size, num), (kept,), (kept,)]
    return bool(fits and place in range(len(KERNELS)) and gamma > 0 and degree >= 1)
