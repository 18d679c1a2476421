"""The verb train: a recipe and overrides in, a card out; mistakes in three parts and exit code 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.recipe import making

from landweave.cli.main import run
from landweave.models.card import load_card

RECIPE = """\
archive = "{archive}"
epochs = 2
batch_global = 6
[arguments]
width = 4
depth = 1
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    making.cut(tmp_path / "archive")
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(archive=tmp_path / "archive"))
    return path


def train(recipe: Path, *more: str) -> int:
    return run(["train", str(recipe), "-o", str(recipe.parent / "run"), *more])


def test_a_recipe_and_overrides_become_a_card(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        train(
            recipe,
            "--set",
            "epochs=1",
            "--set",
            "optimiser.rate=1e-4",
            "--set",
            "network=pixel",
            "--set",
            "arguments={}",
        )
        == 0
    )
    assert str(recipe.parent / "run/card") in capsys.readouterr().out
    card, _ = load_card(recipe.parent / "run/card")
    assert (card.network, card.training["epochs"]) == ("pixel", 1)
    told = json.loads((recipe.parent / "run/recipe.json").read_text())
    assert told["configuration"]["optimiser"]["rate"] == 1e-4
    assert {"versions", "commit", "fingerprint"} <= set(told)


def test_progress_goes_to_stderr_with_loss_and_figures(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(recipe) == 0
    shown = capsys.readouterr().err
    assert "4/4 steps" in shown
    assert "2/2 epochs" in shown
    assert "loss" in shown and "overall_accuracy" in shown


def test_the_same_command_again_leaves_the_card(recipe: Path) -> None:
    assert train(recipe) == 0
    before = (recipe.parent / "run/card/card.json").read_bytes()
    assert train(recipe) == 0
    assert (recipe.parent / "run/card/card.json").read_bytes() == before


def test_another_recipe_in_the_same_folder_is_refused(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(recipe) == 0
    capsys.readouterr()
    assert train(recipe, "--set", "seed=9") == 1
    shown = capsys.readouterr().err
    assert "given: " in shown and "another recipe" in shown
    assert "expected: an empty folder" in shown
    assert "to do: choose another output with -o" in shown


MISTAKES = [
    (["--set", "epoks=3"], "unknown key epoks", "epochs", "mend"),
    (["--set", "epochs=0"], "epochs = 0", "greater than or equal to 1", "mend"),
    (["--set", "optimiser.name=lion"], "optimiser.name = 'lion'", "adamw", "mend"),
    (["--set", "batch_per_rank=4"], "batch", "not both", "mend"),
    (["--set", "task=multilabel", "--set", "stopping.monitor=kappa"], "task", "micro_f1", "mend"),
    (["--set", "network=unett"], "network unett", "unet", "name a known network"),
    (["--device", "tpu"], "device tpu", "auto, cpu, or cuda", "device"),
]


@pytest.mark.parametrize(("more", "given", "expected", "do"), MISTAKES)
def test_mistakes_are_said_in_three_parts(
    recipe: Path, capsys: pytest.CaptureFixture[str], more: list[str], given: str, expected: str, do: str
) -> None:
    assert train(recipe, *more) == 1
    shown = " ".join(capsys.readouterr().err.split())
    first, rest = shown.split("expected: ", 1)
    second, third = rest.split("to do: ", 1)
    assert given in first
    assert expected in second
    assert do in third


def test_a_recipe_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "none.toml") == 1
    assert "none.toml" in capsys.readouterr().err


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help"]) == 0
    assert "landweave train recipes/" in capsys.readouterr().out


def test_a_recipe_of_a_sharpener_becomes_a_card_that_patch_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.patches import scenes

    from landweave.patches.archive import open_archive
    from landweave.raster.catalog import write_catalog

    write_catalog([scenes.write_scene(tmp_path)], tmp_path / "catalog.parquet")
    scenes.write_labels(tmp_path / "labels.tif")
    (tmp_path / "legends.toml").write_text(scenes.LEGENDS)
    (tmp_path / "sharpen.toml").write_text(
        f'task = "sharpen"\nscenes = "{tmp_path}/catalog.parquet"\nwidth = 4\ndepth = 1\nepochs = 1\n'
        "patch_px = 6\nland_px = 36\n"
    )
    assert run(["train", str(tmp_path / "sharpen.toml"), "-o", str(tmp_path / "run")]) == 0
    assert str(tmp_path / "run/card") in capsys.readouterr().out
    words = f"--scenes {tmp_path}/catalog.parquet --labels {tmp_path}/labels.tif --legends {tmp_path}/legends.toml"
    words += f" --legend three --set patch_px=12 --set gap_px=6 --super {tmp_path}/run/card -o {tmp_path}/archive"
    assert run(["patch", *words.split()]) == 0
    assert "data_super" in open_archive(tmp_path / "archive").layout.shapes()
    assert run(["patch", *words.replace("run/card", "nowhere").replace("archive", "other").split()]) == 1
    assert "sharpener.json" in capsys.readouterr().err
