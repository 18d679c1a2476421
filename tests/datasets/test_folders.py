"""Patch folders: parts on blocks, shards, what is left away, tasks that give the same bytes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.published import bigearthnet as published

from landweave.config import check
from landweave.datasets import bigearthnet, blocks, table
from landweave.datasets.folders import FoldersJob, FoldersTask, cut_folders
from landweave.errors import ConfigError, SceneError, SplitError
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, finish, open_archive
from landweave.raster.files import close_files

ROW = [(h, 0) for h in range(0, 36, 3)]
"""Twelve patches in a row, 3.6 km from each other."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("row")
    for h, v in ROW:
        published.write_v1(made, h, v, ["Pastures", "Airports"], bands=("B02", "B05"))
    return made


def job(root: Path, **changed: Any) -> FoldersJob:
    known = {"dataset": "bigearthnet-v1", "folder": root, "legend": "bigearthnet-43", "bands": ("B02", "B05")}
    return FoldersJob.model_validate({**known, **changed})


def cut(wanted: FoldersJob, out: Path) -> Archive:
    close_files()
    for _ in table.run(wanted, out, executor=Serial()):
        pass
    return open_archive(out)


def test_blocks_keep_their_patches_together_and_apart_from_others(root: Path, tmp_path: Path) -> None:
    archive = cut(job(root, block_m=8_000, gap_m=1_000), tmp_path / "a")
    index = archive.table()
    assert index.groupby("block")["split"].nunique().max() == 1
    assert index["block"].nunique() > 4
    known = [value for value in archive.manifest["distance_m"].values() if value is not None]
    assert min(known) >= 1_000


def test_patches_too_near_to_another_part_are_left_away(root: Path, tmp_path: Path) -> None:
    wide = cut(job(root, block_m=8_000, gap_m=3_000), tmp_path / "wide")
    near = cut(job(root, block_m=8_000, gap_m=100), tmp_path / "near")
    assert len(near) == 12 and near.manifest["left"] == {}
    left = wide.manifest["left"]["left: too near to another part"]
    assert left > 0 and len(wide) == 12 - left
    assert min(value for value in wide.manifest["distance_m"].values() if value is not None) >= 3_000
    assert wide.manifest["splits"]["test"] == near.manifest["splits"]["test"]


def test_another_seed_deals_other_blocks(root: Path, tmp_path: Path) -> None:
    one, other = (cut(job(root, block_m=4_000, gap_m=100, seed=seed), tmp_path / str(seed)) for seed in (0, 1))
    assert one.table()["split"].tolist() != other.table()["split"].tolist()
    np.testing.assert_array_equal(one.batch(range(12))["data_10m"], other.batch(range(12))["data_10m"])


def test_shards_are_of_nearly_equal_size(root: Path, tmp_path: Path) -> None:
    archive = cut(job(root, block_m=4_000, gap_m=100, patches_per_shard=5), tmp_path / "a")
    assert [shard.num_rows for shard in archive.shards] == [4, 4, 4]
    assert archive.table()["id"].is_monotonic_increasing


def test_a_task_run_twice_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    found = bigearthnet.find_v1(job(root))
    patches = tuple(dataclasses.replace(patch, split="train") for patch in found.patches[:3])
    task = FoldersTask("000000", tmp_path / "a", found.layout, patches)
    assert cut_folders(task) == {"patches": 3}
    before = (tmp_path / "a" / "shards" / "000000.h5").read_bytes()
    assert cut_folders(task) == {"patches": 3}
    assert (tmp_path / "a" / "shards" / "000000.h5").read_bytes() == before
    archive = finish(tmp_path / "a", found.layout, {})
    assert archive.ids() == [patch.id for patch in patches]
    names = archive.layout.legend.names
    for row in archive.batch(range(3))["classes"]:
        assert [names[i] for i in np.flatnonzero(row)] == ["Airports", "Pastures"]


def test_pixels_without_data_are_not_valid(root: Path, tmp_path: Path) -> None:
    made = tmp_path / "in"
    for h in (0, 20, 40):
        published.write_v1(made, h, 0, ["Pastures"], bands=("B02", "B05"))
    name = published.V1.format(h=0, v=0)
    dark = published.band("B05", 0, 0)
    dark[0, 3, 4] = 0
    published.write_tile(made / "BigEarthNet-v1.0" / name / f"{name}_B05.tif", dark, published.grid(0, 0, 20))
    archive = cut(job(made), tmp_path / "a")
    got = archive.batch([archive.ids().index(name)])
    assert (~got["valid"][0]).sum() == 4 and not got["valid"][0, 6:8, 8:10].any()
    assert got["data_20m"][0, 0, 3, 4] == 0
    strict = cut(job(made, min_valid=1.0), tmp_path / "b")
    assert len(strict) == 2 and strict.manifest["left"] == {"left: too few valid pixels": 1}


def test_too_few_blocks_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SplitError) as caught:
        cut(job(root, block_m=100_000), tmp_path / "a")
    assert "1 blocks" in caught.value.given
    assert "each part" in caught.value.expected
    assert "block_m" in caught.value.do


def test_another_offset_or_folder_is_another_job(root: Path, tmp_path: Path) -> None:
    cut(job(root, block_m=4_000, gap_m=100), tmp_path / "a")
    with pytest.raises(OSError) as caught:
        cut(job(root, block_m=5_000, gap_m=100), tmp_path / "a")
    assert "block_m was 4000.0, is now 5000.0" in str(caught.value)


def test_unknown_keys_and_data_sets_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as key:
        check(FoldersJob, {"dataset": "x", "folder": root, "legend": "y", "block": 1}, "options")
    assert "unknown key block" in key.value.given and "block_m" in key.value.expected and key.value.do
    with pytest.raises(ConfigError) as name:
        table.writer("bigearthnet-v3")
    assert "bigearthnet-v3" in name.value.given
    assert "bigearthnet-v" in name.value.expected
    assert "--dataset" in name.value.do
    with pytest.raises(SceneError) as missing:
        cut(job(tmp_path / "nowhere"), tmp_path / "a")
    assert (
        "nowhere" in missing.value.given and "bigearthnet-v1" in missing.value.expected and "path" in missing.value.do
    )


def test_blocks_are_named_by_their_land() -> None:
    grid = published.grid(0, 0, 10)
    assert blocks.block_of(grid, 1_000) == "EPSG:32633/5399_300"
    assert blocks.block_of(published.grid(1, 0, 10), 12_000) == blocks.block_of(grid, 12_000)
