"""Whole jobs that map a series: what lies in the folder, spans as if alone, newer scenes, resuming, bad input."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import LEGEND, make_card
from tests.series.making import make_series
from tests.series.networks import make_series_card

from landweave.errors import CardError, GridError, LandweaveError, OutputError, SceneError, SensorError, SeriesError
from landweave.jobs.pool import Pool
from landweave.jobs.run import Progress
from landweave.legend import IGNORE
from landweave.mapping.source import series_pixels
from landweave.models.series.input import SeriesInput
from landweave.provenance import file_sha256
from landweave.raster.dates import days
from landweave.raster.read import read_map, read_numbers
from landweave.series.job import SeriesMapJob, run
from landweave.series.maps import open_maps
from landweave.series.plan import open_series, write_series
from landweave.series.predict import load, told
from landweave.tiling import Window

DATES = [f"{year}-{month:02d}-10" for year in (2019, 2020) for month in (2, 4, 6, 8, 10)]
SHAPE = (24, 30)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    series, _ = make_series(tmp_path, DATES, SHAPE)
    write_series(series, tmp_path / "series.json")
    write_series(dataclasses.replace(series, scenes=series.scenes[:-1]), tmp_path / "shorter.json")
    make_series_card(tmp_path / "card")
    return tmp_path


def job(place: Path, series: str = "series.json", **changes: Any) -> SeriesMapJob:
    values = {"series": place / series, "card": place / "card", "core_px": 16, "precision": "fp32", **changes}
    return SeriesMapJob(**values)


def mapped(place: Path, out: str = "out", series: str = "series.json", **changes: Any) -> list[Progress]:
    executor = changes.pop("executor", None)
    records = list(run(job(place, series, **changes), place / out, executor))
    assert not [record.failed for record in records if record.failed]
    return records


def wanted(place: Path, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and top probabilities of a span, by the network on this span alone."""
    series = open_series(place / "series.json")
    scenes = series.open_scenes()[start:stop]
    values, valid = series_pixels(scenes, series.bands_of[start:stop], series.grid, Window.of(SHAPE))
    flat = np.ascontiguousarray(values.reshape(*values.shape[:2], -1).transpose(2, 0, 1))
    there = valid.reshape(len(valid), -1).T
    every = np.broadcast_to(days(series.dates[start:stop]), there.shape)
    labels, top = told(load(place / "card").scores(flat, there, every), there.any(1))
    return LEGEND.to_ids(labels).reshape(SHAPE), top.reshape(SHAPE)


def hide(place: Path, name: str, rows: slice) -> None:
    """Take the data of some rows of a scene away."""
    import rasterio

    with rasterio.open(place / f"{name}.tif", "r+") as file:
        array = file.read()
        array[:, rows] = 0
        file.write(array)


def test_each_span_is_a_map_as_if_it_were_alone(place: Path) -> None:
    records = mapped(place, kind="spans")
    assert [(r.phase, r.done, r.total) for r in records][-1] == ("assemble", 12, 12)
    maps = open_maps(place / "out")
    assert [one.key for one in maps.maps] == DATES[4:]
    for number, one in enumerate(maps.maps):
        ids, top = wanted(place, number, number + 5)
        found = read_map(place / "out" / one.labels)[0]
        assert len(np.unique(found)) > 2
        assert (found != ids).mean() < 0.005
        assert (read_numbers(str(place / "out" / one.top), Window.of(SHAPE))[0] != top).mean() < 0.01
    assert maps.maps[0].labels == f"spans/{DATES[4]}/labels.tif"


def test_what_lies_in_the_folder(place: Path) -> None:
    from rio_cogeo.cogeo import cog_validate

    mapped(place, kind="spans", span=4, shift=2)
    summary = json.loads((place / "out" / "summary.json").read_text())
    assert (summary["format"], summary["maps"], summary["scenes"], summary["tiles"]) == (1, 3, 10, 4)
    assert summary["never_valid_share"] == 0
    assert summary["pixels"] == 24 * 30
    assert json.loads((place / "out" / "job.json").read_text())["configuration"]["span"] == 4
    for path in (place / "out" / "spans").glob("*/*.tif"):
        assert cog_validate(str(path), strict=True)[0]
    maps = open_maps(place / "out")
    assert [one.start for one in maps.maps] == [1, 3, 5]
    assert maps.line.marks[-1] == len(maps.maps) - 1


