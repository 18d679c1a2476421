"""A scene as a value."""

from __future__ import annotations

import dataclasses
import math

import pytest
from tests.raster.making import WHEN, grid

from landweave.errors import GridError, RadiometryError, SensorError
from landweave.raster.scene import BandFile, Scene, check_grids
from landweave.sensors import sensor

FILES = {name: BandFile(f"{name}.tif") for name in ("B8A", "B02", "B04")}
SCENE = Scene("one", sensor("sentinel-2-l2a"), WHEN, grid(), FILES)


def test_bands_stand_in_the_sensor_s_order() -> None:
    assert SCENE.bands == ("B02", "B04", "B8A")


def test_required_bands_stand_in_the_order_asked_for() -> None:
    found = SCENE.require(["B8A", "B02"])
    assert [band.name for band in found] == ["B8A", "B02"]
    assert found[0].pixel_size_m == 20
    assert SCENE.require([]) == ()


def test_missing_and_unknown_bands_are_refused() -> None:
    with pytest.raises(SensorError) as caught:
        SCENE.require(["B02", "B03", "B08"])
    assert "scene one without B03, B08" in caught.value.given
    assert "B02, B04, B8A" in caught.value.expected
    assert "fetch the missing files" in caught.value.do
    with pytest.raises(SensorError) as caught:
        SCENE.require(["B2"])
    assert "B2 of sentinel-2-l2a" in caught.value.given
    assert "did you mean" in caught.value.expected
    assert "name a band" in caught.value.do


def test_scenes_are_frozen_values() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SCENE.id = "two"  # type: ignore[misc]
    assert dataclasses.replace(SCENE) == SCENE
    assert dataclasses.replace(SCENE, cloud_cover=3.0) != SCENE


def test_files_of_one_place_pass() -> None:
    check_grids("one", {"B02": grid(60, 10), "B05": grid(30, 20), "B09": grid(10, 60)})
    check_grids("one", {"B02": grid(60, 10), "B09": grid(11, 60)})
    check_grids("one", {"B02": grid(crs=None)})


STRANGERS = {
    "another CRS": grid(30, 20, "EPSG:32633"),
    "no CRS": grid(30, 20, None),
    "another place": grid(30, 20).translate_pix(30, 0),
    "another size": grid(60, 20),
}


@pytest.mark.parametrize(("scale", "offset"), [(0, 0), (math.nan, 0), (1, math.inf)])
def test_numbers_that_make_no_values_are_refused(scale: float, offset: float) -> None:
    with pytest.raises(RadiometryError) as caught:
        BandFile("a.tif", 1, scale, offset)
    assert f"scale {scale:g} and offset {offset:g} for a.tif" in caught.value.given
    assert "not 0" in caught.value.expected
    assert "sidecar" in caught.value.do


@pytest.mark.parametrize("case", STRANGERS)
def test_files_of_another_place_are_refused(case: str) -> None:
    with pytest.raises(GridError) as caught:
        check_grids("scene X", {"B02": grid(60, 10), "B05": STRANGERS[case]})
    assert "B05 of scene X" in caught.value.given
    assert "the place of B02: CRS EPSG:32632 and edges 600000" in caught.value.expected
    assert "another product" in caught.value.do
