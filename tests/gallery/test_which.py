"""Sensor, place and time name a model: that of the images nearest in space and season."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import geopandas
import pyproj
import pytest
import shapely

from landweave.errors import GalleryError
from landweave.gallery.images import open_gallery, write_images
from landweave.gallery.which import which

SUMMER, WINTER = dt.date(2025, 7, 20), dt.date(2025, 1, 3)


@pytest.fixture(scope="module")
def folder(models_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bucket 0 in the west, bucket 1 in the east in summer and bucket 2 there in winter."""
    folder = tmp_path_factory.mktemp("which")
    shutil.copytree(models_made / "gallery", folder / "gallery")
    frame = open_gallery(folder / "gallery").table()
    east = {0: 500_000, 1: 600_000, 2: 600_000}
    left = [east[bucket] + 200.0 * i for i, bucket in enumerate(frame["bucket"])]
    squares = [shapely.box(x, 5_400_000, x + 160, 5_400_160) for x in left]
    days = ["2023-01-01" if bucket == 2 else "2022-07-12" for bucket in frame["bucket"]]
    frame = frame.assign(datetime=[f"{day}T10:00:00+00:00" for day in days])
    frame = frame.set_geometry(geopandas.GeoSeries(squares, crs="EPSG:32633"))
    write_images(folder / "gallery", frame)
    return folder / "gallery"


def at(x: float, y: float = 5_400_000) -> tuple[float, float]:
    return pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True).transform(x, y)


def without(folder: Path, tmp_path: Path, bucket: int) -> Path:
    """A copy of the gallery in which one image of each other bucket is left."""
    shutil.copytree(folder, tmp_path / "some")
    frame = open_gallery(folder).table()
    write_images(tmp_path / "some", frame[frame["bucket"] != bucket].drop_duplicates("bucket"))
    return tmp_path / "some"


def test_the_place_decides(folder: Path) -> None:
    west, east = which([folder], "sentinel-2-l2a", at(501_000)), which([folder], "sentinel-2-l2a", at(602_000))
    assert (west.bucket, east.bucket) == (0, 1)
    assert west.card == open_gallery(folder).folder / west.card.relative_to(folder)
    assert west.distance_km < 1
    assert 0.3 < west.share <= 1
    assert west.num_images == 25


def test_the_season_decides(folder: Path, tmp_path: Path) -> None:
    some = without(folder, tmp_path, 0)
    summer, winter = (which([some], "sentinel-2-l2a", at(601_000), day) for day in (SUMMER, WINTER))
    # Two images are left, one a season: the nearer in time comes first, and the first of equals is taken.
    assert summer.num_images == winter.num_images == 2
    assert summer.days > 0
    assert which([some], "sentinel-2-l2a", at(601_000)).days == 0


def test_a_day_in_january_is_near_to_one_in_december(folder: Path, tmp_path: Path) -> None:
    some = without(folder, tmp_path, 1)
    frame = open_gallery(some).table()
    write_images(some, frame[frame["bucket"] == 2])
    assert which([some], "sentinel-2-l2a", at(601_000), dt.date(2022, 12, 30)).days < 5
    assert which([some], "sentinel-2-l2a", at(601_000), dt.date(2022, 7, 1)).days > 150


def test_it_is_told_whose_card_it_is(folder: Path) -> None:
    found = which([folder], "sentinel-2-l2a", at(501_000))
    assert found.describe()[0] == str(found.card)
    assert ("a card of its own" in found.describe()[1]) is found.is_own
    assert "km away" in found.describe()[2]


def test_of_two_galleries_the_nearer_is_asked(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "far")
    frame = open_gallery(folder).table()
    write_images(tmp_path / "far", frame.set_geometry(frame.geometry.translate(300_000)))
    assert which([tmp_path / "far", folder], "sentinel-2-l2a", at(501_000)).gallery == folder
    assert which([tmp_path / "far", folder], "sentinel-2-l2a", at(800_000)).gallery == tmp_path / "far"


def test_another_sensor_is_refused(folder: Path) -> None:
    with pytest.raises(GalleryError) as caught:
        which([folder], "landsat-8-c2l2", at(500_000))
    assert "landsat-8-c2l2" in caught.value.given
    assert "sentinel-2-l2a" in caught.value.expected
    assert "another gallery" in caught.value.do


def test_images_without_a_place_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "none")
    write_images(tmp_path / "none", open_gallery(folder).table().assign(crs=""))
    with pytest.raises(GalleryError) as caught:
        which([tmp_path / "none"], "sentinel-2-l2a", at(500_000))
    assert "whose place is known" in caught.value.given
    assert "a CRS" in caught.value.expected
    assert "models.json" in caught.value.do
