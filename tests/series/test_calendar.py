"""Spans and timelines as properties: every span in its place, every change between two dates, every year once."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from landweave.errors import SeriesError
from landweave.series.spans import Span, near, needed, sliding, yearly
from landweave.series.timeline import date_of, of_ends, of_spans, of_years

EPOCH = dt.date(1970, 1, 1)
BEGIN = dt.date(2018, 1, 3)
GAPS = st.lists(st.integers(1, 60), min_size=2, max_size=40)


def dates_of(gaps: list[int]) -> list[dt.date]:
    return [BEGIN + dt.timedelta(days=sum(gaps[:number])) for number in range(len(gaps))]


@given(GAPS, st.integers(1, 12), st.integers(1, 5))
def test_spans_slide_and_each_map_has_its_name_and_its_dates(gaps: list[int], length: int, shift: int) -> None:
    dates = dates_of(gaps)
    assume(length <= len(dates))
    spans = sliding(dates, length, shift)
    assert spans
    assert {span.stop - span.start for span in spans} == {length}
    assert {b.start - a.start for a, b in itertools.pairwise(spans)} <= {shift}
    assert [span.key for span in spans] == [dates[span.stop - 1].isoformat() for span in spans]
    # Nothing that a further span could see is left over at the end.
    assert len(dates) - spans[-1].stop < shift
    # The first one ends with the first year, or begins with it where a year has too few dates.
    in_first = sum(date.year == dates[0].year for date in dates)
    assert spans[0].start == 0 or spans[0].stop == in_first
    assert needed(spans) == slice(spans[0].start, spans[-1].stop)
    moved = [span.since(spans[0].start) for span in spans]
    assert [dates[spans[0].start :][span.slice] for span in moved] == [dates[span.slice] for span in spans]


@given(GAPS)
def test_years_are_all_dates_once(gaps: list[int]) -> None:
    dates = dates_of(gaps)
    spans = yearly(dates)
    assert [date for span in spans for date in dates[span.slice]] == dates
    assert all({str(date.year) for date in dates[span.slice]} == {span.key} for span in spans)


@given(GAPS, st.integers(1, 12), st.integers(1, 5))
def test_a_change_lies_between_the_two_dates_around_it(gaps: list[int], length: int, shift: int) -> None:
    dates = dates_of(gaps)
    assume(length <= len(dates))
    line = of_spans(dates, length, shift)
    ends = list(range(length - 1, len(dates), shift))
    assert [date_of(day) for day in line.ends] == [dates[end] for end in ends]
    days = [(date - EPOCH).days for date in dates]
    for end, seen in zip(ends, line.seen, strict=True):
        after = max(end - length // 2, 1)
        assert days[after - 1] <= seen <= days[after]
        assert abs(2 * seen - days[after - 1] - days[after]) <= 1
    assert sorted(line.seen) == list(line.seen)
    # Each year's map is the last one that ends within it.
    for year, mark in zip(line.years, line.marks, strict=True):
        assert date_of(line.ends[mark]).year == year
        assert mark == len(line) - 1 or date_of(line.ends[mark + 1]).year > year
    assert line.years == tuple(sorted({date_of(day).year for day in line.ends}))
    assert line.marks[-1] == len(line) - 1
    # A change of any day is put into a year that has a map.
    for day in (days[0] - 4000, *line.seen, days[-1] + 4000):
        assert line.year_of(day) in line.years


@pytest.mark.parametrize(
    ("span", "shift", "half"),
    [(1, 1, 1), (2, 1, 1), (3, 1, 2), (15, 1, 8), (15, 2, 4), (15, 3, 3), (15, 8, 1), (15, 9, 1)],
)
def test_half_a_span_in_maps(span: int, shift: int, half: int) -> None:
    dates = [BEGIN + dt.timedelta(days=10 * number) for number in range(40)]
    assert of_spans(dates, span, shift).half == half


def test_kinds_of_dates_do_not_matter() -> None:
    dates = dates_of([5, 9, 30, 200, 40, 3, 90])
    numbers = np.array(dates, "datetime64[D]")
    assert of_spans(dates, 3, 1) == of_spans(numbers, 3, 1) == of_ends(dates, [2, 3, 4, 5, 6], 3, 1)
    assert of_spans(dates, 3, 1, first=2).ends == of_spans(dates, 3, 1).ends[2:]


def test_spans_of_one_date_show_a_change_at_once() -> None:
    dates = [dt.date(2019, 3, 1), dt.date(2019, 3, 11), dt.date(2019, 4, 20)]
    line = of_spans(dates, 1, 1)
    assert [date_of(day) for day in line.seen] == [dt.date(2019, 3, 6), dt.date(2019, 3, 6), dt.date(2019, 3, 31)]
    assert (line.half, line.marks, line.years) == (1, (2,), (2019,))


def test_a_year_without_a_map_gives_its_changes_to_its_neighbours() -> None:
    line = of_years([2001, 2005])
    days = [(dt.date(year, 6, 1) - EPOCH).days for year in (1999, 2001, 2003, 2005, 2009)]
    # 2003 has no map: what happened then is in the map of 2005, the first one that shows it.
    assert [line.year_of(day) for day in days] == [2001, 2001, 2005, 2005, 2005]


@pytest.mark.parametrize(
    ("day", "date"), [(0, "1970-01-01"), (365, "1971-01-01"), (18_262, "2020-01-01"), (-1, "1969-12-31")]
)
def test_days_are_counted_from_1970(day: int, date: str) -> None:
    assert date_of(day).isoformat() == date


@pytest.mark.parametrize(
    ("wanted", "limit", "found"),
    [
        ([10], 0, slice(1, 2)),
        ([10], 5, slice(1, 2)),
        ([10], 10, slice(0, 3)),
        ([5], 5, slice(0, 2)),
        ([12, 28], 2, slice(1, 4)),
        ([0, 30], 0, slice(0, 4)),
        # Nothing is near: one date all the same, so that there is an array.
        ([14], 2, slice(2, 3)),
        ([99], 2, slice(3, 4)),
        ([-50], 2, slice(0, 1)),
    ],
)
def test_dates_that_are_near(wanted: list[int], limit: int, found: slice) -> None:
    assert near(np.array([0, 10, 20, 30]), np.array(wanted), limit) == found


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=12, unique=True),
    st.lists(st.integers(0, 300), min_size=1, max_size=5),
    st.integers(0, 40),
)
def test_every_date_that_is_near_a_wanted_day_is_taken(days: list[int], wanted: list[int], limit: int) -> None:
    days, wanted = sorted(days), sorted(wanted)
    taken = days[near(np.array(days), np.array(wanted), limit)]
    assert taken
    assert {day for day in days if any(abs(day - one) <= limit for one in wanted)} <= set(taken)


@pytest.mark.parametrize("gap", [0, -3])
def test_dates_out_of_order_are_refused_with_the_two_in_question(gap: int) -> None:
    dates = [BEGIN, BEGIN + dt.timedelta(days=9), BEGIN + dt.timedelta(days=9 + gap)]
    with pytest.raises(SeriesError) as caught:
        of_spans(dates, 2, 1)
    assert dates[2].isoformat() in caught.value.given
    assert caught.value.expected and caught.value.do


def test_a_span_knows_its_dates() -> None:
    assert list(range(9))[Span("a", 2, 5).slice] == [2, 3, 4]
    assert Span("a", 2, 5).since(2) == Span("a", 0, 3)
