"""EuroSAT in its published format: the order of its bands, one class a patch, parts on separate land, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from tests.published import eurosat as published

from landweave.datasets import table
from landweave.datasets.folders import FoldersJob
from landweave.errors import (
    GridError,
    LandweaveError,
    LegendError,
    RadiometryError,
    SceneError,
    SensorError,
    SplitError,
)
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, open_archive
from landweave.raster.files import close_files

PATCHES = [("Forest", 1), ("Forest", 2), ("SeaLake", 3), ("AnnualCrop", 4), ("Pasture", 5)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for label, number in PATCHES:
        published.write(tmp_path / "in", label, number)
    return tmp_path / "in"


def job(root: Path, **changed: Any) -> FoldersJob:
    return FoldersJob.model_validate({"dataset": "eurosat", "folder": root, **changed})


def cut(wanted: FoldersJob, out: Path) -> Archive:
    close_files()
    for _ in table.run(wanted, out, executor=Serial()):
        pass
    return open_archive(out)


def check(wanted: FoldersJob, out: Path, kind: type[LandweaveError], given: str, expected: str, do: str) -> None:
    with pytest.raises(kind) as caught:
        cut(wanted, out)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do
    assert not list(out.rglob("*.h5"))


def test_every_band_is_the_one_that_its_name_says(root: Path, tmp_path: Path) -> None:
    archive = cut(job(root), tmp_path / "a")
    assert archive.layout.bands == published.BANDS
    got = archive.batch(range(5))
    for index, name in enumerate(archive.ids()):
        label, number = name.split("_")
        np.testing.assert_array_equal(got["data_10m"][index], published.numbers(label, int(number)))
        (found,) = np.flatnonzero(got["classes"][index])
        assert archive.layout.legend.names[found] == label
    # A 0 of B10, which sees no ground, does not make a pixel invalid.
    assert (got["data_10m"][:, 9] == 0).any() and got["valid"].all()
    assert all(num > 0 for num in archive.manifest["splits"].values())
    assert archive.layout.views[0].bands[12].name == "B8A"


def test_some_bands_by_name(root: Path, tmp_path: Path) -> None:
    archive = cut(job(root, bands=("B8A", "B04")), tmp_path / "a")
    assert archive.layout.bands == ("B04", "B8A")
    label, number = archive.ids()[0].split("_")
    np.testing.assert_array_equal(archive.batch([0])["data_10m"][0], published.numbers(label, int(number))[[3, 12]])


def test_black_pixels_are_not_valid(root: Path, tmp_path: Path) -> None:
    black = published.numbers("Forest", 1)
    black[:, :3, :5] = 0
    published.write(root, "Forest", 1, black)
    archive = cut(job(root), tmp_path / "a")
    valid = archive.batch([archive.ids().index("Forest_1")])["valid"][0]
    assert (~valid).sum() == 15 and not valid[:3, :5].any()


def test_lists_leave_patches_away(root: Path, tmp_path: Path) -> None:
    (tmp_path / "away.csv").write_text("Forest_2\r\n")
    archive = cut(job(root, exclude=(tmp_path / "away.csv",)), tmp_path / "a")
    assert len(archive) == 4 and archive.manifest["left"] == {"left: in a list to leave away": 1}


def test_another_order_of_bands_is_refused(root: Path, tmp_path: Path) -> None:
    path = published.write(root, "Pasture", 5)
    with rasterio.open(path, "r+") as file:
        # Told in Sentinel-2's own order, with B8A after B08.
        file.descriptions = (*published.BANDS[:8], "B8A", *published.BANDS[8:12])
    check(job(root), tmp_path / "a", SensorError, "B08, B8A, B09", "B11, B12, B8A", "last band")
    with rasterio.open(path, "r+") as file:
        file.descriptions = published.BANDS
    assert len(cut(job(root), tmp_path / "b")) == 5


@pytest.mark.parametrize(
    ("array", "kind", "given", "expected", "do"),
    [
        (np.ones((3, 64, 64), np.uint16), SensorError, "3 bands", "13 bands", "multispectral"),
        (np.ones((13, 32, 64), np.uint16), GridError, "32 x 64", "64 x 64", "the one that was named"),
        (np.ones((13, 64, 64), np.uint8), RadiometryError, "uint8", "uint16", "as published"),
        (np.full((13, 64, 64), np.nan, np.float32), RadiometryError, "float32", "uint16", "as published"),
    ],
)
def test_patches_of_another_kind_are_refused(
    array: Any, kind: type[LandweaveError], given: str, expected: str, do: str, root: Path, tmp_path: Path
) -> None:
    published.write(root, "AnnualCrop", 4, array)
    check(job(root), tmp_path / "a", kind, given, expected, do)


def test_files_cut_short_are_named_and_the_rest_goes_on(root: Path, tmp_path: Path) -> None:
    path = root / "EuroSAT_MS" / "SeaLake" / "SeaLake_3.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    records = list(table.run(job(root, patches_per_shard=1), tmp_path / "a", executor=Serial()))
    failed = [record.failed for record in records if record.failed]
    assert len(failed) == 1 and "SeaLake_3.tif" in failed[0] and "fetch the file again" in failed[0]
    archive = open_archive(tmp_path / "a")
    assert len(archive) == 4 and list(archive.manifest["left"]) == ["failed: shard 000004"]
    path.write_bytes(b"")
    check(job(root, seed=1), tmp_path / "b", SceneError, "SeaLake_3.tif", "raster", "again")


def test_folders_that_are_no_classes_are_refused(root: Path, tmp_path: Path) -> None:
    published.write(root, "Pastures", 9)
    check(job(root), tmp_path / "a", LegendError, "Pastures", "Pasture", "ten folders")
    (tmp_path / "rgb").mkdir()
    check(job(tmp_path / "rgb"), tmp_path / "a", SceneError, "no GeoTIFF", "multispectral", "RGB")
    check(job(root, split="published"), tmp_path / "a", SplitError, "published", "blocks", "away")
    check(job(root, legend="sat-4"), tmp_path / "a", LegendError, "sat-4", "legend eurosat", "--legend")
