"""How a grid lies on another one, and bilinear interpolation between any two. Pure.

GDAL's warper approximates positions by the window that it is asked for, which leaves seams between tiles. Here the
positions of a pixel depend on that pixel alone, so that a tile equals the part of the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer, Shaped
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio import Affine

from landweave.tiling import Window

# Pixels that lie nearer than this to a whole number of pixels are the same pixels.
_SAME_PX = 1e-3
# Positions are rounded to this many digits, so that a window and the whole grid give the same bits.
_DIGITS = 6
# Map projections are followed exactly at every eighth pixel and linearly between: below 1e-3 pixels for 600 m pixels.
_NODE_PX = 8


@runtime_checkable
class Seen(Protocol):
    """The pixels of a grid as seen from a source."""

    @property
    def inside(self) -> Bool[np.ndarray, "h w"]:
        """Which of them lie in the source."""

    def window(self) -> Window:
        """The pixels of the source that are needed; empty where the two do not meet."""

    def interpolate(self, values: Float32[np.ndarray, "a b"]) -> Float32[np.ndarray, "h w"]:
        """Bilinear values from those of `window`; NaN in any of the four neighbours gives NaN."""

    def nearest(self, numbers: Shaped[np.ndarray, "a b"]) -> Shaped[np.ndarray, "h w"]:
        """The number of the pixel that each lies in, from those of `window`."""


def same_crs(source: GeoBox, grid: GeoBox) -> bool:
    """Whether both have one CRS, or both none."""
    if source.crs is None or grid.crs is None:
        return source.crs is grid.crs
    return bool(source.crs == grid.crs)


def aligned_window(source: GeoBox, grid: GeoBox) -> Window | None:
    """The window of `source` that `grid` is, pixel by pixel; it may reach outside. None where it is none."""
    step = _pixel_map(source, grid)
    turn = max(abs(step.a - 1), abs(step.b), abs(step.d), abs(step.e - 1)) * max(grid.shape)
    row, col = round(step.f), round(step.c)
    if max(turn, abs(step.f - row), abs(step.c - col)) > _SAME_PX:
        return None
    return Window(row, col, *grid.shape)


def reduction(source: GeoBox, grid: GeoBox) -> int:
    """How many pixels of `source` go into one of `grid` along an edge; 1 where they are not smaller.

    It is found at the middle of `source`, so that it is the same for every window of `grid`.
    """
    # The middle of the source is the one place that does not depend on who asks for which window.
    height, width = source.shape
    corners = [(width / 2, height / 2), (width / 2 + 1, height / 2), (width / 2, height / 2 + 1)]
    xs, ys = np.asarray([source.affine * corner for corner in corners]).T
    if not same_crs(source, grid):
        xs, ys = Transformer.from_crs(source.crs, grid.crs, always_xy=True).transform(xs, ys)
    cols, rows = _apply(~grid.affine, np.asarray(xs), np.asarray(ys))
    edge = math.sqrt(
        math.hypot(cols[1] - cols[0], rows[1] - rows[0]) * math.hypot(cols[2] - cols[0], rows[2] - rows[0])
    )
    # Halves go down whatever the last bits are, so that every window finds the same.
    return max(1, math.ceil(1 / edge - 0.5 - 1e-6)) if math.isfinite(edge) and edge > 0 else 1


def reduced(source: GeoBox, factor: int) -> GeoBox:
    """The grid of means of `factor` by `factor` pixels of `source`; the last row and column may be of fewer."""
    if factor == 1:
        return source
    height, width = (math.ceil(size / factor) for size in source.shape)
    return GeoBox((height, width), source.affine * Affine.scale(factor), source.crs)


def block_means(values: Float32[np.ndarray, "h w"], factor: int) -> Float32[np.ndarray, "a b"]:
    """Means of `factor` by `factor` pixels; NaN in one of them gives NaN."""
    if factor == 1:
        return values
    # Blocks hang on the file's corner, so that every window has the same ones.
    starts = [np.arange(0, size, factor) for size in values.shape]
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    rows, cols = (np.diff([*start, size]) for start, size in zip(starts, values.shape, strict=True))
    return np.asarray(sums / (rows[:, None] * cols).astype(np.float32))


def look(source: GeoBox, grid: GeoBox) -> Seen:
    """The pixels of `grid` as seen from `source`."""
    if same_crs(source, grid):
        step = _pixel_map(source, grid)
        # With parallel axes rows and columns are independent: two short tables do for one large one.
        if max(abs(step.b), abs(step.d)) * max(grid.shape) < _SAME_PX and step.a > 0 and step.e > 0:
            rows = _axis(np.arange(grid.shape[0]) + 0.5, step.e, step.f, source.shape[0])
            return Parallel(rows, _axis(np.arange(grid.shape[1]) + 0.5, step.a, step.c, source.shape[1]))
    rows_at, cols_at = _positions(source, grid)
    return Warped(_axis(rows_at, 1, 0, source.shape[0]), _axis(cols_at, 1, 0, source.shape[1]))


@dataclass(frozen=True, slots=True)
class Axis:
    """Rows or columns of a grid as seen from a source; "..." is one dimension where the axes are parallel, else two.

    Attributes:
        low: The source row or column at or before it, clamped to the source.
        high: The next one, clamped to the source.
        weight: How much of `high`, 0 to 1; the rest of `low`.
        nearest: The source row or column that it lies in, clamped to the source.
        inside: Whether it lies within the source.
    """

    low: Integer[np.ndarray, "..."]
    high: Integer[np.ndarray, "..."]
    weight: Float32[np.ndarray, "..."]
    nearest: Integer[np.ndarray, "..."]
    inside: Bool[np.ndarray, "..."]

    @property
    def span(self) -> tuple[int, int]:
        """First source row or column that is needed, and how many; 0 where none is inside."""
        if not self.inside.any():
            return 0, 0
        first = int(self.low.min())
        return first, int(self.high.max()) - first + 1


@dataclass(frozen=True, slots=True)
class Parallel:
    """Both grids have parallel axes: rows and columns are independent of each other."""

    rows: Axis
    cols: Axis

    @property
    def inside(self) -> Bool[np.ndarray, "h w"]:
        """Which of the grid's pixels lie in the source."""
        return np.asarray(self.rows.inside[:, None] & self.cols.inside[None, :])

    def window(self) -> Window:
        """The pixels of the source that are needed."""
        return _window(self.rows, self.cols)

    def interpolate(self, values: Float32[np.ndarray, "a b"]) -> Float32[np.ndarray, "h w"]:
        """Bilinear values.

        On whole files they are those of torch's `interpolate(mode="bilinear", align_corners=False)`.
        """
        top, left = self.rows.span[0], self.cols.span[0]
        wide = _mix(
            np.take(values, self.cols.low - left, axis=1),
            np.take(values, self.cols.high - left, axis=1),
            self.cols.weight,
        )
        return _mix(
            np.take(wide, self.rows.low - top, axis=0),
            np.take(wide, self.rows.high - top, axis=0),
            self.rows.weight[:, None],
        )

    def nearest(self, numbers: Shaped[np.ndarray, "a b"]) -> Shaped[np.ndarray, "h w"]:
        """The number of the pixel that each lies in."""
        rows = np.take(numbers, self.rows.nearest - self.rows.span[0], axis=0)
        return np.take(rows, self.cols.nearest - self.cols.span[0], axis=1)


