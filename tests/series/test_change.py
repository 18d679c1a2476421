"""The rules of change: against plain loops, one by one on sequences made by hand, and what comes of them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.series.plain import (
    find_by_dates,
    find_by_pixels,
    is_permanent_pixel,
    returns_of_pixel,
    run_of_pixel,
    step_of_pixel,
)

from landweave.legend import IGNORE
from landweave.series.change import (
    Changes,
    Found,
    Rules,
    annual,
    find_by_rules,
    is_permanent,
    mean_top,
    num_returns,
    run_length,
    step_place,
)
from landweave.series.sequence import BLOCK
from landweave.series.timeline import Timeline, date_of, of_spans, of_years

DATES = [dt.date(year, 1, 1) + dt.timedelta(days=24 * number) for year in (2018, 2019, 2020) for number in range(15)]
LINE = of_spans(DATES, 15, 1)


def seen(*changes: tuple[int, int]) -> list[int]:
    """What a faultless network says of a pixel whose class is another one from a date on: that of most dates."""
    dates = [0] * 45
    for first, label in changes:
        dates[first:] = [label] * (45 - first)
    spans = (dates[start : start + 15] for start in range(31))
    return [int(np.bincount(span).argmax()) for span in spans]


def find(*pixels: list[int], top: int = 200, line: Timeline = LINE, **rules: Any) -> Found:
    labels = np.array(pixels, np.uint8).T.copy()
    return find_by_rules(labels, np.full_like(labels, top), line, Rules(**rules), 4)


def told(found: Found) -> list[tuple[int, ...]]:
    c = found.changes
    return [tuple(map(int, row)) for row in zip(c.pixel, c.place, c.old, c.new, strict=True)]


def noisy(generator: np.random.Generator, width: int) -> np.ndarray:
    """Sequences of which a third is one label throughout, a third has noise, and a third changes once or twice."""
    labels = np.repeat(generator.integers(0, 4, width).astype(np.uint8)[None], 31, 0)
    for kind, places in enumerate(np.array_split(np.arange(width), 3)):
        for _ in range(kind):
            where = generator.integers(0, 31, len(places))
            new = generator.integers(0, 4, len(places)).astype(np.uint8)
            labels[:, places] = np.where(np.arange(31)[:, None] >= where, new, labels[:, places])
        if kind:
            flips = generator.random((31, len(places))) < 0.15
            noise = generator.choice(np.array([0, 1, 2, 3, IGNORE], np.uint8), (31, len(places)))
            labels[:, places] = np.where(flips, noise, labels[:, places])
    return labels


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = noisy(generator, 3000)
    labels[:, :5] = IGNORE
    return labels, generator.integers(0, 256, labels.shape).astype(np.uint8)


def test_the_same_answer_as_loops_over_pixels_and_over_dates(many: tuple[np.ndarray, np.ndarray]) -> None:
    labels, top = many
    found = find_by_rules(labels, top, LINE, Rules(), 4)
    base, changes = find_by_pixels(labels, top, LINE)
    assert len(changes) > 300
    assert found.base.tolist() == base
    assert told(found) == changes
    by_dates = find_by_dates(labels, top, LINE, 4)
    assert by_dates[0].tolist() == base
    assert by_dates[1] == changes


def test_many_pixels_are_judged_as_few_are(many: tuple[np.ndarray, np.ndarray]) -> None:
    labels, top = (np.tile(array, 1 + BLOCK // 2900)[:, : BLOCK + 100] for array in many)
    whole, part = (find_by_rules(labels[:, s], top[:, s], LINE, Rules(), 4) for s in (slice(None), slice(-300, None)))
    assert np.array_equal(whole.base[-300:], part.base)
    last = whole.changes.at(whole.changes.pixel >= BLOCK - 200)
    assert len(last)
    assert np.array_equal(last.probability, part.changes.probability)
    assert np.array_equal(last.pixel - (BLOCK - 200), part.changes.pixel)


@pytest.mark.parametrize("first", range(12, 31))
def test_a_change_is_dated_between_the_dates_around_it_and_put_into_its_year(first: int) -> None:
    found = find(seen((first, 1)))
    assert told(found) == [(0, first - 7, 0, 1)]
    day = date_of(found.changes.day[0])
    assert DATES[first - 1] <= day <= DATES[first]
    maps = {year: labels[0] for year, labels in annual(found, LINE)}
    assert maps == {year: int(year >= day.year) for year in (2018, 2019, 2020)}


def test_a_november_change_is_in_the_map_of_its_year_though_seen_in_the_next() -> None:
    first = next(place for place, date in enumerate(DATES) if date >= dt.date(2018, 11, 1))
    labels = seen((first, 2))
    # The map of 2018 itself does not show it.
    assert labels[LINE.marks[0]] == 0
    maps = {year: int(labels[0]) for year, labels in annual(find(labels), LINE)}
    assert maps == {2018: 2, 2019: 2, 2020: 2}


def test_a_change_that_does_not_last_half_a_span_is_not_permanent() -> None:
    assert told(find([0] * 14 + [1] * 6 + [0] * 11)) == []
    assert told(find([0] * 24 + [1] * 7, end_maps=8)) == []
    assert told(find([0] * 23 + [1] * 8, end_maps=8)) == [(0, 23, 0, 1)]
    assert told(find([0] * 24 + [1] * 7, end_maps=8, stable_maps=7)) == [(0, 24, 0, 1)]


@pytest.mark.parametrize("num", range(1, 12))
def test_the_end_of_the_series_makes_a_change_less_sure_and_one_of_four_maps_none(num: int) -> None:
    found = find([0] * (31 - num) + [1] * num, top=255)
    assert told(found) == ([(0, 31 - num, 0, 1)] if num >= 5 else [])
    if num >= 5:
        assert found.changes.probability[0] == pytest.approx(min(num / 8, 1), abs=0.01)
    # What does not last to the end is judged as before.
    assert told(find([0] * 15 + [1] * min(num, 7) + [0] * (16 - min(num, 7)))) == []


def test_what_land_became_may_be_told_as_one_class_in_summer_and_another_in_winter() -> None:
    found = find([0] * 12 + [1, 1, 1, 2, 2, 2] * 3 + [1], filter_length=3)
    assert told(found) == [(0, 12, 0, 1)]
    # One that is never told for as long as half a span, and is another one before and after, is no change for good.
    assert told(find([0] * 12 + [1] * 7 + [0] * 12)) == []


def test_a_season_returns_more_than_once() -> None:
    season = ([0] * 5 + [1] * 3) * 3 + [0] * 2 + [1] * 5
    assert told(find(season, stable_maps=2)) == []
    assert len(told(find(season, stable_maps=2, max_returns=9))) > 0
    # Cleared and grown again: it returns once, and both are changes.
    assert told(find([0] * 6 + [1] * 12 + [0] * 13)) == [(0, 6, 0, 1), (0, 18, 1, 0)]


def test_a_change_at_the_very_start_is_not_believed() -> None:
    assert told(find([0] + [1] * 30, filter="none")) == []
    assert told(find([0] + [1] * 30, filter="none", start_maps=0)) == [(0, 1, 0, 1)]


def test_two_changes_of_one_pixel() -> None:
    found = find(seen((14, 1), (26, 2)))
    assert told(found) == [(0, 7, 0, 1), (0, 19, 1, 2)]
    assert [int(labels[0]) for _, labels in annual(found, LINE)] == [1, 2, 2]


def test_the_class_of_what_stands_still_is_what_most_maps_say() -> None:
    # The annual maps agree by chance; the sequence knows better.
    labels = [1] * 31
    for mark in LINE.marks:
        labels[mark] = 0
    found = find(labels)
    assert (found.base.tolist(), len(found.changes)) == ([1], 0)


def test_probability_is_that_of_the_classes_before_and_after() -> None:
    clear, doubtful = find(seen((20, 1)), top=255), find(seen((20, 1)), top=128)
    assert clear.changes.probability[0] == pytest.approx(1)
    assert doubtful.changes.probability[0] == pytest.approx((128 / 255) ** 2)
    noise = seen((20, 1))
    noise[10] = 2
    assert find(noise, top=255).changes.probability[0] == pytest.approx(7 / 8, abs=0.01)


def test_the_published_median_is_there_for_comparison() -> None:
    labels = seen((20, 1))
    assert told(find(labels, filter="median")) == told(find(labels))


def test_pixels_that_no_map_knows_stay_unknown() -> None:
    found = find([IGNORE] * 31, seen((20, 1)))
    assert found.base.tolist() == [IGNORE, 0]
    assert told(found) == [(1, 13, 0, 1)]


def test_sixteen_yearly_maps_are_a_sequence_too() -> None:
    line = of_years(range(2001, 2017))
    found = find([0] * 7 + [1] * 9, line=line)
    assert told(found) == [(0, 7, 0, 1)]
    assert date_of(found.changes.day[0]).year == 2008
    assert [int(labels[0]) for _, labels in annual(found, line)] == [0] * 7 + [1] * 9


@given(arrays(np.uint8, (9, 5), elements=st.integers(0, 2)), st.integers(0, 3))
def test_every_rule_by_itself(labels: np.ndarray, since: int) -> None:
    pixels = labels.T.tolist()
    old, new, begin = labels[0].copy(), labels[-1].copy(), np.full(5, since)
    place = step_place(labels, old, new, begin)
    differs = old != new
    wanted = [step_of_pixel(p, p[0], p[-1], since) for p in pixels]
    assert place[differs].tolist() == np.array(wanted)[differs].tolist()
    assert run_length(labels, new, begin).tolist() == [run_of_pixel(p, p[-1], since) for p in pixels]
    wanted = [is_permanent_pixel(p, p[-1], since, 4, 2) for p in pixels]
    assert is_permanent(labels, new, begin, 4, 2).tolist() == wanted
    assert is_permanent(labels, new, begin, 4, 9).tolist() == [run_of_pixel(p, p[-1], since) >= 4 for p in pixels]
    assert num_returns(labels).tolist() == [returns_of_pixel(p) for p in pixels]


def test_mean_probabilities_count_other_labels_as_none() -> None:
    labels, top = np.array([[0], [1], [0]], np.uint8), np.full((3, 1), 90, np.uint8)
    zero = np.zeros(1, np.int64)
    assert mean_top(labels, top, np.zeros(1, np.uint8), zero, zero + 3).tolist() == [60]
    assert mean_top(labels, top, np.zeros(1, np.uint8), zero + 3, zero + 3).tolist() == [0]


def test_no_change_is_one_too() -> None:
    assert len(Changes.none()) == len(Changes.joined([])) == 0
    assert len(find([2] * 31).changes) == 0


def test_maps_of_two_years_differ_exactly_where_a_change_is_told(many: tuple[np.ndarray, np.ndarray]) -> None:
    labels, top = many
    found = find_by_rules(labels, top, LINE, Rules(), 4)
    maps = dict(annual(found, LINE))
    years = np.array([LINE.year_of(day) for day in found.changes.day])
    for early, late in ((2018, 2019), (2019, 2020)):
        differs = set(np.flatnonzero(maps[early] != maps[late]).tolist())
        changed = set(found.changes.pixel[years == late].tolist())
        assert differs <= changed
        # Of a pixel that changed twice in a year nothing may be left to see.
        assert len(changed - differs) <= 0.05 * len(changed)
    assert np.array_equal(maps[2018][: len(found.base)] == IGNORE, (labels == IGNORE).all(0))


def test_labels_that_are_not_sure_count_less() -> None:
    labels = np.array([[0] * 16 + [1] * 15], np.uint8).T
    top = np.array([[60] * 16 + [250] * 15], np.uint8).T
    marks = Timeline(LINE.ends, LINE.seen, (2018,), (0,), LINE.half)
    assert find_by_rules(labels, top, marks, Rules(), 2).base.tolist() == [1]
