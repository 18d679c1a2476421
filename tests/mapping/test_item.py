"""The STAC item: a valid item with classes and colours, the same text every time."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pystac
import pytest
from odc.geo.geobox import GeoBox
from tests.mapping.places import LEGEND, grid_at
from tests.mapping.test_plan import card, scene

from landweave.legend import known_legends
from landweave.mapping.item import classes, map_item
from landweave.raster.scene import Scene

LAYERS = ("labels", "probabilities", "entropy")


def item(scenes: list[Scene], grid: GeoBox | None = None, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"rule": "latest", "layers": LAYERS, "facts": {"landweave:job": "j"}, "is_blended": False}
    text = map_item("a-map", grid or grid_at(50, 60), scenes, card(), **{**values, **changes})
    assert text == map_item("a-map", grid or grid_at(50, 60), scenes, card(), **{**values, **changes})
    found: dict[str, Any] = json.loads(text)
    return found


def test_it_is_an_item_that_pystac_reads() -> None:
    read = pystac.Item.from_dict(item([scene("s", grid_at(50, 60))]))
    assert read.id == "a-map"
    assert read.datetime == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert read.bbox is not None
    assert 14.9 < read.bbox[0] < read.bbox[2] < 15.1
    assert set(read.assets) == {"map", "probabilities", "entropy", "job"}
    assert read.properties["proj:code"] == "EPSG:32633"
    assert read.properties["proj:shape"] == [50, 60]
    assert not [key for key in read.properties if key in {"created", "updated"}]


def test_classes_have_values_names_and_colours() -> None:
    found = item([scene("s", grid_at(9, 9))])["assets"]["map"]["classification:classes"]
    assert [entry["value"] for entry in found] == [*LEGEND.ids, 0]
    assert found[1] == {
        "value": 20,
        "name": "class-1",
        "title": "Class 1",
        "description": "Class 1",
        "color_hint": "AA0000",
    }
    assert found[-1]["nodata"] is True


@pytest.mark.parametrize("name", list(known_legends()))
def test_names_of_every_legend_are_those_of_the_extension(name: str) -> None:
    names = [entry["name"] for entry in classes(known_legends()[name])]
    assert all(entry.replace("-", "").isalnum() and entry.isascii() for entry in names)


def test_several_dates_are_a_period() -> None:
    import dataclasses

    early = scene("a", grid_at(9, 9))
    late = dataclasses.replace(early, id="b", datetime=dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    found = item([late, early], rule="majority")["properties"]
    assert found["datetime"] is None
    assert found["start_datetime"].startswith("2026-01-01")
    assert found["end_datetime"].startswith("2026-03-01")
    assert "most valid scenes" in found["landweave:merged_by"]
    assert found["landweave:scenes"] == ["b", "a"]


def test_blending_is_said() -> None:
    plain, blended = (
        item([scene("s", grid_at(9, 9))], is_blended=b)["properties"]["landweave:tiles"] for b in (False, True)
    )
    assert "the same however it is cut" in plain
    assert "blended" in blended


def test_a_map_without_a_place() -> None:
    grid = GeoBox((9, 9), grid_at(1, 1).affine.identity(), None)
    found = item([scene("s", grid)], grid, layers=("labels",))
    assert found["geometry"] is None
    assert "bbox" not in found
    assert set(found["assets"]) == {"map", "job"}
