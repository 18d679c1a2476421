"""A series read tile by tile is the series read whole, and so is what is computed from its dates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mapping.places import grid_at
from tests.series.making import make_points, make_series

from landweave.datasets.points import join
from landweave.mapping.source import series_pixels
from landweave.raster.dates import How, days, regular
from landweave.spectra.indices import indices
from landweave.tiling import Tiling, Window

DATES = ("2018-05-01", "2018-07-02", "2018-09-01", "2019-05-03")
WANTED = np.arange(days(["2018-05-01"])[0], days(["2018-10-01"])[0], 20)


def whole_and_tiles(folder: Path, tile: int):  # type: ignore[no-untyped-def]
    series, scenes = make_series(folder, DATES, (37, 29))
    whole = series_pixels(scenes, series.bands_of, series.grid, Window.of(series.grid.shape))
    values, valid = np.zeros_like(whole[0]), np.zeros_like(whole[1])
    for each in Tiling(series.grid.shape, tile, 0):
        rows, cols = each.core.slices
        values[..., rows, cols], valid[..., rows, cols] = series_pixels(scenes, series.bands_of, series.grid, each.core)
    return series, whole, (values, valid)


@pytest.mark.parametrize("tile", [8, 16, 64])
def test_a_series_by_tiles_is_the_whole_series(tmp_path: Path, tile: int) -> None:
    _, whole, tiles = whole_and_tiles(tmp_path, tile)
    assert whole[1].any()
    for one, other in zip(whole, tiles, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("how", ["linear", "nearest"])
def test_regular_dates_by_tiles_are_those_of_the_whole(tmp_path: Path, how: How) -> None:
    series, (values, valid), _ = whole_and_tiles(tmp_path, 64)
    valid &= np.random.default_rng(0).random(valid.shape) < 0.7
    whole, found = regular(values, valid, days(series.dates), WANTED, how, limit_days=50)
    assert found.any()
    assert not found.all()
    for rows in (slice(0, 11), slice(11, 37)):
        some, some_found = regular(values[..., rows, :], valid[:, rows], days(series.dates), WANTED, how, limit_days=50)
        np.testing.assert_array_equal(some, whole[..., rows, :])
        np.testing.assert_array_equal(some_found, found[:, rows])


@given(seed=st.integers(0, 100), cut_at=st.integers(1, 19))
def test_indices_of_some_pixels_are_those_of_all(seed: int, cut_at: int) -> None:
    values = np.random.default_rng(seed).random((20, 5), np.float32)
    found = {"blue": 0, "green": 1, "red": 2, "nir": 3, "swir16": 4}
    parts = np.concatenate([indices(values[:cut_at], found), indices(values[cut_at:], found)])
    np.testing.assert_array_equal(parts, indices(values, found))


@given(first=st.integers(1, 20), second=st.integers(1, 20), dates=st.integers(1, 6))
def test_points_taken_apart_and_joined_are_the_points(first: int, second: int, dates: int) -> None:
    points = make_points(first + second, dates)
    order = np.arange(first + second)
    again = join([points.take(order[:first]), points.take(order[first:])])
    assert again.identity == points.identity
    assert len(again) == first + second > 0


def test_the_order_of_joining_decides_only_the_order_of_points() -> None:
    one, two = make_points(5, 3), make_points(4, 6, seed=1)
    there, back = join([one, two]), join([two, one])
    for name in ("values", "valid", "days", "label", "x"):
        np.testing.assert_array_equal(getattr(there, name)[:5], getattr(back, name)[4:])
        np.testing.assert_array_equal(getattr(there, name)[5:], getattr(back, name)[:4])


def test_another_grid_of_the_same_pixels_gives_the_same_pixels(tmp_path: Path) -> None:
    series, scenes = make_series(tmp_path, DATES, (20, 20))
    inner = series.grid.translate_pix(6, 4).crop((8, 9))
    moved = series_pixels(scenes, series.bands_of, inner, Window(0, 0, 8, 9))
    there = series_pixels(scenes, series.bands_of, series.grid, Window(4, 6, 8, 9))
    for one, other in zip(moved, there, strict=True):
        np.testing.assert_array_equal(one, other)
    assert grid_at(20, 20) == series.grid
