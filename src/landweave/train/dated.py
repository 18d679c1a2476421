"""Series on the dates that a card takes: as they come, or filled on the same days of every year. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, Int64

from landweave.errors import SeriesError
from landweave.models.series.input import SeriesInput
from landweave.raster.dates import How, regular

# Longer than any series: what has no mask needs a value, from however far.
_NO_LIMIT = 1_000_000


_Series = tuple[Float32[np.ndarray, "n t c"], Bool[np.ndarray, "n t"], Int[np.ndarray, "n t"]]


class Dated(NamedTuple):
    """Series as a network takes them.

    Attributes:
        values: In the bands' unit; exactly 0 where not valid.
        valid: Which of them are.
        days: Since the first of January of the year in which each series begins.
    """

    values: Float32[np.ndarray, "n s c"]
    valid: Bool[np.ndarray, "n s"]
    days: Float32[np.ndarray, "n s"]


def beginnings(days: Int[np.ndarray, "n t"]) -> Int64[np.ndarray, " n"]:
    """Day, since 1970, of the first of January of the year in which each series begins."""
    first = days[:, 0].astype("datetime64[D]").astype("datetime64[Y]")
    return np.asarray(first.astype("datetime64[D]").astype(np.int64))


def dated(
    taken: SeriesInput,
    values: Float32[np.ndarray, "n t c"],
    valid: Bool[np.ndarray, "n t"],
    days: Int[np.ndarray, "n t"],
) -> Dated:
    """Series as `taken` asks for them.

    Args:
        taken: How dates are taken.
        values: In the bands' unit; what is not valid is never looked at.
        valid: Which dates are valid.
        days: Since the first of January 1970, never falling along a series.
    """
    begins = beginnings(days)
    if taken.days_of_year is None:
        kept = np.where(valid[..., None], values, np.float32(0))
        return Dated(kept, valid, (days - begins[:, None]).astype(np.float32))
    return _regular(taken, taken.limit_days, (values, valid, days))


def features(
    taken: SeriesInput,
    values: Float32[np.ndarray, "n t c"],
    valid: Bool[np.ndarray, "n t"],
    days: Int[np.ndarray, "n t"],
) -> Float32[np.ndarray, "n f"]:
    """What classical models take: the bands of the first date, of the second, and so on.

    They know no mask, so that every gap is filled from the nearest valid dates on either side, however far; a series
    without any is 0.

    Raises:
        SeriesError: Dates are taken as they come, and are not as many as those of the fit.
    """
    if taken.days_of_year is not None:
        filled = _regular(taken, _NO_LIMIT, (values, valid, days)).values
    else:
        if valid.shape[1] != taken.num_dates:
            raise SeriesError(
                f"series of {valid.shape[1]} dates",
                f"{taken.num_dates} dates, as the model was fitted on",
                "choose as many scenes each year, or train with [dates] in the recipe",
            )
        filled = _filled((values, valid, days), days.T, "linear", _NO_LIMIT)[0]
    return np.ascontiguousarray(filled.reshape(len(filled), -1))


def _regular(taken: SeriesInput, limit_days: int, series: _Series) -> Dated:
    asked = np.array(taken.days_of_year, np.int64)
    wanted = beginnings(series[2]) + asked[:, None]
    found, known = _filled(series, wanted, taken.how or "linear", limit_days)
    return Dated(found, known, np.broadcast_to(asked.astype(np.float32), known.shape).copy())


def _filled(
    series: _Series, wanted: Int[np.ndarray, "s n"], how: How, limit_days: int
) -> tuple[Float32[np.ndarray, "n s c"], Bool[np.ndarray, "n s"]]:
    values, valid, days = series
    # Dates stand first there, and places last.
    found, known = regular(values.transpose(1, 2, 0), valid.T, days.T, wanted, how=how, limit_days=limit_days)
    return np.ascontiguousarray(found.transpose(2, 0, 1)), np.ascontiguousarray(known.T)
