"""The index: GeoParquet that says where every patch lies, in one CRS or in longitude and latitude."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pyarrow.parquet
import pytest
import shapely

from landweave.patches import index
from landweave.patches.sample import Row

BOUNDS = (399_960.0, 5_299_920.0, 400_080.0, 5_300_040.0)


def row(name: str, crs: str = "EPSG:32633", labelled: str = "") -> Row:
    return Row(name, "train", "b", "scene", "labels.tif", crs, BOUNDS, labelled, "2023-07-12T10:30:00+00:00")


def test_rows_in_one_crs_keep_it(tmp_path: Path) -> None:
    part = "POLYGON ((400000 5300000, 400010 5300000, 400010 5300010, 400000 5300000))"
    index.write(tmp_path / "x.parquet", [row("a"), row("b", labelled=part)], [("s0", 0), ("s0", 1)])
    table = index.read(tmp_path / "x.parquet")
    assert table.crs.to_epsg() == 32633
    assert table.geometry[0].bounds == BOUNDS
    assert table["labelled"][0].bounds == BOUNDS
    assert table["labelled"][1].equals(shapely.from_wkt(part))
    assert table["labelled"].crs == table.crs
    assert list(table.columns[:8]) == ["id", "shard", "row", "split", "block", "scene", "source", "datetime"]
    assert index.read_column(tmp_path / "x.parquet", "id") == ["a", "b"]


def test_rows_in_several_crs_are_brought_to_longitude_and_latitude(tmp_path: Path) -> None:
    index.write(tmp_path / "x.parquet", [row("a"), row("b", "EPSG:32632")], [("s0", 0), ("s1", 0)])
    table = index.read(tmp_path / "x.parquet")
    assert table.crs.to_epsg() == 4326
    east, west = table.geometry.centroid
    assert (east.x, east.y) == pytest.approx((13.66, 47.85), abs=0.01)
    assert east.x - west.x == pytest.approx(6, abs=1e-6)
    assert table["left"].tolist() == [BOUNDS[0]] * 2 and table["crs"].tolist() == ["EPSG:32633", "EPSG:32632"]


def test_pixels_without_a_place_have_no_crs(tmp_path: Path) -> None:
    index.write(tmp_path / "x.parquet", [row("a", "")], [("s0", 0)])
    table = index.read(tmp_path / "x.parquet")
    assert table.crs is None and table.geometry[0].bounds == BOUNDS


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    index.write(tmp_path / "x.parquet", [row("a"), row("b")], [("s0", 0), ("s0", 1)])
    schema = pyarrow.parquet.read_schema(tmp_path / "x.parquet")
    assert b"geo" in schema.metadata
    assert geopandas.read_parquet(tmp_path / "x.parquet", columns=["footprint"]).shape == (2, 1)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("x", "y"):
        index.write(tmp_path / f"{name}.parquet", [row("a"), row("b", "EPSG:32632")], [("s0", 0), ("s1", 0)])
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()


def test_places_are_the_labelled_land() -> None:
    part = "POLYGON ((0 0, 10 0, 10 10, 0 0))"
    whole, some, nowhere = index.places([row("a"), row("b", labelled=part), row("c", "")])
    assert whole.shape.equals(shapely.box(*BOUNDS)) and whole.plane == "EPSG:32633"
    assert some.shape.area == 50
    assert nowhere.plane == "scene"
