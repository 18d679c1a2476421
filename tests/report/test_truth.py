"""Which truths stand beside a map: arrays do, polygons and other legends do not, and no data is no difference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.report.test_gather import SUMMARY, item, write_json
from tests.report.test_judged import content
from tests.report.test_pictures import LEGEND

from landweave.errors import ConfigError
from landweave.legend import legend
from landweave.raster.write import write_map, write_tile
from landweave.report.gather import gather
from landweave.report.material import Material
from landweave.report.pictures import Place, rows

IDS = np.random.default_rng(3).choice(np.array(LEGEND.ids, np.uint8), (40, 50))


def judged(folder: Path, crs: str | None, **told: str) -> Material:
    """What a report says of a map of IDS, judged by what `told` names."""
    grid = GeoBox(IDS.shape, Affine(10, 0, 5e5, 0, -10, 5e6), crs)
    write_map(folder / "map.tif", IDS, grid, LEGEND)
    write_json(folder / "map.json", item())
    write_json(folder / "summary.json", SUMMARY)
    told = {"map": str(folder / "map.tif"), **told}
    write_json(folder / "evaluation.json", {**content(0.9), "configuration": told})
    return gather([folder], "A map")


def captions(material: Material) -> list[str]:
    return [picture.caption for picture in material.rows[0].pictures]


def test_an_array_is_compared_pixel_by_pixel(tmp_path: Path) -> None:
    np.savez(tmp_path / "truth.npz", msk=IDS[..., None])
    material = judged(tmp_path, None, truth=str(tmp_path / "truth.npz:msk"))
    assert captions(material) == ["Map", "Truth", "Where they differ: 0.0 % (red)"]
    assert not material.unread


def test_polygons_leave_the_map_alone(tmp_path: Path) -> None:
    (tmp_path / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    material = judged(tmp_path, "EPSG:32633", truth=str(tmp_path / "fields.geojson"))
    assert captions(material) == ["Map"]
    assert material.unread == (f"{tmp_path / 'fields.geojson'}: the truth is no raster of class ids",)


@pytest.mark.parametrize("named", [None, "eurosat"])
def test_another_legend_is_not_shown_in_the_map_s_colours(tmp_path: Path, named: str | None) -> None:
    other = legend("eurosat")
    grid = GeoBox(IDS.shape, Affine(10, 0, 5e5, 0, -10, 5e6), "EPSG:32633")
    write_map(tmp_path / "truth.tif", np.full(IDS.shape, other.ids[0], np.uint8), grid, other)
    told = {"truth": str(tmp_path / "truth.tif")} | ({"truth_legend": named} if named else {})
    material = judged(tmp_path, "EPSG:32633", **told)
    assert captions(material) == ["Map"]
    assert "another legend than the map" in material.unread[0]


def test_a_truth_of_the_same_legend_by_name(tmp_path: Path) -> None:
    grid = GeoBox(IDS.shape, Affine(10, 0, 5e5, 0, -10, 5e6), "EPSG:32633")
    write_tile(tmp_path / "truth.tif", IDS[None], grid)
    told = {"truth": str(tmp_path / "truth.tif"), "truth_legend": LEGEND.name}
    assert "Truth" in captions(judged(tmp_path, "EPSG:32633", **told))


def test_what_a_truth_declares_as_no_data_is_no_difference(tmp_path: Path) -> None:
    grid = GeoBox(IDS.shape, Affine(10, 0, 5e5, 0, -10, 5e6), "EPSG:32633")
    write_map(tmp_path / "map.tif", IDS, grid, LEGEND)
    half = IDS.copy()
    half[:20] = 99
    write_tile(tmp_path / "truth.tif", half[None], grid, nodata=99)
    (row,) = rows(Place(tmp_path / "map.tif", LEGEND, tmp_path / "truth.tif"))
    assert row.pictures[-1].caption == "Where they differ: 0.0 % (red)"


def test_a_name_that_was_not_judged_cannot_come_first(tmp_path: Path) -> None:
    write_json(tmp_path / "evaluation.json", content(0.9))
    with pytest.raises(ConfigError) as caught:
        gather([tmp_path], "A map", "U-Nett")
    assert "--first U-Nett" in caught.value.given
    assert "U-Net" in caught.value.expected
    assert "leave --first away" in caught.value.do


def test_without_a_figure_it_stands_last(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "evaluation.json", {**content(0.9), "name": "none", "overall": None})
    write_json(tmp_path / "b" / "evaluation.json", {**content(0.2), "name": "bad"})
    write_json(tmp_path / "c" / "evaluation.json", {**content(0.8), "name": "good"})
    assert [one.name for one in gather([tmp_path], "A map").judgements] == ["good", "bad", "none"]
