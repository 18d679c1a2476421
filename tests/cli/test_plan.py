"""The verb plan: layers are profiled, plans ranked, the best one drawn and said as a recipe says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.recipe import making

from landweave.cli.main import run

RECIPE = """\
archive = "{archive}"
network = "resnet18"
task = "multilabel"
arguments = {{width = 4}}
batch_global = 8
precision = "fp32"
"""
CLUSTER = """\
name = "two far ranks"
ranks = 2
memory_gigabytes = {memory}
link = {{latency_us = 100, gigabytes_per_s = 0.00001}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plan")
    making.cut(root / "archive", px=16)
    (root / "recipe.toml").write_text(RECIPE.format(archive=root / "archive"))
    (root / "cluster.toml").write_text(CLUSTER.format(memory=16))
    (root / "small.toml").write_text(CLUSTER.format(memory=0.01))
    return root


def plan(folder: Path, *words: str, cluster: str = "cluster.toml") -> int:
    told = ["plan", str(folder / "recipe.toml"), "--cluster", str(folder / cluster), "-o", str(folder / "plan")]
    return run([*told, "--repeats", "1", *words])


def test_plans_are_ranked_and_the_best_is_said_as_a_recipe_says_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(folder) == 0
    shown = capsys.readouterr().out
    assert "trunk.layer1" in shown and "predicted for two far ranks" in shown
    # Gradients of all weights take longer over that link than activations do.
    assert '[placement]\ntrunk = "0: ' in shown
    told = json.loads((folder / "plan" / "plan.json").read_text())
    rows = told["plans"]
    assert {row["schedule"] for row in rows} == {"1f1b"}
    assert (told["format"], told["kind"], told["configuration"]["schedule"]) == (1, "plan", None)
    assert [row["step_s"] for row in rows] == sorted(row["step_s"] for row in rows)
    whole = next(row for row in rows if row["name"] == "data-parallel")
    assert whole["replicas"] == 2 and whole["sent_bytes"][0] > 10_000
    assert "rank 1: trunk" in (folder / "plan" / "timeline.svg").read_text()
    assert (folder / "plan" / "plan.txt").read_text() in shown


def test_a_profile_is_taken_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "plan" / "profile.json"
    before = path.read_bytes()
    lines = 'trunk = "0: ..layer1.0; 1"'
    assert plan(folder, "--inference", "--set", f"placement={{{lines}}}") == 0
    rows = json.loads((folder / "plan" / "plan.json").read_text())["plans"]
    # What the recipe says is reckoned as well; forward passes sum nothing up.
    assert {"trunk": "0: conv1..layer1.0; 1: layer1.1..fc"} in [row["placement"] for row in rows]
    assert all(sum(row["sent_bytes"]) == 0 for row in rows if row["name"] == "data-parallel")
    assert path.read_bytes() == before
    # Other micro-batches are other sizes to try.
    assert plan(folder, "--micro-batches", "1", "--micro-batches", "2") == 0
    assert path.read_bytes() != before
    capsys.readouterr()
    path.write_text("{")
    assert plan(folder) == 1
    shown = capsys.readouterr().err
    assert "profile.json" in shown and "a profile that landweave plan wrote" in shown and "remove it" in shown
    path.unlink()


def test_no_placement_fits_the_memory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(folder, cluster="small.toml") == 1
    shown = capsys.readouterr().err
    assert "two far ranks, on which no placement fits" in shown
    assert "expected: ranks with as much memory" in shown and "smaller batches" in shown
    # What was reckoned is there all the same.
    assert "does not fit" in (folder / "plan" / "plan.txt").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "network=forest"], ("network forest, whose fit", "two_branch", "another recipe")),
        (["--set", "network=pixel", "--set", "task=pixels"], ("does not say what its layers are", "with stages()", "")),
        (["--schedule", "pipedream"], ("schedule = 'pipedream'", "gpipe", "mend these keys")),
        (["--micro-batches", "0"], ("", "", "")),
        (["--set", 'placement={trunk="0: ..layer9; 1"}'], ("layer layer9", "layer", "landweave plan lists")),
        (
            ["--set", 'placement={trunk="0: ..relu; 1: maxpool; 2"}'],
            ("on 3 ranks, started on 2", "3 ranks, or a multiple", "start 3 ranks"),
        ),
    ],
)
def test_what_cannot_be_planned(
    folder: Path, words: list[str], says: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(folder, *words) in {1, 2}
    shown = capsys.readouterr().err
    assert all(text in shown for text in says)


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--help"]) == 0
    assert "landweave plan recipe.toml" in capsys.readouterr().out
