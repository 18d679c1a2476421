"""A recipe of series from the outside: trained, judged, shown, and what does not fit said in three parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.recipe import making
from tests.recipe.series_making import cut

from landweave.cli.main import run

RECIPE = """\
task = "series"
samples = "samples.h5"
network = "linear"
[dates]
per_year = 8
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    cut(tmp_path)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def test_from_samples_to_a_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "recipe.toml", "-o", "run"]) == 0
    assert "card: run/card" in capsys.readouterr().out
    card = json.loads((here / "run/card/card.json").read_text())
    assert card["task"] == "series"
    assert len(card["series"]["days_of_year"]) == card["series"]["num_dates"] == 8
    assert run(["evaluate", "--card", "run/card", "--data", "samples.h5", "-o", "judged"]) == 0
    assert "overall accuracy" in capsys.readouterr().out
    assert run(["report", "run", "judged", "-o", "page.html"]) == 0
    page = (here / "page.html").read_text()
    assert "early" in page
    assert "of 2019 to 2020" in page


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["train", "recipe.toml", "-o", "run", "--set", "network=resnet18"], "a network of series"),
        (["train", "recipe.toml", "-o", "run", "--set", "samples=nowhere.h5"], "nowhere.h5"),
        (["train", "recipe.toml", "-o", "run", "--set", "yeers=[2019]"], "years (did you mean that?)"),
        (["evaluate", "--card", "run/card", "--data", "samples.h5", "--archive", "a", "-o", "j"], "on nothing else"),
        (["evaluate", "--card", "run/card", "--data", "samples.h5", "-o", "j"], "card.json"),
    ],
)
def test_mistakes_are_said(here: Path, capsys: pytest.CaptureFixture[str], words: list[str], shown: str) -> None:
    assert run(words) == 1
    told = capsys.readouterr().err
    assert shown in told
    assert all(part in told for part in ("given:", "expected:", "to do:"))


def test_a_card_of_series_is_not_judged_on_patches(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "recipe.toml", "-o", "run"]) == 0
    making.cut(here / "archive")
    capsys.readouterr()
    assert run(["evaluate", "--card", "run/card", "--archive", "archive", "-o", "j"]) == 1
    assert "a card of series" in (told := capsys.readouterr().err)
    assert "--data" in told
