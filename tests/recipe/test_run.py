"""Bad input gets an error in three parts, and nothing that was trained is lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from tests.recipe import making

from landweave.atomic import locked
from landweave.errors import (
    ArchiveError,
    CheckpointError,
    ConfigError,
    DivergedError,
    LandweaveError,
    LegendError,
    OutputError,
    SensorError,
    SplitError,
)
from landweave.models.card import load_card
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.recipe import run as running
from landweave.train import checkpoint

Refused = Callable[..., LandweaveError]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return making.cut(tmp_path_factory.mktemp("archive")).folder


@pytest.fixture
def trained(folder: Path, tmp_path: Path) -> Path:
    """A run that was stopped after its second epoch."""
    out = tmp_path / "run"
    making.stop_after(running.run(making.recipe(folder), out, World()), 8)
    return out


def refused(kind: type[LandweaveError], folder: Path, out: Path, **changed: Any) -> LandweaveError:
    with pytest.raises(kind) as error:
        making.train(making.recipe(folder, **changed), out)
    return error.value


def says(error: LandweaveError, given: str, expected: str, do: str) -> None:
    assert given in error.given
    assert expected in error.expected
    assert do in error.do


def test_a_recipe_becomes_a_card_that_says_what_it_learnt(folder: Path, tmp_path: Path) -> None:
    making.train(making.recipe(folder, epochs=12, bands=("B05", "B03")), tmp_path / "run")
    card, network = load_card(tmp_path / "run" / "card")
    assert (card.network, card.task, card.sensor, card.unit) == ("unet", "pixels", "sentinel-2-l2a", "reflectance")
    assert (card.bands, card.pixel_size_m, card.legend) == (("B05", "B03"), 10.0, making.LEGEND)
    assert card.sight.stride == 4
    statistics = open_archive(folder).mean_and_std()
    assert card.mean == tuple(statistics[name][0] for name in card.bands)
    assert card.training["num_train"] == 12
    assert card.training["validation"]["overall_accuracy"] > 0.8
    assert network(torch.zeros(1, 2, 16, 16)).shape == (1, 3, 16, 16)


@pytest.mark.parametrize("task", ["patches", "multilabel"])
def test_labels_of_patches_are_learnt(folder: Path, tmp_path: Path, task: str) -> None:
    changed = {"network": "resnet18", "arguments": {}, "task": task, "epochs": 1}
    records = making.train(making.recipe(folder, **changed), tmp_path / "run")
    card, network = load_card(tmp_path / "run" / "card")
    assert card.task == task
    assert ("micro_f1" if task == "multilabel" else "overall_accuracy") in records[-1].summary
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 3)


def test_the_best_weights_are_kept(folder: Path, tmp_path: Path) -> None:
    """With a rate that grows absurd in the second epoch the first epoch's weights are the best."""
    changed = {
        "epochs": 2,
        "schedule": {"name": "constant", "warmup_epochs": 2},
        "optimiser": {"name": "sgd", "rate": 30.0},
    }
    records = making.train(making.recipe(folder, **changed), tmp_path / "two")
    ends = [record for record in records if record.phase == "validate"]
    best = max(range(2), key=lambda epoch: ends[epoch].summary["overall_accuracy"])
    card, _ = load_card(tmp_path / "two" / "card")
    assert card.training["best_epoch"] == best + 1
    assert card.training["validation"]["loss"] == ends[best].summary["loss"]


def test_training_stops_when_validation_does_not_get_better(folder: Path, tmp_path: Path) -> None:
    changed = {"optimiser": {"rate": 1e-12}, "epochs": 9, "stopping": {"patience_epochs": 2, "monitor": "macro_f1"}}
    out = tmp_path / "run"
    records = making.train(making.recipe(folder, **changed), out)
    card, _ = load_card(out / "card")
    num_epochs = sum(record.phase == "validate" for record in records)
    assert num_epochs == card.training["epochs"] == card.training["best_epoch"] + 2 < 9


