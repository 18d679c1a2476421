"""Which dates become a map: years, sliding spans, dates that a card wants filled."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from landweave.errors import ConfigError, SeriesError
from landweave.models.series.input import SeriesInput
from landweave.series.spans import Span, near, needed, regular_dates, sliding, yearly
from landweave.series.timeline import date_of, of_spans

DATES = [dt.date(year, 1, 1) + dt.timedelta(days=24 * number) for year in (2018, 2019, 2020) for number in range(15)]


def test_from_the_end_of_the_first_year_on_one_span_a_new_scene() -> None:
    spans = sliding(DATES, 15, 1)
    assert len(spans) == 31
    assert spans[0] == Span("2018-12-03", 0, 15)
    assert spans[-1] == Span(DATES[-1].isoformat(), 30, 45)
    assert spans[1].slice == slice(1, 16)
    assert spans[5].since(3) == Span(spans[5].key, 2, 17)


@pytest.mark.parametrize(("length", "shift"), [(15, 1), (10, 1), (10, 3), (20, 2), (45, 1)])
def test_spans_and_timelines_agree(length: int, shift: int) -> None:
    spans = sliding(DATES, length, shift)
    line = of_spans(DATES, length, shift, spans[0].start)
    assert [date_of(end).isoformat() for end in line.ends] == [span.key for span in spans]
    assert all(span.stop - span.start == length for span in spans)


def test_a_new_scene_adds_a_span_and_changes_none() -> None:
    before, after = sliding(DATES[:44], 15, 1), sliding(DATES, 15, 1)
    assert after[:-1] == before
    assert needed(after[len(before) :]) == slice(30, 45)


def test_one_map_a_year_however_many_scenes_it_has() -> None:
    dates = DATES[:15] + DATES[20:27] + DATES[-1:]
    assert yearly(dates) == (Span("2018", 0, 15), Span("2019", 15, 22), Span("2020", 22, 23))


def test_a_cards_days_of_every_year_up_to_the_last_scene() -> None:
    taken = SeriesInput(3, how="linear", limit_days=30, days_of_year=(10, 150, 300))
    found = regular_dates(taken, dt.date(2018, 5, 1), dt.date(2019, 6, 20))
    assert [date.isoformat() for date in found] == [
        "2018-01-11",
        "2018-05-31",
        "2018-10-28",
        "2019-01-11",
        "2019-05-31",
    ]


def test_dates_from_which_values_can_come() -> None:
    days, wanted = np.array([0, 10, 20, 30, 40]), np.array([18, 25])
    assert near(days, wanted, 5) == slice(2, 4)
    assert near(days, wanted, 15) == slice(1, 5)
    assert near(days, np.array([90]), 5) == slice(4, 5)
    assert near(days, np.array([14]), 2) == slice(2, 3)


def test_what_makes_no_span_is_refused() -> None:
    for length, shift in ((0, 1), (3, 0)):
        with pytest.raises(ConfigError) as raised:
            sliding(DATES, length, shift)
        assert f"spans of {length} dates, {shift} apart" in raised.value.given
        assert raised.value.expected
        assert raised.value.do
    with pytest.raises(SeriesError) as few:
        sliding(DATES[:9], 15, 1)
    assert "9 dates" in few.value.given
    assert "span" in few.value.expected
    assert "--span" in few.value.do
    taken = SeriesInput(2, how="linear", limit_days=30, days_of_year=(10, 400))
    with pytest.raises(SeriesError) as long:
        regular_dates(taken, DATES[0], DATES[-1])
    assert "day 400" in long.value.given
    assert "366" in long.value.expected
    assert "--annual" in long.value.do
