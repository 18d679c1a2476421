"""A tile's pixels: what the scene has, nothing beyond the grid, and a look at the numbers first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.mapping.places import BANDS, grid_at, make_scene, numbers

from landweave.errors import RadiometryError, SceneError
from landweave.mapping.source import check_values, pixels
from landweave.raster.scene import BandFile
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


def test_a_look_at_good_numbers(tmp_path: Path) -> None:
    check_values(make_scene(tmp_path, "s", grid_at(60, 70)), BANDS)


@pytest.mark.parametrize(
    ("scale", "offset", "given"), [(1.0, 0.0, "looks like digital numbers"), (0.0001, -0.9, "offset is removed twice")]
)
def test_a_look_at_bad_numbers(tmp_path: Path, scale: float, offset: float, given: str) -> None:
    scene = make_scene(tmp_path, "s", grid_at(60, 70))
    files = {name: BandFile(file.href, file.index, scale, offset, 0) for name, file in scene.files.items()}
    with pytest.raises(RadiometryError) as caught:
        check_values(dataclasses.replace(scene, files=files), BANDS)
    assert given in caught.value.given
    assert "reflectance" in caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize("content", [b"", b"II*\x00 and no more"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    scene = make_scene(tmp_path, "s", grid_at(60, 70))
    (tmp_path / "s.tif").write_bytes(content)
    with pytest.raises(SceneError) as caught:
        check_values(scene, BANDS)
    assert "s.tif" in caught.value.given
