"""Features of a pixel: its bands, and on request the mean and standard deviation of each in a square around it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage

from landweave.errors import ConfigError


def features(
    values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"], window_px: int = 1
) -> Float32[np.ndarray, "f h w"]:
    """The bands; with `window_px` above 1 then their means, then their standard deviations in a square of that edge.

    Only valid pixels inside the array count; features of a pixel that is not valid are 0. A pixel's features depend on
    its square alone, bit for bit: they are the same in every tile with a margin of `reach_px(window_px)`.

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
    count = np.maximum(_sums(valid.astype(np.float64), window_px), 1)
    means, deviations = [], []
    # In double precision: a variance is the small difference of two large numbers.
    for band in clean.astype(np.float64):
        mean = _sums(band, window_px) / count
        variance = _sums(band * band, window_px) / count - mean * mean
        means.append(np.where(valid, mean, 0))
        # Rounding can leave a variance of -1e-17.
        deviations.append(np.where(valid, np.sqrt(np.maximum(variance, 0)), 0))
    return np.concatenate([clean, means, deviations], dtype=np.float32, casting="same_kind")


def num_features(num_bands: int, window_px: int = 1) -> int:
    """How many features `features` gives."""
    return num_bands if window_px == 1 else 3 * num_bands


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


def _sums(band: Float64[np.ndarray, "h w"], window_px: int) -> Float64[np.ndarray, "h w"]:
    """Sums over squares, each added up by itself: running sums would carry rounding from one tile to the next."""
    ones = np.ones(window_px)
    rows = ndimage.correlate1d(band, ones, axis=0, mode="constant")
    sums: Float64[np.ndarray, "h w"] = ndimage.correlate1d(rows, ones, axis=1, mode="constant")
    return sums
