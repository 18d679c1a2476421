"""Arrays in .npz: scenes and maps like any other, by a sidecar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.errors import LandweaveError, SceneError, SensorError
from landweave.raster.arrays import is_array, load_array, path_of
from landweave.raster.catalog import read_catalog, write_catalog
from landweave.raster.files import close_files
from landweave.raster.products import recognise
from landweave.raster.read import read, read_map
from landweave.sensors import load_sensors
from landweave.tiling import Window

SENSORS = """
[sensors.two]
title = "Two bands"
source = "test"
unit = "reflectance"
dtype = "float32"
nodata = nan
rgb = ["b", "a", "a"]
bands = [{ name = "a", pixel_size_m = 30 }, { name = "b", pixel_size_m = 30 }]
"""
SIDECAR = """
sensor = "two"
array = "img"
bands = ["b", "a"]
datetime = 2018-01-01
georeference = "none"
"""
IMAGE = np.random.default_rng(0).random((40, 50, 2), np.float32)
MASK = np.random.default_rng(1).integers(0, 5, (40, 50, 1), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    close_files()
    (tmp_path / "sensors.toml").write_text(SENSORS)
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in" / "x.npz", img=IMAGE, msk=MASK, text=np.array(["a"]))
    (tmp_path / "in" / "x.toml").write_text(SIDECAR)
    return tmp_path


def found(folder: Path) -> tuple[list[str], list[LandweaveError]]:
    seen = recognise(folder / "in", sensors=load_sensors(folder / "sensors.toml"))
    return [scene.id for scene in seen.scenes], [unread.reason for unread in seen.unread]


def test_an_array_is_a_scene(folder: Path) -> None:
    (scene,) = recognise(folder / "in", sensors=load_sensors(folder / "sensors.toml")).scenes
    values, valid = read(scene, ["a", "b"], scene.grid)
    assert valid.all() and scene.grid.crs is None
    np.testing.assert_array_equal(values, IMAGE.transpose(2, 0, 1)[::-1])
    part, _ = read(scene, ["b"], Window(10, 20, 8, 9).on(scene.grid))
    np.testing.assert_array_equal(part[0], IMAGE[10:18, 20:29, 0])


def test_it_goes_through_a_catalog(folder: Path) -> None:
    scenes = recognise(folder / "in", sensors=load_sensors(folder / "sensors.toml")).scenes
    write_catalog(scenes, folder / "catalog.parquet")
    (again,) = read_catalog(folder / "catalog.parquet")
    assert again.sensor.band_names == ("a", "b") and again.sensor.pixel_size_m == 30
    np.testing.assert_array_equal(read(again, ["a"], again.grid)[0][0], IMAGE[..., 1])


def test_a_mask_is_a_map(folder: Path) -> None:
    np.testing.assert_array_equal(read_map(f"{folder}/in/x.npz:msk")[0], MASK[..., 0])


def test_names_of_arrays() -> None:
    assert is_array("a/b.npz:img") and is_array("a/b.NPZ:img")
    assert not any(is_array(name) for name in ("a/b.npz", "a/b.npz:", "a/b.tif:img", "C:/b.tif"))
    assert path_of("a/b.npz:img") == Path("a/b.npz") and path_of("a:b/c.tif") == Path("a:b/c.tif")


@pytest.mark.parametrize(
    ("name", "given", "expected", "do"),
    [
        ("x.npz:image", "img, msk", "image", "sidecar"),
        ("x.npz:text", "shape (1,)", "(height, width, bands)", "another array"),
        ("y.npz:img", "y.npz", "whole .npz", "copy"),
        ("z.npz:img", "z.npz", "whole .npz", "copy"),
    ],
)
def test_what_is_no_array_is_refused(folder: Path, name: str, given: str, expected: str, do: str) -> None:
    (folder / "in" / "z.npz").write_bytes((folder / "in" / "x.npz").read_bytes()[:100])
    with pytest.raises(SceneError) as caught:
        load_array(f"{folder}/in/{name}")
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def test_sidecars_that_do_not_fit_are_told(folder: Path) -> None:
    sidecar = folder / "in" / "x.toml"
    for text, kind, given in (
        (SIDECAR.replace('array = "img"\n', ""), SceneError, "array = None"),
        (SIDECAR.replace("none", "file"), SceneError, "georeference = file"),
        (SIDECAR.replace('"b", "a"', '"b"'), SensorError, "1 bands"),
    ):
        close_files()
        sidecar.write_text(text)
        names, (reason,) = found(folder)
        assert names == [] and isinstance(reason, kind) and given in reason.given
        assert reason.expected and reason.do
    sidecar.unlink()
    names, (reason,) = found(folder)
    assert names == [] and "x.toml" in reason.expected
