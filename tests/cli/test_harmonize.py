"""The verb harmonize: from two sensors' scenes to one dense series, and the judgement of it, by the command line."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from tests.harmonize.making import DAY, L8, S2, catalog, scene

from landweave.cli.main import run
from landweave.raster.catalog import read_catalog

SMALL = ["--patch-px", "16", "--set", "block_patches=1", "--set", "gap_px=2", "--set", "min_valid=0.5"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of both sensors on one day, and one of Sentinel-2 a week later; an archive of pairs and a card."""
    folder = tmp_path_factory.mktemp("cli")
    later = scene(folder, S2, day=DAY + dt.timedelta(7))
    path = str(catalog(folder, scene(folder, S2), scene(folder, L8), later))
    assert run(["harmonize", "pairs", path, "-o", str(folder / "pairs"), *SMALL]) == 0
    assert run(["harmonize", "fit", str(folder / "pairs"), "-o", str(folder / "lines")]) == 0
    return folder


def test_pairs_are_told_with_how_they_lie(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["harmonize", "pairs", str(place / "catalog.parquet"), "-o", str(place / "pairs"), *SMALL]) == 0
    said = capsys.readouterr().out
    assert f"S2A_{DAY} with LC08_{DAY}: 0 days apart;" in said and "chips within" in said
    assert "beside 6 bands of landsat-8-c2l2, 16 px of 30 m" in said


def test_from_a_card_to_one_dense_series(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    like, path = str(tmp_path / "like"), str(place / "catalog.parquet")
    assert run(["harmonize", "apply", "--card", str(place / "lines" / "card"), "--scenes", path, "-o", like]) == 0
    assert "2 scenes of landsat-8-like" in capsys.readouterr().out
    more, dense = str(tmp_path / "more.parquet"), tmp_path / "dense.parquet"
    assert run(["catalog", like + "/scenes", "-o", more]) == 0
    assert run(["harmonize", "merge", path, more, "-o", str(dense)]) == 0
    said = capsys.readouterr().out
    assert "left away, measured, or made clearer, within the days: 1" in said and "2 scenes in" in said
    assert [one.sensor.name for one in read_catalog(dense)] == [L8, "landsat-8-like"]


def test_published_lines_say_what_they_lack(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--physical", "hls", "--scenes", str(place / "catalog.parquet"), "--only", f"S2A_{DAY}"]
    assert run(["harmonize", "apply", *words, "-o", str(tmp_path / "hls")]) == 0
    said = capsys.readouterr().out
    assert "1 scenes do not tell their angles" in said and "landweave catalog" in said


def test_methods_are_judged_on_pairs(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rmse = {}
    for name, how in {"raw": ["--physical", "raw"], "lines": ["--card", str(place / "lines" / "card")]}.items():
        out = tmp_path / name
        assert run(["evaluate", "--images", "--archive", str(place / "pairs"), *how, "-o", str(out)]) == 0
        rmse[name] = json.loads((out / "images.json").read_text())["mean"]["rmse"]["overall"]
    said = capsys.readouterr().out
    assert "rmse " in said and "angle between spectra" in said
    # This land was made without optics: means are right, and lines that make up for optics are a little off.
    assert rmse["raw"] < 0.0001 < rmse["lines"] < 0.01


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["harmonize", "pairs", "CATALOG", "-o", "OUT", "--days", "-1"], 2, "--days"),
        (["harmonize", "pairs", "CATALOG", "-o", "OUT", "--set", "patchpx=3"], 1, "patch_px (did you mean that?)"),
        (["harmonize", "pairs", "CATALOG", "-o", "OUT", "--set", "saturate=[99,1]"], 1, "lower percentile first"),
        (["harmonize", "pairs", "nowhere.parquet", "-o", "OUT"], 1, "landweave catalog"),
        (["harmonize", "pairs", "CATALOG", "-o", "OUT", "--set", "target=landsat-9-c2l2"], 1, "landsat-9-c2l2"),
        (["harmonize", "fit", "nowhere", "-o", "OUT"], 1, "archive.json"),
        (["harmonize", "fit", "PAIRS", "-o", "OUT", "--model", "spline"], 1, "'linear' or 'forest'"),
        (["harmonize", "apply", "--scenes", "CATALOG", "-o", "OUT"], 1, "cards, or physical"),
        (["harmonize", "apply", "--physical", "magic", "--scenes", "CATALOG", "-o", "OUT"], 1, "'raw' or 'hls'"),
        (["harmonize", "apply", "--card", "nowhere", "--scenes", "CATALOG", "-o", "OUT"], 1, "card.json"),
        (["harmonize", "merge", "CATALOG", "CATALOG", "-o", "OUT"], 1, "landsat-8-like"),
        (["harmonize", "crops", "CATALOG", "--truth", "nowhere.tif", "-o", "OUT"], 1, "nowhere.tif"),
        (["harmonize", "crops", "CATALOG", "--truth", "x.tif", "--legend", "magic", "-o", "OUT"], 1, "legend magic"),
        (["evaluate", "--images", "-o", "OUT"], 2, "--archive"),
        (["evaluate", "--images", "--archive", "nowhere", "--physical", "raw", "-o", "OUT"], 1, "archive.json"),
        (["evaluate", "--images", "--archive", "PAIRS", "-o", "OUT"], 1, "cards, or physical"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, told: str
) -> None:
    names = {"CATALOG": str(place / "catalog.parquet"), "PAIRS": str(place / "pairs"), "OUT": str(tmp_path / "out")}
    assert run([names.get(word, word) for word in words]) == code
    said = " ".join(capsys.readouterr().err.split())
    assert told in said
    if code == 1:
        assert "given:" in said and "expected:" in said and "to do:" in said
