"""Cores partition the grid; margins lie around them; strided networks see each tile as they see the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from landweave.errors import ConfigError
from landweave.tiling import Tile, Tiling, Window

WINDOWS = st.builds(Window, st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 30), st.integers(0, 30))


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    stride = draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    return Tiling(shape, stride * draw(st.integers(1, 5)), stride * draw(st.integers(0, 4)), stride)


def pixels(window: Window) -> set[tuple[int, int]]:
    """A trivial oracle: the set of a window's pixels."""
    rows, cols = window.slices
    return {(row, col) for row in range(rows.start, rows.stop) for col in range(cols.start, cols.stop)}


@given(tilings())
def test_cores_partition_the_grid(tiling: Tiling) -> None:
    count = np.zeros(tiling.shape, int)
    tiles = list(tiling)
    for tile in tiles:
        count[tile.core.slices] += 1
    assert tiles
    assert (count == 1).all()
    assert len(tiles) == len(tiling)


@given(tilings())
def test_a_tile_sees_its_core_and_a_margin_inside_the_extended_grid(tiling: Tiling) -> None:
    whole = pixels(tiling.extended)
    for tile in tiling:
        assert pixels(tile.core.grow(tiling.margin_px)) & whole <= pixels(tile.seen) <= whole


@given(tilings())
def test_what_a_tile_sees_begins_and_ends_at_the_stride(tiling: Tiling) -> None:
    for tile in tiling:
        assert not any(value % tiling.stride for value in (tile.seen.row, tile.seen.col, *tile.seen.shape))


@given(tilings())
def test_keys_are_unique_and_tiles_can_be_made_alone(tiling: Tiling) -> None:
    tiles = list(tiling)
    assert len({tile.key for tile in tiles}) == len(tiles)
    assert all(tiling.tile(tile.row, tile.col) == tile for tile in tiles)


@given(WINDOWS, WINDOWS)
def test_clip_is_the_intersection(one: Window, other: Window) -> None:
    assert pixels(one.clip(other)) == pixels(one) & pixels(other)


@given(WINDOWS, WINDOWS)
def test_inside_counts_from_the_outer_corner(one: Window, outer: Window) -> None:
    moved = one.inside(outer)
    assert (moved.row + outer.row, moved.col + outer.col, *moved.shape) == (one.row, one.col, *one.shape)


def test_a_window_on_a_grid_is_that_part_of_it() -> None:
    grid = GeoBox.from_bbox((0, 0, 1000, 500), crs="EPSG:32633", resolution=10)
    part = Window(5, 20, 7, 8).on(grid)
    assert part == grid[5:12, 20:28]
    outside = Window(-2, -3, 4, 4).on(grid)
    assert (outside.transform.c, outside.transform.f) == (-30, 520)


def test_the_default_tile_is_read_at_most_one_and_a_half_times() -> None:
    tiling = Tiling((8192, 8192), 1024, 96, 16)
    seen, written = (sum(part(tile).num_pixels for tile in tiling) for part in (_seen, _core))
    assert written == 8192 * 8192
    assert seen / written <= 1.5


def _seen(tile: Tile) -> Window:
    return tile.seen


def _core(tile: Tile) -> Window:
    return tile.core


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        (((10, 10), 100, 8, 16), "core_px = 100", "a multiple of the network's stride, 16"),
        (((10, 10), 0, 0, 1), "core_px = 0", "a multiple"),
        (((10, 10), 32, 10, 16), "margin_px = 10", "a multiple of the network's stride, 16"),
        (((10, 10), 32, -16, 16), "margin_px = -16", "a multiple"),
        (((0, 10), 32, 16, 16), "a grid of (0, 10) pixels", "at least one pixel"),
    ],
)
def test_tilings_that_cannot_be(arguments: tuple[tuple[int, int], int, int, int], given: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Tiling(*arguments)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert caught.value.do
