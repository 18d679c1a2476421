"""Pictures: the whole map and the detail with the most variety, with words for each."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from landweave.legend import legend
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.report import pictures
from landweave.report.pictures import Place
from landweave.sensors import sensor

LEGEND = legend("simulated-8")


def grid_of_size(height: int, width: int) -> GeoBox:
    return GeoBox.from_bbox(
        (600_000, 5_000_000, 600_000 + 10 * width, 5_000_000 + 10 * height), "EPSG:32633", shape=(height, width)
    )


def make_place(folder: Path, height: int, width: int) -> Place:
    rng = np.random.default_rng(5)
    grid = grid_of_size(height, width)
    truth = np.full((height, width), 8, np.uint8)
    truth[height // 2 :, width // 2 :] = rng.integers(1, 9, size=(height - height // 2, width - width // 2))
    ids = truth.copy()
    ids[:5] = 1
    write_tile(folder / "map.tif", ids[None], grid, 0)
    write_tile(folder / "truth.tif", truth[None], grid, 0)
    numbers = rng.integers(1_000, 4_000, size=(3, height, width)).astype(np.uint16)
    write_tile(folder / "scene.tif", numbers, grid, 0)
    s2 = sensor("sentinel-2-l2a")
    files = {name: BandFile(str(folder / "scene.tif"), place + 1, 1e-4, -0.1, 0) for place, name in enumerate(s2.rgb)}
    scene = Scene("SIMULATED_S2", s2, dt.datetime(2021, 7, 14, tzinfo=dt.UTC), grid, files)
    return Place(folder / "map.tif", LEGEND, folder / "truth.tif", scene, is_simulated=True)


def test_a_large_map_has_an_overview_and_a_detail(tmp_path: Path) -> None:
    whole, detail = pictures.rows(make_place(tmp_path, 600, 1_000))
    assert whole.title == "The whole map, 10.0 km wide"
    assert detail.title == "A detail, pixel by pixel, 2.6 km wide"
    assert [picture.caption.split(":")[0].split(" (")[0] for picture in whole.pictures][1:] == [
        "Map",
        "Truth",
        "Where they differ",
    ]
    assert {picture.pixels.shape for picture in detail.pictures} == {(256, 256, 3)}
    assert all(max(picture.pixels.shape) <= 480 for picture in whole.pictures)


def test_the_scene_says_that_it_is_simulated(tmp_path: Path) -> None:
    (whole,) = pictures.rows(make_place(tmp_path, 60, 90))
    assert whole.pictures[0].caption.startswith("Simulated: Sentinel-2")
    assert whole.pictures[0].caption.endswith(", 14 July 2021")
    assert whole.pictures[0].pixels.std() > 20


def test_words_name_the_most_frequent_classes(tmp_path: Path) -> None:
    (whole,) = pictures.rows(make_place(tmp_path, 80, 80))
    assert whole.pictures[2].alt.startswith("The truth: mostly Water 7")


def test_differences_are_counted_where_both_know(tmp_path: Path) -> None:
    (whole,) = pictures.rows(make_place(tmp_path, 50, 50))
    assert whole.pictures[3].caption == "Where they differ: 10.0 % (red)"


def test_a_map_alone_is_one_picture(tmp_path: Path) -> None:
    place = make_place(tmp_path, 50, 50)
    (whole,) = pictures.rows(Place(place.map, LEGEND))
    assert [picture.caption for picture in whole.pictures] == ["Map"]


def test_most_varied() -> None:
    ids = np.ones((90, 90), np.uint8)
    ids[60:, :30] = np.random.default_rng(1).integers(1, 9, size=(30, 30))
    assert pictures.most_varied(ids, 30, 0) == (60, 0)


def test_most_varied_avoids_gaps() -> None:
    rng = np.random.default_rng(1)
    ids = rng.integers(1, 9, size=(60, 60)).astype(np.uint8)
    ids[:30][rng.random((30, 60)) < 0.5] = 0
    assert pictures.most_varied(ids, 30, 0)[0] >= 30


@pytest.mark.parametrize(("shape", "expected"), [((100, 50), (100, 50)), ((1_000, 600), (334, 200))])
def test_overview(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert tuple(pictures.overview(grid_of_size(*shape), 480).shape) == expected


def test_class_shares_add_up(tmp_path: Path) -> None:
    shares = dict(pictures.class_shares(make_place(tmp_path, 64, 64)))
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda identity: shares[identity]) == 8


def test_a_file_that_is_gone_is_told_not_raised(tmp_path: Path) -> None:
    place = make_place(tmp_path, 50, 50)
    found, why = pictures.try_rows(Place(tmp_path / "gone.tif", LEGEND, place.truth))
    assert found == ()
    assert "gone.tif" in str(why)
