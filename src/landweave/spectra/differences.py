"""Differences of all pairs of microwindows, without their columns: a metric on the microwindows does the same. Pure.

The algebra is in docs/methods/limb_spectra.md. Weights of pairs are numbers that multiply the columns, or a mask of the
columns that are kept; None is all of them as they are. All functions take any number l of microwindows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Shaped

from landweave.errors import SpectraError
from landweave.spectra.microwindows import NUM, pairs

Weights = Shaped[np.ndarray, " p"] | None
KEPT_ABOVE_K2 = 10.0
"""Variance below which a difference is left out (Sedona et al. 2020, Atmos. Meas. Tech. 13, 3661, section 3.2)."""

# So many rows are in double precision at once: few enough for memory, and many, because threads meet at each product.
_ROWS = 4096


def differences(x: Float32[np.ndarray, "b l"], weights: Weights = None) -> Float32[np.ndarray, "b _"]:
    """The columns themselves: x_i - x_j of all pairs i < j, or of those that are kept. For tests, and for few spectra.

    Raises:
        SpectraError: There are not as many weights as pairs.
    """
    first, second = pairs(x.shape[1])
    factors = _factors(weights, x.shape[1])
    if weights is not None and weights.dtype == np.bool_:
        return np.asarray(x[:, first[weights]] - x[:, second[weights]], np.float32)
    return np.asarray((x[:, first] - x[:, second]) * factors.astype(np.float32), np.float32)


def metric(weights: Weights = None, num: int = NUM) -> Float64[np.ndarray, "l l"]:
    """D'D of the weighted differences D x: the graph Laplacian with w2 on the edge of each pair.

    Squared distances of difference vectors are (x - y)' L (x - y), inner products x' L y.

    Raises:
        SpectraError: There are not as many weights as pairs, or they are not finite.
    """
    found = -as_matrix(_factors(weights, num) ** 2)
    found[np.diag_indices(num)] = -found.sum(1)
    return found


def root(laplacian: Float64[np.ndarray, "l l"]) -> tuple[Float64[np.ndarray, "l l"], Float64[np.ndarray, "l l"]]:
    """The symmetric root of a metric, and the pseudo-inverse of that root.

    Rows of x @ root lie to each other as the difference vectors do: the same distances, the same inner products.
    """
    values, vectors = np.linalg.eigh(laplacian)
    # What all microwindows have in common is lost in differences: an eigenvalue of 0 for each group without links.
    roots = np.sqrt(np.where(values > values[-1] * 1e-12, values, 0))
    inverse = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0)
    return (vectors * roots) @ vectors.T, (vectors * inverse) @ vectors.T


def embed(x: Float[np.ndarray, "b l"], weights: Weights = None) -> Float64[np.ndarray, "b l"]:
    """Spectra as points that lie to each other as their weighted differences do."""
    return np.asarray(x.astype(np.float64) @ root(metric(weights, x.shape[1]))[0])


def covariance(x: Float32[np.ndarray, "b l"]) -> tuple[Float64[np.ndarray, " l"], Float64[np.ndarray, "l l"]]:
    """Mean and covariance (divided by one less than the number of spectra), in double precision.

    Raises:
        SpectraError: There are fewer than two spectra, or values are not finite.
    """
    if len(x) < 2:
        raise SpectraError(f"{len(x)} spectra", "at least two, for a variance", "take more spectra")
    mean = np.sum([part.sum(0, dtype=np.float64) for part in _parts(x)], axis=0) / len(x)
    # A sum shows whether all values are finite without looking at each.
    if not np.isfinite(mean).all():
        bad = int((~np.isfinite(x).all(1)).sum())
        raise SpectraError(f"{bad} spectra with values that are not finite", "finite values", "leave them out before")
    total = np.zeros((x.shape[1], x.shape[1]))
    for part in _parts(x):
        centred = part - mean
        total += centred.T @ centred
    return mean, total / (len(x) - 1)


def variances(cov: Float64[np.ndarray, "l l"]) -> Float64[np.ndarray, " p"]:
    """Variance of every difference, from the covariance of the microwindows: C_ii + C_jj - 2 C_ij."""
    first, second = pairs(len(cov))
    own = np.diag(cov)
    return np.asarray(np.maximum(own[first] + own[second] - 2 * cov[first, second], 0))


def kept(cov: Float64[np.ndarray, "l l"], above: float = KEPT_ABOVE_K2) -> Bool[np.ndarray, " p"]:
    """Which differences vary enough to be kept.

    Raises:
        SpectraError: None does.
    """
    found = variances(cov)
    if not (found >= above).any():
        raise SpectraError(
            f"differences with variances up to {found.max():.3g} K2",
            f"one of at least {above:g} K2",
            "lower the threshold, or take spectra that differ more",
        )
    return np.asarray(found >= above)


def as_matrix(values: Shaped[np.ndarray, " p"]) -> Float64[np.ndarray, "l l"]:
    """A number for each pair as a symmetric matrix over the microwindows, 0 on its diagonal."""
    num = round((1 + np.sqrt(1 + 8 * len(values))) / 2)
    first, second = pairs(num)
    out = np.zeros((num, num))
    out[first, second] = out[second, first] = values
    return out


def _parts(x: Float32[np.ndarray, "b l"]) -> Iterator[Float64[np.ndarray, "_ l"]]:
    for start in range(0, len(x), _ROWS):
        yield x[start : start + _ROWS].astype(np.float64)


def _factors(weights: Weights, num: int) -> Float64[np.ndarray, " p"]:
    """What each column is multiplied by."""
    wanted = num * (num - 1) // 2
    found = np.ones(wanted) if weights is None else weights.astype(np.float64)
    if found.shape != (wanted,) or not np.isfinite(found).all():
        raise SpectraError(
            f"{found.size} weights, {int((~np.isfinite(found)).sum())} of them not finite",
            f"{wanted} finite weights, one for each pair of {num} microwindows",
            "take weights in the order of pairs: 0-1, 0-2, and so on",
        )
    return found
