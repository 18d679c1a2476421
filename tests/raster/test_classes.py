"""What a map's files tell of its classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.errors import SceneError
from landweave.legend import LandClass, Legend, known_legends
from landweave.raster.classes import read_legend, read_nodata
from landweave.raster.write import write_map, write_tile

GRID = GeoBox((8, 8), Affine(10, 0, 0, 0, -10, 0), "EPSG:32633")
OWN = Legend("mine", "me", (LandClass(3, 'Moss & "lichen" <wet>', "#00aa0f"), LandClass(7, "Wässer", "#0000ff")))


def made(folder: Path, legend: Legend) -> Path:
    write_map(folder / "map.tif", np.full((8, 8), legend.ids[0], np.uint8), GRID, legend)
    return folder / "map.tif"


@pytest.mark.parametrize("name", list(known_legends()))
def test_a_known_legend_comes_back_with_its_name(name: str, tmp_path: Path) -> None:
    path = made(tmp_path, known_legends()[name])
    assert read_legend(path) == known_legends()[name]
    assert read_nodata(path) == known_legends()[name].nodata


def test_a_legend_of_ones_own_comes_back_with_all_its_letters(tmp_path: Path) -> None:
    found = read_legend(made(tmp_path, OWN))
    assert found is not None
    assert found.classes == OWN.classes
    assert found.name == "map"


def test_a_file_without_a_table_tells_nothing(tmp_path: Path) -> None:
    write_tile(tmp_path / "plain.tif", np.zeros((1, 8, 8), np.uint8), GRID)
    assert read_legend(tmp_path / "plain.tif") is None
    assert read_nodata(tmp_path / "plain.tif") is None
    (tmp_path / "plain.tif.aux.xml").write_text("<PAMDataset><Metadata/></PAMDataset>")
    assert read_legend(tmp_path / "plain.tif") is None


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_damaged_table_is_named(share: float, tmp_path: Path) -> None:
    beside = made(tmp_path, OWN).with_name("map.tif.aux.xml")
    text = beside.read_text(encoding="utf-8")
    beside.write_text(text[: int(share * len(text))], encoding="utf-8")
    with pytest.raises(SceneError) as caught:
        read_legend(tmp_path / "map.tif")
    assert "aux.xml" in caught.value.given
    assert all((caught.value.expected, caught.value.do))


def test_a_table_of_other_columns_is_named(tmp_path: Path) -> None:
    beside = made(tmp_path, OWN).with_name("map.tif.aux.xml")
    beside.write_text(beside.read_text(encoding="utf-8").replace("<F>3</F>", "<F>three</F>"), encoding="utf-8")
    with pytest.raises(SceneError):
        read_legend(tmp_path / "map.tif")
