"""Sheets: blocks of tiles that become one file each, so that a map of any size is put together by many. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from landweave.mapping.plan import Piece, Plan
from landweave.tiling import Tile, Window

SHEET_PX = 16384
"""Greatest edge of a sheet where nothing else is said: larger than any single Sentinel-2 or Landsat scene."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A block of tiles.

    Attributes:
        row: Row of the sheet among the sheets, from 0.
        col: Column of the sheet.
        window: Its pixels, counted as the plan's windows are.
        tiles: Keys of the tiles that lie in it, row by row.
        is_whole: Whether it is the whole map.
    """

    row: int
    col: int
    window: Window
    tiles: tuple[str, ...]
    is_whole: bool

    @property
    def key(self) -> str:
        """A name that is unique in the map and fit for a file name."""
        return f"r{self.row:03d}c{self.col:03d}"


def sheets(plan: Plan, sheet_px: int) -> tuple[Sheet, ...]:
    """The sheets that hold a tile, row by row; the windows of all partition the area but for places without a tile.

    Args:
        plan: What is mapped.
        sheet_px: Greatest edge of a sheet; at least one tile is in each.
    """
    num = max(sheet_px // plan.core_px, 1)
    tiles = [piece.tile for piece in plan.pieces]
    corner = corner_of(plan.area, tiles, plan.core_px)
    blocks: dict[tuple[int, int], list[str]] = {}
    for tile in tiles:
        blocks.setdefault((tile.row // num, tile.col // num), []).append(tile.key)
    is_whole = _is_one(plan.area, corner, num * plan.core_px)
    return tuple(
        Sheet(row, col, _window(corner, row, col, num * plan.core_px).clip(plan.area), tuple(keys), is_whole)
        for (row, col), keys in sorted(blocks.items())
    )


def tiles_of(sheet: Sheet, pieces: Iterable[Piece]) -> tuple[Tile, ...]:
    """The tiles of a sheet."""
    keys = set(sheet.tiles)
    return tuple(piece.tile for piece in pieces if piece.tile.key in keys)


def corner_of(area: Window, tiles: Iterable[Tile], core_px: int) -> tuple[int, int]:
    """Where the tiling begins: at most a stride before the area, for cores begin at multiples of the stride."""
    row, col = area.row, area.col
    for tile in tiles:
        # Cores of the first row and column are cut by the area and do not tell.
        row = tile.core.row - tile.row * core_px if tile.row else row
        col = tile.core.col - tile.col * core_px if tile.col else col
    return row, col


def _is_one(area: Window, corner: tuple[int, int], edge_px: int) -> bool:
    ends = (area.row + area.height - corner[0], area.col + area.width - corner[1])
    return all(math.ceil(end / edge_px) <= 1 for end in ends)


def _window(corner: tuple[int, int], row: int, col: int, edge_px: int) -> Window:
    return Window(corner[0] + row * edge_px, corner[1] + col * edge_px, edge_px, edge_px)
