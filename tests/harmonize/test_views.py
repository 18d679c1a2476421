"""Bands of several pixel sizes on one piece of land: which pixels are valid there and back, and where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.harmonize.making import CORNER, L8, S2, grid, scene

from landweave.errors import ConfigError, SensorError
from landweave.harmonize.cut import _hull, moved
from landweave.harmonize.register import Offset
from landweave.harmonize.views import Sizes, read_other, read_views
from landweave.models.pair.output import Output
from landweave.tiling import Window

PAIR = Sizes({10: ("B02", "B08"), 20: ("B11",)}, 30)
FLAGS = arrays(np.bool_, (4, 6))


def output(*sizes_m: float, pixel_size_m: float = 30) -> Output:
    return Output("like", ("x",), pixel_size_m, "reflectance", (0.0,), (1.0,), sizes_m)


@pytest.mark.parametrize(
    ("bands", "sizes_m", "told"),
    [
        (("B02", "B03"), (10, 10), {10: ("B02", "B03")}),
        (("B02", "B11"), (10, 20), {10: ("B02",), 20: ("B11",)}),
        (("B11", "B02", "B12"), (20, 10, 20), {10: ("B02",), 20: ("B11", "B12")}),
        (("B4",), (30,), {30: ("B4",)}),
    ],
)
def test_bands_of_a_card_go_by_their_pixel_size(
    bands: tuple[str, ...], sizes_m: tuple[float, ...], told: dict[float, tuple[str, ...]]
) -> None:
    found = Sizes.of(bands, output(*sizes_m))
    assert dict(found.bands) == told and list(found.bands) == sorted(told) and found.pixel_size_m == 30


def test_a_card_with_more_sizes_than_bands_or_coarser_ones_is_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        Sizes.of(("B02",), output(10, 20))
    with pytest.raises(ConfigError) as caught:
        Sizes.of(("B02", "B09"), output(10, 60))
    assert "10, 60 m for pixels of 30 m" in caught.value.given and "multiple of 10 m" in caught.value.expected
    assert "other bands" in caught.value.do


@pytest.mark.parametrize(
    ("size_m", "hole", "told"),
    [
        # Pixels of 10 m: three along an edge.
        (10, (0, 0), [(0, 0)]),
        (10, (2, 3), [(0, 1)]),
        (10, (11, 17), [(3, 5)]),
        # Pixels of 20 m: the second of three reaches into two pixels of 30 m.
        (20, (0, 0), [(0, 0)]),
        (20, (0, 1), [(0, 0), (0, 1)]),
        (20, (1, 1), [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (20, (2, 1), [(1, 0), (1, 1)]),
        (20, (5, 8), [(3, 5)]),
    ],
)
def test_one_hole_hides_all_that_it_touches(size_m: int, hole: tuple[int, int], told: list[tuple[int, int]]) -> None:
    valid = np.ones((120 // size_m, 180 // size_m), bool)
    valid[hole] = False
    found = PAIR.compared(valid, size_m)
    assert found.shape == (4, 6)
    assert [(int(row), int(col)) for row, col in np.argwhere(~found)] == told


@pytest.mark.parametrize(
    ("size_m", "hole", "told"), [(10, (1, 2), 9), (20, (0, 0), 4), (20, (0, 1), 4), (20, (3, 5), 4), (30, (1, 1), 1)]
)
def test_one_hole_seen_from_finer_pixels(size_m: float, hole: tuple[int, int], told: int) -> None:
    valid = np.ones((4, 6), bool)
    valid[hole] = False
    found = PAIR.back(valid, size_m)
    assert found.shape == tuple(round(side * 30 / size_m) for side in (4, 6))
    assert int((~found).sum()) == told


@settings(max_examples=50)
@given(FLAGS)
def test_there_and_back_is_never_more_than_before(valid: np.ndarray) -> None:
    np.testing.assert_array_equal(PAIR.compared(PAIR.back(valid, 10), 10), valid)
    for size in (10, 20):
        fine = PAIR.back(valid, size)
        assert not (PAIR.compared(fine, size) & ~valid).any()
        assert not (PAIR.back(PAIR.compared(fine, size), size) & ~fine).any()
    assert PAIR.back(np.ones_like(valid), 20).all() and not PAIR.back(np.zeros_like(valid), 20).any()


@settings(max_examples=50)
@given(FLAGS, FLAGS)
def test_fewer_valid_pixels_never_make_more(first: np.ndarray, second: np.ndarray) -> None:
    for size in (10, 20):
        both = PAIR.back(first & second, size)
        np.testing.assert_array_equal(both, PAIR.back(first, size) & PAIR.back(second, size))
        one, other = PAIR.back(first, size), PAIR.back(second, size)
        np.testing.assert_array_equal(
            PAIR.compared(one & other, size), PAIR.compared(one, size) & PAIR.compared(other, size)
        )


def test_values_of_files_come_at_each_size_with_what_is_valid_of_all(tmp_path: Path) -> None:
    seen = scene(tmp_path, S2, mask=[(slice(0, 1), slice(1, 2), 8), (slice(5, 6), slice(5, 6), 11)])
    land = grid(30, (4, 6))
    values, valid = read_views(seen, PAIR, land)
    assert {size: view.shape for size, view in values.items()} == {10: (2, 12, 18), 20: (1, 6, 9)}
    band = seen.files["B11"]
    with rasterio.open(band.href) as file:
        numbers = file.read(1)[:6, :9]
    clear = np.ones((6, 9), bool)
    clear[0, 1] = False
    np.testing.assert_allclose(values[20][0][clear], (numbers * band.scale + band.offset)[clear], rtol=1e-5)
    # The cloud of 20 m lies over two pixels of 30 m; snow counts as land unless it shall not.
    assert [tuple(place) for place in np.argwhere(~valid).tolist()] == [(0, 0), (0, 1)]
    _, without = read_views(seen, PAIR, land, without_snow=True)
    assert [tuple(place) for place in np.argwhere(valid & ~without).tolist()] == [(3, 3)]


def test_the_other_sensor_is_taken_from_its_nearest_pixel(tmp_path: Path) -> None:
    seen = scene(tmp_path, L8, mask=[(slice(1, 2), slice(1, 2), 1 << 3), (slice(2, 3), slice(2, 3), 1 << 5)])
    name, whole = next(iter(seen.files)), grid(30, (4, 5))
    plain, valid = read_other(seen, (name,), whole)
    # A third of a pixel aside every centre lies in the same pixel; two thirds aside in the next.
    near, _ = read_other(seen, (name,), whole.translate_pix(1 / 3, 1 / 3))
    np.testing.assert_array_equal(near[:, valid], plain[:, valid])
    beyond, _ = read_other(seen, (name,), whole.translate_pix(2 / 3, 0))
    both = valid[:, 1:] & valid[:, :-1]
    np.testing.assert_array_equal(beyond[:, :, :-1][:, both], plain[:, :, 1:][:, both])
    assert [tuple(place) for place in np.argwhere(~valid).tolist()] == [(1, 1), (2, 2)]
    with pytest.raises(SensorError, match="B99"):
        read_other(seen, ("B99",), whole)


@pytest.mark.parametrize(
    ("offset", "by_m"),
    [
        (None, (0, 0)),
        (Offset(0, 0), (0, 0)),
        (Offset(1, 0), (0, -30)),
        (Offset(0, 1), (30, 0)),
        (Offset(-0.5, 0.25), (7.5, 15)),
    ],
)
def test_a_scene_that_lies_lower_is_read_lower(offset: Offset | None, by_m: tuple[float, float]) -> None:
    land = moved(grid(30, (4, 4)), offset)
    assert (land.affine.c - CORNER[0], land.affine.f - CORNER[1]) == pytest.approx(by_m)
    assert land.shape == (4, 4) and land.affine.a == 30


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 20)] * 2), min_size=1, max_size=5))
def test_the_hull_holds_all_windows_and_no_row_more(places: list[tuple[int, int, int, int]]) -> None:
    windows = [Window(*place) for place in places]
    hull = _hull(windows)
    held = np.zeros((80, 80), bool)
    for window in windows:
        held[window.slices] = True
    rows, cols = np.nonzero(held)
    assert (hull.row, hull.col) == (rows.min(), cols.min())
    assert (hull.row + hull.height, hull.col + hull.width) == (rows.max() + 1, cols.max() + 1)
    assert all(window.inside(hull).row >= 0 and window.inside(hull).col >= 0 for window in windows)
