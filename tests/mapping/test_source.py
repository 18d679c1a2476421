"""A tile's pixels: what the scene has, and nothing beyond the grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.mapping.places import BANDS, grid_at, make_scene, numbers

from landweave.mapping.source import pixels
from landweave.tiling import Window


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
