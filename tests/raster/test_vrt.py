"""Many rasters as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from tests.raster.making import grid, numbers

from landweave.legend import LandClass, Legend, legend
from landweave.raster.vrt import aux_xml, mosaic
from landweave.raster.write import write_tile
from landweave.tiling import Window


def test_later_sources_cover_earlier_ones(tmp_path: Path) -> None:
    first, second = numbers(grid(), 1), numbers(grid(20), 2)
    write_tile(tmp_path / "first.tif", first, grid(), 0)
    write_tile(tmp_path / "second.tif", second, Window(5, 30, 20, 20).on(grid()), 0)
    text = mosaic([str(tmp_path / "first.tif"), str(tmp_path / "second.tif")], grid(), nodata=0)
    with rasterio.open(text) as whole:
        found = whole.read()
    np.testing.assert_array_equal(found[:, 5:25, 30:50], second)
    found[:, 5:25, 30:50] = first[:, 5:25, 30:50]
    np.testing.assert_array_equal(found, first)


def test_sources_may_reach_outside_the_grid(tmp_path: Path) -> None:
    array = numbers(grid())
    write_tile(tmp_path / "a.tif", array, Window(-10, 20, 60, 60).on(grid()))
    with rasterio.open(mosaic([str(tmp_path / "a.tif")], grid(), nodata=0)) as whole:
        found = whole.read()
    np.testing.assert_array_equal(found[:, :50, 20:], array[:, 10:, :40])
    assert not found[:, :, :20].any()
    assert not found[:, 50:].any()


def test_colours_names_and_tags(tmp_path: Path) -> None:
    write_tile(tmp_path / "a.tif", np.ones((1, 60, 60), np.uint8), grid())
    known = legend("worldcover")
    words = {"legend": known, "nodata": 0, "band_names": ["land cover"], "tags": {"b": "<&>", "a": "x"}}
    with rasterio.open(mosaic([str(tmp_path / "a.tif")], grid(), **words)) as whole:
        assert whole.colormap(1)[10] == (0, 100, 0, 255)
        assert whole.colormap(1)[11] == (0, 0, 0, 0)
        assert whole.descriptions == ("land cover",)
        assert whole.tags()["b"] == "<&>"
        assert whole.crs.to_epsg() == 32632


def test_the_text_depends_on_its_arguments_alone(tmp_path: Path) -> None:
    write_tile(tmp_path / "a.tif", np.ones((1, 60, 60), np.uint8), grid())
    sources = [str(tmp_path / "a.tif")]
    one = mosaic(sources, grid(), tags={"a": "1", "b": "2"})
    assert one == mosaic(sources, grid(), tags={"b": "2", "a": "1"})
    assert one != mosaic(sources, grid(), tags={"a": "1", "b": "3"})


def test_names_are_escaped() -> None:
    text = aux_xml(Legend("odd", "a test", (LandClass(2, "bush & <tree>", "#010203"),)))
    assert "bush &amp; &lt;tree&gt;" in text
    assert text.count("<Category>") == 3
    assert "<F>1</F><F>2</F><F>3</F>" in text
