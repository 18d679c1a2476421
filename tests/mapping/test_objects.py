"""Objects as polygons: whole across the borders of tiles, as if the whole map had been outlined in one go."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet
import pytest
import shapely
from tests.mapping.places import LEGEND, grid_at, make_card, make_catalog, make_scene

from landweave.errors import LegendError
from landweave.mapping.job import run
from landweave.mapping.objects import NAME
from landweave.mapping.prepare import MapJob
from landweave.raster.read import read_map

NAMES = ("Class 1", "Class 4")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    make_card(folder / "card")
    holes = [(slice(30, 70), slice(100, 140))]
    make_catalog(folder / "c.parquet", make_scene(folder, "s", grid_at(220, 200), holes=holes))
    return folder


def objects(place: Path, out: str, **changes: object) -> geopandas.GeoDataFrame:
    values = {"card": place / "card", "scenes": place / "c.parquet", "precision": "fp32", "objects": NAMES, **changes}
    assert not [record.failed for record in run(MapJob.model_validate(values), place / out) if record.failed]
    return geopandas.read_parquet(place / out / NAME)


def shapes(frame: geopandas.GeoDataFrame) -> set[tuple[str, float, bytes]]:
    return set(zip(frame["class"], frame["area_m2"], frame.geometry.to_wkb(), strict=True))


@pytest.fixture(scope="module")
def tiled(place: Path) -> geopandas.GeoDataFrame:
    return objects(place, "tiled", core_px=64, sheet_px=128)


def test_no_object_is_cut_by_a_tile(place: Path, tiled: geopandas.GeoDataFrame) -> None:
    whole = objects(place, "whole", core_px=512)
    assert len(whole) > 20
    assert tiled["tiles"].str.contains(" ").sum() > 5
    assert shapes(tiled) == shapes(whole)
    assert len(tiled) == len(whole)


def test_objects_cover_exactly_the_pixels_of_their_class(place: Path, tiled: geopandas.GeoDataFrame) -> None:
    from rasterio.features import rasterize

    ids, grid = read_map(place / "tiled" / "map.vrt")
    assert tiled.geometry.is_valid.all()
    assert set(tiled.geometry.geom_type) == {"Polygon"}
    assert tiled.crs == "EPSG:32633"
    for name in NAMES:
        here = ids == LEGEND.ids[LEGEND.index(name)]
        drawn = tiled[tiled["class"] == name]
        mask = rasterize(drawn.geometry, grid.shape, transform=grid.affine)
        assert here.any()
        np.testing.assert_array_equal(mask == 1, here)
        assert drawn["area_m2"].sum() == here.sum() * 100
        np.testing.assert_allclose(drawn.geometry.area, drawn["area_m2"])


def test_what_the_table_holds(place: Path, tiled: geopandas.GeoDataFrame) -> None:
    assert list(tiled.columns) == ["id", "class_id", "class", "area_m2", "tiles", "geometry"]
    assert tiled["id"].tolist() == list(range(1, len(tiled) + 1))
    assert set(zip(tiled["class"], tiled["class_id"], strict=True)) == {("Class 1", 20), ("Class 4", 50)}
    words = pyarrow.parquet.read_schema(place / "tiled" / NAME).metadata
    assert json.loads(words[b"landweave"])["format"] == 1
    assets = json.loads((place / "tiled" / "map.json").read_text())["assets"]
    assert assets["objects"]["href"] == f"./{NAME}"


def test_duckdb_opens_it(place: Path, tiled: geopandas.GeoDataFrame) -> None:
    import duckdb

    found = duckdb.sql(f"SELECT class, sum(area_m2) FROM '{place / 'tiled' / NAME}' GROUP BY class ORDER BY class")
    expected = tiled.groupby("class")["area_m2"].sum()
    assert found.fetchall() == list(expected.items())


def test_small_ones_are_left_away_after_joining(place: Path, tiled: geopandas.GeoDataFrame) -> None:
    some = objects(place, "large", core_px=64, min_area_m2=20_000)
    assert shapes(some) == {entry for entry in shapes(tiled) if entry[1] >= 20_000}
    assert 0 < len(some) < len(tiled)


def test_simpler_outlines_are_the_same_however_cut(place: Path, tiled: geopandas.GeoDataFrame) -> None:
    one, other = (objects(place, f"simple{core}", core_px=core, simplify_m=15) for core in (64, 512))
    assert shapes(one) == shapes(other)
    corners = [shapely.get_num_coordinates(frame.geometry.values).sum() for frame in (one, tiled)]
    assert corners[0] < 0.8 * corners[1]
    assert one["area_m2"].sum() == tiled["area_m2"].sum()


def test_run_again_the_bytes_are_the_same(place: Path, tiled: geopandas.GeoDataFrame) -> None:
    path = place / "tiled" / NAME
    before = path.read_bytes()
    path.unlink()
    objects(place, "tiled", core_px=64, sheet_px=128)
    assert path.read_bytes() == before


def test_a_class_without_a_pixel_gives_an_empty_table(place: Path) -> None:
    some = objects(place, "none", core_px=64, min_area_m2=1e12)
    assert len(some) == 0
    assert some.crs == "EPSG:32633"


def test_a_class_that_is_none_is_refused(place: Path) -> None:
    with pytest.raises(LegendError, match="Clas 1") as caught:
        objects(place, "wrong", objects=("Clas 1",))
    assert "Class 1" in caught.value.expected
    assert caught.value.do
    assert not (place / "wrong").exists()