@dataclass(frozen=True, slots=True)
class Warped:
    """Any two grids: every pixel has a position of its own; its axes have two dimensions."""

    rows: Axis
    cols: Axis

    @property
    def inside(self) -> Bool[np.ndarray, "h w"]:
        """Which of the grid's pixels lie in the source."""
        return np.asarray(self.rows.inside & self.cols.inside)

    def window(self) -> Window:
        """The pixels of the source that are needed."""
        return _window(self.rows, self.cols)

    def interpolate(self, values: Float32[np.ndarray, "a b"]) -> Float32[np.ndarray, "h w"]:
        """Bilinear values."""
        top, left = self.rows.span[0], self.cols.span[0]
        upper, lower = (
            _mix(values[rows - top, self.cols.low - left], values[rows - top, self.cols.high - left], self.cols.weight)
            for rows in (self.rows.low, self.rows.high)
        )
        return _mix(upper, lower, self.rows.weight)

    def nearest(self, numbers: Shaped[np.ndarray, "a b"]) -> Shaped[np.ndarray, "h w"]:
        """The number of the pixel that each lies in."""
        return np.asarray(numbers[self.rows.nearest - self.rows.span[0], self.cols.nearest - self.cols.span[0]])


def _window(rows: Axis, cols: Axis) -> Window:
    (top, height), (left, width) = rows.span, cols.span
    return Window(top, left, height, width) if height and width else Window(0, 0, 0, 0)


