"""Cut a grid into tiles: a core that no other tile has, and a margin around it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from odc.geo.geobox import GeoBox

from landweave.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A rectangle of pixels of a grid: offset (row, col) and shape (height, width)."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window as indices of an array with the grid's shape."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def num_pixels(self) -> int:
        """Height times width."""
        return self.height * self.width

    @classmethod
    def of(cls, shape: tuple[int, int]) -> Self:
        """The window of a whole grid with `shape` (height, width)."""
        return cls(0, 0, *shape)

    def grow(self, margin_px: int) -> Window:
        """This window with `margin_px` more on each side; it may reach outside its grid."""
        return Window(
            self.row - margin_px, self.col - margin_px, self.height + 2 * margin_px, self.width + 2 * margin_px
        )

    def clip(self, other: Window) -> Window:
        """The part inside `other`; height or width is 0 where they do not meet."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height = min(self.row + self.height, other.row + other.height) - row
        width = min(self.col + self.width, other.col + other.width) - col
        return Window(row, col, max(height, 0), max(width, 0))

    def inside(self, outer: Window) -> Window:
        """The same rectangle counted from the corner of `outer`."""
        return Window(self.row - outer.row, self.col - outer.col, self.height, self.width)

    def on(self, grid: GeoBox) -> GeoBox:
        """The window as a grid of its own; it may reach outside `grid`."""
        return grid.crop(self.shape).translate_pix(self.col, self.row)


@dataclass(frozen=True, slots=True)
class Tile:
    """The window of the output grid that one task maps.

    Attributes:
        row: Row of the tile in the tiling, from 0.
        col: Column of the tile in the tiling, from 0.
        core: The pixels that this tile alone writes.
        seen: The pixels that its task reads: the core with its margin, clipped to the extended grid.
    """

    row: int
    col: int
    core: Window
    seen: Window

    @property
    def key(self) -> str:
        """A name that is unique in the tiling and fit for a file name."""
        return f"r{self.row:05d}c{self.col:05d}"


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a grid is cut.

    Every core begins at a multiple of `stride`, so that a strided network sees each tile as it sees the whole.

    Attributes:
        shape: (height, width) of the grid.
        core_px: Edge of a core; a multiple of `stride`.
        margin_px: Width of the margin; a multiple of `stride`.
        stride: The network's stride; the grid is extended to a multiple of it at its bottom and right.
    """

    shape: tuple[int, int]
    core_px: int
    margin_px: int
    stride: int = 1

    def __post_init__(self) -> None:
        _check(self)

    @property
    def extended(self) -> Window:
        """The grid, extended to a multiple of the stride at its bottom and right."""
        height, width = (math.ceil(size / self.stride) * self.stride for size in self.shape)
        return Window(0, 0, height, width)

    @property
    def num_rows(self) -> int:
        """Number of rows of tiles."""
        return math.ceil(self.shape[0] / self.core_px)

    @property
    def num_cols(self) -> int:
        """Number of columns of tiles."""
        return math.ceil(self.shape[1] / self.core_px)

    def __len__(self) -> int:
        return self.num_rows * self.num_cols

    def __iter__(self) -> Iterator[Tile]:
        """All tiles, row by row. Their cores partition the grid."""
        return (self.tile(row, col) for row in range(self.num_rows) for col in range(self.num_cols))

    def tile(self, row: int, col: int) -> Tile:
        """The tile at (row, col) of the tiling."""
        square = Window(row * self.core_px, col * self.core_px, self.core_px, self.core_px)
        seen = square.clip(self.extended).grow(self.margin_px).clip(self.extended)
        return Tile(row, col, square.clip(Window.of(self.shape)), seen)


def _check(tiling: Tiling) -> None:
    for name in ("core_px", "margin_px"):
        value: int = getattr(tiling, name)
        if value < (name == "core_px") or value % tiling.stride:
            raise ConfigError(
                f"{name} = {value}",
                f"a multiple of the network's stride, {tiling.stride}",
                f"set {name} to {max(1, round(value / tiling.stride)) * tiling.stride}",
            )
    if min(tiling.shape) < 1:
        raise ConfigError(f"a grid of {tiling.shape} pixels", "at least one pixel", "check the area to map")
