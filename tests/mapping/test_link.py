"""Groups of pieces over the borders of tiles: the same as connected parts of the whole, found by an oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from landweave.mapping.link import Groups, edges_of
from landweave.raster.outlines import outline
from landweave.tiling import Tiling, Window


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 20), st.integers(2, 20), st.integers(2, 7), st.integers(1, 3), st.integers(0, 10**6))
def test_groups_are_the_connected_parts_of_the_whole(
    height: int, width: int, core_px: int, num_classes: int, seed: int
) -> None:
    ids = np.random.default_rng(seed).integers(0, num_classes + 1, (height, width)).astype(np.uint8)
    area, groups = Window.of((height, width)), Groups()
    cut, sides = list(Tiling((height, width), core_px, 0)), {}
    numbers = {}
    for index, tile in enumerate(cut):
        numbers[index], pieces = outline(ids[tile.core.slices], range(1, num_classes + 1))
        kinds = np.array([0, *(piece.class_id for piece in pieces)], np.int16)
        sides[tile.row, tile.col] = index, edges_of(numbers[index], tile.core, area), kinds
        for line in sides[tile.row, tile.col][1].values():
            groups.know(index, line)
    for (row, col), (index, edges, kinds) in sides.items():
        for there, its, ours in (((row, col - 1), "right", "left"), ((row - 1, col), "bottom", "top")):
            if there in sides:
                other, lines, other_kinds = sides[there]
                groups.meet((other, lines[its], other_kinds), (index, edges[ours], kinds))
    found = [frozenset(group) for every in groups.by_home(["home"] * len(cut)).values() for group in every]
    assert len(set().union(*found)) == sum(map(len, found))
    expected = set()
    for class_id in range(1, num_classes + 1):
        whole, num = ndimage.label(ids == class_id)
        for part in range(1, num + 1):
            names = {
                (index, int(piece))
                for index, tile in enumerate(cut)
                for piece in np.unique(numbers[index][whole[tile.core.slices] == part])
            }
            expected.add(frozenset(names))
    # Pieces that reach no border are in no group.
    assert set(found) <= expected
    assert {group for group in expected if len(group) > 1} <= set(found)


def test_groups_live_where_they_begin() -> None:
    groups = Groups()
    kinds = np.array([0, 1, 1], np.int16)
    for tile in range(3):
        groups.know(tile, np.array([0, 1, 2], np.int32))
    groups.meet((0, np.array([0, 2]), kinds), (2, np.array([1, 1]), kinds))
    groups.meet((1, np.array([2, 0]), kinds), (2, np.array([2, 2]), kinds))
    found = groups.by_home(["a", "b", "b"])
    assert found == {"a": [[(0, 1)], [(0, 2), (2, 1)]], "b": [[(1, 1)], [(1, 2), (2, 2)]]}


def test_other_classes_do_not_join() -> None:
    groups = Groups()
    line = np.array([1, 1], np.int32)
    groups.know(0, line)
    groups.know(1, line)
    groups.meet((0, line, np.array([0, 7])), (1, line, np.array([0, 8])))
    assert groups.by_home(["a", "a"]) == {"a": [[(0, 1)], [(1, 1)]]}


@pytest.mark.parametrize(
    ("core", "zero"),
    [
        (Window(0, 0, 2, 2), {"top", "left"}),
        (Window(2, 2, 2, 2), {"bottom", "right"}),
        (Window(0, 0, 4, 4), {"top", "bottom", "left", "right"}),
    ],
)
def test_edges_of_the_map_are_no_borders(core: Window, zero: set[str]) -> None:
    edges = edges_of(np.ones(core.shape, np.int32), core, Window(0, 0, 4, 4))
    assert {side for side, line in edges.items() if not line.any()} == zero
