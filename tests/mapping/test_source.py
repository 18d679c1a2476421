"""A tile's pixels: what the scene has, and nothing beyond the grid."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import rasterio
from tests.mapping.places import BANDS, grid_at, make_scene, numbers

from landweave.mapping.source import pixels, series_pixels
from landweave.raster.files import close_files
from landweave.tiling import Window

OPEN = rasterio.open


def test_pixels_of_a_window(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, "s", grid_at(60, 70), holes=[(slice(10, 20), slice(0, 5))])
    values, valid = pixels(scene, BANDS, scene.grid, Window(5, 0, 30, 40))
    expected = numbers(60, 70)[:, 5:35, :40] * np.float32(0.0001) - np.float32(0.1)
    np.testing.assert_allclose(values[:, valid], expected[:, valid], atol=1e-6)
    assert valid.sum() == 30 * 40 - 50
    assert not valid[5:15, :5].any()


def test_nothing_beyond_the_grid_even_where_the_scene_goes_on(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, "s", grid_at(60, 70))
    grid = grid_at(40, 40)
    values, valid = pixels(scene, BANDS, grid, Window(32, 32, 16, 16))
    assert valid[:8, :8].all()
    assert valid.sum() == 64
    assert not values[:, ~valid].any()


def test_a_series_with_scenes_on_other_grids_and_beyond_the_edge(tmp_path: Path) -> None:
    grid = grid_at(40, 48)
    scenes = [
        make_scene(tmp_path, "same", grid),
        make_scene(tmp_path, "moved", grid_at(60, 60, row=-8, col=-4), seed=1, day=2),
        make_scene(tmp_path, "coarse", grid_at(30, 30, size=20), seed=2, day=3, bands=("B02", "B03")),
    ]
    bands = [BANDS[:2]] * 3
    window = Window(30, 40, 20, 16)
    values, valid = series_pixels(scenes, bands, grid, window)
    assert values.shape == (3, 2, 20, 16)
    for place, scene in enumerate(scenes):
        alone, alone_valid = pixels(scene, bands[place], grid, window)
        np.testing.assert_array_equal(values[place], alone)
        np.testing.assert_array_equal(valid[place], alone_valid)
    # Nothing below row 40 or right of column 48, whatever the scenes hold there.
    assert valid[:, :10, :8].any(axis=(1, 2)).all()
    assert not valid[:, 10:].any()
    assert not valid[:, :, 8:].any()


def test_files_of_a_series_are_opened_once(tmp_path: Path) -> None:
    grid = grid_at(32, 32)
    scenes = [make_scene(tmp_path, f"s{day}", grid, seed=day, day=day) for day in (1, 2, 3)]
    close_files()
    opened = []
    with mock.patch("rasterio.open", side_effect=lambda href: opened.append(href) or OPEN(href)):
        for row in (0, 16):
            series_pixels(scenes, [BANDS] * 3, grid, Window(row, 0, 16, 32))
    assert len(opened) == len(set(opened)) == 3
