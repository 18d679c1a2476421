"""Which pixels a picture shows."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tests.review.making import box, grid_of

from landweave.review.frame import Frame, frame_of, inside, outline
from landweave.tiling import Window

KNOWN = {"around": 0.5, "least_px": 20, "most_px": 100, "may_zoom": True}


def test_an_event_stands_in_the_middle_of_a_square() -> None:
    frame = frame_of(Window(100, 200, 10, 30), (105, 215), (500, 500), **KNOWN)  # type: ignore[arg-type]
    assert frame == Frame(Window(75, 185, 60, 60))


def test_small_events_get_land_around_them_and_corners_stay_inside() -> None:
    frame = frame_of(Window(0, 498, 1, 1), (0.5, 498.5), (500, 500), **KNOWN)  # type: ignore[arg-type]
    assert frame == Frame(Window(0, 480, 20, 20))
    frame = frame_of(Window(0, 0, 5, 5), (2, 2), (10, 12), **KNOWN)  # type: ignore[arg-type]
    assert frame == Frame(Window(0, 0, 10, 12))


def test_large_events_are_shown_in_larger_pixels_or_in_part() -> None:
    event = Window(1000, 1000, 400, 300)
    zoomed = frame_of(event, (1100, 1100), (5000, 5000), **KNOWN)  # type: ignore[arg-type]
    assert (zoomed.factor, zoomed.window, zoomed.is_part) == (8, Window(800, 750, 800, 800), False)
    cut = frame_of(event, (1100, 1050), (5000, 5000), **{**KNOWN, "may_zoom": False})  # type: ignore[arg-type]
    assert (cut.factor, cut.window, cut.is_part) == (1, Window(1050, 1000, 100, 100), True)


@given(st.data())
def test_frames_lie_in_the_grid_and_hold_the_event(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 900)), data.draw(st.integers(1, 900))
    row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    event = Window(row, col, data.draw(st.integers(1, height - row)), data.draw(st.integers(1, width - col)))
    may_zoom = data.draw(st.booleans())
    centre = (row + 0.5, col + 0.5)
    frame = frame_of(event, centre, (height, width), **{**KNOWN, "may_zoom": may_zoom})  # type: ignore[arg-type]
    window = frame.window
    assert window.clip(Window(0, 0, height, width)) == window
    assert max(window.shape) <= 100 * frame.factor
    shown = event.clip(window)
    assert shown == event or frame.is_part or frame.factor > 1
    assert shown.num_pixels > 0
    if not may_zoom:
        assert frame.factor == 1


def test_the_grid_of_a_picture() -> None:
    whole = grid_of(400)
    assert Frame(Window(10, 20, 30, 40)).grid(whole).shape == (30, 40)
    coarse = Frame(Window(0, 0, 400, 400), 4).grid(whole)
    assert coarse.shape == (100, 100)
    assert coarse.affine.a == 40


def test_pixels_whose_centre_lies_inside() -> None:
    grid = grid_of(20)
    found = inside(box(Window(3, 4, 5, 6), grid), grid)
    expected = np.zeros((20, 20), bool)
    expected[3:8, 4:10] = True
    assert (found == expected).all()


def test_the_nearest_pixel_stands_for_an_event_smaller_than_one() -> None:
    grid = grid_of(20)
    tiny = shapely.Point(500_061, 4_999_899).buffer(0.5)
    assert np.argwhere(inside(tiny, grid)).tolist() == [[10, 6]]


def test_outlines_are_shares_of_the_picture() -> None:
    whole = grid_of(100)
    (ring,) = outline(box(Window(10, 10, 10, 20), whole), Window(0, 0, 40, 80).on(whole))
    assert sorted(map(tuple, ring[:-1])) == [(0.125, 0.25), (0.125, 0.5), (0.375, 0.25), (0.375, 0.5)]
    holed = box(Window(10, 10, 20, 20), whole).difference(box(Window(15, 15, 5, 5), whole))
    both = shapely.union_all([holed, box(Window(60, 60, 5, 5), whole)])
    assert len(outline(both, whole)) == 3


@pytest.mark.parametrize("factor", [1, 8])
def test_outlines_are_no_finer_than_pixels(factor: int) -> None:
    whole = grid_of(1600)
    stairs = shapely.union_all([box(Window(n, n, 20, 20), whole) for n in range(0, 800, 1)])
    rings = outline(stairs, Frame(Window(0, 0, 1600, 1600), factor).grid(whole))
    num = sum(len(ring) for ring in rings)
    assert num < (4000 if factor == 1 else 20)
