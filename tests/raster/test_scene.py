"""A scene as a value."""

from __future__ import annotations

import dataclasses

import pytest
from tests.raster.making import WHEN, grid

from landweave.errors import SensorError
from landweave.raster.scene import BandFile, Scene
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
