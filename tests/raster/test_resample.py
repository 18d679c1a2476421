"""Grids on grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio import Affine
from tests.raster.making import CORNER, UTM, grid

from landweave.raster.resample import (
    Axis,
    Parallel,
    Warped,
    aligned_window,
    block_means,
    look,
    reduced,
    reduction,
    same_crs,
)
from landweave.tiling import Window


def moved(dx: float, dy: float, size: float = 10, edge: int = 20) -> GeoBox:
    return GeoBox((edge, edge), Affine(size, 0, CORNER[0] + dx, 0, -size, CORNER[1] - dy), UTM)


ALIGNED = [
    (moved(0, 0), Window(0, 0, 20, 20)),
    (moved(30, 50), Window(5, 3, 20, 20)),
    (moved(-10, 0), Window(0, -1, 20, 20)),
    (moved(0.005, 0), Window(0, 0, 20, 20)),
    (moved(5, 0), None),
    (moved(0, 3), None),
    (moved(0, 0, size=20), None),
    (moved(0, 0, size=10.01), None),
]


@pytest.mark.parametrize(("box", "window"), ALIGNED)
def test_windows_of_the_same_pixels(box: GeoBox, window: Window | None) -> None:
    assert aligned_window(grid(), box) == window


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 40), st.integers(1, 40))
def test_every_window_of_a_grid_is_found(row: int, col: int, height: int, width: int) -> None:
    window = Window(row, col, height, width)
    assert aligned_window(grid(), window.on(grid())) == window


def test_systems() -> None:
    assert same_crs(grid(), grid(edge=5))
    assert not same_crs(grid(), grid(crs="EPSG:32633"))
    assert same_crs(grid(crs=None), grid(crs=None))
    assert not same_crs(grid(), grid(crs=None))


REDUCTIONS = [(3, 1), (10, 1), (14, 1), (16, 2), (20, 2), (25, 2), (30, 3), (100, 10)]


@pytest.mark.parametrize(("size", "factor"), REDUCTIONS)
def test_how_many_pixels_go_into_one(size: float, factor: int) -> None:
    assert reduction(grid(), moved(0, 0, size)) == factor
    assert reduction(grid(), grid().to_crs("EPSG:32633", resolution=size)) == factor


def test_the_factor_is_the_same_for_every_window() -> None:
    box = grid(600).to_crs("EPSG:4326", resolution=2e-4)
    assert {reduction(grid(600), box[row : row + 9, col : col + 9]) for row in (0, 20) for col in (0, 25)} == {2}


def test_means_of_pixels() -> None:
    values = np.arange(35, dtype=np.float32).reshape(5, 7)
    means = block_means(values, 3)
    assert means.shape == tuple(reduced(GeoBox((5, 7), Affine.identity(), None), 3).shape) == (2, 3)
    assert means[0, 0] == values[:3, :3].mean()
    assert means[1, 2] == values[3:, 6:].mean()
    np.testing.assert_array_equal(block_means(values, 1), values)
    values[4, 6] = np.nan
    assert np.isnan(block_means(values, 3)).sum() == 1


def test_reduced_grids_keep_their_corner() -> None:
    box = reduced(grid(60), 3)
    assert box == GeoBox((20, 20), grid(60, 30).affine, UTM)
    assert reduced(grid(), 1) == grid()


def test_parallel_grids_need_no_projection() -> None:
    assert isinstance(look(grid(), moved(3, 4, 7)), Parallel)
    turned = GeoBox((9, 9), Affine.translation(*CORNER) * Affine.rotation(20) * Affine.scale(10, -10), UTM)
    assert isinstance(look(grid(), turned), Warped)
    assert isinstance(look(grid(), grid().to_crs("EPSG:4326", resolution=1e-4)), Warped)


def spread(axis: Axis, index: tuple[slice | None, ...], shape: tuple[int, int]) -> Axis:
    """An axis of one dimension as one of two."""
    names = ("low", "high", "weight", "nearest", "inside")
    return Axis(*(np.broadcast_to(getattr(axis, name)[index], shape) for name in names))


@pytest.mark.parametrize("size", [2.0, 5.0, 10.0])
def test_parallel_and_warped_agree(size: float) -> None:
    box = moved(33, 47, size, 31)
    parallel = look(grid(), box)
    assert isinstance(parallel, Parallel)
    rows, cols = spread(parallel.rows, np.s_[:, None], box.shape), spread(parallel.cols, np.s_[None, :], box.shape)
    warped = Warped(rows, cols)
    assert warped.window() == parallel.window()
    np.testing.assert_array_equal(warped.inside, parallel.inside)
    values = np.random.default_rng(0).random(parallel.window().shape, np.float32)
    np.testing.assert_allclose(warped.interpolate(values), parallel.interpolate(values), atol=2e-7)
    np.testing.assert_array_equal(warped.nearest(values), parallel.nearest(values))


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32633", "EPSG:3035", "EPSG:3857"])
def test_positions_follow_the_projection(crs: str) -> None:
    box = grid(500).to_crs(crs)
    seen = look(grid(500), box)
    assert isinstance(seen, Warped)
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]] + 0.5
    xs = box.affine.a * cols + box.affine.b * rows + box.affine.c
    ys = box.affine.d * cols + box.affine.e * rows + box.affine.f
    xs, ys = Transformer.from_crs(crs, UTM, always_xy=True).transform(xs, ys)
    exact_col, exact_row = (xs - CORNER[0]) / 10, (CORNER[1] - ys) / 10
    inside = seen.inside
    assert inside.mean() > 0.5
    for axis, exact in ((seen.rows, exact_row), (seen.cols, exact_col)):
        clear = inside & (exact > 1) & (exact < 499)
        found = axis.low + axis.weight + 0.5
        np.testing.assert_allclose(found[clear], exact[clear], atol=1e-3)


def test_grids_that_do_not_meet() -> None:
    for box in (moved(9000, 0), grid().to_crs("EPSG:4326", resolution=1e-4).translate_pix(5000, 0)):
        seen = look(grid(), box)
        assert not seen.inside.any()
        assert seen.window().num_pixels == 0


def test_beyond_the_end_of_a_projection_nothing_is_inside() -> None:
    world = GeoBox((18, 36), Affine(10, 0, -180, 0, -10, 90), "EPSG:4326")
    seen = look(grid(), world)
    assert not seen.inside.any()
