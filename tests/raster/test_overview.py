"""Large windows in few pixels, from overviews."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.raster.making import grid

from landweave.errors import SceneError
from landweave.raster.files import bytes_had
from landweave.raster.overview import has_overview, read_overview
from landweave.raster.write import write_layer, write_tile


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    """1,024 x 1,024 pixels in blocks of 16 with one number each, with overviews."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(1, 200, (2, 64, 64)).repeat(16, 1).repeat(16, 2).astype(np.uint8)
    write_layer(tmp_path / "layer.tif", numbers, grid(1024), nodata=0)
    return tmp_path / "layer.tif"


def test_the_overview_shows_the_same_land(layered: Path) -> None:
    whole = grid(1024)
    before = bytes_had()
    found = read_overview(str(layered), [2, 1], whole.zoom_out(4))
    assert found.shape == (2, 256, 256)
    assert bytes_had() - before == 2 * 256 * 256
    from landweave.raster.read import read_numbers
    from landweave.tiling import Window

    numbers = read_numbers(str(layered), Window(0, 0, 1024, 1024), (2, 1))
    assert (found == numbers[:, 2::4, 2::4]).mean() > 0.95


def test_what_lies_outside_has_no_data(layered: Path) -> None:
    from landweave.tiling import Window

    outside = Window(512, 512, 1024, 1024).on(grid(1024)).zoom_out(4)
    found = read_overview(str(layered), [1], outside, nodata=0)[0]
    assert (found[:127, :127] > 0).all()
    assert (found[129:] == 0).all()
    assert (found[:, 129:] == 0).all()


def test_whether_there_is_one(layered: Path, tmp_path: Path) -> None:
    assert has_overview(str(layered), 2)
    assert not has_overview(str(layered), 1000)
    write_tile(tmp_path / "plain.tif", np.ones((1, 60, 60), np.uint8), grid(60))
    assert not has_overview(str(tmp_path / "plain.tif"), 2)
    write_layer(tmp_path / "nowhere.tif", np.ones((1, 1024, 1024), np.uint8), grid(1024, crs=None))
    assert not has_overview(str(tmp_path / "nowhere.tif"), 2)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "none.tif").write_text("no raster", encoding="utf-8")
    with pytest.raises(SceneError, match=r"none\.tif"):
        has_overview(str(tmp_path / "none.tif"), 2)
    with pytest.raises(SceneError, match=r"none\.tif"):
        read_overview(str(tmp_path / "none.tif"), [1], grid(60))