def test_without_validation_the_last_weights_are_kept(tmp_path: Path) -> None:
    making.cut(tmp_path / "archive", rest="test")
    making.train(making.recipe(tmp_path / "archive"), tmp_path / "run")
    card, network = load_card(tmp_path / "run" / "card")
    last = checkpoint.load(checkpoint.every(tmp_path / "run" / "checkpoints")[-1])
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, last.tensors[f"networks/main/{name}"])
    assert (card.training["best_epoch"], card.training["validation"]) == (None, {})
    error = refused(SplitError, tmp_path / "archive", tmp_path / "other", stopping={"patience_epochs": 1})
    says(error, "no validation part", "neither trained on", "patience_epochs")


UNKNOWN = [
    ({"network": "unett"}, ConfigError, ("unett", "unet", "name a known network")),
    ({"arguments": {"widht": 8}}, ConfigError, ("widht", "width", "mend")),
    ({"bands": ("B99", "B04")}, SensorError, ("B99", "B0", "bands")),
    ({"sensor": "landsat-8-c2l2"}, SensorError, ("sentinel-2-l2a", "landsat-8-c2l2", "what has that sensor")),
    ({"legend": "corine-44"}, LegendError, ("squares", "corine-44", "what has that legend")),
    ({"loss": {"class_weights": {"watr": 2.0}}}, LegendError, ("watr", "water", "squares")),
]


@pytest.mark.parametrize(("changed", "kind", "parts"), UNKNOWN, ids=lambda value: str(value)[:30])
def test_what_the_archive_has_not_is_refused(
    folder: Path, tmp_path: Path, changed: dict[str, Any], kind: type[LandweaveError], parts: tuple[str, str, str]
) -> None:
    says(refused(kind, folder, tmp_path / "run", **changed), *parts)
    # The folder still belongs to nobody: the mended recipe may use it.
    assert not (tmp_path / "run").exists()


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    says(refused(ArchiveError, tmp_path / "nowhere", tmp_path / "run"), "nowhere", "archive.json", "landweave patch")
    assert not (tmp_path / "run").exists()


def test_an_archive_without_labels_for_the_task_is_refused(tmp_path: Path) -> None:
    making.cut(tmp_path / "archive", targets=("classes",))
    says(refused(ArchiveError, tmp_path / "archive", tmp_path / "run"), "pixels", "mask", "task")


def test_a_band_with_one_value_is_refused(tmp_path: Path) -> None:
    making.cut(tmp_path / "archive", flat="data_20m")
    error = refused(SensorError, tmp_path / "archive", tmp_path / "run")
    says(error, "B05", "bands that vary", "['B03', 'B04']")


def test_another_recipe_in_the_folder_of_a_run_is_refused(folder: Path, trained: Path) -> None:
    says(refused(OutputError, folder, trained, epochs=4), "another recipe", "empty folder", "-o")
    assert making.train(making.recipe(folder), trained)


def test_another_archive_for_the_folder_of_a_run_is_refused(trained: Path, tmp_path: Path) -> None:
    making.cut(tmp_path / "other", seed=5)
    says(refused(OutputError, tmp_path / "other", trained), "another archive", "same recipe and archive", "-o")


def test_the_archive_may_be_moved(folder: Path, trained: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "moved")
    assert making.train(making.recipe(tmp_path / "moved"), trained)
    assert (trained / "card").is_dir()


def test_when_checkpoints_come_may_change(folder: Path, trained: Path) -> None:
    assert making.train(making.recipe(folder, checkpoint_every_steps=1), trained)
    assert (trained / "card").is_dir()


@pytest.mark.gpu
def test_a_gpu_trains(folder: Path, tmp_path: Path) -> None:
    world = World(device=torch.device("cuda", 0))
    recipe = making.recipe(folder, epochs=12, precision="auto")
    records = making.train(recipe, tmp_path / "run", world)
    assert records[-1].summary["overall_accuracy"] > 0.8
    making.stop_after(running.run(recipe, tmp_path / "stopped", world), 7)
    making.train(recipe, tmp_path / "stopped", world)
    _, network = load_card(tmp_path / "stopped" / "card")
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)


def test_a_folder_with_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("dear reader")
    says(refused(OutputError, folder, tmp_path), "something else", "empty folder", "-o")
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["thesis.txt"]


