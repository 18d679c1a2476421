"""Pairs: in this process = in a pool; stopped and resumed = not stopped; layers one by one = the network."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file
from tests.datasets import pair_making
from tests.recipe import making

from landweave.config import check
from landweave.datasets import pairs
from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.models.card import load_card
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import run


def cut(place: Path, out: Path, executor: Executor) -> Archive:
    told = {
        "scenes": place / "catalog.parquet", "labels": place / "classes.tif", "sensor": "aerial-rgb",
        "beside": "airborne-48", "patch_px": 4, "per_class": 6, "block_px": 24, "pixels": "own",
        "patches_per_shard": 12,
    }  # fmt: skip
    for _ in pairs.run_catalog(check(pairs.PairScenesJob, told, "here"), out, executor=executor):
        pass
    return open_archive(out)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    pair_making.write_place(folder)
    return folder


@pytest.fixture(scope="module")
def archive(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return cut(place, tmp_path_factory.mktemp("serial") / "a", Serial())


def recipe(archive: Archive) -> TrainRecipe:
    told: dict[str, Any] = {
        "archive": archive.folder, "network": "two_branch", "arguments": {"width": 0.125, "dropout": 0.5},
        "task": "patches", "epochs": 2, "batch_global": 12, "precision": "fp32", "augment": "dihedral",
        "checkpoint_every_steps": 1, "log_every_steps": 1,
        "optimiser": {"name": "adam", "rate": 1e-3, "weight_decay": 0.0},
    }  # fmt: skip
    return check(TrainRecipe, told, "here")


@pytest.fixture(scope="module")
def whole(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    assert len(making.train(recipe(archive), out)) == 2 * (2 + 1)
    return out


def test_a_pool_writes_what_this_process_writes(archive: Archive, place: Path, tmp_path: Path) -> None:
    pooled = cut(place, tmp_path / "a", Pool(2))
    assert len(pooled.shards) == len(archive.shards) > 2
    assert [shard.sha256 for shard in pooled.shards] == [shard.sha256 for shard in archive.shards]


@pytest.mark.parametrize("num_records", [1, 3, 4])
def test_training_stopped_anywhere_is_training_that_was_not(
    archive: Archive, whole: Path, tmp_path: Path, num_records: int
) -> None:
    out = tmp_path / "run"
    making.stop_after(run(recipe(archive), out, World()), num_records)
    assert not (out / "card").exists()
    making.train(recipe(archive), out)
    for name in ("card/weights.safetensors", "card/card.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def test_the_layers_of_a_card_one_after_the_other_are_its_network(whole: Path) -> None:
    card, network = load_card(whole / "card")
    assert card.second is not None
    views = {
        "rgb": torch.randn(3, len(card.bands), 4, 4),
        "hsi": torch.randn(3, len(card.second.bands), 2, 2),
    }
    with torch.inference_mode():
        joined = [
            reduce(lambda values, layer: layer[1](values), layers, views[name])
            for name, layers in network.branches().items()
        ]
        told = reduce(lambda values, layer: layer[1](values), network.trunk(), network.merge(joined))
        assert torch.equal(told, network(views["rgb"], views["hsi"]))
    names = set(load_file(whole / "card" / "weights.safetensors"))
    assert {"rgb.conv1.weight", "rgb.norm4.running_mean", "hsi.conv9.bias", "dense1.weight", "dense3.bias"} <= names
