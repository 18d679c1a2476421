"""The verb scale: ranks are started, measured and trained, and what is found is printed, written and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.recipe import making

from landweave.cli.main import run
from landweave.recipe import measure

RECIPE = """\
archive = "{archive}"
network = "pixel"
batch_per_rank = 4
"""
CLUSTER = """\
name = "four machines"
ranks_per_node = 2
nodes = [1, 4]
[within]
latency_us = 5
gigabytes_per_s = 50
[between]
latency_us = 20
gigabytes_per_s = 10
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    making.cut(tmp_path / "archive")
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(archive=tmp_path / "archive"))
    (tmp_path / "cluster.toml").write_text(CLUSTER)
    return path


def scale(recipe: Path, *words: str) -> int:
    return run(["scale", str(recipe), "-o", str(recipe.parent / "scale"), *words])


def test_two_ranks_are_measured_trained_and_drawn(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recipe.parent / "scale"
    # Alone in this process, as a launcher of one rank would; the other ranks are started.
    assert scale(recipe, "--measure", "--steps", "2") == 0
    assert scale(recipe, "--ranks", "2", "--steps", "2", "--cluster", str(recipe.parent / "cluster.toml")) == 0
    shown = capsys.readouterr().out
    assert "measured here" in shown and "predicted for four machines" in shown
    told = json.loads((out / "scale.json").read_text())
    assert (told["format"], told["kind"], told["epoch_samples"]) == (1, "scale", 12)
    assert [point["ranks"] for point in told["measured"]] == [1, 2]
    assert [point["ranks"] for point in told["predicted"]] == [2, 8]
    assert told["measured"][0]["f1"] is None and 0 <= told["measured"][1]["f1"] <= 1
    assert told["costs"]["within"]["s_per_byte"] > 0
    assert "measured here" in (out / "scale.svg").read_text()
    found = measure.load_all(out)[1]
    assert (found.num_ranks, found.threads, found.samples) == (2, 1, 4)
    assert len(found.sums) == 4 and all(seconds > 0 for _, seconds in found.sums)
    before = (out / "measured-2.json").read_bytes()
    assert scale(recipe, "--ranks", "2", "--steps", "2", "--epochs", "0") == 0
    assert (out / "measured-2.json").read_bytes() == before


def test_a_cluster_with_an_unknown_key(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recipe.parent / "cluster.toml").write_text(CLUSTER + "bandwith = 3\n")
    assert scale(recipe, "--cluster", str(recipe.parent / "cluster.toml")) == 1
    shown = capsys.readouterr().err
    assert "unknown key between.bandwith" in shown
    assert "expected: " in shown and "to do: " in shown
    assert not (recipe.parent / "scale").exists()


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scale", "--help"]) == 0
    assert "landweave scale recipe.toml" in capsys.readouterr().out