def test_one_map_a_year_from_that_year_alone(place: Path) -> None:
    mapped(place)
    for year, start in (("2019", 0), ("2020", 5)):
        ids, top = wanted(place, start, start + 5)
        assert np.array_equal(read_map(place / "out" / "annual" / f"{year}.tif")[0], ids)
        found = read_numbers(str(place / "out" / "annual" / f"{year}_top.tif"), Window.of(SHAPE))[0]
        assert np.array_equal(found, top)
    assert open_maps(place / "out").line.years == (2019, 2020)


def test_a_newer_scene_adds_one_map_and_touches_no_other(place: Path) -> None:
    mapped(place, kind="spans", series="shorter.json")
    before = {one.key: file_sha256(place / "out" / one.labels) for one in open_maps(place / "out").maps}
    with pytest.raises(OutputError) as raised:
        mapped(place, kind="spans")
    assert "1 newer scenes" in raised.value.given
    assert raised.value.expected
    assert "--append" in raised.value.do
    records = mapped(place, kind="spans", append=True)
    assert records[-1].total == 2
    maps = open_maps(place / "out")
    assert len(maps.maps) == len(before) + 1
    assert {one.key: file_sha256(place / "out" / one.labels) for one in maps.maps[:-1]} == before
    mapped(place, "whole", kind="spans")
    last = [read_map(place / out / maps.maps[-1].labels)[0] for out in ("out", "whole")]
    assert (last[0] != last[1]).mean() < 0.005
    assert json.loads((place / "out" / "summary.json").read_text())["maps_new"] == 1


def test_run_again_nothing_is_done(place: Path) -> None:
    mapped(place, kind="spans")
    told_before = (place / "out" / "summary.json").read_bytes()
    assert mapped(place, kind="spans") == []
    assert mapped(place, kind="spans", append=True) == []
    assert (place / "out" / "summary.json").read_bytes() == told_before


def test_a_job_that_was_stopped_goes_on(place: Path) -> None:
    going = run(job(place, kind="spans"), place / "out")
    for record in going:
        if record.phase == "map" and record.done == 2:
            break
    going.close()  # type: ignore[attr-defined]
    mapped(place, kind="spans")
    mapped(place, "whole", kind="spans")
    for one in open_maps(place / "whole").maps:
        assert file_sha256(place / "out" / one.labels) == file_sha256(place / "whole" / one.labels)


def test_a_pool_gives_the_same_bytes(place: Path) -> None:
    mapped(place, kind="spans")
    mapped(place, "pool", kind="spans", executor=Pool(2))
    for one in open_maps(place / "out").maps:
        for name in (one.labels, one.top):
            assert file_sha256(place / "out" / name) == file_sha256(place / "pool" / name)


def test_pixels_without_a_valid_date_are_no_data_and_counted(place: Path) -> None:
    for number in range(10):
        hide(place, f"s{number}", slice(0, 6))
    hide(place, "s9", slice(0, 12))
    mapped(place, kind="spans")
    summary = json.loads((place / "out" / "summary.json").read_text())
    assert summary["never_valid_share"] == 0.25
    ids = read_map(place / "out" / "spans" / DATES[-1] / "labels.tif")[0]
    assert (ids[:6] == 0).all()
    assert (ids[6:] != 0).all()
    labels, top = open_maps(place / "out").read(Window.of(SHAPE))
    assert (labels[:, :6] == IGNORE).all()
    assert (top[:, :6] == 0).all()


def test_a_series_without_a_valid_pixel_is_refused(place: Path) -> None:
    for number in range(10):
        hide(place, f"s{number}", slice(None))
    with pytest.raises(SceneError) as raised:
        mapped(place, kind="spans")
    assert "10 scenes" in raised.value.given
    assert raised.value.expected
    assert raised.value.do


