"""The verb series."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.published.series import write_sits
from tests.series.labelled import make_land
from tests.series.test_select import DATES, catalog_of

from landweave.cli.main import run
from landweave.datasets.points import open_points
from landweave.series.plan import open_series


def test_select(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog, out = catalog_of(tmp_path, clouds=[0, 0.5]), tmp_path / "series.json"
    assert run(["series", "select", str(catalog), "-o", str(out), "--bands", "B02,B04"]) == 0
    shown = capsys.readouterr().out
    assert "left away, more than 40% clouds: s1" in shown
    assert "left away, no scene of every other year within 6 days: s5" in shown
    assert "3 pairs are there of the 20 that were asked for" in shown
    assert f"6 scenes (2018: 3, 2019: 3), 2 bands in {out}" in shown
    assert open_series(out).bands == ("B02", "B04")


def test_years_of_different_numbers_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = catalog_of(tmp_path, DATES[:7])
    out = str(tmp_path / "series.json")
    command = ["series", "select", str(catalog), "-o", out, "--bands", "B02", "--no-pairs"]
    assert run([*command, "--per-year", "0"]) == 0
    shown = capsys.readouterr().out
    assert "years have different numbers of scenes" in shown
    assert "(2018: 4, 2019: 3)" in shown
    assert run([*command, "--years", "2018"]) == 0
    assert "different numbers" not in capsys.readouterr().out


def test_mistakes_are_said_in_three_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["series", "select", str(tmp_path / "none.parquet"), "-o", str(tmp_path / "series.json")]) == 1
    shown = capsys.readouterr().err
    assert all(part in shown for part in ("given:", "expected:", "to do:"))
    assert run(["series", "select", "catalog.parquet"]) == 2


def test_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    land, out = make_land(tmp_path), tmp_path / "samples.h5"
    sets = [f"--set={name}={land[name]}" for name in ("samples", "floor", "points", "trees", "block_px", "gap_px")]
    command = ["series", "label", str(land["series"]), "--map", str(land["map"]), "-o", str(out), *sets]
    assert run([*command, "--legend", "simulated-8", "--truth", land["truth"]]) == 0
    shown = capsys.readouterr().out
    assert "Coniferous forest" in shown
    assert "thrown out with precision" in shown
    points = open_points(out)
    assert f"{len(points)} points (" in shown
    assert f"{tmp_path / 'samples.labels'} tells more" in shown
    assert run([*command, "--legend", "corine-44"]) == 1
    assert "the map's own and translate it with --to" in capsys.readouterr().err


def test_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sits(tmp_path / "sits")
    out = tmp_path / "samples.h5"
    assert run(["series", "import", "sits-mt", str(tmp_path / "sits"), "-o", str(out), "--seed", "2"]) == 0
    assert "30 points (" in capsys.readouterr().out
    assert len(open_points(out)) == 30
    assert run(["series", "import", "--list"]) == 0
    assert "yatsm" in capsys.readouterr().out
    assert run(["series", "import", "sits-mt"]) == 2
    assert run(["series", "import", "sitz-mt", str(tmp_path), "-o", str(out)]) == 1
    assert "did you mean that?" in capsys.readouterr().err
