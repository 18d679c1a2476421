"""Pairs of two sensors: both views of the land around labelled pixels, parts apart, and rasters that do not fit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.datasets import pair_making as making

from landweave.config import check
from landweave.datasets import pairs
from landweave.datasets.archive import ArchiveDataset
from landweave.datasets.pairspots import candidates, chosen, wanted
from landweave.errors import CatalogError, GridError, LandweaveError, LegendError, SampleError, SensorError
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, open_archive
from landweave.raster.read import read_map
from landweave.raster.write import write_map, write_tile
from landweave.tiling import Window

TOLD: dict[str, Any] = {
    "sensor": "aerial-rgb",
    "beside": "airborne-48",
    "patch_px": 8,
    "per_class": 10,
    "block_px": 24,
    "fractions": (0.5, 0.25, 0.25),
}


def job(place: Path, **changed: Any) -> pairs.PairScenesJob:
    paths = {"scenes": place / "catalog.parquet", "labels": place / "classes.tif"}
    return check(pairs.PairScenesJob, {**paths, **TOLD, **changed}, "here")


def cut(place: Path, out: Path, **changed: Any) -> Archive:
    for _ in pairs.run_catalog(job(place, **changed), out, executor=Serial()):
        pass
    return open_archive(out)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    making.write_place(folder)
    return folder


@pytest.fixture(scope="module")
def archive(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return cut(place, tmp_path_factory.mktemp("own") / "archive", pixels="own")


def test_both_views_are_there_each_on_its_own_pixels(archive: Archive) -> None:
    sample = ArchiveDataset(archive, "train")[0]
    assert {name: view.shape for name, view in sample.views.items()} == {
        "data_0.5m": (3, 8, 8),
        "target_1m": (4, 4, 4),
    }
    assert sample.valid.shape == (4, 4)
    assert sample.valid.all()
    assert archive.layout.pair is not None
    assert archive.layout.pair.sensor == "airborne-48"
    assert "beside 4 bands of airborne-48" in "\n".join(archive.describe())


def test_every_class_is_there_equally_often_and_parts_are_apart(archive: Archive) -> None:
    table = archive.table()
    classes = archive.batch(np.arange(len(archive)))["classes"]
    assert (classes.sum(1) == 1).all()
    for part, num in (("train", 10), ("validation", 5), ("test", 5)):
        counted = Counter(classes[table["split"] == part].argmax(1).tolist())
        assert counted == dict.fromkeys(range(4), num)
    # Two pixels of 0.5 m and never less.
    assert all(metres >= 1.0 for metres in archive.manifest["distance_m"].values())
    assert table.groupby("block")["split"].nunique().max() == 1


def test_the_middle_of_a_patch_has_its_class_and_views_show_its_land(archive: Archive, place: Path) -> None:
    ids, grid = read_map(place / "classes.tif")
    batch, table = archive.batch(np.arange(len(archive))), archive.table()
    for index in range(0, len(archive), 7):
        row, col = (int(part) for part in table["id"][index].split("_"))
        label = batch["classes"][index].argmax()
        assert making.LEGEND.to_indices(ids[row : row + 1, col : col + 1])[0, 0] == label
        # The pixel in the middle itself, as each sensor sees it: the finer view and the other as written.
        left = round((table["left"][index] - grid.boundingbox.left) / 0.5)
        top = round((grid.boundingbox.top - table["top"][index]) / 0.5)
        # Moved by a pixel at most, so that it begins where pixels of both views begin.
        assert (top, left) == ((row - 4) // 2 * 2, (col - 4) // 2 * 2)
        assert (batch["data_0.5m"][index, 0, row - top, col - left] > 120) == (label // 2 == 1)
        assert (batch["target_1m"][index, 1, (row - top) // 2, (col - left) // 2] > 700) == (label % 2 == 1)


def test_on_the_reference_grid_both_views_have_its_pixels(place: Path, tmp_path: Path) -> None:
    made = cut(place, tmp_path / "a", patch_px=7)
    assert made.layout.pair is not None
    assert (made.layout.patch_px, made.layout.pair.px, made.layout.valid_px) == (7, 7, 7)
    assert made.batch(made.part("test"))["target_0.5m"].shape[1:] == (4, 7, 7)


def test_other_shards_hold_the_same_patches(archive: Archive, place: Path, tmp_path: Path) -> None:
    again = cut(place, tmp_path / "a", pixels="own", patches_per_shard=30)
    assert len(again.shards) == 3
    order = [again.ids().index(name) for name in archive.ids()]
    one, other = archive.batch(np.arange(len(archive))), again.batch(order)
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_pixels_that_one_sensor_does_not_see_are_left_away(tmp_path: Path) -> None:
    making.write_rgb(tmp_path / "scenes" / "whole.tif", 0.5)
    # Eight metres of the cube lie beyond the picture, and eight of the picture beyond the cube.
    making.write_hsi(tmp_path / "scenes" / "cube.tif", left=500_008.0)
    write_map(tmp_path / "classes.tif", making.LEGEND.to_ids(making.classes(0.5)), making.grid(0.5), making.LEGEND)
    making.catalog(tmp_path)
    made = cut(tmp_path, tmp_path / "a", per_class=4, pixels="own")
    assert made.table()["left"].min() >= 500_008


def test_what_is_asked_for_of_each_part_follows_the_fractions(place: Path) -> None:
    assert wanted(job(place, per_class=400)) == {"train": 400, "validation": 200, "test": 200}
    assert wanted(job(place, fractions=(0.8, 0.0, 0.2))) == {"train": 10, "validation": 0, "test": 2}


def test_pixels_are_drawn_from_all_that_a_class_has(place: Path) -> None:
    told = job(place, per_class=30)
    spots = candidates(place / "classes.tif", making.LEGEND, Window.of((96, 96)), told)
    cuts = chosen(spots, making.LEGEND, told)
    assert len({cut.id for cut in cuts}) == len(cuts) == 4 * (30 + 15 + 15)
    assert len({cut.block for cut in cuts}) > 12
    # The patch of every one lies within its block.
    for one in cuts:
        row, col = (int(part) * 24 for part in one.block.split("_"))
        assert row < one.row < one.row + 8 < row + 24
        assert col < one.col < one.col + 8 < col + 24


WRONG: list[tuple[dict[str, Any], type[LandweaveError], tuple[str, str, str]]] = [
    ({"per_class": 4000}, SampleError, ("labelled pixels of", "at least", "fewer=true")),
    ({"beside": "sentinel-2-l2a"}, CatalogError, ("without a scene of sentinel-2-l2a", "aerial-rgb", "--beside")),
    ({"beside_bands": ("H48",)}, SensorError, ("without H48", "H01", "bands")),
    ({"legend": "houston-20"}, LegendError, ("aa, ab, ba, bb", "Healthy Grass", "--legend")),
    ({"sensor": "airborne-48", "beside": "aerial-rgb", "pixels": "own"}, GridError,
     ("4 pixels", "multiple", "--sensor")),
    ({"patch_px": 7, "pixels": "own"}, GridError, ("7 pixels of 0.5 m", "whole number", "multiple of 2")),
    ({"beside": "aerial-rgb"}, SensorError, ("band B of both", "names of their own", "beside_bands")),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "kind", "words"), WRONG)
def test_what_does_not_fit_is_refused_before_the_first_patch(
    place: Path, tmp_path: Path, changed: dict[str, Any], kind: type[LandweaveError], words: tuple[str, str, str]
) -> None:
    with pytest.raises(kind) as caught:
        cut(place, tmp_path / "a", **changed)
    told = caught.value.given, caught.value.expected, caught.value.do
    assert all(word in text for word, text in zip(words, told, strict=True)), told
    assert not (tmp_path / "a" / "shards").exists()


def test_a_class_may_have_fewer_where_that_is_said(place: Path, tmp_path: Path) -> None:
    made = cut(place, tmp_path / "a", per_class=600, fewer=True, pixels="own")
    assert made.manifest["splits"]["train"] < 4 * 600


@pytest.mark.parametrize(
    ("crs", "left", "words"),
    [
        ("EPSG:32616", 500_000.0, ("in EPSG:32616", "one CRS", "gdalwarp")),
        (None, 500_000.0, ("no CRS", "", "")),
        ("EPSG:32615", 900_000.0, ("do not overlap", "one place", "check the files")),
    ],
)
def test_rasters_of_another_place_or_crs_are_refused(
    tmp_path: Path, crs: str | None, left: float, words: tuple[str, str, str]
) -> None:
    making.write_rgb(tmp_path / "scenes" / "whole.tif", 0.5)
    making.write_hsi(tmp_path / "scenes" / "cube.tif", left=left, crs=crs)
    if crs is None:
        beside = tmp_path / "scenes" / "cube.toml"
        beside.write_text(f'{beside.read_text()}georeference = "none"\n')
    write_map(tmp_path / "classes.tif", making.LEGEND.to_ids(making.classes(0.5)), making.grid(0.5), making.LEGEND)
    making.catalog(tmp_path)
    with pytest.raises(GridError) as caught:
        cut(tmp_path, tmp_path / "a")
    told = caught.value.given, caught.value.expected, caught.value.do
    assert all(word in text for word, text in zip(words, told, strict=True)), told


def test_a_map_that_tells_no_legend_needs_one(place: Path, tmp_path: Path) -> None:
    ids, grid = read_map(place / "classes.tif")
    write_tile(tmp_path / "bare.tif", ids[None], grid)
    with pytest.raises(LegendError) as caught:
        cut(place, tmp_path / "a", labels=tmp_path / "bare.tif")
    assert "tells no legend" in caught.value.given
    assert caught.value.expected
    assert "--legend" in caught.value.do
    # Ids 1 to 4 are classes of Houston's legend too: a bare map is taken at its word.
    made = cut(place, tmp_path / "a", labels=tmp_path / "bare.tif", legend="houston-20", fewer=True, pixels="own")
    assert made.layout.legend.name == "houston-20"
