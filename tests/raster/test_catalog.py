"""Catalogs: scenes in one GeoParquet file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import geopandas
import pytest
from tests.raster.making import grid, write_landsat, write_safe, write_sidecar_tif
from tests.raster.test_item import SCENES

from landweave.errors import CatalogError, OutputError
from landweave.raster.catalog import read_catalog, write_catalog
from landweave.raster.products import recognise
from landweave.raster.scene import BandFile


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    write_safe(tmp_path / "scenes")
    write_landsat(tmp_path / "scenes")
    write_sidecar_tif(tmp_path / "scenes")
    return tmp_path / "scenes"


def test_there_and_back(tmp_path: Path, mixed: Path) -> None:
    scenes = recognise(mixed).scenes
    assert len(scenes) == 3
    write_catalog(scenes, tmp_path / "catalog.parquet")
    assert read_catalog(tmp_path / "catalog.parquet") == list(scenes)


def test_scenes_of_all_kinds_in_one_file(tmp_path: Path) -> None:
    scenes = [dataclasses.replace(scene, id=name) for name, scene in SCENES.items()]
    write_catalog(scenes, tmp_path / "catalog.parquet")
    assert read_catalog(tmp_path / "catalog.parquet") == scenes


def test_equal_scenes_give_equal_bytes(tmp_path: Path, mixed: Path) -> None:
    write_catalog(recognise(mixed).scenes, tmp_path / "one.parquet")
    write_catalog(recognise(mixed).scenes, tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_other_programs_read_it(tmp_path: Path, mixed: Path) -> None:
    path = tmp_path / "catalog.parquet"
    write_catalog(recognise(mixed).scenes, path)
    table = geopandas.read_parquet(path)
    assert len(table) == 3
    assert table.crs.to_epsg() == 4326
    assert table.geometry.intersects(geopandas.points_from_xy([10.274], [45.1445], crs=4326)[0]).all()
    found = duckdb.sql(
        f'select id, "proj:code", assets.B02.href from \'{path}\' where "eo:cloud_cover" > 10'
    ).fetchall()
    assert [(row[1], Path(row[2]).name) for row in found] == [("EPSG:32632", "T32TNR_20240701T101530_B02_10m.tif")]


def test_empty_catalogs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as caught:
        write_catalog([], tmp_path / "catalog.parquet")
    assert "no scene" in caught.value.given
    assert "at least one" in caught.value.expected
    assert "folders" in caught.value.do
    assert not list(tmp_path.iterdir())


def test_one_scene_twice_is_refused(tmp_path: Path, mixed: Path) -> None:
    scenes = recognise(mixed).scenes
    with pytest.raises(CatalogError) as caught:
        write_catalog([*scenes, scenes[0]], tmp_path / "catalog.parquet")
    assert f"two scenes called {scenes[0].id}" in caught.value.given
    assert "each scene once" in caught.value.expected
    assert "leave one of the folders away" in caught.value.do


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    odd = dataclasses.replace(SCENES["plain"], files={"B02": BandFile("/data/caf\udce9.tif")})
    with pytest.raises(CatalogError) as caught:
        write_catalog([odd], tmp_path / "catalog.parquet")
    assert "\\udce9" in caught.value.given
    assert "UTF-8" in caught.value.expected
    assert "rename" in caught.value.do
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, b"", b"PAR1", b"x" * 1000])
def test_missing_and_damaged_catalogs_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "catalog.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogError) as caught:
        read_catalog(path)
    assert "catalog.parquet" in caught.value.given
    assert "a catalog of landweave" in caught.value.expected
    assert "landweave catalog" in caught.value.do


def test_truncated_catalogs_are_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.parquet"
    write_catalog([SCENES["plain"]], path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CatalogError, match=r"catalog\.parquet"):
        read_catalog(path)


def test_other_parquet_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    geopandas.GeoDataFrame({"a": [1]}, geometry=geopandas.points_from_xy([0], [0]), crs=4326).to_parquet(path)
    with pytest.raises(CatalogError, match=r"other\.parquet"):
        read_catalog(path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_catalog([SCENES["plain"]], tmp_path / "file" / "catalog.parquet")


def test_the_grid_is_kept_to_the_last_digit(tmp_path: Path) -> None:
    odd = grid().zoom_out(7 / 3)
    write_catalog([dataclasses.replace(SCENES["plain"], grid=odd)], tmp_path / "catalog.parquet")
    assert read_catalog(tmp_path / "catalog.parquet")[0].grid == odd
