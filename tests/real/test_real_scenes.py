"""Real scenes of agencies and of published samples are found and read as what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from landweave.errors import RadiometryError
from landweave.raster.catalog import read_catalog, write_catalog
from landweave.raster.products import recognise
from landweave.raster.radiometry import check_physical
from landweave.raster.read import read
from landweave.raster.scene import Scene

pytestmark = pytest.mark.real


def only(folder: Path, offset: float | None = None) -> Scene:
    found = recognise(folder, offset)
    assert found.unread == ()
    (scene,) = found.scenes
    return scene


def beside(tmp_path: Path, source: Path, sidecar: str) -> Path:
    """A link to a real file with a sidecar of ours: the data stay where they are."""
    path = tmp_path / source.name
    path.symlink_to(source)
    path.with_suffix(".toml").write_text(sidecar)
    return path


def test_major_tom(real_data: Path) -> None:
    folder = real_data / "majortom_s2l2a"
    refused = recognise(folder)
    assert refused.scenes == ()
    assert isinstance(refused.unread[0].reason, RadiometryError)
    assert "N9999" in refused.unread[0].reason.given
    scene = only(folder, 0)
    assert scene.sensor.name == "sentinel-2-l2a"
    assert len(scene.bands) == 12
    assert scene.grid.shape == (1068, 1068)
    assert str(scene.grid.crs) == "EPSG:32648"
    assert scene.datetime.isoformat() == "2020-02-23T03:27:39+00:00"
    values, valid = read(scene, scene.bands, scene.grid)
    assert values.shape == (12, 1068, 1068)
    assert valid.all()
    check_physical(values, valid, scene.require(scene.bands), scene.id)
    red = rasterio.open(scene.files["B04"].href).read(1)
    np.testing.assert_allclose(values[scene.bands.index("B04")], red * 0.0001, atol=1e-6)
    # A vegetated place: near infrared above red in most pixels.
    assert (values[scene.bands.index("B08")] > values[scene.bands.index("B04")]).mean() > 0.9
    part, _ = read(scene, scene.bands, scene.grid[400:700, 300:900])
    np.testing.assert_array_equal(part, values[:, 400:700, 300:900])


def test_an_offset_that_is_not_there_shows(real_data: Path) -> None:
    scene = only(real_data / "majortom_s2l2a", -1000)
    values, valid = read(scene, ["B02", "B04"], scene.grid)
    assert (values < 0).mean() > 0.2, "removing an offset that the numbers do not hold makes reflectance negative"
    assert valid.all()


def test_landsat_collection_2(real_data: Path) -> None:
    scene = only(real_data / "scene_landsat_c2l2")
    assert scene.id == "LC08_L2SP_001062_20201031_20201106_02_T2"
    assert scene.sensor.name == "landsat-8-c2l2"
    assert scene.bands == ("SR_B2", "SR_B3", "SR_B4", "SR_B5")
    assert scene.cloud_cover == 99.94
    assert scene.mask is not None
    assert scene.mask.kind == "qa_pixel"
    values, valid = read(scene, scene.bands, scene.grid)
    quality = rasterio.open(scene.mask.href).read(1)
    # 99.94 % clouds: next to nothing is usable, and never what is fill.
    assert valid.mean() < 0.1
    assert not valid[(quality & 1) == 1].any()
    assert (values[:, ~valid] == 0).all()
    assert values.min() >= -0.2
    assert values.max() <= 65535 * 0.0000275 - 0.2


def test_ssl4eo_both_levels(real_data: Path) -> None:
    found = recognise(real_data / "ssl4eo_s12_sample")
    assert found.unread == ()
    levels = [(scene.sensor.name, scene.baseline, len(scene.bands)) for scene in found.scenes]
    assert sorted(levels) == [("sentinel-2-l1c", "02.09", 13)] * 2 + [("sentinel-2-l2a", "02.14", 12)] * 2
    for scene in found.scenes:
        assert {file.offset for file in scene.files.values()} == {0}
        assert str(scene.grid.crs) == "EPSG:4326"
        values, valid = read(scene, scene.bands, scene.grid)
        assert valid.mean() > 0.95
        check_physical(values, valid, scene.require(scene.bands), scene.id)
    metres = found.scenes[0].grid.to_crs("EPSG:32643", resolution=10)
    values, valid = read(found.scenes[0], ["B02", "B05", "B09"], metres)
    assert 0.8 < valid.mean() < 1


SEN2 = """
sensor = "sentinel-2-l2a"
bands = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
datetime = 2016-08-01
scale = 1.0
offset = 0.0
"""


def test_rstoolbox_with_a_sidecar(real_data: Path, tmp_path: Path) -> None:
    beside(tmp_path, real_data / "rstoolbox_amazon" / "sen2.tif", SEN2)
    scene = only(tmp_path)
    values, valid = read(scene, scene.bands, scene.grid)
    assert valid.all()
    check_physical(values, valid, scene.require(scene.bands), scene.id)
    np.testing.assert_array_equal(values, rasterio.open(tmp_path / "sen2.tif").read())
    metres = scene.grid.to_crs("EPSG:32721", resolution=10)
    warped, inside = read(scene, scene.bands, metres)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(warped[:, inside].mean(axis=1), values.mean(axis=(1, 2)), rtol=0.02)


# The file holds B2-B7 and QA_PIXEL: its seventh band has the numbers of QA_PIXEL (21824 is clear), not of SR_B7.
L8 = """
sensor = "landsat-8-c2l2"
bands = ["SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "-"]
datetime = 2023-05-20T05:00:00Z
[mask]
kind = "qa_pixel"
index = 7
"""


def test_landsat_dates_with_a_sidecar(real_data: Path, tmp_path: Path) -> None:
    for source in sorted((real_data / "l8_l2sp_3dates" / "L8").glob("*.tif")):
        beside(tmp_path, source, L8)
    found = recognise(tmp_path)
    assert found.unread == ()
    assert len(found.scenes) == 3
    fractions = []
    for scene in found.scenes:
        values, valid = read(scene, scene.bands, scene.grid)
        fractions.append(valid.mean())
        check_physical(values, valid, scene.require(scene.bands), scene.id)
        near_infrared = values[scene.bands.index("SR_B5")][valid].mean()
        assert 0.1 < near_infrared < 0.5
    assert min(fractions) < 1
    assert min(fractions) > 0.99


def test_naip_with_a_sidecar(real_data: Path, tmp_path: Path) -> None:
    sidecar = 'sensor = "naip"\nbands = ["R", "G", "B", "N"]\ndatetime = 2016-06-20\n'
    for source in sorted((real_data / "naip_1m_rgbn").glob("m_*.tif")):
        beside(tmp_path, source, sidecar)
    scenes = recognise(tmp_path).scenes
    assert len(scenes) == 2
    for scene in scenes:
        values, valid = read(scene, ["N", "R"], scene.grid)
        assert valid.all()
        assert {band.unit for band in scene.require(["N", "R"])} == {"digital_number"}
        assert 0 <= values.min() < values.max() <= 255


def test_all_of_them_in_one_catalog(real_data: Path, tmp_path: Path) -> None:
    scenes = [
        *recognise(real_data / "majortom_s2l2a", 0).scenes,
        *recognise(real_data / "scene_landsat_c2l2").scenes,
        *recognise(real_data / "ssl4eo_s12_sample").scenes,
    ]
    assert len(scenes) == 6
    write_catalog(scenes, tmp_path / "catalog.parquet")
    assert read_catalog(tmp_path / "catalog.parquet") == scenes
