"""When a change lay that a map is the first to show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from landweave.errors import SeriesError
from landweave.series.timeline import date_of, of_spans, of_years

# Fifteen dates a year, every 24 days: 1 January, 25 January ... 3 December.
DATES = [dt.date(year, 1, 1) + dt.timedelta(days=24 * number) for year in (2018, 2019, 2020) for number in range(15)]


def test_fifteen_dates_a_year_for_three_years_give_the_published_thirty_one_maps() -> None:
    line = of_spans(DATES, 15, 1)
    assert len(line) == 31
    assert date_of(line.ends[0]) == dt.date(2018, 12, 3)
    assert (line.years, line.marks, line.half) == ((2018, 2019, 2020), (0, 15, 30), 8)


def test_a_change_is_shown_half_a_span_late() -> None:
    line = of_spans(DATES, 15, 1)
    # Shown when eight of fifteen dates saw it, of which the last is the fourth of 2019: first seen on 9 November.
    shown = next(place for place, end in enumerate(line.ends) if date_of(end) == DATES[20])
    assert DATES[20 - 7] == dt.date(2018, 11, 9)
    assert dt.date(2018, 10, 16) < date_of(line.seen[shown]) < dt.date(2018, 11, 9)
    assert line.year_of(line.seen[shown]) == 2018


@pytest.mark.parametrize("shift", [1, 2, 4])
def test_spans_apart_have_as_many_maps_less(shift: int) -> None:
    line = of_spans(DATES, 15, shift)
    assert len(line) == -(-31 // shift)
    assert line.half == -(-8 // shift)
    assert line.ends == of_spans(DATES, 15, 1).ends[::shift]


def test_years_without_a_map_of_their_own_are_not_counted() -> None:
    line = of_spans(DATES, 20, 1)
    assert line.years == (2019, 2020)
    # What happened before the first map's year is put into it; nothing else would tell of it.
    assert line.year_of(line.seen[0]) == 2019


def test_one_map_a_year() -> None:
    line = of_years([2001, 2002, 2004])
    assert (line.half, line.marks, line.years) == (1, (0, 1, 2), (2001, 2002, 2004))
    assert [line.year_of(day) for day in line.seen] == [2001, 2002, 2004]


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (lambda: of_spans(DATES[:10], 15, 1), "10 dates"),
        (lambda: of_spans(DATES[::-1], 15, 1), "2020-"),
        (lambda: of_spans([DATES[0], *DATES], 15, 1), "2018-01-01 after 2018-01-01"),
        (lambda: of_years([2002, 2001]), "2001"),
    ],
)
def test_too_few_dates_or_dates_out_of_order_are_refused(make: Callable[[], object], given: str) -> None:
    with pytest.raises(SeriesError) as raised:
        make()
    assert given in raised.value.given
    assert raised.value.expected
    assert raised.value.do
