"""Polygons: read, grouped, cut into pieces that neither overlap nor miss a pixel."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.patches import scenes

from landweave.errors import ConfigError, GridError, LandweaveError, LegendError, SceneError
from landweave.patches.extract import centres
from landweave.patches.polygons import Polygon, check_labels, groups, make_legend, moved, pieces, read_polygons

GRID = scenes.grid(1200)


def square(left: float, bottom: float, edge: float = 10, label: str = "a") -> Polygon:
    return Polygon("0", shapely.box(left, bottom, left + edge, bottom + edge), scenes.UTM, label)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-100, 1300), st.floats(-100, 1300)), min_size=3, max_size=6, unique=True),
    st.sampled_from([(12, 6), (10, 1), (24, 2)]),
)
def test_pieces_hold_every_pixel_once(points: list[tuple[float, float]], sizes: tuple[int, int]) -> None:
    patch_px, step_px = sizes
    corner = np.array([scenes.CORNER[0], scenes.CORNER[1] - 1200])
    shape = shapely.MultiPoint(np.array(points) + corner).convex_hull.buffer(3)
    count: dict[tuple[float, float], int] = {}
    for window, wkt in pieces(shape, GRID, patch_px, step_px):
        assert window.row % step_px == window.col % step_px == 0
        assert window.shape == (patch_px, patch_px)
        x, y = centres(window.on(GRID))
        inside = shapely.contains_xy(shapely.from_wkt(wkt), x, y)
        for place in zip(x[inside].tolist(), y[inside].tolist(), strict=True):
            count[place] = count.get(place, 0) + 1
    x, y = centres(scenes.grid(2400, corner=(corner[0] - 600, scenes.CORNER[1] + 600)))
    wanted = shapely.contains_xy(shape, x, y)
    assert set(count.values()) <= {1}
    assert len(count) == wanted.sum()


def test_a_small_polygon_lies_in_the_middle_of_one_patch() -> None:
    shape = shapely.box(*(np.array([600, -640, 640, -600]) + np.tile(scenes.CORNER, 2)))
    ((window, wkt),) = pieces(shape, GRID, 24, 6)
    assert (window.row, window.col) == (48, 48)
    assert shapely.from_wkt(wkt).equals(shape)


def test_polygons_that_touch_share_a_group_by_way_of_others() -> None:
    shapes = [square(0, 0), square(50, 0), square(10, 0), square(20, 0), square(55, 5), square(200, 0)]
    assert groups(shapes) == [0, 1, 0, 0, 1, 5]
    assert groups([]) == []


def test_a_legend_of_the_classes_that_are_there() -> None:
    legend = make_legend([square(0, 0, label=name) for name in ("water", "forest", "water")], "fields.geojson")
    assert legend.names == ("forest", "water") and legend.ids == (1, 2) and legend.nodata == 0
    many = make_legend([square(0, 0, label=f"c{i:02d}") for i in range(30)], "x")
    assert len(many) == 30
    check_labels([square(0, 0, label="water")], legend, Path("x"))
    with pytest.raises(LegendError) as caught:
        check_labels([square(0, 0, label="sea")], legend, Path("fields.geojson"))
    assert "classes sea in fields.geojson" in caught.value.given
    assert "forest, water" in caught.value.expected
    assert "--legend" in caught.value.do


def test_polygons_move_to_another_crs_and_back() -> None:
    there = moved([square(400_000, 5_300_000)], "EPSG:4326")
    assert there[0].crs == "EPSG:4326" and 13 < there[0].shape.centroid.x < 14
    (back,) = moved(there, scenes.UTM)
    assert back.shape.symmetric_difference(square(400_000, 5_300_000).shape).area < 1e-3


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".parquet", ".shp"])
def test_vector_files_are_read_alike(tmp_path: Path, suffix: str) -> None:
    shapes = [shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)]
    frame = geopandas.GeoDataFrame({"class": ["a", "b"]}, geometry=shapes, crs="EPSG:4326")
    path = tmp_path / f"x{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
    found = read_polygons(path, "class")
    assert [(polygon.name, polygon.label) for polygon in found] == [("0", "a"), ("1", "b")]
    assert [polygon.shape.equals(shape) for polygon, shape in zip(found, shapes, strict=True)] == [True, True]


def test_a_polygon_that_crosses_itself_is_mended(tmp_path: Path) -> None:
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    features = [{"type": "Feature", "properties": {"class": "a"}, "geometry": bow}]
    (tmp_path / "x.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (polygon,) = read_polygons(tmp_path / "x.geojson", "class")
    assert polygon.shape.is_valid and polygon.shape.area == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("content", "kind", "given_", "expected", "do"),
    [
        (None, SceneError, "x.geojson", "GeoJSON", "check the path"),
        ("", SceneError, "x.geojson", "GeoJSON", "check the path"),
        ("no json", SceneError, "x.geojson", "GeoJSON", "check the path"),
        (
            '{"type": "FeatureCollection", "features": []}',
            ConfigError,
            "0 polygons",
            "property class",
            "class_property",
        ),
    ],
)
def test_files_without_polygons_are_refused(
    tmp_path: Path, content: str | None, kind: type[LandweaveError], given_: str, expected: str, do: str
) -> None:
    if content is not None:
        (tmp_path / "x.geojson").write_text(content)
    with pytest.raises(kind) as caught:
        read_polygons(tmp_path / "x.geojson", "class")
    assert given_ in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


@pytest.mark.parametrize(("names", "shapes", "given"), [
    (["a", None], [shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)], "1 polygons without class"),
    (["a", "b"], [shapely.box(0, 0, 1, 1), shapely.Point(2, 0)], "1 features that are no polygons"),
])  # fmt: skip
def test_what_has_no_class_or_is_no_polygon_is_refused(
    tmp_path: Path, names: list[str | None], shapes: list[shapely.Geometry], given: str
) -> None:
    geopandas.GeoDataFrame({"class": names}, geometry=shapes, crs="EPSG:4326").to_file(tmp_path / "p.geojson")
    with pytest.raises(ConfigError) as caught:
        read_polygons(tmp_path / "p.geojson", "class")
    assert given in caught.value.given
    assert "polygons, all with a class" in caught.value.expected
    assert "fill the property" in caught.value.do


def test_points_and_files_without_a_crs_are_refused(tmp_path: Path) -> None:
    points = geopandas.GeoDataFrame({"class": ["a"]}, geometry=[shapely.Point(0, 0)], crs="EPSG:4326")
    points.to_file(tmp_path / "points.gpkg")
    with pytest.raises(ConfigError) as caught:
        read_polygons(tmp_path / "points.gpkg", "class")
    assert "0 polygons" in caught.value.given and "class" in caught.value.expected and caught.value.do
    lost = geopandas.GeoDataFrame({"class": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)])
    lost.to_file(tmp_path / "lost.shp")
    with pytest.raises(GridError) as caught_grid:
        read_polygons(tmp_path / "lost.shp", "class")
    assert "lost.shp" in caught_grid.value.given
    assert "with a CRS" in caught_grid.value.expected
    assert "its CRS" in caught_grid.value.do
    with pytest.raises(GridError) as caught_scene:
        moved([square(0, 0)], "")
    assert (
        "without a CRS" in caught_scene.value.given and caught_scene.value.expected and "map" in caught_scene.value.do
    )
