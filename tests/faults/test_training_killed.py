"""A real training process killed at random steps and started again ends bit for bit as the run that was not."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.recipe import making

from landweave.config import load
from landweave.recipe.recipe import TrainRecipe

RECIPE = """\
archive = "{archive}"
epochs = 8
batch_global = 4
log_every_steps = 1
checkpoint_every_steps = 2
[arguments]
width = 8
depth = 2
dropout = 0.2
[optimiser]
rate = 0.01
"""
NUM_KILLS = 2
NUM_LINES = 8 * 3 + 8


def start(recipe: Path, out: Path, **more: Any) -> subprocess.Popen[bytes]:
    command = [Path(sys.executable).with_name("landweave"), "train", recipe, "-o", out]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


def test_a_disk_that_is_full_for_a_checkpoint_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    """No file may grow beyond 30 kB: the log fits, a checkpoint does not."""
    making.cut(tmp_path / "archive")
    recipe, out = tmp_path / "recipe.toml", tmp_path / "full"
    recipe.write_text(RECIPE.format(archive=tmp_path / "archive"))
    process = start(recipe, out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)))
    _, said = process.communicate()
    assert process.returncode == 1
    for words in (b"no space left while writing", b"free space on that disk", b"run the same command again"):
        assert words in said
    assert not list((out / "checkpoints").iterdir())
    train_here(recipe, out)
    train_here(recipe, tmp_path / "whole")
    same(out, tmp_path / "whole")


def train_here(recipe: Path, out: Path) -> None:
    making.train(load(TrainRecipe, recipe), out)


def lines(out: Path) -> int:
    path = out / "log.jsonl"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def kill_after(process: subprocess.Popen[bytes], out: Path, num_lines: int) -> None:
    """Kill as soon as the log has so many lines; then the process is somewhere in the next step or in writing."""
    while lines(out) < num_lines and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.communicate()


def same(out: Path, whole: Path) -> None:
    assert making.told(out) == making.told(whole)
    for name in ("weights.safetensors", "card.json"):
        assert (out / "card" / name).read_bytes() == (whole / "card" / name).read_bytes()
    assert not list(out.rglob("*.aside*"))


def test_killed_at_random_steps_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    making.cut(tmp_path / "archive")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(archive=tmp_path / "archive"))
    train_here(recipe, tmp_path / "whole")
    out, num_killed = tmp_path / "killed", 0
    for num_lines in sorted(random.Random(time.time_ns()).sample(range(2, NUM_LINES - 4), NUM_KILLS)):
        process = start(recipe, out)
        kill_after(process, out, num_lines)
        num_killed += process.returncode == -9
        assert not (out / "card").exists()
    assert num_killed == NUM_KILLS
    last = start(recipe, out)
    assert (last.communicate(), last.returncode)[1] == 0
    same(out, tmp_path / "whole")


def test_asked_to_stop_it_saves_where_it_stands(tmp_path: Path) -> None:
    making.cut(tmp_path / "archive")
    recipe, out = tmp_path / "recipe.toml", tmp_path / "asked"
    recipe.write_text(RECIPE.format(archive=tmp_path / "archive").replace("steps = 2", "steps = 1000"))
    process = start(recipe, out)
    while lines(out) < 8:
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 130
    assert b"run the same command again" in said
    assert [path.name for path in (out / "checkpoints").iterdir()] != []
    train_here(recipe, out)
    train_here(recipe, tmp_path / "whole")
    same(out, tmp_path / "whole")
