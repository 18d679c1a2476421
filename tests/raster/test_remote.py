"""Scenes over HTTP: only what a window needs travels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.raster import serving
from tests.raster.making import WHEN, grid, numbers

from landweave.errors import SceneError
from landweave.raster.files import close_files
from landweave.raster.read import read
from landweave.raster.scene import BandFile, MaskFile, Scene
from landweave.raster.write import write_cog, write_tile
from landweave.sensors import sensor
from landweave.tiling import Window

EDGE = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COG of four bands of noise, 72 MB unpacked, and a mask."""
    place = tmp_path_factory.mktemp("remote")
    box = grid(EDGE)
    write_tile(place / "part.tif", np.concatenate([numbers(box, seed) for seed in range(4)]), box)
    write_cog(place / "scene.tif", [place / "part.tif"], box, nodata=0)
    scl = np.full((1, EDGE // 2, EDGE // 2), 4, np.uint8)
    write_tile(place / "scl.tif", scl, grid(EDGE // 2, 20))
    return place


def remote(url: str) -> Scene:
    names = ("B02", "B03", "B04", "B08")
    files = {name: BandFile(f"{url}/scene.tif", index, 0.0001, -0.1, 0) for index, name in enumerate(names, 1)}
    return Scene("far", sensor("sentinel-2-l2a"), WHEN, grid(EDGE), files, MaskFile(f"{url}/scl.tif", "scl"))


def test_a_window_takes_less_than_a_tenth_of_the_file(folder: Path) -> None:
    window = Window(1100, 700, 512, 512).on(grid(EDGE))
    local = remote(str(folder))
    wanted, wanted_valid = read(local, local.bands, window)
    close_files()
    size = (folder / "scene.tif").stat().st_size
    assert size > 30e6
    with serving.files(folder) as traffic:
        scene = remote(traffic.url)
        values, valid = read(scene, scene.bands, window)
        np.testing.assert_array_equal(values, wanted)
        np.testing.assert_array_equal(valid, wanted_valid)
        assert 0 < traffic.num_bytes < 0.1 * size, f"{traffic.num_bytes / size:.3f} of the file"
        assert not [line for line in traffic.requests if line.endswith("/")], "no listing of folders"
        before = traffic.num_bytes
        read(scene, scene.bands, window)
        assert traffic.num_bytes == before, "what was read stays in memory"
    close_files()


def test_a_busy_server_is_asked_again(folder: Path) -> None:
    close_files()
    with serving.files(folder, refusals=2) as traffic:
        scene = dataclasses.replace(remote(traffic.url), mask=None)
        _, valid = read(scene, ["B02"], Window(0, 0, 64, 64).on(grid(EDGE)))
        assert valid.all()
        assert traffic.refusals_left == 0
    close_files()


def test_a_missing_remote_file_is_named(folder: Path) -> None:
    with serving.files(folder) as traffic:
        scene = dataclasses.replace(remote(traffic.url), files={"B02": BandFile(f"{traffic.url}/nothing.tif")})
        with pytest.raises(SceneError) as caught:
            read(scene, ["B02"], grid())
    assert "nothing.tif" in caught.value.given
    assert "whole raster" in caught.value.expected
    assert "fetch" in caught.value.do


def test_a_server_that_is_gone_is_named(folder: Path) -> None:
    with serving.files(folder) as traffic:
        scene = remote(traffic.url)
    with pytest.raises(SceneError) as caught:
        read(scene, ["B02"], grid())
    assert traffic.url in caught.value.given
