"""What is reviewed: opening a job, and refusing what does not fit together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.review.making import DATES, JOB, header, make_events, make_job, parts

from landweave.errors import CatalogError, ReviewError
from landweave.review.events import NAME, write_events
from landweave.review.job import open_job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_job(tmp_path, 4, dates=DATES[::6], edge=40)


def test_a_job_knows_events_scenes_grid_and_maps(folder: Path) -> None:
    for path in (folder, folder / NAME):
        job = open_job(path)
        assert len(job.events) == 4
        assert [scene.datetime.date() for scene in job.scenes] == sorted(DATES[::6])
        assert job.grid.shape == (40, 40)
        assert job.maps == folder.parent / "maps"
        assert job.header.job == JOB
        assert job.folder == folder / "review"
        assert job.rows["event-00002"] == 2


def test_scenes_come_by_date_however_they_are_named(folder: Path) -> None:
    path = folder.parent / "series" / "series.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["scenes"].reverse()
    path.write_text(json.dumps(told), encoding="utf-8")
    dates = [scene.datetime for scene in open_job(folder).scenes]
    assert dates == sorted(dates)


def test_neighbours_are_found_by_place(folder: Path) -> None:
    job = open_job(folder)
    bounds = job.events[0].shape.bounds
    assert job.near(bounds) == [0]
    assert job.near((0, 0, 1, 1)) == []
    assert job.near(tuple(job.grid.boundingbox.bbox)) == [0, 1, 2, 3]


def test_series_and_maps_that_were_moved_are_named(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(folder.parent / "series", moved)
    with pytest.raises(ReviewError, match="--series"):
        open_job(folder)
    told = json.loads((moved / "series.json").read_text(encoding="utf-8"))
    assert told["catalog"] == "catalog.parquet"
    job = open_job(folder, moved / "series.json", moved)
    assert job.maps == moved
    assert len(job.scenes) == 4


def test_what_needs_no_picture_needs_no_series(folder: Path) -> None:
    shutil.rmtree(folder.parent / "series")
    job = open_job(folder, has_scenes=False)
    assert len(job.events) == 4
    assert job.scenes == ()


def test_no_series_at_all_is_said(folder: Path) -> None:
    write_events(folder / NAME, header(series=None), make_events(4, 40))
    with pytest.raises(ReviewError) as caught:
        open_job(folder)
    assert "series" in parts(caught.value)[1]  # type: ignore[index]
    write_events(folder / NAME, header(series="", maps=""), make_events(4, 40))
    with pytest.raises(ReviewError):
        open_job(folder)


def test_no_events_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReviewError) as caught:
        open_job(tmp_path)
    given, expected, _ = parts(caught.value)
    assert NAME in given
    assert "series change" in expected


@pytest.mark.parametrize("what", ["format", "grid", "scene", "text", "catalog"])
def test_a_series_that_does_not_fit_is_refused(folder: Path, what: str) -> None:
    path = folder.parent / "series" / "series.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    match what:
        case "format":
            told["format"] = 2
        case "grid":
            del told["grid"]["shape"]
        case "scene":
            told["scenes"][1]["id"] = "gone"
        case "catalog":
            told["catalog"] = "other.parquet"
    path.write_text("{" if what == "text" else json.dumps(told), encoding="utf-8")
    with pytest.raises((ReviewError, CatalogError)) as caught:
        open_job(folder)
    parts(caught.value)


def test_maps_beside_the_events_come_first(folder: Path, tmp_path: Path) -> None:
    (folder / "annual").mkdir()
    assert open_job(folder).maps == folder
    assert open_job(folder, maps=tmp_path).maps == tmp_path


def test_nothing_to_judge_is_said_but_can_be_sampled(folder: Path) -> None:
    write_events(folder / NAME, header(), [])
    with pytest.raises(ReviewError) as caught:
        open_job(folder)
    parts(caught.value)
    assert open_job(folder, has_scenes=False).events == ()
