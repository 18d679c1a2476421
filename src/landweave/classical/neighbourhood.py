"""Features of a pixel: its bands, and on request means and deviation of each in squares around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage

from landweave.errors import ConfigError


def features(
    values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"], window_px: int = 1
) -> Float32[np.ndarray, "f h w"]:
    """The bands; with `window_px` above 1 then their means in squares, then their deviations in the largest of them.

    The squares are those of `squares_px`: small ones follow an edge, large ones are free of noise. Only valid pixels
    inside the array count; features of a pixel that is not valid are 0. A pixel's features depend on its largest square
    alone, bit for bit: they are the same in every tile with a margin of `reach_px(window_px)`.

    Args:
        values: Bands in their unit.
        valid: Where they are usable.
        window_px: Edge of the square, an odd number.

    Raises:
        ConfigError: `window_px` is even or below 1.
    """
    if window_px < 1 or window_px % 2 == 0:
        raise ConfigError(f"window_px = {window_px}", "an odd number of at least 1", "set window_px to 1, 3, 5, 7 or 9")
    # NaN in a sum would reach every neighbour.
    clean = np.where(valid, values, np.float32(0))
    if window_px == 1:
        return clean
    # In double precision: a variance is the small difference of two large numbers.
    bands = clean.astype(np.float64)
    means = [_means(bands, valid, edge) for edge in squares_px(window_px)]
    # Rounding can leave a variance of -1e-17.
    variance = np.maximum(_means(bands * bands, valid, window_px) - means[0] * means[0], 0)
    return np.concatenate([clean, *means, np.sqrt(variance)], dtype=np.float32, casting="same_kind")


def squares_px(window_px: int) -> list[int]:
    """Edges of the squares whose means are features: `window_px`, then each about half the one before; 9, 5, 3."""
    edges = []
    while window_px > 1:
        edges.append(window_px)
        window_px = window_px // 2 | 1
    return edges


def num_features(num_bands: int, window_px: int = 1) -> int:
    """How many features `features` gives."""
    return num_bands if window_px == 1 else num_bands * (2 + len(squares_px(window_px)))


def reach_px(window_px: int) -> int:
    """How far a pixel's features see."""
    return window_px // 2


def of_patches(values: Float32[np.ndarray, "n c h w"], valid: Bool[np.ndarray, "n h w"]) -> Float32[np.ndarray, "n f"]:
    """Features of whole patches: mean, then standard deviation, of every band over the valid pixels; 0 without any."""
    count = np.maximum(valid.sum((1, 2)), 1)[:, None]
    clean = np.where(valid[:, None], values, np.float32(0)).astype(np.float64)
    mean = clean.sum((2, 3)) / count
    apart = np.where(valid[:, None], clean - mean[:, :, None, None], 0)
    return np.concatenate(
        [mean, np.sqrt((apart**2).sum((2, 3)) / count)], axis=1, dtype=np.float32, casting="same_kind"
    )


def flat_features(views: Sequence[Float32[np.ndarray, "n _ _ _"]]) -> Float32[np.ndarray, "n f"]:
    """All numbers of patches as features, view after view, as in Aspri et al. (2020)."""
    return np.concatenate([np.ascontiguousarray(view).reshape(len(view), -1) for view in views], axis=1)


def _means(
    bands: Float64[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"], window_px: int
) -> Float64[np.ndarray, "c h w"]:
    """Means over the valid pixels of squares; 0 where the pixel itself is not valid. `bands` are 0 there too."""
    count = np.maximum(_sums(valid.astype(np.float64), window_px), 1)
    sums = np.stack([_sums(band, window_px) for band in bands])
    means: Float64[np.ndarray, "c h w"] = np.where(valid, sums / count, 0)
    return means


def _sums(band: Float64[np.ndarray, "h w"], window_px: int) -> Float64[np.ndarray, "h w"]:
    """Sums over squares, each added up by itself: running sums would carry rounding from one tile to the next."""
    ones = np.ones(window_px)
    rows = ndimage.correlate1d(band, ones, axis=0, mode="constant")
    sums: Float64[np.ndarray, "h w"] = ndimage.correlate1d(rows, ones, axis=1, mode="constant")
    return sums
