"""Support vector machines of many samples on few vectors (Lee and Mangasarian 2001), by Newton's method.

A machine's function is sought among those of some samples' kernels, drawn at random, instead of all. The loss is the
squared hinge, whose minimum is ten or so solutions of as many equations as there are vectors away (Keerthi and DeCoste
2005), and not steps by the million. For sets that are too large to compare each pair.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy.typing import NDArray

_ROWS = 4096
_MOST_ROUNDS = 50
# Directions that vary less are the rounding of single precision rather than the kernel.
_LEAST = 1e-6


def whitening(near: Float64[np.ndarray, "m m"]) -> Float64[np.ndarray, "m r"]:
    """What makes rows of the kernel into features whose inner products are the kernel (Williams and Seeger 2001)."""
    values, vectors = np.linalg.eigh(near)
    is_used = values > values[-1] * _LEAST
    return np.asarray(vectors[:, is_used] / np.sqrt(values[is_used]))


def solve(
    features: Float32[np.ndarray, "n r"], is_in: Bool[np.ndarray, " n"], strength: float
) -> tuple[Float64[np.ndarray, " r"], float]:
    """Weights and bias with the least |w|2 / 2 + strength * sum of squared hinge losses.

    Args:
        features: Of each sample.
        is_in: Which samples are on the positive side: some and not all.
        strength: Inverse of the penalty.
    """
    sides = np.where(is_in, 1.0, -1.0)
    found = np.zeros(features.shape[1] + 1)
    margins = 1 - sides * _values(features, found)
    for _ in range(_MOST_ROUNDS):
        # Samples within the margin pull, each like a sample of a least-squares fit.
        step = _least_squares(features, sides, margins > 0, strength) - found
        moved = sides * _values(features, step)
        share = _best_share(found, step, margins, moved, strength)
        found, margins = found + share * step, margins - share * moved
        if np.abs(share * moved).max() < 1e-4:
            break
    return found[:-1], float(found[-1])


def _values(features: Float32[np.ndarray, "n r"], weights: Float64[np.ndarray, " _"]) -> Float64[np.ndarray, " n"]:
    out = np.empty(len(features))
    for start in range(0, len(features), _ROWS):
        out[start : start + _ROWS] = features[start : start + _ROWS].astype(np.float64) @ weights[:-1]
    return np.asarray(out + weights[-1])


def _least_squares(
    features: Float32[np.ndarray, "n r"], sides: NDArray[np.float64], is_pulling: NDArray[np.bool_], strength: float
) -> Float64[np.ndarray, " _"]:
    """Where the gradient would be zero if the same samples pulled there."""
    size = features.shape[1]
    square, right = np.zeros((size + 1, size + 1)), np.zeros(size + 1)
    places = np.flatnonzero(is_pulling)
    for start in range(0, len(places), _ROWS):
        rows = places[start : start + _ROWS]
        # A column of ones for the bias, which is not kept small.
        own = np.concatenate([features[rows].astype(np.float64), np.ones((len(rows), 1))], axis=1)
        square += own.T @ own
        right += own.T @ sides[rows]
    square *= 2 * strength
    square[np.arange(size), np.arange(size)] += 1
    # The bias has no penalty of its own: where nothing pulls, it may be anything.
    square[size, size] += 1e-9
    return np.asarray(np.linalg.solve(square, 2 * strength * right))


def _best_share(
    found: NDArray[np.float64],
    step: NDArray[np.float64],
    margins: NDArray[np.float64],
    moved: NDArray[np.float64],
    strength: float,
) -> float:
    """How far to go: the whole step, or halves of it until the loss is less than before."""

    def loss(share: float) -> float:
        weights = (found + share * step)[:-1]
        hinge = np.maximum(margins - share * moved, 0)
        return float(weights @ weights / 2 + strength * (hinge @ hinge))

    before, share = loss(0), 1.0
    while share > 1e-6 and loss(share) > before:
        share /= 2
    return share
