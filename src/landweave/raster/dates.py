"""Dates of a series, and its values on dates of one's own: the nearest valid ones, or lines between them. Pure."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int, Int64, Shaped
from numpy.typing import NDArray

from landweave.errors import SeriesError

How = Literal["linear", "nearest"]
"""How a date is filled: from a line between its valid neighbours, or from the nearest of them."""


def days(dates: Any) -> Int64[np.ndarray, "..."]:
    """Days since the first of January 1970, of `datetime64`, dates, or texts such as "2020-07-01"."""
    return np.asarray(dates, "datetime64[D]").astype(np.int64)


def check_sorted(numbers: Int[np.ndarray, " t"], names: NDArray[Any] | None = None) -> None:
    """Refuse dates that are not in order, or a date that stands twice.

    Args:
        numbers: Days.
        names: What to call each date, for the message; the days themselves where left away.

    Raises:
        SeriesError: They are not, or one does.
    """
    steps = np.diff(numbers)
    if (steps > 0).all():
        return
    place = int(np.flatnonzero(steps <= 0)[0])
    shown = np.asarray(numbers if names is None else names).astype(str)
    raise SeriesError(
        f"the date {shown[place + 1]} after {shown[place]}",
        "dates in order, none of them twice",
        "sort the scenes by date, and keep one of those of a day",
    )


def regular(
    values: Float32[np.ndarray, "t c ..."],
    valid: Bool[np.ndarray, "t ..."],
    days: Int[np.ndarray, "t ..."],
    wanted: Int[np.ndarray, "s ..."],
    how: How = "linear",
    *,
    limit_days: int = 60,
) -> tuple[Float32[np.ndarray, "s c ..."], Bool[np.ndarray, "s ..."]]:
    """The values of a series on other dates.

    "nearest" takes the nearest valid date, of two equally near ones the earlier. "linear" draws a line between the
    nearest valid dates before and after; where only one of them lies within the limit, its value is held. A date that
    was observed keeps its value bit for bit.

    Args:
        values: Values by date; those that are not valid are never looked at.
        valid: Which of them are valid.
        days: Of each date, never falling; one for all places (t,), or of each place by itself (t, ...).
        wanted: Days to have values on, for all places (s,), or of each place by itself (s, ...).
        how: "linear" or "nearest".
        limit_days: How far from the wanted date a valid one may lie.

    Returns:
        Values, 0 where not valid; and valid: False where no valid date lies within the limit.

    Raises:
        SeriesError: Dates fall, or there is none.
    """
    ahead, asked = _reaching(days, valid.shape), _reaching(wanted, (len(wanted), *valid.shape[1:]))
    _check(ahead)
    # For each date the last valid one up to it, and the first from it on: one past the ends where there is none.
    before, after = _last_valid(valid), len(valid) - 1 - _last_valid(valid[::-1])[::-1]
    out = np.zeros((len(wanted), *values.shape[1:]), np.float32)
    found = np.zeros((len(wanted), *valid.shape[1:]), np.bool_)
    for place, day in enumerate(asked):
        last = _picked(before, (ahead <= day).sum(0) - 1, -1)
        first = _picked(after, (ahead < day).sum(0), len(valid))
        back, forth = _gap(ahead, last, day), _gap(ahead, first, day)
        has_back, has_forth = np.asarray(back <= limit_days), np.asarray(forth <= limit_days)
        found[place] = has_back | has_forth
        share = _share(back, forth, has_back, has_forth, how)
        out[place] = _between(values, last, first, share, found[place, ...])
    return out, found


def _last_valid(valid: Bool[np.ndarray, "t ..."]) -> Shaped[np.ndarray, "t ..."]:
    places = np.arange(len(valid)).reshape(-1, *[1] * (valid.ndim - 1))
    return np.maximum.accumulate(np.where(valid, places, -1), axis=0)


def _reaching(numbers: Int[np.ndarray, "t ..."], shape: tuple[int, ...]) -> Int64[np.ndarray, "t ..."]:
    """Days with an axis for every axis of places, of length 1 where all share them."""
    wide = np.asarray(numbers, np.int64)
    return wide.reshape(shape[0], *[1] * (len(shape) - 1)) if wide.ndim == 1 else wide


def _check(ahead: Int64[np.ndarray, "t ..."]) -> None:
    if not len(ahead):
        raise SeriesError("a series without a date", "at least one", "take more scenes")
    if (np.diff(ahead, axis=0) < 0).any():
        raise SeriesError("dates that are not in order", "dates that rise", "sort the scenes by date")


def _picked(table: Shaped[np.ndarray, "t ..."], rows: Any, outside: int) -> Shaped[np.ndarray, "..."]:
    """The entry of each place at its row of `table`; `outside` where that is no row."""
    rows = np.broadcast_to(rows, table.shape[1:])
    kept = np.clip(rows, 0, len(table) - 1)
    entries = np.take_along_axis(table, kept[None], 0)[0]
    return np.where(kept == rows, entries, outside)


def _gap(ahead: Int64[np.ndarray, "t ..."], index: Shaped[np.ndarray, "..."], day: Any) -> Float32[np.ndarray, "..."]:
    """Days from the wanted one to the valid one at `index`, infinite where there is none."""
    num = len(ahead)
    wide = np.broadcast_to(ahead, (num, *index.shape))
    at = np.take_along_axis(wide, np.clip(index, 0, num - 1)[None], 0)[0]
    gap = np.abs(at - day).astype(np.float32)
    return np.where((index >= 0) & (index < num), gap, np.float32(np.inf))


def _share(
    back: Float32[np.ndarray, "..."],
    forth: Float32[np.ndarray, "..."],
    has_back: Bool[np.ndarray, "..."],
    has_forth: Bool[np.ndarray, "..."],
    how: How,
) -> Float32[np.ndarray, "..."]:
    """How much of the later neighbour is taken, 0-1."""
    if how == "nearest":
        return np.where(has_forth & (forth < back), np.float32(1), np.float32(0))
    both = has_back & has_forth
    # 1 stands in where nothing is divided: a gap of 0 on both sides is a date that was observed.
    width = np.where(both & (back + forth > 0), back + forth, np.float32(1))
    line = np.where(both, back, np.float32(0)) / width
    return np.where(both, line, (~has_back).astype(np.float32)).astype(np.float32)


def _between(
    values: Float32[np.ndarray, "t c ..."],
    last: Shaped[np.ndarray, "..."],
    first: Shaped[np.ndarray, "..."],
    share: Float32[np.ndarray, "..."],
    found: Bool[np.ndarray, "..."],
) -> Float32[np.ndarray, "c ..."]:
    most = len(values) - 1
    early, late = (np.take_along_axis(values, np.clip(index, 0, most)[None, None], 0)[0] for index in (last, first))
    mixed = early + (late - early) * share
    # Chosen rather than computed at the ends, so that a neighbour without a value cannot leak in as NaN.
    mixed = np.where(share == 0, early, np.where(share == 1, late, mixed))
    return np.where(found, mixed, np.float32(0))
