"""The folder of a run: whose it is, which checkpoint it goes on from, and the log that it keeps."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from landweave.atomic import locked
from landweave.errors import CheckpointError, OutputError
from landweave.parallel.world import World
from landweave.recipe.folder import CHECKPOINTS, RECIPE, begun, held, logged, newest
from landweave.train import checkpoint
from landweave.train.checkpoint import Checkpoint
from landweave.train.log import EpochRecord, read_log
from landweave.train.loop import Run


def write_checkpoint(folder: Path, step: int, **facts: Any) -> Path:
    return checkpoint.save(folder, step, Checkpoint({"weight": torch.ones(2)}, {"precision": "fp32", **facts}))


def test_a_folder_belongs_to_its_run(tmp_path: Path) -> None:
    with held(tmp_path / "run", "mine", {"epochs": 3}, World()):
        told = json.loads((tmp_path / "run" / RECIPE).read_text())["configuration"]
    assert told["identity"] == "mine" and told["epochs"] == 3
    with held(tmp_path / "run", "mine", {"epochs": 3}, World()):
        pass
    with pytest.raises(OutputError, match="another recipe") as caught, held(tmp_path / "run", "yours", {}, World()):
        pass
    assert "the same recipe" in caught.value.expected and "-o" in caught.value.do


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="something else") as caught, held(tmp_path, "mine", {}, World()):
        pass
    assert caught.value.expected == "an empty folder"
    assert not (tmp_path / RECIPE).exists()


def test_nobody_else_works_in_it_meanwhile(tmp_path: Path) -> None:
    with held(tmp_path / "run", "mine", {}, World()), pytest.raises(OutputError), locked(tmp_path / "run"):
        pass
    with locked(tmp_path / "run"):
        pass


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), held(tmp_path / "run", "mine", {}, World()):
        raise ZeroDivisionError
    with held(tmp_path / "run", "mine", {}, World()):
        pass


def test_without_a_checkpoint_the_precision_is_chosen(tmp_path: Path) -> None:
    assert newest(tmp_path / CHECKPOINTS, "mine", World()) is None
    assert begun(tmp_path / CHECKPOINTS, "mine", "bf16", World()) == (None, "bf16")
    assert begun(tmp_path / CHECKPOINTS, "mine", "fp32", World()) == (None, "fp32")


class Going:
    """A run of three epochs."""

    standing = SimpleNamespace(step=0, epoch=0)

    def records(self) -> Any:
        for epoch in (1, 2, 3):
            yield EpochRecord(epoch, 3, epoch * 10, {"loss": 1 / epoch}, {"loss": 2 / epoch}, True, 1.0)


def test_records_are_given_and_kept(tmp_path: Path) -> None:
    given = list(logged(cast(Run, Going()), tmp_path, World()))
    assert [cast(EpochRecord, record).done for record in given] == [1, 2, 3]
    kept = read_log(tmp_path)
    assert [line["step"] for line in kept] == [10, 20, 30]


def test_only_the_first_rank_keeps_a_log(tmp_path: Path) -> None:
    second = cast(World, SimpleNamespace(is_first=False))
    assert len(list(logged(cast(Run, Going()), tmp_path, second))) == 3
    assert not any(tmp_path.iterdir())


def test_a_run_keeps_the_precision_that_it_was_begun_with(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 5, identity="mine")
    resume, chosen = begun(tmp_path, "mine", "bf16", World())
    assert resume is not None and resume[0] == path and chosen == "fp32"
    assert torch.equal(resume[1].tensors["weight"], torch.ones(2))


def test_the_newest_checkpoint_is_taken(tmp_path: Path) -> None:
    for step in (5, 20, 10):
        last = write_checkpoint(tmp_path, step, identity="mine", at=step)
    found = newest(tmp_path, "mine", World())
    assert found is not None and found[1].facts["at"] == max(5, 20) and found[0] != last


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 5, identity="yours")
    with pytest.raises(CheckpointError, match="another recipe") as caught:
        begun(tmp_path, "mine", "auto", World())
    assert "this recipe" in caught.value.expected and "remove" in caught.value.do
