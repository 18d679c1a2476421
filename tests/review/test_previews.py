"""Pictures of events: which scenes, which pixels, which colours; and never the whole scene."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.review.making import BANDS, DATES, LEGEND, SENSOR, box, grid_of, header, make_events, make_job, make_scenes

from landweave.errors import ReviewError, SceneError
from landweave.raster import files
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_layer
from landweave.review.events import NAME, write_events
from landweave.review.job import Job, open_job
from landweave.review.previews import Previews, colours
from landweave.tiling import Window


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return open_job(make_job(tmp_path_factory.mktemp("previews"), 4))


def pixels(png: bytes | None) -> Any:
    assert png is not None
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def test_the_nearest_scenes_that_show_the_event(job: Job) -> None:
    previews = Previews(job)
    before, after = previews.sides(0)
    assert before is not None
    assert after is not None
    assert job.scenes[before].datetime.date() < job.events[0].date <= job.scenes[after].datetime.date()
    assert (before, after) == (15, 16)


def test_a_cloudy_scene_is_passed_over(job: Job) -> None:
    # Scene 19 has a cloud in its middle; the first event after it is seen in the next one.
    middle = replace(job.events[0], date=dt.date(2020, 8, 1), window=Window(50, 50, 10, 10))
    middle = replace(middle, shape=box(middle.window, job.grid))
    previews = Previews(replace(job, events=(middle,)))
    assert previews.sides(0) == (18, 20)


def test_a_side_without_a_scene_has_none(job: Job) -> None:
    first = replace(job.events[0], date=dt.date(2018, 1, 1))
    last = replace(job.events[0], date=dt.date(2022, 1, 1))
    previews = Previews(replace(job, events=(first, last)))
    assert previews.sides(0)[0] is None
    assert previews.sides(1)[1] is None


def test_pictures_show_the_change_and_only_it(job: Job) -> None:
    previews = Previews(job)
    frame, event = previews.frame(0).window, job.events[0].window
    before, after = (pixels(previews.picture(0, place, "true")) for place in (15, 16))
    assert before.shape == (*frame.shape, 3)
    changed = np.abs(after - before).sum(2) > 120
    expected = np.zeros(frame.shape, bool)
    expected[event.inside(frame).slices] = True
    assert (changed == expected).mean() > 0.99


def test_false_colours_show_vegetation_red(job: Job) -> None:
    picture = pixels(Previews(job).picture(0, 15, "false"))
    forest = picture[2, 2]
    assert forest[0] > forest[1] + 50


def test_the_wide_view_shows_more_land(job: Job) -> None:
    previews = Previews(job)
    assert previews.frame(0, "wide").window.num_pixels > previews.frame(0).window.num_pixels
    assert pixels(previews.picture(0, 15, "wide")).shape[:2] == previews.frame(0, "wide").window.shape


def test_clouds_are_grey_and_a_picture_of_clouds_alone_is_grey(job: Job) -> None:
    middle = replace(job.events[0], window=Window(50, 50, 10, 10), date=dt.date(2020, 8, 1))
    middle = replace(middle, shape=box(middle.window, job.grid))
    cloudy = pixels(Previews(replace(job, events=(middle,))).picture(0, 19, "true"))
    assert (cloudy[20:28, 20:28] == 128).all()
    alone = Previews(replace(job, events=(middle,), scenes=(job.scenes[19],)))
    assert (pixels(alone.picture(0, 0, "true")) == 128).mean() > 0.9


def test_maps_of_the_years_around_it(job: Job) -> None:
    previews = Previews(job)
    before, after = (pixels(previews.labels(0, side)) for side in ("before", "after"))
    frame, event = previews.frame(0).window, job.events[0].window
    inside = event.inside(frame).slices
    assert (before[inside] == LEGEND.classes[0].rgb).all()
    assert (after[inside] == LEGEND.classes[2].rgb).all()
    other_year = Previews(replace(job, events=(replace(job.events[0], year=2031),)))
    assert other_year.labels(0, "after") is None
    assert Previews(replace(job, maps=None)).labels(0, "after") is None


def test_what_was_made_is_kept(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    previews = Previews(job)
    first = previews.picture(0, 15, "true")
    monkeypatch.setattr("landweave.review.previews.read", None)
    assert previews.picture(0, 15, "true") is first


def scene_with(bands: tuple[str, ...]) -> Scene:
    held = {band: BandFile("x.tif", n + 1) for n, band in enumerate(bands)}
    return Scene("few", SENSOR, dt.datetime(2020, 1, 1, tzinfo=dt.UTC), grid_of(), held)


def test_colours_of_scenes_with_few_bands() -> None:
    assert colours(scene_with(BANDS), "true") == ["B04", "B03", "B02"]
    assert colours(scene_with(BANDS), "false") == ["B08", "B04", "B03"]
    assert colours(scene_with(("B08",)), "true") == ["B08"] * 3
    with pytest.raises(ReviewError) as caught:
        colours(scene_with(("B08",)), "false")
    assert "nir, red, green" in caught.value.expected


def test_a_scene_that_is_gone_is_named(tmp_path: Path) -> None:
    folder = make_job(tmp_path, 1, dates=DATES[::12], edge=40)
    job = open_job(folder)
    (tmp_path / "series" / f"{DATES[0]}.tif").unlink()
    with pytest.raises(SceneError, match=str(DATES[0])):
        Previews(job).picture(0, 0, "true")


def large_job(folder: Path, *, has_overviews: bool) -> Job:
    """One event as large as a scene of 2,000 x 2,000 pixels."""
    edge = 2000
    event = replace(make_events(1, edge)[0], window=Window(200, 200, 1600, 1600))
    event = replace(event, shape=box(event.window, grid_of(edge)))
    series = make_scenes(folder / "series", [event], DATES[:1], 40)
    grid, path = grid_of(edge), folder / "series" / "large.tif"
    numbers = np.random.default_rng(0).integers(1500, 4000, (len(BANDS), edge // 8, edge // 8))
    numbers = numbers.repeat(8, 1).repeat(8, 2).astype(np.uint16)
    if has_overviews:
        write_layer(path, numbers, grid, nodata=0)
    else:
        from landweave.raster.write import write_tile

        write_tile(path, numbers, grid, nodata=0)
    held = {band: BandFile(str(path), n + 1, 1e-4, -0.1, 0) for n, band in enumerate(BANDS)}
    when = dt.datetime(2019, 1, 11, 10, tzinfo=dt.UTC)
    write_catalog([Scene("scene-2019-01-11", SENSOR, when, grid, held)], folder / "series" / "catalog.parquet")
    text = series.read_text(encoding="utf-8").replace('"shape": [40, 40]', f'"shape": [{edge}, {edge}]')
    series.write_text(text, encoding="utf-8")
    write_events(folder / "job" / NAME, header(), [event])
    return open_job(folder / "job")


@pytest.mark.parametrize("has_overviews", [True, False])
def test_a_picture_never_reads_a_whole_scene(tmp_path: Path, has_overviews: bool) -> None:
    previews = Previews(large_job(tmp_path, has_overviews=has_overviews))
    frame = previews.frame(0)
    assert (frame.factor > 1, frame.is_part) == (has_overviews, not has_overviews)
    before = files.bytes_had()
    picture = pixels(previews.picture(0, 0, "true"))
    had = files.bytes_had() - before
    assert max(picture.shape) <= 512
    assert had <= 2 * 3 * 512 * 512 * 2
    assert had < 2000 * 2000 * 2


def test_overviews_show_what_the_pixels_do(tmp_path: Path) -> None:
    from landweave.raster.read import read

    previews = Previews(large_job(tmp_path, has_overviews=True))
    values, valid = previews._seen(0, 0, "true")
    whole, _ = read(previews.job.scenes[0], ["B04", "B03", "B02"], previews.frame(0).window.on(previews.job.grid))
    factor = previews.frame(0).factor
    near = whole[:, factor // 2 :: factor, factor // 2 :: factor]
    # The last row and column reach beyond the scene.
    assert valid[:-1, :-1].all()
    shape = tuple(min(a, b) for a, b in zip(near.shape, values.shape, strict=True))
    same = [one[: shape[0], : shape[1], : shape[2]] for one in (near, values)]
    assert np.corrcoef(same[0].ravel(), same[1].ravel())[0, 1] > 0.9


def test_a_large_event_whose_scene_is_gone_still_has_a_frame(tmp_path: Path) -> None:
    job = large_job(tmp_path, has_overviews=True)
    (tmp_path / "series" / "large.tif").unlink()
    assert Previews(job).frame(0).is_part
    assert Previews(replace(job, scenes=())).frame(0).is_part
