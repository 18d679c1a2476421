"""Outlines of connected pixels: each pixel is in one polygon, and equal shapes are equal polygons."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from landweave.raster.outlines import covered, outline, plain


def drawn(text: str) -> np.ndarray:
    """A small map from rows of digits."""
    return np.array([[int(digit) for digit in row] for row in text.split()], np.uint8)


@pytest.mark.parametrize(
    ("text", "sizes", "holes"),
    [
        ("000 000", [], 0),
        ("110 110", [4], 0),
        ("101 101", [2, 2], 0),
        ("10 01", [1, 1], 0),
        ("111 101 111", [8], 1),
        ("1111 1001 1110", [9], 1),
        ("1111 1001 1101 0111", [12], 1),
    ],
)
def test_pieces_hang_together_by_edges(text: str, sizes: list[int], holes: int) -> None:
    ids = drawn(text)
    numbers, pieces = outline(ids, [1])
    assert sorted((piece.num_px for piece in pieces), reverse=True) == sorted(sizes, reverse=True) or not pieces
    assert sum(piece.num_px for piece in pieces) == (ids == 1).sum()
    assert sum(len(piece.outline.interiors) for piece in pieces) == holes
    assert all(piece.outline.is_valid for piece in pieces)
    assert [piece.outline.area for piece in pieces] == [piece.num_px for piece in pieces]
    assert ((numbers > 0) == (ids == 1)).all()


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.integers(1, 3), st.integers(0, 10**6))
def test_polygons_give_the_pixels_back(height: int, width: int, num_classes: int, seed: int) -> None:
    ids = np.random.default_rng(seed).integers(0, num_classes + 1, (height, width)).astype(np.uint8)
    numbers, pieces = outline(ids, range(1, num_classes + 1), (5, 7))
    found = np.zeros(ids.shape, np.int64)
    for number, piece in enumerate(pieces, 1):
        assert piece.outline.is_valid
        assert piece.outline.area == piece.num_px
        here = shapely.transform(piece.outline, lambda points: points - (7, 5))
        found += piece.class_id * rasterize([here], ids.shape).astype(np.int64)
        assert (ids[numbers == number] == piece.class_id).all()
    np.testing.assert_array_equal(found, ids)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10**6), st.data())
def test_cut_and_joined_is_whole(size: int, seed: int, data: st.DataObject) -> None:
    """The pieces of two halves, joined, are the polygons of the whole, to the last corner."""
    ids = (np.random.default_rng(seed).random((size, size)) < 0.6).astype(np.uint8)
    cut = data.draw(st.integers(1, size - 1))
    _, whole = outline(ids, [1])
    halves = [outline(ids[:cut], [1])[1], outline(ids[cut:], [1], (cut, 0))[1]]
    pieces = [piece.outline for half in halves for piece in half]
    for one in whole:
        parts = [piece for piece in pieces if one.outline.contains(piece.representative_point())]
        assert shapely.to_wkb(plain(shapely.union_all(parts))) == shapely.to_wkb(plain(one.outline))


def test_where_a_line_goes_straight_on_is_no_corner() -> None:
    square = shapely.Polygon([(1, 0), (2, 0), (2, 1), (2, 2), (0, 2), (0, 0)], [[(0.5, 0.5), (1, 0.5), (1, 1)]])
    found = plain(square)
    assert shapely.get_num_coordinates(found) == 5 + 4
    assert found.equals(square)
    assert plain(found).equals_exact(found)


def test_classes_are_told_apart() -> None:
    numbers, pieces = outline(drawn("1122 1133"), [1, 3])
    assert [(piece.class_id, piece.num_px) for piece in pieces] == [(1, 4), (3, 2)]
    assert numbers.tolist() == [[1, 1, 0, 0], [1, 1, 2, 2]]


GRID = GeoBox((9, 12), Affine(10, 0, 500_000, 0, -10, 5_000_000), "EPSG:32633")


def box(row: int, col: int, height: int, width: int) -> shapely.Polygon:
    """A rectangle of pixels of GRID."""
    left, top = 500_000 + 10 * col, 5_000_000 - 10 * row
    return shapely.box(left, top - 10 * height, left + 10 * width, top)


BOXES = st.lists(st.tuples(*(st.integers(0, 7), st.integers(0, 10), st.integers(1, 4), st.integers(1, 5))), max_size=9)


@settings(max_examples=40)
@given(BOXES)
def test_each_shape_has_its_pixels_however_many_lie_on_them(boxes: list[tuple[int, int, int, int]]) -> None:
    place, number = covered([box(*one) for one in boxes], GRID)
    assert (np.diff(number) >= 0).all()
    for own, (row, col, height, width) in enumerate(boxes):
        wanted = np.zeros(GRID.shape, np.bool_)
        wanted[row : row + height, col : col + width] = True
        assert place[number == own].tolist() == np.flatnonzero(wanted).tolist()


def test_shapes_beyond_the_grid_and_with_holes() -> None:
    ring = box(1, 1, 5, 5).difference(box(2, 2, 3, 3))
    place, number = covered([ring, box(20, 20, 2, 2), box(-2, -3, 4, 5)], GRID)
    assert np.bincount(number, minlength=3).tolist() == [16, 0, 4]
    assert 2 * 12 + 2 not in place[number == 0]
    assert [len(found) for found in covered([], GRID)] == [0, 0]
