"""A real training process stopped and killed at random steps ends, started again, bit for bit as one that was not."""

from __future__ import annotations

import random
import resource
import signal
import time
from pathlib import Path

import pytest
from tests.faults import landweave
from tests.faults.landweave import Started
from tests.recipe import making

from landweave.config import load
from landweave.errors import OutputError
from landweave.recipe.recipe import TrainRecipe
from landweave.train import checkpoint

RECIPE = """\
archive = "{archive}"
epochs = 8
batch_global = 4
grow_batch = [[4, 2]]
accumulate = 2
mixup = 0.3
log_every_steps = 1
checkpoint_every_steps = 2
[arguments]
width = 8
depth = 2
dropout = 0.2
[optimiser]
name = "lamb"
rate = 0.01
"""
# Three updates an epoch, and two once the batch has grown.
NUM_LINES = 4 * 3 + 4 * 2 + 8
SIGNALS = [signal.SIGTERM, signal.SIGKILL]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    making.cut(tmp_path / "archive")
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(archive=tmp_path / "archive"))
    return path


def start(recipe: Path, out: Path) -> Started:
    return landweave.start("train", recipe, "-o", out, before="import torch; torch.set_num_threads(1)")


def train_here(recipe: Path, out: Path) -> None:
    making.train(load(TrainRecipe, recipe), out)


def lines(out: Path) -> int:
    path = out / "log.jsonl"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def send(process: Started, number: signal.Signals, out: Path, num_lines: int) -> str:
    """Send a signal as soon as the log has so many lines: somewhere in the next step or in writing. What was said."""
    while lines(out) < num_lines and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(number)
    return process.communicate()[1]


def same(out: Path, whole: Path) -> None:
    assert making.told(out) == making.told(whole) != []
    for name in ("weights.safetensors", "card.json"):
        assert (out / "card" / name).read_bytes() == (whole / "card" / name).read_bytes()
    assert not list(out.rglob("*.aside*"))


def test_stopped_and_killed_at_random_steps_it_ends_as_if_it_had_not_been(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    places = sorted(random.Random(time.time_ns()).sample(range(2, NUM_LINES - 12), len(SIGNALS)))
    for number, num_lines in zip(SIGNALS, places, strict=True):
        process = start(recipe, out)
        said = send(process, number, out, num_lines)
        assert process.returncode == (130 if number == signal.SIGTERM else -number)
        if number == signal.SIGTERM:
            # Asked to stop, it saves where it stands, whether or not that was a step to save at.
            assert "run the same command again" in said
            assert checkpoint.every(out / "checkpoints")[-1].name.endswith(f"{making.told(out)[-1]['step']:08d}")
        assert not (out / "card").exists()
    # All in processes of their own, alike in threads: what other tests did to this one must not count.
    for folder in (out, tmp_path / "whole"):
        process = start(recipe, folder)
        said = process.communicate()[1]
        assert process.returncode == 0, said
    same(out, tmp_path / "whole")


def test_a_disk_that_is_full_for_a_checkpoint_is_said_and_nothing_is_lost(recipe: Path, tmp_path: Path) -> None:
    """No file may grow beyond 30 kB: the log fits, a checkpoint does not."""
    out = tmp_path / "full"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with pytest.raises(OutputError) as full:
            train_here(recipe, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "no space left while writing" in full.value.given
    assert "free space on that disk" in full.value.expected
    assert "run the same command again" in full.value.do
    assert not list((out / "checkpoints").iterdir())
    train_here(recipe, out)
    train_here(recipe, tmp_path / "whole")
    same(out, tmp_path / "whole")
