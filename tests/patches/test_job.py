"""Cutting from scenes and labels: numbers, masks, parts, refusals."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from tests.patches import scenes
from tests.patches.scenes import cut, job, write_labels, write_polygons, write_scene

from landweave.errors import (
    CatalogError,
    ConfigError,
    GridError,
    LandweaveError,
    LegendError,
    OutputError,
    RadiometryError,
    SceneError,
    SensorError,
    SplitError,
)
from landweave.legend import IGNORE, load_legends
from landweave.patches.archive import Archive
from landweave.sensors import sensor


@pytest.fixture
def simple(tmp_path: Path) -> tuple[Path, Archive]:
    wanted = job(tmp_path, [write_scene(tmp_path)], write_labels(tmp_path / "labels.tif"))
    return tmp_path, cut(wanted, tmp_path / "archive")[0]


def places(archive: Archive) -> list[tuple[int, int]]:
    """(row, col) of each patch in 10 m pixels of the scene."""
    table = archive.table()
    rows, cols = (scenes.CORNER[1] - table["top"]) / 10, (table["left"] - scenes.CORNER[0]) / 10
    return [(round(row), round(col)) for row, col in zip(rows, cols, strict=True)]


def test_patches_hold_the_numbers_of_the_scene_at_each_pixel_size(simple: tuple[Path, Archive]) -> None:
    archive = simple[1]
    assert archive.layout.bands == ("B02", "B03", "B05", "B09")
    got = archive.batch(range(len(archive)))
    assert len(archive) > 20
    views = (("data_10m", ("B02", "B03"), 10), ("data_20m", ("B05",), 20), ("data_60m", ("B09",), 60))
    for index, (row, col) in enumerate(places(archive)):
        if min(row, col) < 0 or max(row, col) > 108:
            continue
        for key, bands, size in views:
            edge, r, c = 120 // size, row * 10 // size, col * 10 // size
            whole = np.concatenate([scenes.numbers(band, 1200) for band in bands])
            np.testing.assert_array_equal(got[key][index], whole[:, r : r + edge, c : c + edge])


def test_masks_are_indices_of_the_legend(simple: tuple[Path, Archive]) -> None:
    folder, archive = simple
    legend = load_legends(folder / "legends.toml")["three"]
    whole = legend.to_indices(scenes.labels())
    assert set(np.unique(whole)) == {0, 1, 2, IGNORE}
    seen = 0
    for (row, col), mask in zip(places(archive), archive.batch(range(len(archive)))["mask"], strict=True):
        if min(row, col) >= 0 and max(row, col) <= 108:
            np.testing.assert_array_equal(mask, whole[row : row + 12, col : col + 12])
            seen += 1
    assert seen > 10


def test_parts_lie_apart_and_the_distance_is_told(simple: tuple[Path, Archive]) -> None:
    table, manifest = simple[1].table(), simple[1].manifest
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        left, right = (table[table["split"] == part].geometry for part in (one, other))
        measured = min(shape.distance(rival) for shape in left for rival in right)
        assert measured >= 60
        assert manifest["distance_m"][f"{one}-{other}"] == pytest.approx(measured)
    assert table.groupby("block")["split"].nunique().max() == 1


def test_an_older_baseline_is_stored_in_the_newest_encoding(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    older = {band: (scenes.numbers(band, 1200) - 1000).astype(np.uint16) for band in scenes.SIZES}
    maps = write_labels(tmp_path / "labels.tif")
    first = cut(job(new, [write_scene(new)], maps), new / "archive")[0]
    second = cut(job(old, [write_scene(old, changed=older, offset=0.0)], maps), old / "archive")[0]
    for key, array in first.batch(range(len(first))).items():
        np.testing.assert_array_equal(array, second.batch(range(len(second)))[key])


def test_invalid_pixels_have_no_label_and_no_number(tmp_path: Path) -> None:
    valid = np.ones((120, 120), np.uint8)
    valid[:, :68] = 0
    scene = write_scene(tmp_path, valid=valid)
    archive, records = cut(job(tmp_path, [scene], write_labels(tmp_path / "labels.tif"), min_valid=0.1), tmp_path / "a")
    got = archive.batch(range(len(archive)))
    assert not got["valid"].all() and got["valid"].any(axis=(1, 2)).all()
    assert (got["mask"][~got["valid"]] == IGNORE).all()
    assert (got["data_10m"].swapaxes(0, 1)[:, ~got["valid"]] == 0).any()
    assert int(records[-2].summary["left: too few valid pixels"]) > 5
    assert archive.manifest["left"]["left: too few valid pixels"] > 5


def test_two_scenes_share_their_blocks(tmp_path: Path) -> None:
    corner = (scenes.CORNER[0] + 240, scenes.CORNER[1] - 180)
    both = [write_scene(tmp_path, "S2-a"), write_scene(tmp_path, "S2-b", corner=corner)]
    archive = cut(job(tmp_path, both, write_labels(tmp_path / "labels.tif")), tmp_path / "a")[0]
    table = archive.table()
    assert set(table["scene"]) == {"S2-a", "S2-b"}
    assert table.groupby("block")["split"].nunique().max() == 1
    assert table.groupby("block")["scene"].nunique().max() == 2
    assert min(archive.manifest["distance_m"].values()) >= 60


def test_scenes_of_two_zones_stay_apart(tmp_path: Path) -> None:
    here = write_scene(tmp_path, "S2-a", corner=(263_520.0, 4_987_800.0))
    there = write_scene(tmp_path, "S2-b", corner=(736_500.0 - 600, 4_987_800.0), crs="EPSG:32632")
    both = [here, there]
    ids = tmp_path / "labels.tif"
    scenes.write_tile(ids, scenes.labels(6000)[None], scenes.grid(6000, corner=(261_000.0, 4_990_000.0)))
    archive, _ = cut(job(tmp_path, both, ids, reproject=True), tmp_path / "a")
    assert set(archive.table()["crs"]) == {"EPSG:32632", "EPSG:32633"}
    assert archive.table().crs.to_epsg() == 4326
    assert archive.manifest["left"]["left: too near to another part"] > 0
    # A rectangle in one zone is turned in the other: what is promised is that parts do not touch.
    assert min(value for value in archive.manifest["distance_m"].values() if value is not None) > 0


def test_each_scene_may_have_its_own_labels(tmp_path: Path) -> None:
    first = write_scene(tmp_path, "one")
    second = write_scene(tmp_path, "two", date=dt.date(2024, 7, 1))
    write_labels(tmp_path / "2023.tif", np.full((120, 120), 1, np.uint8))
    write_labels(tmp_path / "2024.tif", np.full((120, 120), 5, np.uint8))
    archive = cut(job(tmp_path, [first, second], tmp_path / "{year}.tif"), tmp_path / "a")[0]
    masks, table = archive.batch(range(len(archive)))["mask"], archive.table()
    assert set(np.unique(masks[(table["scene"] == "one").to_numpy()])) <= {0, IGNORE}
    assert set(np.unique(masks[(table["scene"] == "two").to_numpy()])) <= {2, IGNORE}


def test_scenes_are_chosen_by_sensor_and_period(tmp_path: Path) -> None:
    both = [write_scene(tmp_path, "one"), write_scene(tmp_path, "two", date=dt.date(2024, 7, 1))]
    wanted = job(tmp_path, both, write_labels(tmp_path / "l.tif"), period=["2024-01-01", "2024-12-31"])
    assert set(cut(wanted, tmp_path / "a")[0].table()["scene"]) == {"two"}
    check(tmp_path, wanted.model_copy(update={"sensor": "naip"}), CatalogError, "naip", "sentinel-2-l2a", "--sensor")


def test_pixels_can_be_cut_in_another_crs(tmp_path: Path) -> None:
    smooth = {}
    for band, size in scenes.SIZES.items():
        rows, cols = np.mgrid[: 1200 // size, : 1200 // size]
        smooth[band] = (2000 + (rows + cols + 1) * size).astype(np.uint16)[None]
    scene = write_scene(tmp_path, changed=smooth)
    wanted = job(tmp_path, [scene], write_labels(tmp_path / "l.tif"), crs="EPSG:25833")
    archive = cut(wanted, tmp_path / "a")[0]
    row = archive.table().iloc[5]
    assert row["crs"] == "EPSG:25833"
    middle = archive.batch([5])["data_10m"][0, 0, 6, 6]
    east, south = row["left"] + 65 - scenes.CORNER[0], scenes.CORNER[1] - row["top"] + 65
    assert middle == pytest.approx(2000 + east + south, abs=15)


def test_polygons_are_dealt_whole_and_each_labels_its_own_patch(tmp_path: Path) -> None:
    squares = [(60.0 + 250 * (i % 4), 80.0 + 250 * (i // 4), 60.0, "ab"[i % 2]) for i in range(16)]
    squares += [(120.0, 80.0, 60.0, "a")]
    path = write_polygons(tmp_path / "fields.geojson", squares)
    archive = cut(job(tmp_path, [write_scene(tmp_path)], path), tmp_path / "a")[0]
    table = archive.table()
    assert archive.layout.legend.names == ("a", "b")
    assert len(table) == 17
    assert table.iloc[0]["block"] == table.iloc[16]["block"] and table.iloc[0]["split"] == table.iloc[16]["split"]
    for part in ("train", "validation", "test"):
        masks = archive.batch(archive.part(part))["mask"]
        assert (masks == 0).any() and (masks == 1).any() and (masks == IGNORE).any()
    counts = (archive.batch(range(17))["mask"] != IGNORE).sum(axis=(1, 2))
    assert set(counts.tolist()) == {36}
    assert min(archive.manifest["distance_m"].values()) > 0


def test_a_polygon_larger_than_a_patch_is_cut_without_gap_or_overlap(tmp_path: Path) -> None:
    squares = [(97.0, 197.0, 310.0, "a"), (600.0, 100.0, 30.0, "a"), (800.0, 300.0, 30.0, "a")]
    path = write_polygons(tmp_path / "fields.geojson", squares)
    archive = cut(job(tmp_path, [write_scene(tmp_path)], path), tmp_path / "a")[0]
    count = np.zeros((120, 120), int)
    table = archive.table()
    for index in np.flatnonzero(table["block"] == "polygon 0"):
        row, col = places(archive)[index]
        mask = archive.batch([index])["mask"][0]
        count[row : row + 12, col : col + 12] += mask == 0
    assert count.max() == 1
    assert count.sum() == 31 * 31
    assert table[table["block"] == "polygon 0"]["labelled"].area.sum() == pytest.approx(310**2)


def test_areas_of_the_user_decide(tmp_path: Path) -> None:
    areas = [(0.0, 0.0, 500.0, "train"), (560.0, 0.0, 300.0, "validation"), (0.0, 560.0, 600.0, "test")]
    path = write_polygons(tmp_path / "areas.geojson", areas, "split")
    wanted = job(tmp_path, [write_scene(tmp_path)], write_labels(tmp_path / "l.tif"), areas=path)
    archive = cut(wanted, tmp_path / "a")[0]
    shapes = geopandas.read_file(path).set_index("split").geometry
    for _, row in archive.table().iterrows():
        assert shapes[row["split"]].covers(row["footprint"])
    assert archive.manifest["left"]["left: not within one area"] > 0
    assert set(archive.table()["split"]) == {"train", "validation", "test"}


def check(folder: Path, wanted: Any, kind: type[LandweaveError], given: str, expected: str, do: str) -> None:
    """The job is refused with all three parts, and nothing stands under a final name."""
    out = folder / "refused"
    with pytest.raises(kind) as caught:
        cut(wanted, out)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do
    assert not list(out.rglob("*.h5")) and not (out / "archive.json").exists()


@pytest.mark.parametrize("areas", [[(0, 500, "train"), (400, 500, "test")], [(0, 500, "train"), (500, 500, "test")]])
def test_areas_that_overlap_or_touch_are_refused(tmp_path: Path, areas: list[tuple[float, float, str]]) -> None:
    path = write_polygons(tmp_path / "areas.geojson", [(left, 0, edge, part) for left, edge, part in areas], "split")
    wanted = job(tmp_path, [write_scene(tmp_path)], write_labels(tmp_path / "l.tif"), areas=path)
    check(tmp_path, wanted, SplitError, "train and test that overlap or touch", "land between", "mend the areas")


def test_areas_of_an_unknown_part_are_refused(tmp_path: Path) -> None:
    path = write_polygons(tmp_path / "areas.geojson", [(0, 0, 500, "holdout")], "split")
    wanted = job(tmp_path, [write_scene(tmp_path)], write_labels(tmp_path / "l.tif"), areas=path)
    check(tmp_path, wanted, SplitError, "holdout", "train, validation, test", "split")


def test_bad_input_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    scene, maps = write_scene(tmp_path), write_labels(tmp_path / "l.tif")
    wanted = job(tmp_path, [scene], maps)

    def changed(**values: Any) -> Any:
        return wanted.model_copy(update=values)

    check(tmp_path, changed(bands=("B02", "B04")), SensorError, "B04", "B02, B03, B05, B09", "fetch")
    check(tmp_path, changed(bands=("B02", "B2")), SensorError, "B2", "B", "name a band")
    check(tmp_path, changed(bands=("B02", "B02")), SensorError, "B02, B02", "once", "once")
    check(tmp_path, changed(patch_px=13), ConfigError, "13 pixels", "multiple of 6", "12")
    check(tmp_path, changed(gap_px=0), SplitError, "gap of 0", "at least 1", "gap_px")
    check(tmp_path, changed(patch_px=120, block_patches=3), SplitError, "1 blocks", "each part", "smaller")
    check(tmp_path, changed(legend=None), LegendError, "l.tif", "legend of its ids", "--legend")
    check(tmp_path, changed(legend="thre"), LegendError, "thre", "three", "--legends")
    check(tmp_path, changed(pixel_size_m=30.0), GridError, "10 x 10", "30 m", "--crs")
    check(tmp_path, changed(labels=tmp_path / "none.tif"), SceneError, "none.tif", "polygons", "--labels")
    check(tmp_path, changed(scenes=tmp_path / "none.parquet"), CatalogError, "none.parquet", "catalog", "landweave")


def test_a_map_with_foreign_ids_is_refused(tmp_path: Path) -> None:
    maps = write_labels(tmp_path / "l.tif", np.full((120, 120), 77, np.uint8))
    check(tmp_path, job(tmp_path, [write_scene(tmp_path)], maps), LegendError, "77", "[1, 2, 5]", "crosswalk")


def test_digital_numbers_for_reflectance_are_refused(tmp_path: Path) -> None:
    scene = write_scene(tmp_path)
    files = {name: type(file)(file.href, 1, 1.0, 0.0, 0) for name, file in scene.files.items()}
    raw = type(scene)(scene.id, scene.sensor, scene.datetime, scene.grid, files)
    wanted = job(tmp_path, [raw], write_labels(tmp_path / "l.tif"))
    check(tmp_path, wanted, RadiometryError, "looks like digital numbers", "reflectance", "scale and offset")


def test_an_offset_removed_twice_is_refused(tmp_path: Path) -> None:
    dark = {band: np.full_like(scenes.numbers(band, 1200), 120) for band in scenes.SIZES}
    wanted = job(tmp_path, [write_scene(tmp_path, changed=dark)], write_labels(tmp_path / "l.tif"))
    check(tmp_path, wanted, RadiometryError, "removed twice", "reflectance", "--offset")


@pytest.mark.parametrize("size", [0, 900])
def test_a_truncated_band_is_refused(tmp_path: Path, size: int) -> None:
    wanted = job(tmp_path, [write_scene(tmp_path)], write_labels(tmp_path / "l.tif"))
    path = tmp_path / "S2_B05.tif"
    path.write_bytes(path.read_bytes()[:size])
    check(tmp_path, wanted, SceneError, "S2_B05.tif", "raster", "fetch")


def test_a_scene_without_a_valid_pixel_is_refused_with_the_count(tmp_path: Path) -> None:
    scene = write_scene(tmp_path, valid=np.zeros((120, 120), np.uint8))
    wanted = job(tmp_path, [scene], write_labels(tmp_path / "l.tif"))
    given = "0 patches, none for training; left away: too few valid pixels"
    check(tmp_path, wanted, SplitError, given, "at least one", "left away")


def test_scenes_of_two_sensors_are_refused(tmp_path: Path) -> None:
    one, other = write_scene(tmp_path, "one"), write_scene(tmp_path, "two")
    foreign = type(other)(other.id, sensor("sentinel-2-l1c"), other.datetime, other.grid, other.files)
    wanted = job(tmp_path, [one, foreign], write_labels(tmp_path / "l.tif"))
    check(tmp_path, wanted, SensorError, "sentinel-2-l1c", "one sensor", "--sensor")


def test_polygons_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    scene = write_scene(tmp_path)
    path = write_polygons(tmp_path / "fields.geojson", [(100, 100, 60, "a"), (300, 300, 60, "z")])
    wanted = job(tmp_path, [scene], path, legends=tmp_path / "legends.toml", legend="three")
    check(tmp_path, wanted, LegendError, "classes z", "a, b, c", "--legend")
    wanted = job(tmp_path, [scene], path, class_property="crop")
    check(tmp_path, wanted, ConfigError, "class", "property crop", "class_property")
    path.write_text("{")
    check(tmp_path, job(tmp_path, [scene], path), SceneError, "fields.geojson", "GeoJSON", "check the path")


def test_the_work_of_another_job_is_not_mixed_in(tmp_path: Path) -> None:
    wanted = job(tmp_path, [write_scene(tmp_path)], write_labels(tmp_path / "l.tif"))
    cut(wanted, tmp_path / "a")
    before = scenes.hashes(tmp_path / "a")
    with pytest.raises(OutputError) as caught:
        cut(wanted.model_copy(update={"seed": 7}), tmp_path / "a")
    assert "seed was 0, is now 7" in caught.value.given
    assert "empty folder" in caught.value.expected
    assert "-o" in caught.value.do
    assert scenes.hashes(tmp_path / "a") == before
