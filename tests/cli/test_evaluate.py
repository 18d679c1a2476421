"""The verb evaluate from the outside: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas
import pytest
import shapely
from tests.evaluation.making import LEGEND, box, cut, files, land, write
from tests.evaluation.test_agreement import on_disk
from tests.evaluation.test_change import SEEN, TRUTH, as_folder, as_raster
from tests.evaluation.test_reviewed import drawn as reviewed_units
from tests.evaluation.test_reviewed import files as reviewed_files

from landweave.cli.main import app, run
from landweave.evaluation.truth import Layer
from landweave.evaluation.units import judge_by_truth


def test_a_map_against_its_truth_on_land_never_trained_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_path, truth_path = files(tmp_path)
    cut(tmp_path / "archive")
    out = tmp_path / "evaluation"
    arguments = ["evaluate", "--map", str(map_path), "--truth", str(truth_path), "-o", str(out)]
    assert run(arguments) == 0
    assert "No interval" in capsys.readouterr().out
    assert run([*arguments, "--archive", str(tmp_path / "archive")]) == 0
    told = capsys.readouterr().out
    assert "overall accuracy 0." in told
    assert "Intervals (95 %)" in told
    assert json.loads((out / "evaluation.json").read_text(encoding="utf-8"))["overall"]["low"] > 0


def test_a_map_against_polygons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_path, _ = files(tmp_path)
    frame = geopandas.GeoDataFrame({"kind": ["Water"]}, geometry=[shapely.box(*box(10, 20))], crs="EPSG:32633")
    frame.to_file(tmp_path / "lake.gpkg")
    arguments = ["evaluate", "--map", str(map_path), "--truth", str(tmp_path / "lake.gpkg"), "-o", str(tmp_path / "e")]
    assert run([*arguments, "--class-property", "kind"]) == 0
    assert "144 pixels in 1 polygons" in capsys.readouterr().out


def test_units_are_drawn_judged_and_estimated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_path, _ = files(tmp_path)
    units = tmp_path / "units"
    drawing = ["evaluate", "--map", str(map_path), "--draw", "200", "--least", "20", "-o", str(units)]
    assert run(drawing) == 0
    assert "200 units" in capsys.readouterr().out
    judging = ["evaluate", "--map", str(map_path), "--units", str(units), "-o", str(tmp_path / "evaluation")]
    assert run(judging) == 1
    assert "not judged" in capsys.readouterr().err
    judge_by_truth(units, Layer(write(tmp_path / "all.tif", land()[1] % 3), LEGEND), map_path)
    assert run(judging) == 0
    assert " to " in capsys.readouterr().out


def test_years_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps, truths = on_disk(tmp_path)
    arguments = ["evaluate", "--agreement", *map(str, maps), "-o", str(tmp_path / "a")]
    assert run([*arguments, *(word for path in truths for word in ("--truth", str(path)))]) == 0
    told = capsys.readouterr().out
    assert "agreement 2020 to 2021: 0." in told
    assert "agreement.json" in told
    # Without the word it is not known what several maps are for.
    assert run(["evaluate", *map(str, maps), "-o", str(tmp_path / "b")]) == 2
    assert "--agreement" in capsys.readouterr().err


def test_changes_are_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, truth = as_folder(tmp_path / "found", SEEN), as_raster(tmp_path / "change.tif", TRUTH)
    arguments = ["evaluate", "--changes", str(found), "--truth", str(truth), "-o", str(tmp_path / "a")]
    assert run([*arguments, "--until", "2022-01-31"]) == 0
    told = capsys.readouterr().out
    assert "precision 0." in told
    assert (tmp_path / "a" / "change_judged.tif").is_file()
    assert run([*arguments, "--since", "soon"]) == 1
    assert "since" in capsys.readouterr().err


def test_units_of_review_are_estimated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units, said = reviewed_files(tmp_path, *reviewed_units())
    arguments = ["evaluate", "--units", str(units), "--decisions", str(said), "-o", str(tmp_path / "a")]
    assert run(arguments) == 0
    assert "Stehman (2014)" in capsys.readouterr().out
    assert run([*arguments, "--of", "everything"]) == 1
    assert "first" in capsys.readouterr().err


def test_the_page_of_the_verb_names_every_option_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    import click
    import typer

    page = (Path(__file__).parents[2] / "docs" / "verbs" / "evaluate.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in page.splitlines() if line.startswith("| `--"))
    told = set(re.findall(r"`(--[a-z-]+)", table))
    verbs = typer.main.get_command(app)
    assert isinstance(verbs, click.Group) or hasattr(verbs, "commands")
    options = {name for each in verbs.commands["evaluate"].params for name in each.opts if name.startswith("--")}
    assert told == options - {"--out"}


def test_mistakes_are_said_in_three_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_path, _ = files(tmp_path)
    assert run(["evaluate", "--map", str(map_path), "-o", str(tmp_path / "e")]) == 1
    said = capsys.readouterr().err
    assert "a truth, an archive or units" in said
    assert all(part in said for part in ("given:", "expected:", "to do:"))
    assert run(["evaluate", "--map", str(map_path), "--truth", str(map_path)]) == 2
    assert run(["evaluate", "--draw", "20", "-o", str(tmp_path / "e")]) == 2
    capsys.readouterr()
    missing = ["evaluate", "--map", "nothing.tif", "--truth", str(map_path), "--legend", "simulated-8"]
    assert run([*missing, "-o", str(tmp_path / "f")]) == 1
    assert "nothing.tif" in capsys.readouterr().err
