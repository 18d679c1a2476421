"""Landsat Collection 2 level 2."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from tests.raster.making import LANDSAT, MTL, grid, numbers, write_landsat

from landweave.errors import GridError, RadiometryError, SceneError, SensorError
from landweave.raster.landsat import product_names, read_landsat
from landweave.raster.read import read
from landweave.raster.write import write_tile


@pytest.mark.parametrize("metadata", ["json", "txt", "xml"])
def test_a_folder(tmp_path: Path, metadata: str) -> None:
    qa = np.full((20, 20), 21824, np.uint16)
    qa[3, 4] = 22280
    folder = write_landsat(tmp_path, metadata=metadata, qa=qa)
    assert product_names(folder) == [LANDSAT]
    found = read_landsat(folder, LANDSAT)
    assert found.id == LANDSAT
    assert found.sensor.name == "landsat-8-c2l2"
    assert found.bands == ("SR_B2", "SR_B4", "ST_B10")
    assert found.grid == grid(20, 30)
    assert found.cloud_cover == 3.21
    assert found.baseline is None
    assert found.datetime == dt.datetime(2024, 7, 1, 10, 5, 1, 123456, tzinfo=dt.UTC)
    values, valid = read(found, ["SR_B4", "ST_B10"], found.grid)
    assert np.argwhere(~valid).tolist() == [[3, 4]]
    np.testing.assert_allclose(
        values[0][valid], (numbers(grid(20, 30), 1, 8000, 20000)[0] * 0.0000275 - 0.2)[valid], atol=1e-6
    )
    kelvin = numbers(grid(20, 30), 2, 8000, 20000)[0] * 0.00341802 + 149.0
    np.testing.assert_allclose(values[1][valid], kelvin[valid], rtol=1e-6)


def test_a_folder_with_a_stac_json_only(tmp_path: Path) -> None:
    found = read_landsat(write_landsat(tmp_path, metadata="stac"), LANDSAT)
    assert found.datetime == dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
    assert found.cloud_cover == 3.21
    assert found.mask is None
    assert (found.files["SR_B4"].scale, found.files["SR_B4"].offset, found.files["SR_B4"].nodata) == (
        0.0000275,
        -0.2,
        0,
    )


def test_landsat_9(tmp_path: Path) -> None:
    name = LANDSAT.replace("LC08", "LC09")
    found = read_landsat(write_landsat(tmp_path, name=name), name)
    assert found.sensor.name == "landsat-9-c2l2"


@pytest.mark.parametrize("name", [
    LANDSAT.replace("LC08", "LE07"), LANDSAT.replace("L2SP", "L1TP"), LANDSAT.replace("LC08", "LT05"),
])  # fmt: skip
def test_other_satellites_and_levels_are_refused(tmp_path: Path, name: str) -> None:
    folder = write_landsat(tmp_path, name=name)
    assert product_names(folder) == [name]
    with pytest.raises(SensorError) as caught:
        read_landsat(folder, name)
    assert name in caught.value.given
    assert "level 2 (L2SP, L2SR) of Landsat 8 or 9" in caught.value.expected
    assert "sidecar" in caught.value.do


@pytest.mark.parametrize(("group", "key", "value"), [
    ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "REFLECTANCE_MULT_BAND_4", "2.0e-05"),
    ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "REFLECTANCE_ADD_BAND_2", "0"),
    ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "REFLECTANCE_MULT_BAND_4", "2.75e-"),
    ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "REFLECTANCE_MULT_BAND_4", "nan"),
    ("LEVEL2_SURFACE_TEMPERATURE_PARAMETERS", "TEMPERATURE_ADD_BAND_ST_B10", "0.1"),
])  # fmt: skip
def test_other_scales_and_offsets_are_refused(tmp_path: Path, group: str, key: str, value: str) -> None:
    changed = copy.deepcopy(MTL)
    changed[group][key] = value
    with pytest.raises(RadiometryError) as caught:
        read_landsat(write_landsat(tmp_path, mtl=changed), LANDSAT)
    assert f"{key} = {value}" in caught.value.given
    assert "Collection 2" in caught.value.expected
    assert "sidecar" in caught.value.do


@pytest.mark.parametrize("metadata", ["json", "txt", "xml"])
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_damaged_metadata_is_named(tmp_path: Path, metadata: str, keep: float) -> None:
    folder = write_landsat(tmp_path, metadata=metadata)
    path = folder / f"{LANDSAT}_MTL.{metadata}"
    content = path.read_text()
    # Half a text file may still be a text file: cut before the groups that count.
    path.write_text(content[: int(len(content) * keep)] if metadata != "txt" else content[: int(100 * keep)])
    with pytest.raises(SceneError) as caught:
        read_landsat(folder, LANDSAT)
    assert path.name in caught.value.given
    assert "whole metadata" in caught.value.expected
    assert "fetch" in caught.value.do


def test_a_strange_time_is_named(tmp_path: Path) -> None:
    changed = copy.deepcopy(MTL)
    changed["IMAGE_ATTRIBUTES"]["DATE_ACQUIRED"] = "yesterday"
    with pytest.raises(SceneError, match="yesterday"):
        read_landsat(write_landsat(tmp_path, mtl=changed), LANDSAT)


def test_clouds_that_are_no_number_are_named(tmp_path: Path) -> None:
    changed = copy.deepcopy(MTL)
    changed["IMAGE_ATTRIBUTES"]["CLOUD_COVER"] = "few"
    with pytest.raises(SceneError) as caught:
        read_landsat(write_landsat(tmp_path, mtl=changed), LANDSAT)
    assert "CLOUD_COVER = few" in caught.value.given
    assert caught.value.expected == "per cent"
    assert "fetch" in caught.value.do


def test_a_text_without_its_end_was_cut(tmp_path: Path) -> None:
    folder = write_landsat(tmp_path, metadata="txt")
    path = folder / f"{LANDSAT}_MTL.txt"
    # Cut within the last number that counts, it would otherwise be read as another number.
    path.write_text(path.read_text()[: path.read_text().index("REFLECTANCE_ADD_BAND_2 = -0") + 27])
    with pytest.raises(SceneError) as caught:
        read_landsat(folder, LANDSAT)
    assert "END is missing" in caught.value.given
    assert "whole metadata" in caught.value.expected
    assert "fetch" in caught.value.do


def test_unknown_clouds(tmp_path: Path) -> None:
    changed = copy.deepcopy(MTL)
    changed["IMAGE_ATTRIBUTES"]["CLOUD_COVER"] = "-1"
    assert read_landsat(write_landsat(tmp_path, mtl=changed), LANDSAT).cloud_cover is None


def test_a_folder_without_bands_is_named(tmp_path: Path) -> None:
    folder = write_landsat(tmp_path, bands=())  # nothing but metadata
    with pytest.raises(SceneError) as caught:
        read_landsat(folder, LANDSAT)
    assert "without any band" in caught.value.given
    assert "SR_B4.TIF" in caught.value.expected
    assert "fetch" in caught.value.do


def test_two_products_in_one_folder(tmp_path: Path) -> None:
    other = LANDSAT.replace("20240701_20240709", "20240717_20240725")
    write_landsat(tmp_path)
    write_landsat(tmp_path, name=other)
    together = tmp_path / "together"
    together.mkdir()
    for path in [*(tmp_path / LANDSAT).iterdir(), *(tmp_path / other).iterdir()]:
        (together / path.name).write_bytes(path.read_bytes())
    assert product_names(together) == [LANDSAT, other]
    assert {Path(file.href).name[:40] for file in read_landsat(together, other).files.values()} == {other}


def test_folders_without_products(tmp_path: Path) -> None:
    assert product_names(tmp_path) == []
    folder = write_landsat(tmp_path, metadata="none")
    assert product_names(folder) == []


def test_a_band_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = write_landsat(tmp_path)
    write_tile(folder / f"{LANDSAT}_SR_B4.TIF", numbers(grid(30, 30)), grid(30, 30))
    with pytest.raises(GridError) as caught:
        read_landsat(folder, LANDSAT)
    assert "SR_B4 of" in caught.value.given
    assert "the place of SR_B2" in caught.value.expected
    assert "another product" in caught.value.do
