"""Training on series, killed: it ends as if it had not been; damaged samples are refused before anything is learnt."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from tests.faults.landweave import start
from tests.recipe import making
from tests.recipe.series_making import cut

from landweave.errors import CheckpointError, LandweaveError, SeriesError
from landweave.parallel.world import World
from landweave.recipe.kinds import load_recipe, run
from landweave.recipe.series import SeriesRecipe

RECIPE = """\
task = "series"
samples = "{samples}"
network = "lstm"
epochs = 4
batch_global = 16
precision = "fp32"
log_every_steps = 1
checkpoint_every_s = 0
[arguments]
width = 16
depth = 2
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(samples=cut(tmp_path)))
    return path


def train_here(recipe: Path, out: Path) -> None:
    for _ in run(load_recipe(recipe), out, World()):
        pass


def train_and_send(recipe: Path, out: Path, number: signal.Signals, num_lines: int) -> int:
    """A process of its own that gets a signal as soon as its log has so many lines; its exit code."""
    process = start("train", recipe, "-o", out, before="import torch; torch.set_num_threads(1)")
    log = out / "log.jsonl"
    while process.poll() is None and (not log.exists() or len(log.read_bytes().splitlines()) < num_lines):
        time.sleep(0.002)
    process.send_signal(number)
    return process.wait()


def test_killed_it_ends_as_if_it_had_not_been(recipe: Path, tmp_path: Path) -> None:
    # As the process that is killed has.
    torch.set_num_threads(1)
    assert train_and_send(recipe, tmp_path / "run", signal.SIGKILL, 5) == -signal.SIGKILL
    assert not (tmp_path / "run/card").exists()
    train_here(recipe, tmp_path / "run")
    train_here(recipe, tmp_path / "whole")
    assert making.told(tmp_path / "run") == making.told(tmp_path / "whole") != []
    for name in ("weights.safetensors", "card.json"):
        assert (tmp_path / "run/card" / name).read_bytes() == (tmp_path / "whole/card" / name).read_bytes()
    assert not list((tmp_path / "run").rglob("*.aside*"))


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_another_number(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["values"][3, 0, 0] = 77.0


def of_the_next_format(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 2


def without_days(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["days"]


def of_text(path: Path) -> None:
    path.write_text("label,value\n")


@pytest.mark.parametrize("spoil", [halved, with_another_number, of_the_next_format, without_days, of_text, Path.unlink])
def test_damaged_samples_are_refused_before_anything_is_learnt(
    recipe: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(tmp_path / "samples.h5")
    with pytest.raises(SeriesError) as caught:
        train_here(recipe, tmp_path / "run")
    assert all((caught.value.given, caught.value.expected, caught.value.do))
    assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_is_named(recipe: Path, tmp_path: Path) -> None:
    making.stop_after(run(load_recipe(recipe), tmp_path / "run", World()), 6)  # type: ignore[arg-type]
    newest = sorted((tmp_path / "run/checkpoints").iterdir())[-1]
    halved(newest / "state.safetensors")
    with pytest.raises(CheckpointError) as caught:
        train_here(recipe, tmp_path / "run")
    assert newest.name in str(caught.value)
    # Without it the run goes on from the one before, and ends as it would have.
    for file in newest.iterdir():
        file.unlink()
    newest.rmdir()
    train_here(recipe, tmp_path / "run")
    train_here(recipe, tmp_path / "whole")
    weights = [(tmp_path / name / "card/weights.safetensors").read_bytes() for name in ("run", "whole")]
    assert weights[0] == weights[1]


def test_values_of_another_size_end_with_what_to_try(recipe: Path, tmp_path: Path) -> None:
    asked = load_recipe(recipe, ["optimiser.rate=1e30", "optimiser.name=sgd"])
    assert isinstance(asked, SeriesRecipe)
    with pytest.raises(LandweaveError) as caught:
        list(run(asked, tmp_path / "run", World()))
    assert "optimiser.rate" in caught.value.do
    assert not (tmp_path / "run/card").exists()


def test_samples_may_move(recipe: Path, tmp_path: Path) -> None:
    making.stop_after(run(load_recipe(recipe), tmp_path / "run", World()), 6)  # type: ignore[arg-type]
    (tmp_path / "samples.h5").rename(tmp_path / "elsewhere.h5")
    moved = load_recipe(recipe, [f"samples={tmp_path / 'elsewhere.h5'}"])
    records = list(run(moved, tmp_path / "run", World()))
    assert 0 < len(records) < 4 * 6
    np.testing.assert_equal((tmp_path / "run/card/card.json").is_file(), True)
