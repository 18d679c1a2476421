"""SAT-4 and SAT-6 in their published layout, from both kinds of MATLAB files: numbers, labels, parts, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.patches.scenes import hashes
from tests.published import sat as published

from landweave.datasets import matlab, table
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

NUM_CLASSES = {"sat-4": 4, "sat-6": 6}


def job(folder: Path, dataset: str = "sat-4", **changed: Any) -> FoldersJob:
    return FoldersJob.model_validate({"dataset": dataset, "folder": folder, "patches_per_shard": 7, **changed})


def cut(wanted: FoldersJob, out: Path, executor: Any = None) -> Archive:
    for _ in table.run(wanted, out, executor=executor or Serial()):
        pass
    return open_archive(out)


def check(wanted: FoldersJob, out: Path, kind: type[LandweaveError], given: str, expected: str, do: str) -> None:
    with pytest.raises(kind) as caught:
        cut(wanted, out)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do
    assert not list(out.rglob("*.h5"))


@pytest.mark.parametrize("dataset", ["sat-4", "sat-6"])
@pytest.mark.parametrize("version", ["5", "7.3"])
def test_numbers_labels_and_parts_are_those_of_the_file(
    dataset: str, version: published.Version, tmp_path: Path
) -> None:
    arrays = published.content(NUM_CLASSES[dataset])
    published.write(tmp_path / "in" / f"{dataset}-full.mat", arrays, version)
    archive = cut(job(tmp_path / "in", dataset), tmp_path / "a")
    assert archive.manifest["splits"] == {"train": 18, "validation": 2, "test": 6}
    assert [(view.key, view.shape) for view in archive.layout.views] == [("data_1m", (4, 28, 28))]
    assert archive.layout.bands == ("R", "G", "B", "N")
    got = archive.batch(range(26))
    for index, name in enumerate(archive.ids()):
        _, _, part, number = name.split("-")
        # Row, column and band stand where MATLAB's own order of axes says.
        np.testing.assert_array_equal(got["data_1m"][index], arrays[f"{part}_x"][..., int(number)].transpose(2, 0, 1))
        np.testing.assert_array_equal(got["classes"][index], arrays[f"{part}_y"][:, int(number)])
    assert got["valid"].all() and (got["data_1m"] == 0).any()
    parts = archive.table()
    assert {name.split("-")[2] for name in parts[parts["split"] == "test"]["id"]} == {"test"}
    assert {name.split("-")[2] for name in parts[parts["split"] != "test"]["id"]} == {"train"}
    assert set(archive.manifest["distance_m"].values()) == {None}


def test_both_containers_give_the_same_shards(tmp_path: Path) -> None:
    arrays = published.content(4)
    made = []
    for version in ("5", "7.3"):
        published.write(tmp_path / version / "sat-4-full.mat", arrays, version)  # type: ignore[arg-type]
        made.append(cut(job(tmp_path / version), tmp_path / f"a{version}"))
    assert [shard.sha256 for shard in made[0].shards] == [shard.sha256 for shard in made[1].shards]
    assert len(made[0].shards) == 4


def test_tasks_in_flight_at_once_write_the_same(tmp_path: Path) -> None:
    published.write(tmp_path / "in" / "sat-4-full.mat", published.content(4))
    cut(job(tmp_path / "in"), tmp_path / "one")
    matlab._whole.cache_clear()
    cut(job(tmp_path / "in"), tmp_path / "two", Serial(in_flight=3))
    assert len(hashes(tmp_path / "one")) > 8
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_the_file_itself_bands_and_validation_can_be_named(tmp_path: Path) -> None:
    path = published.write(tmp_path / "any.mat", published.content(4), compressed=False)
    archive = cut(job(path, bands=("N", "R"), validation=0.25, seed=3), tmp_path / "a")
    assert archive.manifest["splits"] == {"train": 15, "validation": 5, "test": 6}
    row = archive.ids().index("sat-4-test-000003")
    wanted = published.pixels("test", 6)[..., 3].transpose(2, 0, 1)[[0, 3]]
    np.testing.assert_array_equal(archive.batch([row])["data_1m"][0], wanted)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_half_a_copy_is_refused(version: published.Version, tmp_path: Path) -> None:
    path = published.write(tmp_path / "sat-4-full.mat", published.content(4), version)
    whole = path.read_bytes()
    for share in (0.9, 0.5, 0.01):
        path.write_bytes(whole[: int(len(whole) * share)])
        matlab._whole.cache_clear()
        with pytest.raises(SceneError) as caught:
            cut(job(tmp_path), tmp_path / "a")
        assert "sat-4-full.mat" in caught.value.given
        assert caught.value.expected
        assert "again" in caught.value.do
        assert not list((tmp_path / "a").rglob("*.h5"))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    check(job(tmp_path / "none"), tmp_path / "a", SceneError, "none", "folder of sat-4", "path")
    check(job(tmp_path), tmp_path / "a", SceneError, "0 files", "sat-4-full.mat", "--folder")
    published.write(tmp_path / "sat-4-full.mat", {"train_x": published.pixels("train", 3)})
    check(job(tmp_path), tmp_path / "a", SceneError, "train_x", "test_y", "again")
    published.write(tmp_path / "sat-4-copy.mat", published.content(4))
    check(job(tmp_path), tmp_path / "a", SceneError, "2 files", "one file", "name the file")


@pytest.mark.parametrize(
    ("changed", "kind", "given", "expected", "do"),
    [
        ({"train_x": published.pixels("train", 20).astype(np.uint16)}, RadiometryError, "uint16", "uint8", "published"),
        ({"train_x": np.full((28, 28, 4, 20), np.nan)}, RadiometryError, "float64", "uint8", "published"),
        ({"train_x": np.zeros((32, 32, 4, 20), np.uint8)}, GridError, "(32, 32, 4, 20)", "(28, 28, 4", "published"),
        ({"test_x": np.zeros((28, 28, 3, 6), np.uint8)}, GridError, "(28, 28, 3, 6)", "(28, 28, 4", "published"),
        ({"train_y": published.labels("train", 19, 4)}, LegendError, "(4, 19)", "(4, 20)", "--dataset"),
        ({"train_y": published.labels("train", 20, 6)}, LegendError, "(6, 20)", "(4, 20)", "SAT-6 has 6"),
        ({"train_y": np.zeros((4, 20))}, LegendError, "[0.0, 0.0, 0.0, 0.0] for patch 0", "one 1 among 3", "again"),
        ({"train_y": np.full((4, 20), np.nan)}, LegendError, "nan", "one 1 among 3", "again"),
        ({"train_y": np.ones((4, 20))}, LegendError, "[1.0, 1.0, 1.0, 1.0]", "one 1 among 3", "again"),
    ],
)
def test_wrong_arrays_are_refused(
    changed: dict[str, Any], kind: type[LandweaveError], given: str, expected: str, do: str, tmp_path: Path
) -> None:
    published.write(tmp_path / "sat-4-full.mat", published.content(4) | changed)
    check(job(tmp_path), tmp_path / "a", kind, given, expected, do)


def test_wrong_wishes_are_refused(tmp_path: Path) -> None:
    published.write(tmp_path / "sat-4-full.mat", published.content(4))
    check(job(tmp_path, split="blocks"), tmp_path / "a", SplitError, "no place", "published", "away")
    check(job(tmp_path, legend="sat-6"), tmp_path / "a", LegendError, "sat-6", "legend sat-4", "--legend")
    check(job(tmp_path, targets=("mask",)), tmp_path / "a", LegendError, "mask", "one class a patch", "away")
    check(job(tmp_path, bands=("B02",)), tmp_path / "a", SensorError, "B02", "R, G, B, N", "band")
