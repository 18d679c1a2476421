"""Which runs of dates a series is mapped by: years, or spans that slide from the end of the first year on. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from landweave.errors import ConfigError, SeriesError
from landweave.models.series.input import SeriesInput

_YEAR_DAYS = 366


@dataclass(frozen=True, slots=True)
class Span:
    """A run of dates that becomes one map.

    Attributes:
        key: Its last date, or its year; the map's name.
        start: Its first date among all.
        stop: The date after its last one.
    """

    key: str
    start: int
    stop: int

    @property
    def slice(self) -> slice:
        """Its dates."""
        return slice(self.start, self.stop)

    def since(self, first: int) -> Span:
        """The same span where dates are counted from `first`."""
        return Span(self.key, self.start - first, self.stop - first)


def sliding(dates: Sequence[dt.date], length: int, shift: int) -> tuple[Span, ...]:
    """Spans of `length` dates from the end of the first year on, `shift` dates apart.

    The first one ends with the first year; where that has fewer dates than a span, it begins with the year.

    Raises:
        ConfigError: Length or shift is below 1.
        SeriesError: There are fewer dates than a span has.
    """
    if length < 1 or shift < 1:
        raise ConfigError(f"spans of {length} dates, {shift} apart", "at least 1 of both", "choose other numbers")
    if len(dates) < length:
        raise SeriesError(
            f"{len(dates)} dates for spans of {length}",
            "at least as many dates as a span has",
            "choose a shorter --span, or select more scenes",
        )
    in_first = sum(date.year == dates[0].year for date in dates)
    starts = range(max(in_first - length, 0), len(dates) - length + 1, shift)
    return tuple(Span(dates[start + length - 1].isoformat(), start, start + length) for start in starts)


def yearly(dates: Sequence[dt.date]) -> tuple[Span, ...]:
    """The dates of every year."""
    years = [date.year for date in dates]
    return tuple(
        Span(str(year), years.index(year), years.index(year) + years.count(year)) for year in sorted(set(years))
    )


def regular_dates(taken: SeriesInput, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """The card's days of every year from that of the first date on, up to the last date.

    Raises:
        SeriesError: The card's days go beyond a year, so that they cannot be repeated.
    """
    days = taken.days_of_year or ()
    if max(days, default=0) >= _YEAR_DAYS:
        raise SeriesError(
            f"a card of series that go on to day {max(days)}",
            f"days below {_YEAR_DAYS}, which every year has",
            "train a card of one year to map sliding spans, or map with --annual",
        )
    every = [dt.date(y, 1, 1) + dt.timedelta(days=day) for y in range(first.year, last.year + 1) for day in days]
    return tuple(date for date in every if date <= last)


def needed(spans: Sequence[Span]) -> slice:
    """The dates that some span has."""
    return slice(min(span.start for span in spans), max(span.stop for span in spans))


def near(days: Int64[np.ndarray, " t"], wanted: Int64[np.ndarray, " s"], limit_days: int) -> slice:
    """The dates from which values on `wanted` days can come; all that lie between them too."""
    first, last = np.searchsorted(days, [wanted[0] - limit_days, wanted[-1] + limit_days + 1])
    return slice(int(first), max(int(last), int(first) + 1)) if first < len(days) else slice(len(days) - 1, len(days))
