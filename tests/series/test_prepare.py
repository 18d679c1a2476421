"""A job that maps a series before its first pixel: which spans, which scenes for which, what decides the result."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tests.series.making import make_series
from tests.series.networks import make_series_card

from landweave.config import check
from landweave.errors import ConfigError, SeriesError
from landweave.models.series.input import SeriesInput
from landweave.series.job import SeriesMapJob, run
from landweave.series.plan import open_series, write_series
from landweave.series.prepare import Prepared, prepare

DATES = [f"{year}-{month:02d}-10" for year in (2018, 2019, 2020) for month in (2, 5, 8, 11)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    series, _ = make_series(tmp_path, DATES, (20, 24))
    write_series(series, tmp_path / "series.json")
    make_series_card(tmp_path / "card", num_dates=4)
    return tmp_path


def prepared(place: Path, series: str = "series.json", out: str = "out", **changes: Any) -> Prepared:
    values = {"series": place / series, "card": place / "card", "core_px": 10, "precision": "fp32", **changes}
    return prepare(SeriesMapJob(**values), place / out)


def shorter(place: Path, num: int) -> str:
    """A series of the first scenes alone."""
    series = open_series(place / "series.json")
    write_series(dataclasses.replace(series, scenes=series.scenes[:num]), place / f"first{num}.json")
    return f"first{num}.json"


def test_spans_are_as_long_as_the_cards_series_where_nothing_else_is_said(place: Path) -> None:
    assert prepared(place, kind="spans").length == 4
    found = prepared(place, kind="spans", span=3, shift=2)
    assert [(span.start, span.stop) for span in found.spans] == [(1, 4), (3, 6), (5, 8), (7, 10), (9, 12)]
    assert found.lacking == found.spans


def test_one_task_a_tile_with_all_its_scenes(place: Path) -> None:
    tasks = prepared(place, kind="spans").tasks(place / "out")
    assert len(tasks) == 2 * 3
    assert {task.tile.core.num_pixels for task in tasks} == {100, 40}
    assert all(len(task.scenes) == 12 and len(task.spans) == 9 for task in tasks)
    assert len({task.key for task in tasks}) == 6
    assert tasks[0].path.parent == (place / "out" / "tiles").resolve()


def test_what_is_new_reads_no_scene_that_it_does_not_need(place: Path) -> None:
    list(run(SeriesMapJob(series=place / shorter(place, 10), card=place / "card", kind="spans"), place / "out"))
    found = prepared(place, kind="spans", append=True, core_px=256)
    assert [span.key for span in found.lacking] == DATES[10:]
    (task,) = found.tasks(place / "out")
    assert [scene.id for scene in task.scenes] == [f"s{number}" for number in range(7, 12)]
    assert [(span.start, span.stop) for span in task.spans] == [(0, 4), (1, 5)]


def test_the_stamp_of_a_task_changes_with_scenes_and_spans(place: Path) -> None:
    stamps = {
        prepared(place, series, kind="spans", **changes).tasks(place / "out")[0].stamp
        for series, changes in (("series.json", {}), (shorter(place, 11), {}), ("series.json", {"span": 3}))
    }
    assert len(stamps) == 3


def test_newer_scenes_do_not_make_another_job(place: Path) -> None:
    one, other = prepared(place, kind="spans"), prepared(place, shorter(place, 9), kind="spans")
    assert one.configuration == other.configuration
    assert one.configuration != prepared(place, kind="spans", shift=2).configuration
    assert one.configuration != prepared(place).configuration
    make_series_card(place / "card", num_dates=4, seed=3)
    assert one.configuration["card"] != prepared(place, kind="spans").configuration["card"]


def test_a_year_that_got_a_scene_is_mapped_again(place: Path) -> None:
    list(run(SeriesMapJob(series=place / shorter(place, 10), card=place / "card"), place / "out"))
    found = prepared(place, append=True, core_px=256)
    assert [span.key for span in found.lacking] == ["2020"]
    assert [one.key for one in found.before] == ["2018", "2019"]


def test_years_that_are_over_stay_as_they_are(place: Path) -> None:
    list(run(SeriesMapJob(series=place / shorter(place, 8), card=place / "card"), place / "out"))
    assert [span.key for span in prepared(place, append=True, core_px=256).lacking] == ["2020"]


def test_maps_that_are_gone_are_made_again(place: Path) -> None:
    list(run(SeriesMapJob(series=place / "series.json", card=place / "card"), place / "out"))
    assert prepared(place, core_px=256).lacking == ()
    (place / "out" / "annual" / "2019.tif").unlink()
    assert [span.key for span in prepared(place, core_px=256).lacking] == ["2019"]


def test_dates_of_the_card_are_shared_by_all_spans_and_read_from_scenes_around_them(place: Path) -> None:
    taken = SeriesInput(3, how="nearest", limit_days=40, days_of_year=(50, 140, 230))
    make_series_card(place / "card", "lstm", taken=taken)
    found = prepared(place, kind="spans")
    assert found.regular == taken
    assert len(found.dates) == 9
    assert [span.key for span in found.spans][:2] == ["2018-08-19", "2019-02-20"]
    assert len(found.tasks(place / "out")[0].scenes) == 11
    # A year by itself has its dates filled by the predictor.
    assert prepared(place).regular is None


def test_bands_of_the_sensor_in_the_cards_order(place: Path) -> None:
    make_series_card(place / "card", num_dates=4, bands=("B08", "B02"), mean=(0.2, 0.2), std=(0.1, 0.1))
    assert prepared(place).order(place / "out").bands == (("sentinel-2-l2a", ("B08", "B02")),)


def test_precision_is_plain_where_nothing_is_gained(place: Path) -> None:
    make_series_card(place / "card", "forest", num_dates=4)
    assert prepared(place, precision="bf16").precision == "fp32"
    make_series_card(place / "card", num_dates=4)
    assert prepared(place, precision="bf16").precision == "bf16"


def test_too_few_scenes_for_a_span_are_refused(place: Path) -> None:
    with pytest.raises(SeriesError) as raised:
        prepared(place, shorter(place, 3), kind="spans")
    assert "3 dates for spans of 4" in raised.value.given
    assert "as many dates" in raised.value.expected
    assert "--span" in raised.value.do


@pytest.mark.parametrize(
    ("changes", "given"),
    [({"shift": 0}, "shift = 0"), ({"span": 0}, "span = 0"), ({"kind": "weekly"}, "kind"), ({"sapn": 3}, "sapn")],
)
def test_options_that_make_no_job_are_refused(place: Path, changes: dict[str, Any], given: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check(SeriesMapJob, {"series": place, "card": place, **changes}, "options")
    assert given in raised.value.given
    assert raised.value.expected
    assert raised.value.do
