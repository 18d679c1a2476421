"""A look at a scene's numbers: they are found wrong wherever the scene has data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.raster.making import grid, numbers, scene, write_sidecar_tif
from tests.raster.test_sidecar import sidecar

from landweave.errors import RadiometryError, SceneError
from landweave.raster.inspect import inspect
from landweave.raster.scene import BandFile
from landweave.raster.sidecar import read_sidecar


def test_a_look_at_good_numbers(tmp_path: Path) -> None:
    found = scene(tmp_path, {"B02": numbers(grid())})
    inspect(found, ["B02"], "s")


@pytest.mark.parametrize(
    ("scale", "offset", "given"), [(1.0, 0.0, "looks like digital numbers"), (0.0001, -0.9, "offset is removed twice")]
)
def test_a_look_at_bad_numbers(tmp_path: Path, scale: float, offset: float, given: str) -> None:
    found = scene(tmp_path, {"B02": numbers(grid())})
    files = {name: BandFile(file.href, file.index, scale, offset, 0) for name, file in found.files.items()}
    with pytest.raises(RadiometryError) as caught:
        inspect(dataclasses.replace(found, files=files), ["B02"], "scene s")
    assert "scene s" in caught.value.given
    assert given in caught.value.given
    assert "reflectance" in caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize("content", [b"", b"II*\x00 and no more"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    found = scene(tmp_path, {"B02": numbers(grid())})
    Path(found.files["B02"].href).write_bytes(content)
    with pytest.raises(SceneError) as caught:
        inspect(found, ["B02"], "s")
    assert "B02.tif" in caught.value.given


@pytest.mark.parametrize("corner", [(0, 0), (0, 600), (600, 300), (600, 600)])
def test_digital_numbers_are_seen_where_the_swath_leaves_the_middle_empty(
    tmp_path: Path, corner: tuple[int, int]
) -> None:
    box = grid(900)
    array = np.zeros((4, 900, 900), np.uint16)
    row, col = corner
    array[:, row : row + 300, col : col + 300] = 2000
    words = sidecar("scale = 1.0", "offset = 0.0", "nodata = 0", without="baseline")
    path = write_sidecar_tif(tmp_path, words, array, box=box)
    with pytest.raises(RadiometryError, match="digital numbers"):
        read_sidecar(path, None)


def test_a_scene_without_data_passes(tmp_path: Path) -> None:
    found = read_sidecar(write_sidecar_tif(tmp_path, sidecar(), np.zeros((4, 60, 60), np.uint16)), None)
    assert found.id == "mine"
