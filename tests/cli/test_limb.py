"""The verb limb: the whole way on a few made-up spectra, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.limb.making import spectra

from landweave.cli.main import run
from landweave.datasets import limb

RECIPE = """
method = "pca-svm"
arguments = { components = 4 }
judge = { folds = 2, curve = [0.5], small_train = 0, shuffled = 0 }
search = { options = { gamma = [0.1, 1.0] }, most = 80 }
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    limb.write(tmp_path / "database.nc", spectra(120))
    limb.write(tmp_path / "season.csv", spectra(24, seed=3, clear=6))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def test_the_whole_way(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["limb", "search", "database.nc", "-r", "recipe.toml", "-o", "run", "--set", "seed=3"]) == 0
    told = capsys.readouterr().out
    assert "PCA + SVM learnt from 120 spectra; components 4, gamma" in told
    # The same folder with other arguments is another job.
    assert run(["limb", "train", "database.nc", "-r", "recipe.toml", "-o", "run", "--set", "seed=3"]) == 1
    assert "which holds the work of another job: search was" in capsys.readouterr().err
    assert run(["limb", "predict", "season.csv", "--card", "run/card", "-o", "told"]) == 0
    assert "clear: 6" in capsys.readouterr().out
    assert run(["limb", "compare", "run", "told", "-o", "comparison"]) == 0
    out = capsys.readouterr().out
    assert "in cross-validation" in out and "page: comparison/report.html" in out
    assert (place / "comparison" / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["limb"], 2, "train"),
        (["limb", "train", "missing.nc", "-r", "recipe.toml", "-o", "a"], 1, "missing.nc"),
        (["limb", "train", "database.nc", "-r", "recipe.toml", "-o", "a", "--set", "methd=1"], 1, "method"),
        (["limb", "search", "database.nc", "-r", "recipe.toml", "-o", "a", "--kind", "all"], 1, "grid"),
        (["limb", "predict", "season.csv", "--card", "nowhere", "-o", "a"], 1, "landweave limb train"),
        (["limb", "compare", ".", "-o", "a"], 1, "check the path"),
        (["limb", "compare", "a", "-o", "b", "--day", "today"], 1, "2009-06-14"),
    ],
)
def test_mistakes_are_told_in_three_parts(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run(words) == code
    told = capsys.readouterr()
    assert said in told.err + told.out