@pytest.mark.parametrize(("name", "given"), [("x" * 300, "characters"), (os.fsdecode(b"r\xff"), "the path")])
def test_a_path_that_cannot_be_is_refused(folder: Path, tmp_path: Path, name: str, given: str) -> None:
    says(refused(OutputError, folder, tmp_path / name), given, "path", "choose")


def test_two_runs_at_once_in_one_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        says(refused(OutputError, folder, tmp_path / "run"), "another landweave process", "no other job", "wait")


def newest(out: Path) -> Path:
    return checkpoint.every(out / "checkpoints")[-1]


def cut_short(path: Path) -> None:
    content = (path / "state.safetensors").read_bytes()
    (path / "state.safetensors").write_bytes(content[: len(content) // 2])


def flip_a_bit(path: Path) -> None:
    content = bytearray((path / "state.safetensors").read_bytes())
    content[-5] ^= 1
    (path / "state.safetensors").write_bytes(content)


def empty(path: Path) -> None:
    (path / "state.json").write_text("")


def forget(path: Path) -> None:
    (path / "state.json").write_text('{"format": 1}')


def other_format(path: Path) -> None:
    facts = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**facts, "format": 99}))


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, empty, forget, other_format])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_serves(
    folder: Path, trained: Path, damage: Callable[[Path], None]
) -> None:
    damaged = newest(trained)
    damage(damaged)
    error = refused(CheckpointError, folder, trained)
    says(error, damaged.name, "as landweave wrote it", f"remove {damaged}")
    shutil.rmtree(damaged)
    assert making.train(making.recipe(folder), trained)
    assert (trained / "card").is_dir()


def test_a_checkpoint_of_another_recipe_is_refused(folder: Path, trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    making.stop_after(running.run(making.recipe(folder, seed=2), other, World()), 8)
    shutil.rmtree(trained / "checkpoints")
    shutil.copytree(other / "checkpoints", trained / "checkpoints")
    says(refused(CheckpointError, folder, trained), "another recipe", "this recipe", "-o")


def test_a_loss_that_is_no_number_stops_with_the_last_good_checkpoint(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = running.Supervised.update
    num_updates = iter(range(100))

    def wrong(self: Any, batch: Any, factor: float) -> Any:
        sums = honest(self, batch, factor)
        return {**sums, "loss": sums["loss"] * (np.nan if next(num_updates) == 4 else 1)}

    monkeypatch.setattr(running.Supervised, "update", wrong)
    error = refused(DivergedError, folder, tmp_path / "run")
    says(error, "loss nan after update 5", "finite", "optimiser.rate")
    assert str(tmp_path / "run/checkpoints/step-00000003") in error.given
    assert checkpoint.load(newest(tmp_path / "run")).facts["standing"]["step"] == 3
    assert not (tmp_path / "run" / "card").exists()


def test_weights_that_are_no_numbers_never_become_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    changed = {"optimiser": {"name": "sgd", "rate": 1e38}, "network": "pixel", "arguments": {}}
    error = refused(DivergedError, folder, tmp_path / "run", **changed)
    says(error, "after update", "finite", "optimiser.rate")
    for path in checkpoint.every(tmp_path / "run/checkpoints"):
        assert all(bool(tensor.isfinite().all()) for tensor in checkpoint.load(path).tensors.values())


def test_a_full_disk_keeps_the_checkpoint_before(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = checkpoint.save_file

    def full(tensors: Any, path: Path) -> None:
        if len(checkpoint.every(tmp_path / "run/checkpoints")) == 1:
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        honest(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", full)
    says(refused(OutputError, folder, tmp_path / "run"), "no space left", "free space", "run the same command again")
    monkeypatch.setattr(checkpoint, "save_file", honest)
    assert newest(tmp_path / "run").name == "step-00000003"
    assert making.train(making.recipe(folder), tmp_path / "run")
    assert (tmp_path / "run" / "card").is_dir()


def test_records_tell_what_a_bar_shows(folder: Path, tmp_path: Path) -> None:
    def check(records: Iterator[Any]) -> Iterator[str]:
        for record in records:
            assert record.done <= record.total
            assert all(isinstance(value, float | int | str) for value in record.summary.values())
            yield record.phase

    phases = list(check(running.run(making.recipe(folder), tmp_path / "run", World())))
    assert phases == (["train"] * 3 + ["validate"]) * 3
