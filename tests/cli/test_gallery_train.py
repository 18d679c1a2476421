"""landweave gallery train and which: models of a gallery from the command line, and mistakes said in three parts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyproj
import pytest
from tests.gallery import trained

from landweave.cli.main import run

RECIPE = """# For tests.
archive = "nowhere"
network = "unet"
epochs = 2
batch_global = 5
precision = "fp32"
arguments = { width = 8, depth = 2 }
optimiser = { rate = 0.01 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    trained.gallery_with_archive(folder)
    (folder / "recipe.toml").write_text(RECIPE)
    assert run(words(folder)) == 0
    return folder


def words(folder: Path, *more: str) -> list[str]:
    archive = f"archive={folder / 'archive'}"
    least = ["--least-train", "4", "--least-validation", "2"]
    return [
        "gallery", "train", str(folder / "gallery"), "--recipe", str(folder / "recipe.toml"), "--set", archive,
        "--bucket-set", "epochs=3", *least, *more,
    ]  # fmt: skip


def place(x: float, y: float) -> str:
    lon, lat = pyproj.Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True).transform(x, y)
    return f"{lon},{lat}"


def test_models_of_every_bucket(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Run again: nothing is trained, everything is told.
    assert run(words(folder)) == 0
    out = capsys.readouterr().out
    assert re.search(r"unet for 3 bands of sentinel-2-l2a, legend squares: \d of 3 buckets have a card", out)
    assert "bucket 2: 1 patches; too few patches" in out
    told = json.loads((folder / "gallery" / "models.json").read_text())["configuration"]
    assert (told["recipe"]["epochs"], told["buckets"]["epochs"]) == (2, 3)
    assert told["buckets"]["start"] is None


def test_which_model_for_a_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gallery = str(folder / "gallery")
    asked = ["gallery", "which", gallery, "--sensor", "sentinel-2-l2a", "--at", place(1500, 100)]
    assert run([*asked, "--date", "2024-07-10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert Path(lines[0]).name == "card"
    assert "images nearest" in lines[1]
    assert run([*asked[:-1], "north"]) == 1
    assert "LON,LAT" in capsys.readouterr().err
    assert run([*asked[:-1], "200,10"]) == 1
    assert "LON,LAT" in capsys.readouterr().err
    assert run([*asked, "--date", "summer"]) == 1
    assert "YYYY-MM-DD" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--figure", "kappa"], "mean_iou"),
        (["--far-share", "2"], "far_share"),
        (["--bucket-set", "epochz=3"], "epochs"),
        (["--mono", "nowhere"], "a card"),
    ],
)
def test_mistakes_are_said(folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str) -> None:
    assert run(words(folder, *more)) == 1
    err = capsys.readouterr().err
    assert said in err
    assert "to do" in err
