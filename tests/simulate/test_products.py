"""Names of folders and files, and the metadata of simulated products."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.simulate.making import S2, world

from landweave.errors import SensorError
from landweave.sensors import sensor
from landweave.simulate.products import BASELINE, MASK, landsat_name, layers, safe_name, texts
from landweave.simulate.world import World

L8 = {"sensor": "landsat-8-c2l2", "date": "2020-06-02"}
L9 = {"sensor": "landsat-9-c2l2", "date": "2022-10-11"}
PICTURE = {"sensor": "worldview-rgb", "date": "2023-07-12", "window_px": (0, 0, 12, 12)}
NAIP = {"sensor": "naip", "date": "2023-07-12", "window_px": (0, 0, 12, 12)}
ALL = (S2, L8, L9, PICTURE)


def made(*scenes: dict[str, Any], **keys: Any) -> World:
    return world(*(scenes or ALL), **keys)


def text_of(index: int, cloud: float = 12.5, **keys: Any) -> dict[str, str]:
    this = made(**keys)
    return texts(this, this.scenes[index], index, cloud)


def paths(index: int) -> dict[tuple[str, ...], str]:
    this = made()
    return {layer.bands: layer.path for layer in layers(this, this.scenes[index], index)}


# Sentinel-2.


def test_a_sentinel_2_product_is_named_as_its_agency_names_it() -> None:
    this = made()
    name = safe_name(this, this.scenes[0], 0)
    assert re.fullmatch(r"S2A_MSIL2A_\d{8}T\d{6}_N\d{4}_R\d{3}_T33UUP_\d{8}T\d{6}", name)
    assert "20230712" in name
    assert f"N{BASELINE.replace('.', '')}" in name


def test_every_band_of_sentinel_2_lies_at_its_own_pixel_size() -> None:
    found = paths(0)
    bands = sensor("sentinel-2-l2a").bands
    assert set(found) == {(band.name,) for band in bands} | {(MASK,)}
    for band in bands:
        path = found[(band.name,)]
        assert f"/IMG_DATA/R{band.pixel_size_m:.0f}m/" in path
        assert path.endswith(f"_{band.name}_{band.pixel_size_m:.0f}m.jp2")
    assert found[(MASK,)].endswith("_SCL_20m.jp2")


def xml(**keys: Any) -> ElementTree.Element:
    (text,) = (text for path, text in text_of(0, **keys).items() if path.endswith("MTD_MSIL2A.xml"))
    return ElementTree.fromstring(text)


def test_the_metadata_of_sentinel_2_tell_baseline_offset_and_clouds() -> None:
    root = xml()
    assert root.findtext(".//PROCESSING_BASELINE") == BASELINE
    assert float(BASELINE) >= 4
    assert root.findtext(".//BOA_QUANTIFICATION_VALUE") == "10000"
    offsets = root.findall(".//BOA_ADD_OFFSET")
    assert [offset.get("band_id") for offset in offsets] == [str(band) for band in range(13)]
    assert {offset.text for offset in offsets} == {"-1000"}
    assert float(root.findtext(".//Cloud_Coverage_Assessment") or "nan") == 12.5
    assert root.findtext(".//PRODUCT_START_TIME") == "2023-07-12T10:30:00.024Z"
    assert root.findtext(".//PRODUCT_URI") == safe_name(made(), made().scenes[0], 0) + ".SAFE"


def test_the_offset_is_that_of_the_sensor() -> None:
    # (number - 1000) / 10000: what sensors.toml says in physical values.
    band = sensor("sentinel-2-l2a").band("B04")
    assert band.scale == pytest.approx(1 / 10_000)
    assert band.offset == pytest.approx(-1000 / 10_000)


# Landsat.


@pytest.mark.parametrize(("index", "satellite"), [(1, "8"), (2, "9")])
def test_a_landsat_product_is_named_as_its_agency_names_it(index: int, satellite: str) -> None:
    this = made()
    name = landsat_name(this.scenes[index], index)
    date = f"{this.scenes[index].date:%Y%m%d}"
    assert re.fullmatch(rf"LC0{satellite}_L2SP_\d{{6}}_{date}_{date}_02_T1", name)
    found = paths(index)
    assert found[("SR_B4",)] == f"scenes/{name}/{name}_SR_B4.TIF"
    assert found[(MASK,)] == f"scenes/{name}/{name}_QA_PIXEL.TIF"
    assert len(found) == 8


def test_landsats_thermal_band_is_left_away() -> None:
    # Nothing in a world has a temperature.
    assert not any("ST_B10" in bands for bands in paths(1))
    assert "ST_B10" in sensor("landsat-8-c2l2").band_names


@pytest.mark.parametrize(("index", "spacecraft"), [(1, "LANDSAT_8"), (2, "LANDSAT_9")])
def test_the_metadata_of_landsat_tell_scale_offset_and_clouds(index: int, spacecraft: str) -> None:
    ((path, text),) = text_of(index).items()
    assert path.endswith("_MTL.json")
    groups = json.loads(text)["LANDSAT_METADATA_FILE"]
    scales = groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]
    assert len(scales) == 14
    for number in range(1, 8):
        assert float(scales[f"REFLECTANCE_MULT_BAND_{number}"]) == pytest.approx(2.75e-05)
        assert float(scales[f"REFLECTANCE_ADD_BAND_{number}"]) == pytest.approx(-0.2)
    assert groups["IMAGE_ATTRIBUTES"]["SPACECRAFT_ID"] == spacecraft
    assert float(groups["IMAGE_ATTRIBUTES"]["CLOUD_COVER"]) == 12.5
    assert groups["PRODUCT_CONTENTS"]["COLLECTION_NUMBER"] == "02"


# Pictures.


def test_a_picture_has_one_file_of_bands_a_mask_and_its_buildings() -> None:
    found = paths(3)
    assert set(found) == {("R", "G", "B"), (MASK,), ("buildings",)}
    assert found[("buildings",)] == "truth/buildings-003.tif"
    assert found[("R", "G", "B")].startswith("scenes/worldview-rgb_20230712_003/")


def test_the_sidecar_of_a_picture_can_be_read() -> None:
    ((path, text),) = text_of(3).items()
    table = tomllib.loads(text)
    assert path.endswith("worldview-rgb_20230712_003.toml")
    assert table["sensor"] == "worldview-rgb"
    assert table["bands"] == ["R", "G", "B"]
    assert table["mask"] == {"kind": "valid", "file": "worldview-rgb_20230712_003_mask.tif"}
    assert table["cloud_cover"] == 12.5
    assert table["datetime"].isoformat() == "2023-07-12T10:30:03+00:00"


def test_buildings_are_classes_and_bands_are_not() -> None:
    this = made()
    marks = {layer.bands: layer.is_classes for layer in layers(this, this.scenes[3], 3)}
    assert marks == {("R", "G", "B"): False, (MASK,): False, ("buildings",): True}


# All.


@pytest.mark.parametrize("index", range(4))
def test_all_metadata_say_that_no_satellite_took_it(index: int) -> None:
    for path, text in text_of(index, seed=77).items():
        assert "Simulated by landweave: world demo-1, seed 77. No satellite took this." in text, path


@pytest.mark.parametrize("index", range(4))
def test_metadata_lie_beside_their_files(index: int) -> None:
    folder = next(iter(paths(index).values())).split("/")[1]
    for path in text_of(index):
        assert path.split("/")[:2] == ["scenes", folder]


def test_no_two_scenes_share_a_file() -> None:
    this = made(S2, S2, L8, L8, PICTURE, PICTURE)
    every = [layer.path for index, scene in enumerate(this.scenes) for layer in layers(this, scene, index)]
    words = [path for index, scene in enumerate(this.scenes) for path in texts(this, scene, index, 0)]
    assert len(set(every)) == len(every)
    assert len(set(words)) == len(words)
    names = [layer.name for index, scene in enumerate(this.scenes) for layer in layers(this, scene, index)]
    assert len(set(names)) == len(names)


def test_worlds_with_other_seeds_have_other_orbits() -> None:
    names = {safe_name(made(seed=seed), made().scenes[0], 0) for seed in range(1, 6)}
    assert len(names) == 5


def test_a_word_of_the_world_cannot_break_the_xml() -> None:
    this = made().model_copy(update={"name": "<odd> & --world-1"})
    texts_of = texts(this, this.scenes[0], 0, 0)
    (text,) = (text for path, text in texts_of.items() if path.endswith(".xml"))
    assert "<odd>" not in text
    assert "&lt;odd&gt; &amp;" in text


@pytest.mark.parametrize("name", ["aerial-rgb", "sentinel-2-l1c"])
def test_sensors_that_nobody_can_simulate_are_refused(name: str) -> None:
    this = made({"sensor": name, "date": "2023-07-12"})
    with pytest.raises(SensorError) as caught:
        layers(this, this.scenes[0], 0)
    assert name in caught.value.given
    assert "wavelength" in caught.value.expected
    assert "scenes" in caught.value.do


def test_an_unknown_sensor_is_refused_with_a_hint() -> None:
    this = made({"sensor": "sentinel-2-l2b", "date": "2023-07-12"})
    with pytest.raises(SensorError) as caught:
        layers(this, this.scenes[0], 0)
    assert "sentinel-2-l2b" in caught.value.given
    assert "sentinel-2-l2a" in caught.value.expected
    assert caught.value.do
