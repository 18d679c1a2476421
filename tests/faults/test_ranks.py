"""Training on several ranks that are stopped, killed, or disagree: ended at once, with a name, and nothing is lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.numpy import load_file
from tests.recipe import making

from landweave.cli.main import run
from landweave.config import load
from landweave.parallel.launch import here
from landweave.recipe.recipe import TrainRecipe

RECIPE = """\
archive = "{archive}"
network = "unet"
epochs = 6
batch_global = 4
log_every_steps = 1
checkpoint_every_steps = 2
norm_over_ranks = true
precision = "fp32"
[arguments]
width = 8
depth = 2
dropout = 0.2
[optimiser]
rate = 0.001
"""
EPOCHS, STEPS = 6, 6 * 3
LANDWEAVE = Path(sys.executable).with_name("landweave")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    making.cut(tmp_path / "archive")
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(archive=tmp_path / "archive"))
    return path


def launch(recipe: Path, out: Path) -> subprocess.Popen[str]:
    command = [LANDWEAVE, "launch", recipe, "-o", out, "--ranks", "2", "--threads", "1"]
    return subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def wait_for(out: Path, num_lines: int, process: subprocess.Popen[str]) -> None:
    path = out / "log.jsonl"
    while process.poll() is None and (not path.exists() or len(path.read_bytes().splitlines()) < num_lines):
        time.sleep(0.005)


def rank_of(process: psutil.Process) -> str:
    return process.environ()["RANK"]


def test_stopped_then_a_rank_killed_then_ended_on_one_rank(recipe: Path, tmp_path: Path) -> None:
    """Losses and weights are those of one rank that nobody stopped, but for the order of sums."""
    out = tmp_path / "run"
    process = launch(recipe, out)
    wait_for(out, 6, process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    stood = making.told(out)[-1]["step"]
    assert (out / "checkpoints" / f"step-{stood:08d}").is_dir(), "asked to stop, ranks save where they stand"

    process = launch(recipe, out)
    wait_for(out, 14, process)
    (second,) = [rank for rank in psutil.Process(process.pid).children() if rank_of(rank) == "1"]
    second.kill()
    began = time.monotonic()
    said = process.communicate(timeout=60)[1]
    assert process.returncode not in (0, 130)
    assert time.monotonic() - began < 30
    assert "rank 1 has ended: it was killed or crashed without a word" in said
    assert "run the same command again" in said
    assert not (out / "card").exists()

    making.train(load(TrainRecipe, recipe), out)
    making.train(load(TrainRecipe, recipe), tmp_path / "whole")
    found, wanted = making.told(out), making.told(tmp_path / "whole")
    assert len(found) == len(wanted) == STEPS + EPOCHS
    for mine, other in zip(found, wanted, strict=True):
        assert mine["losses"] == pytest.approx(other["losses"], rel=2e-5)
    weights = [load_file(folder / "card/weights.safetensors") for folder in (out, tmp_path / "whole")]
    for name, values in weights[0].items():
        assert values == pytest.approx(weights[1][name], abs=2e-4), name
    assert not list(out.rglob("*.aside*"))


EACH = 'exec "$0" train "$1/recipe-$RANK.toml" -o "$1/run"'


def train_apart(folder: Path, capfd: pytest.CaptureFixture[str], *texts: str) -> str:
    """What two ranks say that were given different recipes."""
    for rank, text in enumerate(texts):
        (folder / f"recipe-{rank}.toml").write_text(text)
    assert here(["bash", "-c", EACH, str(LANDWEAVE), str(folder)], 2, threads=1) == 1
    assert not (folder / "run").exists()
    return " ".join(capfd.readouterr().err.split())


def test_a_rank_without_its_archive_tells_the_others(
    recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = recipe.read_text()
    said = train_apart(tmp_path, capfd, text, text.replace("/archive", "/nowhere"))
    assert "nowhere" in said
    assert "rank 0 of 2, which waited for another one in vain; rank 1 has ended: " in said
    assert "all ranks to go on together" in said


def test_an_archive_of_another_sensor_is_refused(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recipe.parent / "run"
    assert run(["train", str(recipe), "-o", str(out), "--set", "sensor=landsat-8-c2l2"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "of sensor sentinel-2-l2a" in said
    assert "sensor landsat-8-c2l2, as the recipe says" in said
    assert "give what has that sensor" in said
    assert not out.exists()


def test_a_checkpoint_of_another_model_is_refused(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--set", "epochs=1"]
    assert run(["train", str(recipe), "-o", str(tmp_path / "one"), *short]) == 0
    other = [*short, "--set", "network=pixel", "--set", "arguments={}"]
    assert run(["train", str(recipe), "-o", str(tmp_path / "two"), *other]) == 0
    shutil.rmtree(tmp_path / "two" / "checkpoints")
    shutil.copytree(tmp_path / "one" / "checkpoints", tmp_path / "two" / "checkpoints")
    capsys.readouterr()
    assert run(["train", str(recipe), "-o", str(tmp_path / "two"), *other]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "of another recipe or archive" in said
    assert "a checkpoint of this recipe" in said
    assert "remove that checkpoint" in said