def _mix(
    low: Float[np.ndarray, "..."], high: Float[np.ndarray, "..."], weight: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """The part `weight` of `high` and the rest of `low`; `high` is used up."""
    high -= low
    high *= weight
    high += low
    return high


def _axis(centers: Float[np.ndarray, "..."], ratio: float, start: float, size: int) -> Axis:
    at = np.round(centers * ratio + start, _DIGITS)
    inside = (at >= 0) & (at < size)
    # A pixel beyond the edge keeps the edge's value, which `inside` then masks; so windows stay small.
    position = np.round(np.clip(np.where(np.isfinite(at), at, 0), 0, size) - 0.5, _DIGITS)
    low = np.floor(position).astype(np.int64)
    last = size - 1
    return Axis(
        low=np.clip(low, 0, last),
        high=np.clip(low + 1, 0, last),
        weight=(position - low).astype(np.float32),
        nearest=np.clip(np.floor(position + 0.5).astype(np.int64), 0, last),
        inside=inside,
    )


def _pixel_map(source: GeoBox, grid: GeoBox) -> Affine:
    """Takes pixels of `grid` to pixels of `source`, both of one CRS, as (col, row) of their corners."""
    step: Affine = ~source.affine * grid.affine
    return step


def _apply(
    step: Affine, xs: Float[np.ndarray, "..."], ys: Float[np.ndarray, "..."]
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    return step.a * xs + step.b * ys + step.c, step.d * xs + step.e * ys + step.f


def _positions(source: GeoBox, grid: GeoBox) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Row and column in `source`, counted from its corner, of each pixel centre of `grid`."""
    row_nodes, row_low, row_weight = _nodes(grid.affine.f, grid.affine.e, grid.shape[0])
    col_nodes, col_low, col_weight = _nodes(grid.affine.c, grid.affine.a, grid.shape[1])
    xs, ys = _apply(grid.affine, *np.meshgrid(col_nodes + 0.5, row_nodes + 0.5))
    if not same_crs(source, grid):
        xs, ys = Transformer.from_crs(grid.crs, source.crs, always_xy=True).transform(xs, ys)
    cols, rows = (_mix_nodes(at, row_low, row_weight, col_low, col_weight) for at in _apply(~source.affine, xs, ys))
    return rows, cols


def _nodes(
    start: float, step: float, size: int
) -> tuple[Float[np.ndarray, " n"], Integer[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Pixels at which positions are exact, counted from the grid's first; the node before each pixel, and its weight.

    The nodes hang on the origin of the CRS, not on the window.
    """
    # Counted in pixels from the origin of the CRS: windows of one grid share their nodes.
    first = round(start / step) if step else 0
    steps = np.arange(first, first + size)
    nodes = np.arange(first // _NODE_PX, (first + size - 1) // _NODE_PX + 2)
    low = steps // _NODE_PX - nodes[0]
    return (nodes * _NODE_PX - first).astype(np.float64), low, (steps % _NODE_PX) / _NODE_PX


def _mix_nodes(
    at: Float[np.ndarray, "a b"],
    row_low: Integer[np.ndarray, " h"],
    row_weight: Float[np.ndarray, " h"],
    col_low: Integer[np.ndarray, " w"],
    col_weight: Float[np.ndarray, " w"],
) -> Float[np.ndarray, "h w"]:
    wide = _mix(at[:, col_low], at[:, col_low + 1], col_weight)
    return _mix(wide[row_low], wide[row_low + 1], row_weight[:, None])
