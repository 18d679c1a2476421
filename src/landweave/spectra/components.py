"""Principal components of all brightness temperature differences, computed in as many dimensions as microwindows. Pure.

Sedona et al. 2020, Atmos. Meas. Tech. 13, 3661, section 3.2; why it is the same: docs/methods/limb_spectra.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from landweave.errors import CardError, SpectraError
from landweave.spectra.differences import Weights, covariance, metric, root
from landweave.spectra.microwindows import pairs

_AXES = {"mean": 1, "weights": 1, "projection": 2, "lift": 2, "variance": 1, "total": 1}
_ROWS = 512


@dataclass(frozen=True, eq=False)
class PCA:
    """Fitted components. l microwindows, p pairs, q components.

    Attributes:
        mean: Of the temperatures that it was fitted on.
        weights: By which the column of each pair is multiplied; 0 leaves a pair out.
        projection: From temperatures less their mean to scores.
        lift: From scores to temperatures, up to what all microwindows have in common.
        variance: Of each score, largest first.
        total: Variance of all weighted differences together.
    """

    mean: Float64[np.ndarray, " l"]
    weights: Float64[np.ndarray, " p"]
    projection: Float64[np.ndarray, "l q"]
    lift: Float64[np.ndarray, "l q"]
    variance: Float64[np.ndarray, " q"]
    total: float

    @property
    def explained(self) -> Float64[np.ndarray, " q"]:
        """Share of the total variance in each score."""
        return np.asarray(self.variance / self.total)

    def scores(self, x: Float32[np.ndarray, "b l"]) -> Float32[np.ndarray, "b q"]:
        """Scores of temperatures, K: what the PCA of the columns gives. NaN where a spectrum has NaN.

        Raises:
            CardError: There is another number of microwindows.
        """
        if x.shape[1] != len(self.mean):
            raise CardError(
                f"spectra of {x.shape[1]} microwindows",
                f"{len(self.mean)}, as the components were fitted on",
                "use components of these microwindows",
            )
        out = np.empty((len(x), len(self.variance)), np.float32)
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            out[rows] = (x[rows] - self.mean) @ self.projection
        return out

    def components(self) -> Float64[np.ndarray, "q p"]:
        """Each component as weights of the differences, of length 1; the largest weight is above 0."""
        return _lifted(self.lift, self.weights)

    def reconstruct(self, scores: Float32[np.ndarray, "b q"]) -> Float64[np.ndarray, "b l"]:
        """Temperatures whose differences are those that the scores tell; their own level is that of the mean."""
        return np.asarray(self.mean + scores @ self.lift.T)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The components as named arrays, for a card."""
        return {name: np.atleast_1d(getattr(self, name)) for name in _AXES}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> PCA:
        """The components that `to_arrays` gave.

        Raises:
            CardError: The arrays are no components.
        """
        found = dict(arrays)
        if not _fit(found):
            raise CardError(
                f"arrays { ({name: array.shape for name, array in found.items()}) } of components",
                f"{', '.join(_AXES)} of fitting shapes",
                "copy the card again",
            )
        total = found.pop("total")
        return cls(**found, total=float(total[0]))


def fit(x: Float32[np.ndarray, "b l"], num: int = 10, weights: Weights = None) -> PCA:
    """Components of the weighted differences of `x`; equal to those of the columns, up to rounding.

    Args:
        x: Temperatures, K.
        num: How many components.
        weights: Of the pairs, or which of them are kept; None for all.

    Raises:
        SpectraError: There are too few spectra or microwindows, values are not finite, or weights do not fit.
    """
    mean, cov = covariance(x)
    if not 1 <= num < x.shape[1]:
        raise SpectraError(f"{num} components", f"1 to {x.shape[1] - 1}", "ask for fewer components")
    own, inverse = root(metric(weights, x.shape[1]))
    values, vectors = np.linalg.eigh(own @ cov @ own)
    chosen = vectors[:, ::-1][:, :num]
    count = x.shape[1] * (x.shape[1] - 1) // 2
    factors = np.ones(count) if weights is None else weights.astype(np.float64)
    # Signs are free: the largest weight of each component is made positive, as in scikit-learn.
    heads = _lifted(inverse @ chosen, factors)
    chosen = chosen * np.sign(heads[np.arange(num), np.abs(heads).argmax(1)])
    variance = np.maximum(values[::-1][:num], 0)
    return PCA(mean, factors, own @ chosen, inverse @ chosen, variance, float(np.maximum(values, 0).sum()))


def _lifted(lift: Float64[np.ndarray, "l q"], weights: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, "q p"]:
    first, second = pairs(len(lift))
    return np.asarray((lift[first] - lift[second]).T * weights)


def _fit(arrays: Mapping[str, NDArray[Any]]) -> bool:
    if {name: array.ndim for name, array in arrays.items()} != _AXES:
        return False
    num, kept = arrays["projection"].shape
    shapes = [arrays[name].shape for name in ("mean", "weights", "lift", "variance", "total")]
    floats = all(array.dtype == np.float64 and np.isfinite(array).all() for array in arrays.values())
    return floats and shapes == [(num,), (num * (num - 1) // 2,), (num, kept), (kept,), (1,)]
