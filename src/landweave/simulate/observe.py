"""What a sensor makes of the ground: point spread, pixels, noise, clouds. Pure."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32, UInt8

from landweave.simulate.lattice import Plane, key, normal

# Modulation of 0.25 at Nyquist is what Sentinel-2 and Landsat are built for; the pixel's own square gives 0.64 of it,
# a Gaussian of this many pixels the rest.
SPREAD_PX = 0.437
REACH_PX = 1.5


def reach_cells(ratio: int) -> int:
    """Cells beyond a pixel's border that its value depends on, for pixels of `ratio` cells."""
    return int(np.ceil(REACH_PX * ratio))


def spread(ratio: int, spread_px: float = SPREAD_PX) -> Float32[np.ndarray, " k"]:
    """Weights of the cells along one axis: a pixel of `ratio` cells, widened by the optics; they add up to 1."""
    reach = reach_cells(ratio)
    borders = np.arange(-reach, ratio + reach + 1) - ratio / 2
    sigma = spread_px * ratio
    # The integral of a square of `ratio` cells that a Gaussian has widened, from far left to each border of a cell.
    below = [_ramp((border + ratio / 2) / sigma) - _ramp((border - ratio / 2) / sigma) for border in borders]
    weights = np.diff(below)
    return np.asarray(weights / weights.sum(), np.float32)


def _ramp(value: float) -> float:
    """The integral of the normal distribution function."""
    return value * (0.5 + 0.5 * math.erf(value / math.sqrt(2))) + math.exp(-(value**2) / 2) / math.sqrt(2 * math.pi)


def to_pixels(cells: Plane, ratio: int, margin_cells: int, spread_px: float = SPREAD_PX) -> Plane:
    """Mean of the cells under the point spread of every pixel.

    Args:
        cells: With `margin_cells` more on each side than the pixels cover.
        ratio: Cells along a pixel's edge.
        margin_cells: At least `reach_cells(ratio)`.
        spread_px: Standard deviation of the optics, in pixels.
    """
    weights = spread(ratio, spread_px)
    start = margin_cells - reach_cells(ratio)
    return _along(_along(cells, weights, ratio, start, margin_cells).T, weights, ratio, start, margin_cells).T


def _along(cells: Plane, weights: Float32[np.ndarray, " k"], ratio: int, start: int, margin_cells: int) -> Plane:
    num = (cells.shape[0] - 2 * margin_cells) // ratio
    total = np.zeros((num, cells.shape[1]), np.float32)
    for offset, weight in enumerate(weights, start):
        total += weight * cells[offset : offset + num * ratio : ratio]
    return total


def block_means(values: Plane, ratio: int) -> Plane:
    """Mean of each block of `ratio` x `ratio` cells."""
    height, width = values.shape[0] // ratio, values.shape[1] // ratio
    rows = np.zeros((height, values.shape[1]), np.float32)
    for part in range(ratio):
        rows += values[part::ratio][:height]
    total = np.zeros((height, width), np.float32)
    for part in range(ratio):
        total += rows[:, part::ratio][:, :width]
    return total * np.float32(1 / ratio**2)


def majority(classes: UInt8[np.ndarray, "h w"], ratio: int, num_classes: int) -> UInt8[np.ndarray, "h2 w2"]:
    """The commonest class of each block of `ratio` x `ratio` cells; of equals the one with the lower index."""
    height, width = classes.shape[0] // ratio, classes.shape[1] // ratio
    best = np.zeros((height, width), np.uint8)
    most = np.zeros((height, width), np.uint16)
    for index in range(num_classes):
        rows = np.zeros((height, classes.shape[1]), np.uint16)
        own = (classes == index).astype(np.uint16)
        for part in range(ratio):
            rows += own[part::ratio][:height]
        count = np.zeros((height, width), np.uint16)
        for part in range(ratio):
            count += rows[:, part::ratio][:, :width]
        best[count > most] = index
        most = np.maximum(most, count)
    return best


NOISE = (0.0015, 0.008)
"""Standard deviation of a pixel in the dark, and its share of what is bright."""


def noisy(values: Plane, row: int, col: int, seed: int, name: str, *, noise: tuple[float, float] = NOISE) -> Plane:
    """Values with the sensor's noise; `row` and `col` are those of the first pixel in the scene.

    Where nothing else is said the standard deviation is 0.0015 in the dark and 0.8 % of what is bright: about what
    Sentinel-2's signal to noise ratios (Copernicus, Sentinel-2 Products Specification) and the atmosphere's correction
    leave.
    """
    rows, cols = np.arange(row, row + values.shape[0])[:, None], np.arange(col, col + values.shape[1])[None]
    dark, bright = noise
    sigma = np.sqrt(np.float32(dark**2) + (np.float32(bright) * values) ** 2)
    return np.asarray(values + sigma * normal(key(seed, "noise", name), rows, cols))