def test_a_scene_that_cannot_be_read_is_told_and_the_others_are_taken(place: Path) -> None:
    (place / "s3.tif").write_bytes(b"torn")
    records = list(run(job(place, kind="spans"), place / "out"))
    assert any("scene s3" in (record.failed or "") for record in records)
    assert json.loads((place / "out" / "summary.json").read_text())["scenes_lost"]
    assert all(one.tiles_missing for one in open_maps(place / "out").maps)
    assert (read_map(place / "out" / "spans" / DATES[-1] / "labels.tif")[0] != 0).all()


def test_a_card_with_dates_of_its_own(place: Path) -> None:
    taken = SeriesInput(4, how="linear", limit_days=90, days_of_year=(40, 130, 220, 300))
    make_series_card(place / "card", "tempcnn", taken=taken)
    mapped(place, kind="spans")
    maps = open_maps(place / "out")
    # The last day of 2020, 27 October, is later than its last scene.
    assert [one.key for one in maps.maps] == ["2019-10-28", "2020-02-10", "2020-05-10", "2020-08-08"]
    mapped(place, "annual")
    first = read_map(place / "out" / maps.maps[0].labels)[0]
    alone = read_map(place / "annual" / "annual" / "2019.tif")[0]
    # The span sees scenes of the next year too.
    assert 0.5 < (first == alone).mean() <= 1


def test_a_forest_maps_years_and_spans(place: Path) -> None:
    make_series_card(place / "card", "forest")
    mapped(place)
    mapped(place, "spans", kind="spans")
    year = read_map(place / "out" / "annual" / "2019.tif")[0]
    assert np.array_equal(year, read_map(place / "spans" / "spans" / DATES[4] / "labels.tif")[0])


def refused(place: Path, error: type[LandweaveError], **changes: Any) -> LandweaveError:
    with pytest.raises(error) as raised:
        mapped(place, **changes)
    assert raised.value.expected
    assert raised.value.do
    return raised.value


def test_cards_that_do_not_fit_are_refused(place: Path) -> None:
    make_card(place / "pixels", "pixel")
    assert "task pixels" in refused(place, CardError, card=place / "pixels").given
    make_series_card(place / "other", sensor="landsat-8-c2l2")
    assert "landsat-8-c2l2" in refused(place, CardError, card=place / "other").given
    make_series_card(place / "bands", bands=("B02", "B03", "B04", "B11"))
    assert "B11" in refused(place, SensorError, card=place / "bands").expected
    make_series_card(place / "size", pixel_size_m=30.0)
    assert "10 m" in refused(place, GridError, card=place / "size").given
    make_series_card(place / "unit", unit="radiance")
    assert "reflectance" in refused(place, LandweaveError, card=place / "unit").given


def test_years_with_other_numbers_of_scenes_are_refused_where_the_card_cannot_take_them(place: Path) -> None:
    make_series_card(place / "card", "tempcnn")
    error = refused(place, SeriesError, series="shorter.json")
    assert "5 scenes (2019), 4 scenes (2020)" in error.given
    assert "5 scenes in every year" in error.expected
    assert "--per-year" in error.do
    make_series_card(place / "card", "lstm")
    mapped(place, "lstm", series="shorter.json")


def test_a_folder_of_other_maps_is_refused(place: Path) -> None:
    mapped(place, kind="spans")
    assert "spans maps" in refused(place, OutputError).given
    series = open_series(place / "series.json")
    write_series(dataclasses.replace(series, scenes=series.scenes[1:]), place / "later.json")
    assert "s0 was there" in refused(place, OutputError, kind="spans", series="later.json").given
    assert "shift" in refused(place, OutputError, kind="spans", shift=2).given


def test_bands_come_in_the_cards_order(place: Path) -> None:
    mapped(place)
    make_series_card(place / "other", bands=("B08", "B04", "B03", "B02"))
    mapped(place, "turned", card=place / "other")
    one, other = (read_map(place / out / "annual" / "2019.tif")[0] for out in ("out", "turned"))
    assert not np.array_equal(one, other)
