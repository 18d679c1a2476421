"""The verbs series map and series change: what they write and print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.series.making import make_series
from tests.series.networks import make_series_card
from tests.series.planted import write_spans, write_years
from tests.series.test_changes import write_decisions

from landweave.cli.main import run
from landweave.raster.read import read_map, read_numbers
from landweave.series.events import read_events
from landweave.series.plan import write_series
from landweave.tiling import Window

DATES = [f"{year}-{month:02d}-10" for year in (2019, 2020) for month in (2, 5, 8, 11)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    series, _ = make_series(tmp_path, DATES)
    write_series(series, tmp_path / "series.json")
    make_series_card(tmp_path / "card", num_dates=4)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_annual_maps_and_spans(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["series", "map", "series.json", "--card", "card", "--annual", "-o", "maps"]) == 0
    assert "2 maps of 8 scenes in maps, 2 of them new" in capsys.readouterr().out
    assert read_map(place / "maps" / "annual" / "2020.tif")[0].shape == (12, 16)
    assert run(["series", "map", "series.json", "--card", "card", "--spans", "--shift", "2", "-o", "spans"]) == 0
    assert "3 maps of 8 scenes" in capsys.readouterr().out
    assert run(["series", "map", "series.json", "--card", "card", "--spans", "--shift", "1", "-o", "spans"]) == 1
    assert "shift was 2, is now 1" in capsys.readouterr().err


def test_what_is_missing_or_wrong_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["series", "map", "series.json", "-o", "maps"]) == 1
    assert "card is missing" in capsys.readouterr().err
    assert run(["series", "map", "nothing.json", "--card", "card", "-o", "maps"]) == 1
    assert "nothing.json" in capsys.readouterr().err
    assert run(["series", "map", "--decisions", "d.parquet", "-o", "maps"]) == 1
    assert "change is missing" in capsys.readouterr().err
    assert run(["series", "change", "nowhere", "-o", "out"]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert run(["series", "change", "card", "--method", "guess", "-o", "out"]) == 1
    assert "rules.method" in capsys.readouterr().err


def test_changes_and_what_a_person_confirmed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "planted").mkdir()
    write_spans(place / "planted")
    assert run(["series", "change", "planted", "--min-area", "50", "--core", "32", "-o", "change"]) == 0
    told = capsys.readouterr().out
    assert "3 events in change/events.parquet" in told
    assert "2018: Class 0 to Class 1: 3." in told
    events = read_events(place / "change" / "events.parquet")
    write_decisions(place / "d.parquet", events.origin.job, (events.rows[0].id, "approve", None, None, True))
    assert run(["series", "map", "--change", "change", "--decisions", "d.parquet", "-o", "final"]) == 0
    assert "1 of 3 events confirmed" in capsys.readouterr().out
    assert json.loads((place / "final" / "decided.json").read_text())["confirmed"] == 1
    ids = [read_map(place / "final" / "annual" / f"{year}.tif")[0] for year in (2019, 2020)]
    assert (ids[0] == ids[1]).all()
    # The layers of what was confirmed, to be judged as those of what was found: nothing of the other two events.
    layers = [read_map(place / name / "to.tif")[0] for name in ("change", "final")]
    assert 0 < (layers[1] != 0).sum() < (layers[0] != 0).sum()
    assert (layers[1][layers[1] != 0] == events.rows[0].to_id).all()
    date = read_numbers(str(place / "final" / "date.tif"), Window.of((60, 70)))[0]
    assert ((date != -32768) == (layers[1] != 0)).all()
    assert read_map(place / "final" / "base.tif")[0].tolist() == read_map(place / "change" / "base.tif")[0].tolist()


def test_maps_that_others_made(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "years").mkdir()
    names = [str(path) for path in write_years(place / "years")]
    options = ["--filter", "none", "--start", "0", "--min-area", "1"]
    assert run(["series", "change", *names, *options, "-o", "out"]) == 0
    assert "3 events" in capsys.readouterr().out
    assert run(["series", "change", *names, *options, "--method", "hmm", "--allowed", "Class 0", "-o", "hmm"]) == 1
    assert "FROM>TO" in capsys.readouterr().err
