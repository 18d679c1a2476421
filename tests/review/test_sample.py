"""Sampling units: drawn with known chances, written as events, judged, and estimated."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.review.making import DATES, LEGEND, grid_of, ground, make_job, open_own, parts

from landweave.errors import GridError, LandweaveError, OutputError, ReviewError, SampleError
from landweave.evaluation.reviewed import estimate
from landweave.legend import IGNORE
from landweave.raster.write import write_map
from landweave.review.desk import Desk
from landweave.review.events import NAME, read_events
from landweave.review.export import export
from landweave.review.job import Job, open_job
from landweave.review.sample import Wish, sample

WISH = Wish(num=200, least=20, seed=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_job(tmp_path_factory.mktemp("sample"), 6, dates=DATES[::13])


@pytest.fixture
def job(made: Path) -> Job:
    return open_job(made)


def drawn(job: Job, out: Path, wish: Wish = WISH) -> Job:
    assert list(sample(job, out, wish))[-1].phase == "draw"
    return open_job(out)


def test_units_are_drawn_in_strata_with_the_chance_they_tell(job: Job, tmp_path: Path) -> None:
    units = drawn(job, tmp_path / "units")
    assert len(units.events) == 200
    strata = {one["name"]: one for one in units.header.more["strata"]}
    assert list(strata) == ["Forest to Town", "Meadow to Town", "near a change", "stable Forest", "stable Meadow"]
    assert sum(one["num_pixels"] for one in strata.values()) == 120 * 120
    counts = Counter(event.stratum for event in units.events)
    for name, stratum in strata.items():
        assert counts[name] == stratum["num_drawn"] >= 20
        chances = {event.chance for event in units.events if event.stratum == name}
        assert chances == {stratum["num_drawn"] / stratum["num_pixels"]}
    assert len({(event.window.row, event.window.col) for event in units.events}) == 200
    assert {event.kind for event in units.events} == {"unit"}


def test_a_unit_is_a_pixel_of_the_maps_with_their_labels(job: Job, tmp_path: Path) -> None:
    units = drawn(job, tmp_path / "units")
    before, after = ground(job.events, date=DATES[11]), ground(job.events)
    for event in units.events:
        place = event.window.row, event.window.col
        assert (event.from_id, event.to_id) == (before[place], after[place])
        assert event.window.shape == (1, 1)
        x, y = ~units.grid.affine * (event.shape.centroid.x, event.shape.centroid.y)
        assert (int(y), int(x)) == place
        assert event.area_ha == 0.01
    dates = {event.date for event in units.events if event.from_id != event.to_id}
    assert dates <= {event.date for event in job.events}
    assert {str(event.date) for event in units.events if event.from_id == event.to_id} == {"2020-01-01"}


def test_units_are_a_job_of_their_own(job: Job, tmp_path: Path) -> None:
    units = drawn(job, tmp_path / "units")
    assert units.header.job != job.header.job
    assert [scene.id for scene in units.scenes] == [scene.id for scene in job.scenes]
    assert units.maps == job.maps
    assert Desk(units, open_own(units)).order == "file"


def test_the_draw_depends_on_the_seed_alone(job: Job, tmp_path: Path) -> None:
    same = [drawn(job, tmp_path / name) for name in ("a", "b")]
    assert (tmp_path / "a" / NAME).read_bytes() == (tmp_path / "b" / NAME).read_bytes()
    other = drawn(job, tmp_path / "c", replace(WISH, seed=4))
    assert same[0].events != other.events
    assert same[0].header.job != other.header.job


def test_as_many_as_the_error_asks_for(job: Job, tmp_path: Path) -> None:
    units = drawn(job, tmp_path / "a", Wish(error=0.01, least=20))
    assert len(units.events) == units.header.more["design"]["needed"] > 300
    coarse = drawn(job, tmp_path / "b", Wish(error=0.2, least=20))
    assert len(coarse.events) == 5 * 20


def test_units_come_in_random_order(job: Job, tmp_path: Path) -> None:
    units = drawn(job, tmp_path / "units")
    rows = np.array([event.window.row for event in units.events])
    assert abs(np.corrcoef(rows, np.arange(len(rows)))[0, 1]) < 0.3


def test_judged_units_give_areas_that_hold_the_truth(job: Job, tmp_path: Path) -> None:
    units = drawn(job, tmp_path / "units", Wish(num=600, least=60, seed=1))
    # The truth: a tenth of the map's changes are none, and some land near changes changed unseen.
    rng = np.random.default_rng(0)
    truth_after = ground(job.events)
    before = ground(job.events, date=DATES[11])
    changed = truth_after != before
    truth_after[changed & (rng.random(changed.shape) < 0.1)] = 1
    truth_after[~changed & (rng.random(changed.shape) < 0.02)] = 5
    desk = Desk(units, open_own(units))
    for number, event in enumerate(units.events):
        told = int(before[event.window.slices][0, 0]), int(truth_after[event.window.slices][0, 0])
        same = told == (event.from_id, event.to_id)
        kind = "approve" if same else "discard" if told[0] == told[1] and event.from_id != event.to_id else "relabel"
        labels = told if kind == "relabel" else None
        desk.decide(key=f"unit-key-{number}", event=event.id, kind=kind, reviewer="Ada", labels=labels)  # type: ignore[arg-type]
    export(units, desk.store.since(), tmp_path / "decisions.parquet")
    found = estimate(tmp_path / "units" / NAME, tmp_path / "decisions.parquet", "last", "a test")
    assert found.estimates is not None
    assert found.estimates.total == pytest.approx(144.0)
    assert found.estimates.areas is not None
    town = found.estimates.areas[LEGEND.names.index("Town")]
    assert abs(town.value - (truth_after == 5).sum() / 100) < 2 * town.half_width
    assert town.half_width < 10


def spoiled(made: Path, folder: Path) -> Job:
    shutil.copytree(made.parent, folder)
    return open_job(folder / made.name)


def test_pixels_without_data_are_not_drawn(made: Path, tmp_path: Path) -> None:
    job = spoiled(made, tmp_path / "copy")
    assert job.maps is not None
    ids = ground(job.events)
    ids[:60] = LEGEND.nodata
    write_map(job.maps / "annual" / "2020.tif", ids, grid_of(), LEGEND)
    units = drawn(job, tmp_path / "units", replace(WISH, least=10))
    assert min(event.window.row for event in units.events) >= 60
    assert sum(one["num_pixels"] for one in units.header.more["strata"]) == 60 * 120
    assert IGNORE not in {event.to_id for event in units.events}


def refused(job: Job, out: Path, wish: Wish, kind: type[LandweaveError]) -> LandweaveError:
    with pytest.raises(kind) as caught:
        list(sample(job, out, wish))
    parts(caught.value)
    return caught.value


def test_what_cannot_be_drawn_is_refused(job: Job, tmp_path: Path) -> None:
    assert "--draw" in refused(job, tmp_path / "a", replace(WISH, num=30), SampleError).do
    assert "2018" in refused(job, tmp_path / "b", replace(WISH, year=2019), ReviewError).expected
    refused(replace(job, maps=None), tmp_path / "c", WISH, ReviewError)
    refused(replace(job, maps=tmp_path), tmp_path / "d", WISH, ReviewError)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("", encoding="utf-8")
    refused(job, tmp_path / "full", WISH, OutputError)


def test_maps_on_other_pixels_are_refused(made: Path, tmp_path: Path) -> None:
    job = spoiled(made, tmp_path / "copy")
    assert job.maps is not None
    write_map(job.maps / "annual" / "2020.tif", ground([], 60), grid_of().zoom_out(2), LEGEND)
    refused(job, tmp_path / "units", WISH, GridError)


def test_the_file_is_as_any_file_of_events(job: Job, tmp_path: Path) -> None:
    drawn(job, tmp_path / "units")
    header, events = read_events(tmp_path / "units" / NAME)
    assert header.legend == LEGEND
    assert len(events) == 200
    assert header.more["design"]["kind"] == "stratified random sample"


def test_maps_without_a_change_can_be_sampled_too(made: Path, tmp_path: Path) -> None:
    job = spoiled(made, tmp_path / "copy")
    assert job.maps is not None
    for year in (2019, 2020):
        write_map(job.maps / "annual" / f"{year}.tif", ground([]), grid_of(), LEGEND)
    none = replace(job, events=())
    units = drawn(none, tmp_path / "units", Wish(error=0.02))
    assert {event.stratum for event in units.events} == {"stable Forest", "stable Meadow"}
