"""Sentinel-2: SAFE folders and folders of bands."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from tests.raster.making import OLD_PRODUCT, PRODUCT, grid, numbers, safe_xml, write_safe

from landweave.errors import GridError, LandweaveError, RadiometryError, SceneError
from landweave.raster.read import read
from landweave.raster.scene import Scene
from landweave.raster.sentinel2 import is_band_folder, is_safe, read_band_folder, read_safe
from landweave.raster.write import write_tile

N9999 = "S2B_MSIL2A_20200223T032739_N9999_R018_T48QUE_20230924T183543"


@pytest.mark.parametrize("suffix", [".jp2", ".tif"])
def test_a_safe_folder(tmp_path: Path, suffix: str) -> None:
    safe = write_safe(tmp_path, suffix=suffix, scl=np.full((30, 30), 4, np.uint8))
    assert is_safe(safe)
    found = read_safe(safe, None)
    assert found.id == PRODUCT
    assert found.sensor.name == "sentinel-2-l2a"
    assert found.bands == ("B02", "B04", "B05", "B09")
    assert found.grid == grid()
    assert found.baseline == "05.10"
    assert found.cloud_cover == 12.5
    assert found.datetime == dt.datetime(2024, 7, 1, 10, 15, 30, 24000, tzinfo=dt.UTC)
    assert found.mask is not None
    assert (found.mask.kind, Path(found.mask.href).suffix) == ("scl", suffix)
    values, valid = read(found, ["B05", "B02"], found.grid)
    assert valid.all()
    stored = numbers(grid(), 0)[0]
    np.testing.assert_allclose(values[1], stored * 0.0001 - 0.1, atol=1e-6)


def test_level_1c(tmp_path: Path) -> None:
    name = PRODUCT.replace("MSIL2A", "MSIL1C")
    images = tmp_path / f"{name}.SAFE" / "GRANULE" / "L1C_T32TNR_A000001_20240701T101530" / "IMG_DATA"
    for band, size in {"B02": 10, "B10": 60, "B8A": 20}.items():
        write_tile(
            images / f"T32TNR_20240701T101530_{band}.jp2", numbers(grid(600 // size, size)), grid(600 // size, size)
        )
    text = safe_xml(name, -1000).replace("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET").replace("Level-2A", "Level-1C")
    (tmp_path / f"{name}.SAFE" / "MTD_MSIL1C.xml").write_text(text.replace("BOA_QUANT", "QUANT"))
    found = read_safe(tmp_path / f"{name}.SAFE", None)
    assert found.sensor.name == "sentinel-2-l1c"
    assert found.bands == ("B02", "B8A", "B10")
    assert found.files["B10"].offset == pytest.approx(-0.1)
    assert found.grid == grid()


def test_of_several_resolutions_the_band_s_own_is_taken(tmp_path: Path) -> None:
    safe = write_safe(tmp_path, bands={"B01": 20, "B02": 20, "B05": 20, "B04": 60})
    write_safe(tmp_path, bands={"B01": 60, "B02": 10, "B05": 60})
    sizes = {name: file.href[-7:-4] for name, file in read_safe(safe, None).files.items()}
    assert sizes == {"B01": "60m", "B02": "10m", "B04": "60m", "B05": "20m"}


def test_only_coarse_resolutions(tmp_path: Path) -> None:
    safe = write_safe(tmp_path, bands={"B02": 20, "B05": 20, "B04": 60})
    found = read_safe(safe, None)
    assert found.grid == grid(30, 20)
    assert read(found, ["B04", "B02"], found.grid)[1].all()


# The product's name (with its baseline), what the metadata state, what a user tells, the physical offset.
OFFSETS = [
    (PRODUCT, -1000, None, -0.1),
    (PRODUCT, None, None, -0.1),
    (PRODUCT, -1000, -1000, -0.1),
    (OLD_PRODUCT, None, None, 0.0),
    (OLD_PRODUCT, None, 0, 0.0),
    (N9999, None, 0, 0.0),
    (N9999, None, -1000, -0.1),
    (N9999, -1000, None, -0.1),
]


@pytest.mark.parametrize(("name", "stated", "told", "offset"), OFFSETS)
def test_offsets(tmp_path: Path, name: str, stated: int | None, told: float | None, offset: float) -> None:
    found = read_safe(write_safe(tmp_path, name=name, offset=stated), told)
    assert found.files
    for file in found.files.values():
        assert (file.scale, file.offset, file.nodata) == (pytest.approx(0.0001), pytest.approx(offset), 0)


CONTRADICTIONS = [
    (N9999, None, None, "N9999", "baseline that tells", "--offset"),
    (PRODUCT, -1000, 0, "offset 0", "metadata state", "leave --offset away"),
    (PRODUCT, None, 0, "offset 0 for sentinel-2-l2a with processing baseline 05.10", "offset -1000", "leave --offset"),
    (PRODUCT, 0, None, "offset 0 for sentinel-2-l2a with processing baseline 05.10", "offset -1000", "baseline"),
    (OLD_PRODUCT, -1000, None, "offset -1000", "offset 0", "baseline"),
]


@pytest.mark.parametrize(("name", "stated", "told", "given", "expected", "do"), CONTRADICTIONS)
def test_missing_and_doubled_offsets_are_refused(
    tmp_path: Path, name: str, stated: int | None, told: float | None, given: str, expected: str, do: str
) -> None:
    safe = write_safe(tmp_path, name=name, offset=stated)
    with pytest.raises(RadiometryError) as caught:
        read_safe(safe, told)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def test_without_metadata_the_name_counts(tmp_path: Path) -> None:
    found = read_safe(write_safe(tmp_path, metadata=False), None)
    assert found.id == PRODUCT
    assert found.baseline == "05.10"
    assert found.datetime == dt.datetime(2024, 7, 1, 10, 15, 30, tzinfo=dt.UTC)
    assert found.files["B02"].offset == pytest.approx(-0.1)


def refused(folder: Path) -> SceneError:
    with pytest.raises(SceneError) as caught:
        read_safe(folder, None)
    return caught.value


def test_damaged_safe_folders(tmp_path: Path) -> None:
    safe = write_safe(tmp_path)
    xml = safe / "MTD_MSIL2A.xml"
    whole = xml.read_text()
    band_id = re.compile(r' band_id="\d+"')
    for damaged in (
        "",
        whole[: len(whole) // 2],
        whole.replace("PRODUCT_START_TIME", "X"),
        "no xml",
        band_id.sub(' band_id="77"', whole),
        band_id.sub("", whole),
        whole.replace(">10000<", ">0<"),
        whole.replace(">10000<", ">nan<"),
    ):
        xml.write_text(damaged)
        error = refused(safe)
        assert "MTD_MSIL2A.xml" in error.given
        assert "whole product metadata" in error.expected
        assert "fetch" in error.do
    xml.write_text(whole)
    band = next(safe.rglob("*_B02_10m.tif"))
    band.write_bytes(b"")
    assert "B02_10m.tif" in refused(safe).given


def test_a_name_with_an_impossible_time(tmp_path: Path) -> None:
    folder = tmp_path / PRODUCT.replace("20240701T101530", "20249999T999999")
    error = band_folder_refused(band_folder(folder, {"B02": 10, "B03": 10}))
    assert "do not tell level, time" in error.given
    assert "S2B_MSIL2A" in error.expected
    assert "restore" in error.do


def band_folder_refused(folder: Path) -> LandweaveError:
    assert is_band_folder(folder)
    with pytest.raises(SceneError) as caught:
        read_band_folder(folder, None)
    return caught.value


def test_a_safe_folder_without_bands_or_name(tmp_path: Path) -> None:
    empty = write_safe(tmp_path, bands={"B13": 10})
    error = refused(empty)
    assert "without any band" in error.given
    assert "B04" in error.expected
    assert "fetch" in error.do
    nameless = tmp_path / "scene.SAFE"
    nameless.mkdir()
    error = refused(nameless)
    assert "do not tell" in error.given
    assert "MTD_MSIL2A.xml" in error.expected
    assert "restore" in error.do


def band_folder(folder: Path, names: dict[str, int], suffix: str = "tif") -> Path:
    for seed, (name, size) in enumerate(names.items()):
        box = grid(600 // size, size)
        write_tile(folder / f"{name}.{suffix}", numbers(box, seed), box)
    return folder


def test_a_folder_named_like_its_product(tmp_path: Path) -> None:
    folder = band_folder(tmp_path / N9999, {"B02": 10, "B8A": 20, "B01": 60})
    write_tile(folder / "cloud_mask.tif", np.zeros((1, 60, 60), np.uint8), grid())
    assert is_band_folder(folder)
    assert not is_safe(folder)
    found = read_band_folder(folder, 0)
    assert found.id == N9999
    assert found.baseline == "N9999"
    assert found.bands == ("B01", "B02", "B8A")
    assert found.grid == grid()
    assert found.mask is not None
    assert found.mask.kind == "cloud_mask"
    with pytest.raises(RadiometryError, match="N9999"):
        read_band_folder(folder, None)


def earth_engine(folder: Path, baseline: str, name: str) -> Path:
    band_folder(folder, {"B2": 10, "B8A": 20, "B11": 20, "B9": 60})
    facts = {"PRODUCT_ID": name, "PROCESSING_BASELINE": baseline, "CLOUDY_PIXEL_PERCENTAGE": 4.2}
    (folder / "metadata.json").write_text(json.dumps(facts))
    return folder


def test_a_folder_from_earth_engine(tmp_path: Path) -> None:
    folder = earth_engine(tmp_path / "20200604T054639_20200604T054831_T43RCP", "02.14", OLD_PRODUCT)
    assert is_band_folder(folder)
    found = read_band_folder(folder, None)
    assert found.id == OLD_PRODUCT
    assert found.bands == ("B02", "B8A", "B09", "B11")
    assert found.cloud_cover == 4.2
    assert found.baseline == "02.14"
    assert found.files["B02"].offset == 0


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"PRODUCT_ID": "x"}', '{"PRODUCT_ID": 3}', "null"])
def test_other_metadata_is_not_earth_engine_s(tmp_path: Path, content: str) -> None:
    folder = band_folder(tmp_path / "some", {"B2": 10, "B3": 10})
    (folder / "metadata.json").write_text(content)
    assert not is_band_folder(folder)
    with pytest.raises(SceneError) as caught:
        read_band_folder(folder, None)
    assert "do not tell" in caught.value.given


def test_folders_that_are_none(tmp_path: Path) -> None:
    assert not is_band_folder(tmp_path)
    one = band_folder(tmp_path / N9999, {"B02": 10})
    assert not is_band_folder(one)
    assert not is_safe(one)


def same(one: Scene, other: Scene) -> bool:
    return (one.bands, one.grid, one.datetime.date(), one.baseline) == (
        other.bands, other.grid, other.datetime.date(), other.baseline
    )  # fmt: skip


def test_one_product_in_two_layouts_is_one_scene(tmp_path: Path) -> None:
    bands = {"B02": 10, "B04": 10, "B05": 20, "B09": 60}
    safe = read_safe(write_safe(tmp_path, bands=bands), None)
    plain = read_band_folder(band_folder(tmp_path / PRODUCT, bands), None)
    assert same(safe, plain)
    for box in (safe.grid, safe.grid.to_crs("EPSG:4326")):
        np.testing.assert_array_equal(read(safe, safe.bands, box)[0], read(plain, plain.bands, box)[0])


def test_the_error_is_one_that_a_user_can_mend(tmp_path: Path) -> None:
    with pytest.raises(LandweaveError):
        read_safe(tmp_path / "nothing.SAFE", None)


@pytest.mark.parametrize("name", ["B05", "SCL"])
def test_a_band_or_mask_of_another_square_is_refused(tmp_path: Path, name: str) -> None:
    safe = write_safe(tmp_path, scl=np.full((30, 30), 4, np.uint8))
    path = next(safe.rglob(f"*_{name}_20m.tif"))
    box = GeoBox((30, 30), grid(30, 20).affine, "EPSG:32633")
    write_tile(path, numbers(box), box)
    with pytest.raises(GridError) as caught:
        read_safe(safe, None)
    assert PRODUCT in caught.value.given
    assert "EPSG:32633" in caught.value.given
    assert "EPSG:32632" in caught.value.expected
    assert "remove the file" in caught.value.do
