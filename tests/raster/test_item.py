"""Scenes and STAC items."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pystac
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.raster.making import UTM, WHEN, grid, numbers, write_item

from landweave.errors import CatalogError, LandweaveError, RadiometryError, SceneError, SensorError
from landweave.raster.item import footprint, from_item, item_files, projection, read_item_file, to_item
from landweave.raster.scene import BandFile, MaskFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor


def scene(**changes: Any) -> Scene:
    files = {
        "B02": BandFile("/data/B02.tif", 1, 0.0001, -0.1, 0),
        "B8A": BandFile("/data/all.tif", 3, 0.0001, 0.0, None),
    }
    made = Scene(
        "one", sensor("sentinel-2-l2a"), WHEN, grid(), files, MaskFile("/data/scl.tif", "scl", 2), "05.10", 3.5
    )
    return dataclasses.replace(made, **changes)


CRS_WITHOUT_CODE = "+proj=laea +lat_0=45 +lon_0=10 +x_0=0 +y_0=0 +datum=WGS84 +units=m"
SCENES = {
    "plain": scene(),
    "nothing known": scene(mask=None, baseline=None, cloud_cover=None),
    "nan": scene(files={"B02": BandFile("/data/B02.tif", 1, 1.0, 0.0, 65535.0)}),
    "no CRS": scene(grid=grid(crs=None)),
    "CRS without code": scene(grid=grid(crs=CRS_WITHOUT_CODE)),
    "other sensor": scene(
        sensor=dataclasses.replace(sensor("naip"), name="mine"), files={"R": BandFile("https://example.org/a.tif")}
    ),
}


@pytest.mark.parametrize("case", SCENES)
def test_there_and_back(case: str) -> None:
    item = to_item(SCENES[case])
    assert from_item(item) == SCENES[case]
    # As JSON, which is how items travel.
    assert from_item(pystac.Item.from_dict(json.loads(json.dumps(item.to_dict())))) == SCENES[case]


def test_nan_as_nodata_survives_json() -> None:
    made = scene(files={"B02": BandFile("/data/B02.tif", 1, 1.0, 0.0, float("nan"))})
    text = json.dumps(to_item(made).to_dict(), allow_nan=False)
    back = from_item(pystac.Item.from_dict(json.loads(text)))
    assert back.files["B02"].nodata != back.files["B02"].nodata


def test_what_others_read_in_our_items() -> None:
    item = to_item(scene())
    assert item.properties["proj:code"] == UTM
    assert item.properties["proj:shape"] == [60, 60]
    assert item.properties["proj:transform"] == [10, 0, 600000, 0, -10, 5000040]
    assert item.properties["eo:cloud_cover"] == 3.5
    blue = item.assets["B02"].extra_fields
    assert blue["eo:bands"] == [{"name": "B02", "center_wavelength": pytest.approx(0.4927)}]
    assert blue["raster:bands"] == [{"scale": 0.0001, "offset": -0.1, "nodata": 0}]
    assert item.bbox is not None
    west, south, east, north = item.bbox
    assert 10.26 < west < east < 10.29
    assert 45.14 < south < north < 45.16


def test_outlines_and_projections() -> None:
    assert footprint(grid(crs=None)) is None
    outline = footprint(grid())
    assert outline is not None
    assert outline["type"] == "Polygon"
    assert projection(grid(crs=None))["proj:code"] is None
    assert "proj:wkt2" in projection(grid(crs=CRS_WITHOUT_CODE))


def test_another_format_is_refused() -> None:
    item = to_item(scene())
    item.properties["landweave:format"] = 2
    with pytest.raises(CatalogError) as caught:
        from_item(item)
    assert "format 2" in caught.value.given
    assert "format 1" in caught.value.expected
    assert "again" in caught.value.do


PROJECTION = {"proj:epsg": 32632, "proj:shape": [60, 60], "proj:transform": [10, 0, 600000, 0, -10, 5000040]}
EARTH_SEARCH = {
    "blue": {"href": "https://example.org/B02.tif", "eo:bands": [{"name": "blue"}], **PROJECTION},
    "rededge1": {"href": "https://example.org/B05.tif", "eo:bands": [{"name": "rededge1"}], "proj:epsg": 32632,
                 "proj:shape": [30, 30], "proj:transform": [20, 0, 600000, 0, -20, 5000040]},
    "scl": {"href": "https://example.org/SCL.tif"},
    "visual": {"href": "https://example.org/TCI.tif", "eo:bands": [{"name": "red"}, {"name": "green"}]},
    "thumbnail": {"href": "https://example.org/thumbnail.jpg"},
}  # fmt: skip
MICROSOFT = {
    "B02": {
        "href": "https://example.org/T32TNR_20240701_B02_10m.tif",
        "eo:bands": [{"name": "B02"}],
        **PROJECTION,
    },
    "B8A": {"href": "https://example.org/T32TNR_20240701_B8A_20m.tif", "eo:bands": [{"name": "B8A"}]},
    "SCL": {"href": "https://example.org/T32TNR_20240701_SCL_20m.tif"},
    "visual": {"href": "https://example.org/T32TNR_TCI_10m.tif", "eo:bands": [{"name": "B04"}, {"name": "B03"}]},
}
COPERNICUS = {
    "B02_10m": {"href": "s3://eodata/T32TNR_B02_10m.jp2", "bands": [{"name": "B02"}], "raster:scale": 0.0001,
                "raster:offset": -0.1, "nodata": 0, "proj:code": UTM, "proj:shape": [60, 60],
                "proj:transform": [10, 0, 600000, 0, -10, 5000040]},
    "SCL_20m": {"href": "s3://eodata/T32TNR_SCL_20m.jp2"},
}  # fmt: skip


def item(assets: dict[str, Any], *, bands: dict[str, Any] | None = None, **properties: Any) -> pystac.Item:
    assets = copy.deepcopy(assets)
    for asset in assets.values():
        if bands and asset.get("eo:bands"):
            asset["raster:bands"] = [bands]
    made = pystac.Item("S2B_32TNR_20240701_0_L2A", {"type": "Point", "coordinates": [0, 0]}, [0, 0, 0, 0], WHEN,
                       {"eo:cloud_cover": 7, **properties}, collection="sentinel-2-l2a")  # fmt: skip
    for key, asset in assets.items():
        made.add_asset(key, pystac.Asset.from_dict(asset))
    return made


SOURCES = {
    "earth search": (EARTH_SEARCH, ("B02", "B05"), "https://example.org/SCL.tif"),
    "planetary computer": (MICROSOFT, ("B02", "B8A"), "https://example.org/T32TNR_20240701_SCL_20m.tif"),
    "copernicus": (COPERNICUS, ("B02",), "s3://eodata/T32TNR_SCL_20m.jp2"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_items_of_agencies(source: str) -> None:
    assets, bands, mask = SOURCES[source]
    found = from_item(item(assets, **{"s2:processing_baseline": "05.10"}))
    assert found.sensor.name == "sentinel-2-l2a"
    assert found.bands == bands
    assert found.grid == grid()
    assert found.mask == MaskFile(mask, "scl")
    assert found.baseline == "05.10"
    assert found.cloud_cover == 7
    assert found.files["B02"].offset == pytest.approx(-0.1)
    assert found.files["B02"].scale == pytest.approx(0.0001)
    assert found.files["B02"].nodata == 0


NEW, OLD = {"s2:processing_baseline": "05.10"}, {"s2:processing_baseline": "02.14"}
APPLIED, NOT_APPLIED = {"earthsearch:boa_offset_applied": True}, {"earthsearch:boa_offset_applied": False}
STATED, REMOVED = {"scale": 0.0001, "offset": -0.1, "nodata": 0}, {"scale": 0.0001, "offset": 0, "nodata": 0}
# What raster:bands say, what the properties say, what a user tells, the offset that is left to remove.
OFFSETS: list[tuple[dict[str, Any] | None, dict[str, Any], float | None, float]] = [
    (None, NEW, None, -0.1),
    (None, OLD, None, 0.0),
    (STATED, NEW, None, -0.1),
    (STATED, {**NEW, **NOT_APPLIED}, None, -0.1),
    (STATED, {**NEW, **APPLIED}, None, 0.0),
    (STATED, {**NEW, **APPLIED}, 0, 0.0),
    (None, {**NEW, **APPLIED}, None, 0.0),
    (REMOVED, NEW, None, 0.0),
    (REMOVED, OLD, None, 0.0),
    (STATED, {}, None, -0.1),
    (REMOVED, {}, None, 0.0),
    (None, {}, 0, 0.0),
    (None, {}, -1000, -0.1),
]


@pytest.mark.parametrize(("bands", "properties", "told", "offset"), OFFSETS)
def test_an_offset_is_removed_once(
    bands: dict[str, Any] | None, properties: dict[str, Any], told: float | None, offset: float
) -> None:
    found = from_item(item(EARTH_SEARCH, bands=bands, **properties), told)
    assert [file.offset for file in found.files.values()] == [pytest.approx(offset)] * 2


CONTRADICTIONS: list[tuple[dict[str, Any] | None, dict[str, Any], float | None, str, str, str]] = [
    (None, {}, None, "unknown", "baseline that tells", "--offset"),
    (STATED, OLD, None, "offset -1000", "offset 0", "baseline"),
    (STATED, NEW, 0, "offset 0 for S2B_32TNR", "item states", "leave --offset away"),
    (STATED, {**NEW, **APPLIED}, -1000, "offset -1000 for S2B_32TNR", "item states", "leave --offset away"),
    (None, OLD, -1000, "offset -1000", "offset 0", "--offset"),
]


@pytest.mark.parametrize(("bands", "properties", "told", "given", "expected", "do"), CONTRADICTIONS)
def test_offsets_that_contradict_are_refused(
    bands: dict[str, Any] | None, properties: dict[str, Any], told: float | None, given: str, expected: str, do: str
) -> None:
    with pytest.raises(RadiometryError) as caught:
        from_item(item(EARTH_SEARCH, bands=bands, **properties), told)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def landsat(platform: str, name: str, key: str, **bands: Any) -> pystac.Item:
    made = pystac.Item(name, {"type": "Point", "coordinates": [0, 0]}, [0, 0, 0, 0], WHEN,
                       {"platform": platform}, collection="landsat-c2-l2")  # fmt: skip
    href = f"https://example.org/{name}_SR_B4.TIF"
    asset = {"href": href, "eo:bands": [{"name": key}], **PROJECTION, **bands}
    made.add_asset("red", pystac.Asset.from_dict(asset))
    made.add_asset("qa_pixel", pystac.Asset(f"https://example.org/{name}_QA_PIXEL.TIF"))
    return made


@pytest.mark.parametrize("key", ["OLI_B4", "SR_B4", "red"])
@pytest.mark.parametrize(("platform", "name", "known"), [
    ("landsat-8", "LC08_L2SP_192028_20240701_02_T1", "landsat-8-c2l2"),
    ("landsat-9", "LC09_L2SP_192028_20240701_02_T1", "landsat-9-c2l2"),
    ("landsat-8", "some-other-name", "landsat-8-c2l2"),
])  # fmt: skip
def test_items_of_landsat(platform: str, name: str, known: str, key: str) -> None:
    found = from_item(landsat(platform, name, key))
    assert found.sensor.name == known
    assert found.bands == ("SR_B4",)
    assert (found.files["SR_B4"].scale, found.files["SR_B4"].offset) == (0.0000275, -0.2)
    assert found.mask is not None
    assert found.mask.kind == "qa_pixel"


def test_unknown_sensors_and_bands_are_refused() -> None:
    strange = landsat("landsat-5", "LT05_L2SP_192028_19900701_02_T1", "SR_B4")
    with pytest.raises(SensorError) as caught:
        from_item(strange)
    assert "LT05" in caught.value.given
    assert "Sentinel-2" in caught.value.expected
    assert "sidecars" in caught.value.do
    with pytest.raises(SensorError) as caught:
        from_item(item({"thumbnail": EARTH_SEARCH["thumbnail"]}, **NEW))
    assert "thumbnail" in caught.value.given
    assert "B02" in caught.value.expected
    assert "collection" in caught.value.do


def test_without_a_stated_grid_the_file_is_asked(tmp_path: Path) -> None:
    write_tile(tmp_path / "B02.tif", numbers(grid()), grid())
    found = from_item(item({"B02": {"href": str(tmp_path / "B02.tif")}}, **NEW))
    assert found.grid == grid()


def test_files_beside_an_item_count_first(tmp_path: Path) -> None:
    write_tile(tmp_path / "B02.tif", numbers(grid()), grid())
    path = write_item(tmp_path, {"blue": {"href": "https://example.org/far/B02.tif"}}, **NEW)
    assert item_files(tmp_path) == [path]
    found = read_item_file(path)
    assert found.files["B02"].href == str(tmp_path / "B02.tif")
    assert found.grid == grid()


def test_relative_references_are_from_the_item(tmp_path: Path) -> None:
    write_tile(tmp_path / "data" / "B02.tif", numbers(grid()), grid())
    path = write_item(tmp_path, {"B02": {"href": "./data/B02.tif"}}, **NEW)
    found = read_item_file(path)
    assert Path(found.files["B02"].href) == tmp_path / "data" / "B02.tif"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"stac_version": "1.0.0"}', "\xff"])
def test_other_json_is_no_item(tmp_path: Path, content: str) -> None:
    (tmp_path / "some.json").write_text(content, encoding="latin-1")
    assert item_files(tmp_path) == []


def test_an_item_that_was_cut_short_is_named(tmp_path: Path) -> None:
    path = write_item(tmp_path, {"B02": {"href": "./B02.tif"}}, **NEW)
    path.write_bytes(path.read_bytes()[:-40])
    assert item_files(tmp_path) == [path]
    with pytest.raises(SceneError, match=r"item\.json"):
        read_item_file(path)


def test_the_item_of_a_map_is_no_scene(tmp_path: Path) -> None:
    words = {"landweave:legend": "simulated-8", "landweave:sensor": "sentinel-2-l2a"}
    write_item(tmp_path, {"map": {"href": "./map.tif"}}, **words)
    assert item_files(tmp_path) == []


@pytest.mark.parametrize(("words", "blue"), [
    ({"landweave:sensor": "sentinel-2-l2a"}, {}),
    ({"eo:cloud_cover": "few"}, {}),
    ({}, {"proj:shape": "wide"}),
])  # fmt: skip
def test_an_item_with_odd_words_is_named(words: dict[str, Any], blue: dict[str, Any]) -> None:
    assets = {**EARTH_SEARCH, "blue": {**EARTH_SEARCH["blue"], **blue}}
    with pytest.raises(SceneError) as caught:
        from_item(item(assets, **{**NEW, **words}))
    assert "given" in str(caught.value)
    assert "as they are published" in caught.value.expected
    assert "sidecars" in caught.value.do


def test_a_damaged_item_is_named(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text('{"stac_version": "1.0.0", "type": "Feature", "assets": {"a": {"href": "b"}}}')
    with pytest.raises(SceneError) as caught:
        read_item_file(tmp_path / "item.json")
    assert "item.json" in caught.value.given
    assert "a STAC item" in caught.value.expected
    assert "fetch" in caught.value.do


def test_an_item_without_a_time_is_named() -> None:
    timeless = item(EARTH_SEARCH, **NEW)
    timeless.datetime = None
    with pytest.raises(LandweaveError, match="without a time"):
        from_item(timeless)


def test_grids_other_than_north_up_survive() -> None:
    turned = GeoBox((20, 30), Affine.translation(1e5, 2e6) * Affine.rotation(12) * Affine.scale(10, -10), UTM)
    assert from_item(to_item(scene(grid=turned))).grid == turned
