"""Judged changes by tables worked by hand: periods, what counts as known, figures as JSON, and lines for people."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from rasterio import Affine
from tests.evaluation.making import LEGEND, parts, value_of, write

from landweave.errors import OutputError, SampleError
from landweave.evaluation.change import (
    JUDGED,
    PICTURE,
    ChangeJob,
    judge,
    layers,
    lines,
    read_change,
    run,
    to_json,
    within,
)
from landweave.legend import IGNORE
from landweave.metrics.change import (
    CALM,
    FALSE,
    FOUND,
    MISSED,
    MOST_DAYS,
    UNDATED,
    UNKNOWN,
    ChangeCounts,
    Changes,
    picture,
)
from landweave.raster.write import write_layer
from landweave.tiling import Window

X = IGNORE
GRID = GeoBox((2, 3), Affine(10, 0, 500_000, 0, -10, 5_000_000), "EPSG:32633")
WHOLE = Window.of((2, 3))


def changes(*pixels: tuple[int, int, int]) -> Changes:
    """Class before, class afterwards and day of each pixel."""
    old, new, day = (np.array([pixel[part] for pixel in pixels]) for part in range(3))
    return Changes(old.astype(np.uint8), new.astype(np.uint8), day.astype(np.int32))


@pytest.mark.parametrize(
    ("found", "truth", "kind"),
    [
        ((0, 0, 0), (1, 1, 0), CALM),
        ((0, 1, 9), (2, 2, 0), FALSE),
        ((0, 0, 0), (0, 1, 9), MISSED),
        ((0, 1, 9), (2, 0, 5), FOUND),
        ((X, 1, 9), (2, 0, 5), UNKNOWN),
        ((0, X, 9), (2, 2, 0), UNKNOWN),
        ((0, 1, 9), (2, X, 5), UNKNOWN),
        ((X, X, 0), (X, X, 0), UNKNOWN),
    ],
)
def test_what_a_pixel_is(found: tuple[int, int, int], truth: tuple[int, int, int], kind: int) -> None:
    assert picture(changes(found), changes(truth)).tolist() == [kind]
    counts = ChangeCounts.of(changes(found), changes(truth))
    each = {CALM: counts.calm, FALSE: counts.false, MISSED: counts.missed, FOUND: counts.found}
    assert each == {other: int(other == kind) for other in each}


@pytest.mark.parametrize(
    ("first", "last", "left"),
    [
        (None, None, [True, True, True, True]),
        (100, None, [True, False, True, True]),
        (101, None, [True, False, False, True]),
        (None, 100, [True, True, True, False]),
        (None, 99, [True, True, False, False]),
        (100, 100, [True, False, True, False]),
        (None, 0, [True, False, False, False]),
        (200, 100, [True, False, False, False]),
    ],
)
def test_a_period_holds_its_first_and_last_day_and_what_nobody_dated(
    first: int | None, last: int | None, left: list[bool]
) -> None:
    told = changes((0, 1, UNDATED), (0, 1, 99), (0, 1, 100), (0, 1, 101))
    kept = within(told, first, last)
    assert kept.there.tolist() == left
    # Where a change does not count, nothing changed: it is calm, not unknown.
    assert kept.known.all() and kept.old.tolist() == [0] * 4


def test_changes_before_1970_count_where_no_period_begins() -> None:
    told = changes((0, 1, -400), (0, 1, 400))
    assert within(told, None, 100).there.tolist() == [True, False]
    assert within(told, -300, None).there.tolist() == [False, True]


def test_the_figures_of_a_table_by_hand() -> None:
    found = changes((0, 1, 110), (0, 2, 95), (0, 1, 100), (1, 1, 0), (1, 1, 0), (0, 1, 0))
    truth = changes((0, 1, 100), (0, 1, 100), (0, 0, 0), (1, 0, 50), (2, 2, 0), (0, 1, 40))
    told = to_json(ChangeCounts.of(found, truth), GRID)
    assert told["pixels"] == {"found": 3, "false": 1, "missed": 1, "calm": 1}
    assert told["areas_ha"] == {"found": 0.03, "false": 0.01, "missed": 0.01, "calm": 0.01}
    assert (told["precision"], told["recall"], told["f1"], told["iou"]) == (0.75, 0.75, 0.75, 0.6)
    assert told["classes"] == pytest.approx(2 / 3)
    # Ten days late and five days early; the third has no date.
    assert (told["num_dated"], told["median_error_days"], told["median_late_days"]) == (2, 7.5, 2.5)


@pytest.mark.parametrize(
    ("late", "error", "bias"),
    [
        ([4], 4, 4),
        ([-4], 4, -4),
        ([-1, 0, 7], 1, 0),
        ([-5, -5, 5, 5], 5, 0),
        ([2, 9], 5.5, 5.5),
        ([99_999], MOST_DAYS, MOST_DAYS),
    ],
)
def test_errors_of_dates(late: list[int], error: float, bias: float) -> None:
    truth = changes(*((0, 1, 10_000) for _ in late))
    counts = ChangeCounts.of(changes(*((0, 1, 10_000 + days) for days in late)), truth)
    assert (counts.median_error_days, counts.median_late_days) == (error, bias)
    assert math.isnan(counts.undated().median_error_days) and counts.undated().found == counts.found


@pytest.mark.parametrize(
    ("grid", "has_areas"),
    [
        (GRID, True),
        (None, False),
        (GeoBox((2, 3), Affine(1, 0, 0, 0, 1, 0), None), False),
        (GeoBox((2, 3), Affine(0.001, 0, 16, 0, -0.001, 48), "EPSG:4326"), False),
    ],
)
def test_areas_are_told_where_pixels_have_one(grid: GeoBox | None, has_areas: bool) -> None:
    told = to_json(ChangeCounts.zero(), grid)
    assert (told["areas_ha"] is not None) is has_areas
    # Nothing was divided by anything.
    assert {told[name] for name in ("precision", "recall", "f1", "iou", "classes", "median_error_days")} == {None}
    json.dumps(told, allow_nan=False)


PIXELS = arrays(np.uint8, (3, 12), elements=st.sampled_from([0, 1, 2, X]))


@given(PIXELS, PIXELS, st.integers(0, 12))
def test_counts_of_parts_add_up_to_the_whole(one: np.ndarray, other: np.ndarray, cut: int) -> None:
    found, truth = (Changes(each[0], each[1], each[2].astype(np.int32)) for each in (one, other))

    def part(all_of: Changes, where: slice) -> Changes:
        return Changes(all_of.old[where], all_of.new[where], all_of.day[where])

    whole = ChangeCounts.of(found, truth)
    sums = ChangeCounts.zero()
    for where in (slice(0, cut), slice(cut, None)):
        sums = sums + ChangeCounts.of(part(found, where), part(truth, where))
    assert to_json(sums) == to_json(whole) and np.array_equal(sums.errors, whole.errors)
    known = int((found.known & truth.known).sum())
    assert whole.found + whole.false + whole.missed + whole.calm == known
    assert whole.right_classes <= whole.found and whole.errors.sum() <= whole.found
    # Truth and finding changed about: precision is recall, and what is late is early.
    turned = ChangeCounts.of(truth, found)
    assert (turned.found, turned.false, turned.missed) == (whole.found, whole.missed, whole.false)
    assert np.array_equal(turned.errors, whole.errors[::-1])


def raster(path: Path, ids: list[list[list[int]]], place: GeoBox = GRID) -> Path:
    write_layer(path, np.array(ids, np.uint16), place, band_names=("from", "to", "day"))
    return path


def test_ids_of_zero_mean_that_nothing_changed(tmp_path: Path) -> None:
    path = raster(tmp_path / "c.tif", [[[1, 0, 5], [0, 2, 1]], [[2, 0, 0], [1, 5, 1]], [[7, 0, 8], [9, 9, 9]]])
    told = layers([path], LEGEND)
    seen = told.read(WHOLE)
    # Only where both ids stand is a change, and only if they differ.
    assert seen.there.tolist() == [[True, False, False], [False, True, False]]
    assert seen.known.all()
    assert (seen.old[0, 0], seen.new[0, 0], seen.day[0, 0]) == (0, 1, 7)
    assert told.is_sparse and told.grid.shape == (2, 3)
    assert told.read(Window(1, 1, 1, 2)).there.tolist() == [[True, False]]


def test_of_maps_the_first_and_the_last_are_compared(tmp_path: Path) -> None:
    years = [
        np.array(ids, np.uint8) for ids in ([[0, 1, 2], [X, 0, 0]], [[2, 2, 2], [2, 2, 2]], [[0, 2, 2], [1, X, 1]])
    ]
    told = layers([write(tmp_path / f"{n}.tif", each, GRID) for n, each in enumerate(years)], LEGEND)
    seen = told.read(WHOLE)
    assert seen.there.tolist() == [[False, True, False], [False, False, True]]
    assert seen.known.tolist() == [[True, True, True], [False, False, True]]
    assert not told.is_sparse and (seen.day == UNDATED).all()


@pytest.mark.parametrize("lost", ["from", "to", "date"])
def test_a_folder_needs_all_three_layers(tmp_path: Path, lost: str) -> None:
    for name in {"from", "to", "date"} - {lost}:
        write(tmp_path / f"{name}.tif", np.zeros((2, 3), np.uint8), GRID)
    with pytest.raises(SampleError) as caught:
        layers([tmp_path], LEGEND)
    given, expected, do = parts(caught.value)
    assert f"{lost}.tif" in given and "date.tif" in expected and do


def test_a_picture_is_read_back_by_another_library(tmp_path: Path) -> None:
    found = raster(tmp_path / "f.tif", [[[1, 0, 1], [0, 5, 0]], [[2, 0, 5], [0, 1, 0]], [[9, 0, 9], [0, 9, 0]]])
    truth = raster(tmp_path / "t.tif", [[[1, 1, 0], [0, 5, 0]], [[2, 2, 0], [0, 1, 0]], [[9, 9, 0], [0, 8, 0]]])
    counts = value_of(judge(layers([found], LEGEND), layers([truth], LEGEND), tmp_path))
    with rasterio.open(tmp_path / PICTURE) as file:
        ids, nodata = file.read(1), file.nodata
    calm, false, missed, right = JUDGED.ids
    assert ids.tolist() == [[right, missed, false], [calm, right, calm]]
    assert (counts.found, counts.false, counts.missed, counts.calm) == (2, 1, 1, 2)
    assert nodata == 0
    # No folder of parts is left over.
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_dir()] == []


def test_days_of_a_job_are_the_periods(tmp_path: Path) -> None:
    epoch = dt.date(1970, 1, 1)
    days = [(dt.date(2021, 6, day) - epoch).days for day in (1, 2, 3)]
    each = [[[1, 1, 1], [0, 0, 0]], [[2, 2, 2], [0, 0, 0]], [days, [0, 0, 0]]]
    one, other = raster(tmp_path / "f.tif", each), raster(tmp_path / "t.tif", each)
    for since, until, num in ((None, None, 3), (2, None, 2), (None, 2, 2), (2, 2, 1)):
        first, last = (None if day is None else dt.date(2021, 6, day) for day in (since, until))
        job = ChangeJob(found=[one], truth=[other], since=first, until=last)
        assert all(record.done <= record.total for record in run(job, tmp_path / f"{since}-{until}"))
        told = read_change(tmp_path / f"{since}-{until}")
        assert told["pixels"] == {"found": num, "false": 0, "missed": 0, "calm": 6 - num}, (since, until)
        assert told["name"] == "changes" and told["f1"] == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["precision not known, recall not known, f1 not known, iou not known", "found 0, false 0"]),
        ({"f1": 0.5, "precision": 0.33333}, ["precision 0.333, recall not known, f1 0.500", "missed 0"]),
        ({"median_error_days": 12.5, "num_dated": 1234}, ["median error 12.5 days, of 1,234 pixels"]),
        ({"pixels": {"found": 1_000_000}}, ["found 1,000,000 pixels"]),
    ],
)
def test_lines_say_the_figures(values: dict[str, Any], words: list[str]) -> None:
    shown = "\n".join(lines(to_json(ChangeCounts.zero()) | values))
    assert [word for word in words if word not in shown] == []
    assert ("dates" in shown) is ("median_error_days" in values)


@pytest.mark.parametrize(
    "values", [{"found": []}, {"truth": []}, {"since": "soon"}, {"name": "x" * 81}, {"until": 1.5}]
)
def test_jobs_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ChangeJob(**({"found": [Path("a")], "truth": [Path("b")]} | values))
    assert next(iter(values)) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"format": 1}', '{"format": 2, "kind": "change"}', '{"format": 1, "kind": "agreement"}']
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "change_judged.json").write_text(text)
    with pytest.raises(OutputError) as caught:
        read_change(tmp_path)
    given, expected, do = parts(caught.value)
    assert (
        "change_judged.json" in given
        and expected == "what landweave evaluate wrote of kind change, format 1"
        and "again" in do
    )
