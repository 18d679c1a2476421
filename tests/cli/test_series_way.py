"""The whole way of a series by the command line, on the tiniest world: from scenes to maps that a person confirmed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.review.serving import Served, serving

from landweave.cli.main import run
from landweave.datasets.points import join, open_points
from landweave.raster.outlines import covered
from landweave.raster.read import grid_of, read_map
from landweave.series.events import Event, read_events
from landweave.series.maps import open_maps

YEARS = (2020, 2021, 2022)
MONTHS = ("04-10", "07-05", "09-20")
# Woods that are felled, and fields; a scene now and then.
WORLD = """
[worlds.way-1]
height_px = 30
width_px = 30
region_km = 0.15
first = 2017-01-01
last = 2022-03-31
year_end = true
regions = [
  {{ wild = 0.9, forest = 0.9, felling = 0.3, stand_m = 80, town = 0, quarry = 0, lakes = 0.01 }},
  {{ wild = 0.05, meadow = 0.4, town = 0, quarry = 0, lakes = 0.01 }},
]
scenes = [{scenes}]
old_map = {{ date = 2019-07-01, patch_m = 60, omission = {{ "Cropland" = 0.1, "Coniferous forest" = 0.1 }} }}
"""
RECIPE = """
task = "series"
samples = "samples.h5"
network = "transformer"
epochs = 4
batch_global = 32
class_weights = "balanced"
optimiser = { name = "adam", rate = 3e-3 }
[arguments]
width = 16
depth = 2
hidden = 32
"""
SMALL = ("floor=8", "samples=300", "points=900", "trees=8", "block_px=6", "gap_px=1")


def say(*words: object) -> None:
    """Run `landweave WORDS`."""
    assert run([str(word) for word in words]) == 0, words


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything up to the events."""
    folder = tmp_path_factory.mktemp("way")
    dates = [f"{year}-{day}" for year in YEARS for day in MONTHS]
    (folder / "worlds.toml").write_text(
        WORLD.format(scenes=", ".join(f"{{ date = {day}, cloud = 0 }}" for day in dates))
    )
    (folder / "recipe.toml").write_text(RECIPE.replace("samples.h5", str(folder / "samples.h5")))
    truth, sets = folder / "world/truth", [f"--set={each}" for each in SMALL]
    say("simulate", "way-1", "--worlds", folder / "worlds.toml", "-o", folder / "world", "--threads", 1)
    say("catalog", folder / "world/scenes", "-o", folder / "catalog.parquet")
    say("series", "select", folder / "catalog.parquet", "-o", folder / "series.json", "--bands", "B02,B03,B04,B08,B11",
        "--per-year", 3)  # fmt: skip
    say("series", "label", folder / "series.json", "--map", truth / "old-map-2019.tif", "--legend", "simulated-8",
        "-o", folder / "samples.h5", "--truth", truth / "{year}.tif", "--threads", 1, *sets)  # fmt: skip
    say("train", folder / "recipe.toml", "-o", folder / "run")
    say("series", "map", folder / "series.json", "--card", folder / "run/card", "--spans", "-o", folder / "spans",
        "--threads", 1)  # fmt: skip
    say("series", "change", folder / "spans", "-o", folder / "change", "--min-area", 4, "--filter", "none",
        "--stable", 1, "--start", 0, "--threads", 1)  # fmt: skip
    return folder


def test_each_step_finds_what_the_one_before_left(way: Path) -> None:
    maps = open_maps(way / "spans")
    assert [one.key for one in maps.maps] == [f"{year}-{day}" for year in YEARS for day in MONTHS][2:]
    events = read_events(way / "change/events.parquet")
    assert len(events.rows) > 1
    assert (way / "change" / events.origin.series).resolve() == (way / "series.json").resolve()
    assert (way / "change" / events.origin.maps).resolve() == (way / "spans").resolve()


def test_decided_on_the_page_mapped_and_judged(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events, change = read_events(way / "change/events.parquet"), way / "change"
    kept, dropped = events.rows[0], events.rows[1]
    with serving(change) as page:
        assert page.get("/api/job").json()["events"] == len(events.rows)
        assert len(page.get("/api/events/0/series").json()["dates"]) == len(YEARS) * len(MONTHS)
        decide(page, kept, "approve")
        decide(page, dropped, "discard")
    say("review", "export", change, "-o", way / "decisions.parquet")
    say("series", "map", "--change", change, "--decisions", way / "decisions.parquet", "-o", way / "final")
    assert f"1 of {len(events.rows)} events confirmed" in capsys.readouterr().out
    last = read_map(way / "final/annual/2022.tif")[0].ravel()
    assert (last[pixels_of(way, kept)] == kept.to_id).all()
    base = read_map(change / "base.tif")[0].ravel()
    others = np.setdiff1d(np.arange(last.size), pixels_of(way, kept))
    assert (last[others] == base[others]).all()
    for name in ("change", "final"):
        say(
            "evaluate", "--changes", way / name, "--truth", way / "world/truth/change.tif", "-o", way / f"judged-{name}"
        )
        assert json.loads((way / f"judged-{name}/change_judged.json").read_text())
    assert "precision" in capsys.readouterr().out
    annual = [way / f"final/annual/{year}.tif" for year in YEARS]
    truths = [word for year in YEARS for word in ("--truth", way / f"world/truth/{year}.tif")]
    say("evaluate", "--agreement", *annual, *truths, "-o", way / "agreement")
    say("series", "label", way / "series.json", "--decisions", way / "decisions.parquet", "--legend", "simulated-8",
        "-o", way / "more.h5")  # fmt: skip
    # What a recipe does with `also`: what people said is learnt beside what the old map said.
    both = [open_points(way / name) for name in ("samples.h5", "more.h5")]
    assert len(join(both)) == sum(map(len, both)) > len(both[0])


def decide(page: Served, event: Event, kind: str) -> None:
    told = {"key": f"key-of-{event.id}", "event": event.id, "kind": kind, "reviewer": "Ann"}
    assert page.post("/api/decisions", told).status_code == 200


def pixels_of(way: Path, event: Event) -> np.ndarray:
    return covered([event.geometry], grid_of(str(way / "change/base.tif")))[0]
