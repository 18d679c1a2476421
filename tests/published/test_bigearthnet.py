"""BigEarthNet v1 and v2 in their published formats: numbers, labels, splits, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.published import bigearthnet as published

from landweave.datasets import table
from landweave.datasets.folders import FoldersJob
from landweave.errors import (
    ConfigError,
    GridError,
    LandweaveError,
    LegendError,
    RadiometryError,
    SceneError,
    SplitError,
)
from landweave.jobs.serial import Serial
from landweave.legend import legend
from landweave.patches.archive import Archive, open_archive
from landweave.raster.files import close_files

# Far apart, so that blocks of 12 km hold one each.
PLACES = [(0, 0), (20, 0), (40, 0), (60, 0), (80, 0), (0, 20)]
LABELS = [
    ["Non-irrigated arable land", "Pastures"],
    ["Rice fields", "Vineyards", "Olive groves"],
    ["Airports"],
    ["Sea and ocean", "Coastal lagoons", "Port areas"],
    ["Transitional woodland/shrub"],
    ["Continuous urban fabric", "Discontinuous urban fabric"],
]


def cut(job: FoldersJob, out: Path, executor: Any = None) -> Archive:
    for _ in table.run(job, out, executor=executor or Serial()):
        pass
    return open_archive(out)


def check(job: FoldersJob, out: Path, kind: type[LandweaveError], given: str, expected: str, do: str) -> None:
    close_files()  # Files are changed under their names here, and stay open elsewhere.
    with pytest.raises(kind) as caught:
        cut(job, out)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do
    assert not list(out.rglob("*.h5"))


def job(root: Path, version: int = 1, **changed: Any) -> FoldersJob:
    known = {"dataset": f"bigearthnet-v{version}", "legend": "bigearthnet-19", "folder": root}
    return FoldersJob.model_validate({**known, **changed})


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("v1")
    for (h, v), labels in zip(PLACES, LABELS, strict=True):
        published.write_v1(root, h, v, labels)
    parts = {"train": PLACES[:2], "val": PLACES[3:4], "test": PLACES[5:]}
    published.write_lists(root, parts)
    return root


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("v2")
    codes = np.full((120, 120), 112, np.uint16)
    codes[:60], codes[60:, 60:], codes[0, 0] = 211, 124, 999
    names = [published.write_v2(root, h, v, codes) for h, v in PLACES[:4]]
    labels = [["Arable land"], ["Urban fabric", "Marine waters"], ["Pastures"], ["Inland waters"]]
    splits = ["train", "validation", "test", "train"]
    published.write_metadata(root / "metadata.parquet", list(zip(names, labels, splits, strict=True)))
    return root


def places(archive: Archive) -> list[tuple[int, int]]:
    """(h, v) of each patch, as in its name."""
    table = archive.table()
    columns = (table["left"] - 300_000) / 1200, (5_400_000 - table["top"]) / 1200
    return [(round(h), round(v)) for h, v in zip(*columns, strict=True)]


def check_numbers(archive: Archive) -> None:
    """Every band at its own size, in the encoding of the newest baseline."""
    got = archive.batch(range(len(archive)))
    for index, (h, v) in enumerate(places(archive)):
        for view in archive.layout.views:
            for channel, band in enumerate(view.bands):
                wanted = published.band(band.name, h, v)[0].astype(int) + 1000
                np.testing.assert_array_equal(got[view.key][index, channel], wanted)


def test_v1_is_read_at_each_pixel_size_in_one_encoding(first: Path, tmp_path: Path) -> None:
    archive = cut(job(first, legend="bigearthnet-43"), tmp_path / "a")
    assert [(view.key, view.shape) for view in archive.layout.views] == [
        ("data_10m", (4, 120, 120)),
        ("data_20m", (6, 60, 60)),
        ("data_60m", (2, 20, 20)),
    ]
    assert len(archive) == 6
    check_numbers(archive)
    assert min(value for value in archive.manifest["distance_m"].values() if value is not None) >= 1200


def test_v1_labels_of_43_classes(first: Path, tmp_path: Path) -> None:
    archive = cut(job(first, legend="bigearthnet-43"), tmp_path / "a")
    names = np.array(legend("bigearthnet-43").names)
    found = [set(names[row.astype(bool)]) for row in archive.batch(range(6))["classes"]]
    wanted = {place: set(labels) for place, labels in zip(PLACES, LABELS, strict=True)}
    assert found == [wanted[place] for place in places(archive)]


def test_v1_labels_of_19_classes_by_the_published_crosswalk(first: Path, tmp_path: Path) -> None:
    archive = cut(job(first), tmp_path / "a")
    names = np.array(legend("bigearthnet-19").names)
    classes = archive.batch(range(5))["classes"].astype(bool)
    found = {place: set(names[row]) for place, row in zip(places(archive), classes, strict=True)}
    assert found == {
        (0, 0): {"Arable land", "Pastures"},
        (20, 0): {"Arable land", "Permanent crops"},
        (60, 0): {"Marine waters"},
        (80, 0): {"Transitional woodland, shrub"},
        (0, 20): {"Urban fabric"},
    }
    assert archive.manifest["left"] == {"left: no label of this legend": 1}


def test_v1_published_split_may_touch_and_says_so(first: Path, tmp_path: Path) -> None:
    archive = cut(job(first, legend="bigearthnet-43", split="published"), tmp_path / "a")
    assert archive.manifest["splits"] == {"train": 2, "validation": 1, "test": 1}
    assert archive.manifest["left"] == {"left: in no published part": 2}
    assert {places(archive)[i] for i in archive.part("train")} == set(PLACES[:2])


def test_lists_of_snow_and_clouds_leave_patches_away(first: Path, tmp_path: Path) -> None:
    lists = {"patches_with_seasonal_snow": PLACES[:1], "patches_with_cloud_and_shadow": PLACES[3:4]}
    published.write_lists(tmp_path, lists)
    archive = cut(job(first, exclude=tuple(sorted((tmp_path / "splits").iterdir()))), tmp_path / "a")
    assert len(archive) == 3
    assert archive.manifest["left"]["left: in a list to leave away"] == 2


def test_tasks_in_flight_at_once_write_the_same_shards(first: Path, tmp_path: Path) -> None:
    few = job(first, patches_per_shard=2)
    one, two = cut(few, tmp_path / "one"), cut(few, tmp_path / "two", Serial(in_flight=3))
    assert len(one.shards) == 3
    assert [shard.sha256 for shard in one.shards] == [shard.sha256 for shard in two.shards]
    assert (one.folder / "patches.parquet").read_bytes() == (two.folder / "patches.parquet").read_bytes()


def test_v2_needs_to_be_told_the_offset(second: Path, tmp_path: Path) -> None:
    check(job(second, 2), tmp_path / "a", RadiometryError, "9999", "-1000", "--offset 0")


def test_v2_with_labels_split_and_maps(second: Path, tmp_path: Path) -> None:
    wanted = job(second, 2, offset=0, split="published", targets=("mask", "classes"))
    archive = cut(wanted, tmp_path / "a")
    check_numbers(archive)
    assert archive.manifest["splits"] == {"train": 2, "validation": 1, "test": 1}
    names = archive.layout.legend.names
    got = archive.batch(range(4))
    row = places(archive).index((20, 0))
    assert [names[i] for i in np.flatnonzero(got["classes"][row])] == ["Urban fabric", "Marine waters"]
    mask = got["mask"][row]
    assert mask[0, 0] == 255 and names[mask[1, 1]] == "Arable land"
    assert names[mask[90, 10]] == "Urban fabric"
    assert (mask[60:, 60:] == 255).all()  # Airports are none of the 19 classes.


def test_v2_maps_may_keep_43_classes(second: Path, tmp_path: Path) -> None:
    wanted = job(second, 2, offset=0, targets=("mask",), legend="bigearthnet-43", split="published")
    archive = cut(wanted, tmp_path / "a")
    names = archive.layout.legend.names
    mask = archive.batch([0])["mask"][0]
    assert {names[i] for i in np.unique(mask) if i != 255} == {
        "Non-irrigated arable land",
        "Airports",
        "Discontinuous urban fabric",
    }


def test_a_baseline_with_an_offset_is_not_offset_twice(tmp_path: Path) -> None:
    root = tmp_path / "v2"
    name = published.write_v2(root, 0, 0, baseline="N0510")
    other = published.write_v2(root, 30, 0, baseline="N0510")
    more = published.write_v2(root, 60, 0, baseline="N0510")
    rows = [(each, ["Pastures"], split) for each, split in ((name, "train"), (other, "test"), (more, "validation"))]
    published.write_metadata(root / "metadata.parquet", rows)
    archive = cut(job(root, 2, split="published"), tmp_path / "a")
    # These numbers hold the offset already: they are stored as they are.
    np.testing.assert_array_equal(archive.batch([0])["data_10m"][0, 0], published.band("B02", 0, 0)[0])
    check(job(root, 2, offset=0), tmp_path / "b", RadiometryError, "offset 0", "-1000", "--offset")


def test_half_a_copy_is_refused(first: Path, tmp_path: Path) -> None:
    root = tmp_path / "half"
    for (h, v), labels in zip(PLACES[:3], LABELS[:3], strict=True):
        published.write_v1(root, h, v, labels)
    (root / "BigEarthNet-v1.0" / published.V1.format(h=20, v=0) / f"{published.V1.format(h=20, v=0)}_B8A.tif").unlink()
    check(job(root, legend="bigearthnet-43"), tmp_path / "a", SceneError, "1 of 3 patches", "B8A", "finish copying")
    check(job(tmp_path / "none"), tmp_path / "a", SceneError, "none", "bigearthnet-v1", "path")
    (tmp_path / "empty").mkdir()
    check(job(tmp_path / "empty"), tmp_path / "a", SceneError, "no patch", "as published", "unpacked")
    check(job(root, dataset="bigearthnet"), tmp_path / "a", ConfigError, "bigearthnet", "bigearthnet-v", "--dataset")


def test_a_copy_beside_the_original_is_refused(tmp_path: Path) -> None:
    folder = published.write_v1(tmp_path / "data", 0, 0, LABELS[0])
    shutil.copytree(folder, tmp_path / "data" / "again" / folder.name)
    given = f"1 patches that come twice, the first in {folder} and {tmp_path}/data/again"
    check(job(tmp_path / "data"), tmp_path / "a", SceneError, given, "each patch once", "remove the copies")


def test_without_the_published_lists_or_table_nothing_is_guessed(first: Path, second: Path, tmp_path: Path) -> None:
    root = tmp_path / "v1"
    published.write_v1(root, 0, 0, LABELS[0])
    check(job(root, split="published"), tmp_path / "a", SplitError, "train.csv", "three published lists", "copy")
    published.write_lists(root, {"train": PLACES[:2], "val": PLACES[:1], "test": PLACES[3:]}, compressed=False)
    check(job(root, split="published"), tmp_path / "a", SplitError, "train and validation", "not overlap", "published")
    for path in (root / "splits").iterdir():
        path.with_suffix(".csv.bz2").write_bytes(b"no bzip2")
        path.unlink()
    check(job(root, split="published"), tmp_path / "a", SceneError, "train.csv.bz2", "one a line", "again")
    published.write_v2(root, 0, 0)
    check(job(root, 2, offset=0), tmp_path / "a", SceneError, "metadata.parquet", "labels and split", "metadata=")
    (root / "metadata.parquet").write_bytes(b"PAR1")
    check(job(root, 2, offset=0), tmp_path / "a", SceneError, "metadata.parquet", "patch_id, labels, split", "again")
    published.write_metadata(root / "metadata.parquet", [("x", ["Pastures"], "val")])
    check(job(root, 2, offset=0), tmp_path / "a", SplitError, "val", "train, validation, test", "published")


def test_labels_that_are_none_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "v1"
    folder = published.write_v1(root, 0, 0, ["Pasture"])
    check(job(root), tmp_path / "a", LegendError, "Pasture", "Pastures", "as published")
    check(job(root, legend="corine-44"), tmp_path / "a", LegendError, "corine-44", "bigearthnet-43", "--legend")
    note = next(folder.glob("*.json"))
    for text in ("{", '{"labels": "Pastures"}', "[]", "{}"):
        note.write_text(text)
        check(job(root), tmp_path / "a", SceneError, note.name, '"labels"', "copy that patch again")
    wanted = job(root, 2, legend="bigearthnet-43")
    check(wanted, tmp_path / "a", LegendError, "bigearthnet-43", "bigearthnet-19", "mask")


def test_patches_of_another_size_or_type_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "v1"
    for (h, v), labels in zip(PLACES[:3], LABELS[:3], strict=True):
        published.write_v1(root, h, v, labels)
    name = published.V1.format(h=0, v=0)
    path = root / "BigEarthNet-v1.0" / name / f"{name}_B02.tif"
    path.write_bytes((path.parent / f"{name}_B05.tif").read_bytes())
    check(job(root, legend="bigearthnet-43"), tmp_path / "a", GridError, "60 x 60", "120 x 120", "whole")
    published.write_tile(path, np.ones((1, 120, 120), np.uint8), published.grid(0, 0, 10))
    check(job(root, legend="bigearthnet-43"), tmp_path / "b", RadiometryError, "uint8", "uint16", "as published")
    path.write_bytes(b"")
    check(job(root, legend="bigearthnet-43"), tmp_path / "c", SceneError, "B02.tif", "raster", "again")


def test_sentinel_1_partners_are_no_patches(first: Path, tmp_path: Path) -> None:
    folder = tmp_path / "all" / "BigEarthNet-S1" / "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_61_39"
    folder.mkdir(parents=True)
    (folder / f"{folder.name}_labels_metadata.json").write_text(json.dumps({"labels": ["Pastures"]}))
    check(job(tmp_path / "all"), tmp_path / "a", SceneError, "no patch", "GeoTIFFs", "folder")
