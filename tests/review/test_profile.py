"""The series of an event, as its chart shows it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.review.making import DATES, LOOK, box, make_job

from landweave.raster import files
from landweave.raster.scene import Scene
from landweave.review.job import Job, open_job
from landweave.review.profile import profile
from landweave.tiling import Window


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return open_job(make_job(tmp_path_factory.mktemp("profile"), 4))


def test_means_over_the_pixels_of_the_event(job: Job) -> None:
    told = profile(job, 0)
    assert told["dates"] == [str(date) for date in DATES]
    assert list(told["bands"]) == ["blue", "green", "red", "nir", "swir16"]
    before, after = DATES.index(dt.date(2020, 4, 11)), DATES.index(dt.date(2020, 5, 11))
    assert told["bands"]["red"][before] == pytest.approx(LOOK[1][2] / 1e4, abs=0.003)
    assert told["bands"]["red"][after] == pytest.approx(LOOK[5][2] / 1e4, abs=0.003)
    nir, red = told["bands"]["nir"][after], told["bands"]["red"][after]
    assert told["indices"]["ndvi"][after] == pytest.approx((nir - red) / (nir + red), abs=1e-3)
    assert told["indices"]["ndvi"][before] > told["indices"]["ndvi"][after] + 0.4
    assert not told["is_part"]


def test_dates_without_a_valid_pixel_have_no_numbers(job: Job) -> None:
    middle = replace(job.events[0], window=Window(50, 50, 10, 10))
    middle = replace(middle, shape=box(middle.window, job.grid))
    told = profile(replace(job, events=(middle,)), 0)
    cloudy = [place for place, share in enumerate(told["valid"]) if share == 0]
    assert cloudy == [4, 9, 14, 19]
    assert all(told["bands"]["red"][place] is None and told["indices"]["ndvi"][place] is None for place in cloudy)
    assert sum(value is not None for value in told["bands"]["red"]) == 20


def test_a_half_covered_event_tells_its_share(job: Job) -> None:
    edge = replace(job.events[0], window=Window(28, 50, 4, 10))
    edge = replace(edge, shape=box(edge.window, job.grid))
    told = profile(replace(job, events=(edge,)), 0)
    assert told["valid"][4] == 0.5


def test_a_large_event_is_told_by_a_part_of_it(job: Job) -> None:
    large = replace(job.events[0], window=Window(0, 0, 120, 120))
    large = replace(large, shape=box(large.window, job.grid))
    before = files.bytes_had()
    told = profile(replace(job, events=(large,)), 0)
    assert told["is_part"]
    assert files.bytes_had() - before <= len(DATES) * 5 * 32 * 32 * 2


def only(scene: Scene, *bands: str) -> Scene:
    return replace(scene, files={name: scene.files[name] for name in bands})


def test_scenes_with_other_bands_leave_gaps(job: Job) -> None:
    scenes = (only(job.scenes[0], "B04"), job.scenes[1], only(job.scenes[2], "B04", "B08"))
    told = profile(replace(job, scenes=scenes), 0)
    assert [value is None for value in told["bands"]["nir"]] == [True, False, False]
    assert [value is None for value in told["indices"]["ndvi"]] == [True, False, False]
    assert [value is None for value in told["indices"]["evi"]] == [True, False, True]


def test_a_tiny_event_has_its_nearest_pixel(job: Job) -> None:
    tiny = replace(job.events[0], shape=job.events[0].shape.representative_point().buffer(0.1))
    tiny = replace(tiny, window=Window(20, 22, 1, 1))
    told = profile(replace(job, events=(tiny,)), 0)
    assert np.isfinite([value for value in told["bands"]["red"] if value is not None]).all()


def test_no_scene_no_lines(job: Job, tmp_path: Path) -> None:
    told = profile(replace(job, scenes=()), 0)
    assert (told["dates"], told["bands"], told["indices"]) == ([], {}, {})
