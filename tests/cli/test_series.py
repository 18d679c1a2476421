"""The verb series."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.series.test_select import DATES, catalog_of

from landweave.cli.main import run
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
