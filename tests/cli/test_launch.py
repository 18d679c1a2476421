"""The verb launch: a script for SLURM that trains on two ranks; what cannot be launched is said at once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.parallel import slurm
from tests.recipe import making

from landweave.cli.main import run
from landweave.models.card import load_card

RECIPE = """\
archive = "archive"
network = "pixel"
epochs = 1
batch_global = 5
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    making.cut(tmp_path / "archive")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def launch(*words: str) -> int:
    return run(["launch", "recipe.toml", "-o", "a run", *words])


def test_the_script_for_slurm_trains_on_its_ranks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written, checked by bash, then run by stand-ins of srun and scontrol that set what SLURM sets."""
    assert launch("--on", "slurm", "--script", "job.sh", "--ranks-per-node", "2", "--set", "seed=5") == 1
    assert "job name 'a run'" in capsys.readouterr().err
    words = ["launch", "recipe.toml", "-o", "run", "--on", "slurm", "--script", "job.sh", "--ranks-per-node", "2"]
    assert run([*words, "--set", "seed=5", "--device", "cpu", "--before", "echo begun"]) == 0
    shown = capsys.readouterr().out
    assert "job.sh: 1 nodes with 2 ranks each" in shown
    assert "sbatch job.sh" in shown
    subprocess.run(["bash", "-n", "job.sh"], check=True)
    (here / "elsewhere").mkdir()
    ended = slurm.run_script((here / "job.sh").read_text(), here / "elsewhere")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("begun\n")
    # Only the first of two ranks says so.
    assert ended.stdout.count("card: run/card") == 1
    card, _ = load_card(here / "run/card")
    assert card.training["steps"] == 3
    assert not (here / "elsewhere/asked").exists()


MISTAKES = [
    (["--set", "epoks=3"], "unknown key epoks", "epochs (did you mean that?)", "mend these keys"),
    (["--on", "slurm", "--time", "soon"], "time limit 'soon'", "hh:mm:ss", "04:00:00"),
    (["--on", "slurm", "--nodes", "0"], "0 nodes", "at least one of each", "--nodes"),
    (["--on", "slum"], "--on slum", "slurm (did you mean that?)", "choose where to train"),
]


@pytest.mark.parametrize(("more", "given", "expected", "do"), MISTAKES)
def test_mistakes_are_said_before_anything_starts(
    here: Path, capsys: pytest.CaptureFixture[str], more: list[str], given: str, expected: str, do: str
) -> None:
    assert run(["launch", "recipe.toml", "-o", "run", *more]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert given in said
    assert expected in said
    assert do in said
    assert not (here / "run").exists()
    assert not (here / "train.slurm").exists()


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["launch", "--help"]) == 0
    shown = capsys.readouterr().out
    for word in ("--ranks 2", "--on slurm", "--on spark"):
        assert word in shown


def test_a_recipe_of_series_is_launched_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text('task = "series"\nsamples = "samples.h5"\nnetwork = "ltae"\n')
    words = ["launch", "recipe.toml", "-o", "run", "--on", "slurm", "--script", "job.sh"]
    assert run(words) == 0
    assert "landweave" in (tmp_path / "job.sh").read_text()
    assert run([*words, "--set", "samplse=x"]) == 1
    assert "samples (did you mean that?)" in capsys.readouterr().err
