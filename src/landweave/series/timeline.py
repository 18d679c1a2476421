"""What the places of a sequence of labels mean in time: which map ends when, and on which day a change lay. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landweave.errors import SeriesError
from landweave.raster.dates import check_sorted, days

_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The maps of a sequence.

    Attributes:
        ends: Last day that each map saw, as days since 1970-01-01.
        seen: Days on which a change lay that each map is the first to show.
        years: Years that have a map of their own, in order.
        marks: For each of them, its place in the sequence.
        half: Half a span, in maps: how long a map shows a change later than it happened.
    """

    ends: tuple[int, ...]
    seen: tuple[int, ...]
    years: tuple[int, ...]
    marks: tuple[int, ...]
    half: int

    def __len__(self) -> int:
        return len(self.ends)

    def year_of(self, day: int) -> int:
        """The year into whose map a change of that day is put: its own, or the next one that has a map, or the last."""
        year = date_of(day).year
        return next((own for own in self.years if own >= year), self.years[-1])


def date_of(day: int) -> dt.date:
    """The date of a number of days since 1970-01-01."""
    return _EPOCH + dt.timedelta(days=int(day))


def of_spans(dates: Sequence[dt.date] | NDArray[np.datetime64], span: int, shift: int, first: int = 0) -> Timeline:
    """The timeline of maps of sliding spans.

    A span shows the class that most of its dates show, so a change is first shown half a span after the first date
    that saw it (GRSL 2023, II.C: its index is shifted back by half the span). It lay in the middle between that date
    and the one before.

    Args:
        dates: Of the whole series, in order.
        span: Dates of a span.
        shift: Dates from one span to the next.
        first: Dates before the first span.

    Raises:
        SeriesError: Dates are not in order, or too few for one span.
    """
    ends = np.arange(first + span - 1, len(dates), shift)
    if not ends.size:
        raise SeriesError(
            f"{len(dates) - first} dates for spans of {span}",
            "at least as many dates as a span has",
            "choose a shorter --span, or select more scenes",
        )
    return of_ends(dates, ends, span, shift)


def of_ends(
    dates: Sequence[dt.date] | NDArray[np.datetime64], ends: Sequence[int] | NDArray[np.int64], span: int, shift: int
) -> Timeline:
    """The same of spans that end with given dates, by their places among all dates.

    Raises:
        SeriesError: Dates are not in order.
    """
    every, last = days(dates), np.asarray(ends, np.int64)
    check_sorted(every, every.astype("datetime64[D]"))
    sure = np.maximum(last - span // 2, 1)
    years = every[last].astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    own = np.unique(years)
    marks = tuple(int(np.flatnonzero(years == year)[-1]) for year in own)
    half = -(-((span + 1) // 2) // shift)
    return Timeline(_plain(every[last]), _plain((every[sure] + every[sure - 1]) // 2), _plain(own), marks, half)


def of_years(years: Sequence[int]) -> Timeline:
    """The timeline of one map a year: a change lies in the year whose map is the first to show it.

    Raises:
        SeriesError: Years are not in order.
    """
    check_sorted(np.asarray(years, np.int64))
    ends = [(dt.date(year, 12, 31) - _EPOCH).days for year in years]
    middles = [(dt.date(year, 7, 1) - _EPOCH).days for year in years]
    return Timeline(tuple(ends), tuple(middles), tuple(years), tuple(range(len(ends))), 1)


def _plain(numbers: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(number) for number in numbers)
