"""How a network of series takes its dates: what a card tells of it beside the bands."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

from landweave.config import Config
from landweave.errors import CardError

Per = Literal["series", "date"]
"""What has a label: a whole series, or each of its dates."""


@dataclass(frozen=True)
class SeriesInput:
    """How a model of series takes its dates.

    Attributes:
        num_dates: Dates of the series that it was fitted on, at most; a TempCNN and classical models take no other.
        per: Whether it tells one label a series or one a date.
        how: How values come to `days_of_year`: "linear" or "nearest"; "" where dates are taken as they come.
        limit_days: How far a valid date may lie from where its value is used; 0 where dates are taken as they come.
        days_of_year: The days on which it takes values, counted from the first of January (0) of the year in which a
            series begins, so that they may go beyond 365; None where dates are taken as they come.
    """

    num_dates: int
    per: Per = "series"
    how: Literal["", "linear", "nearest"] = ""
    limit_days: int = 0
    days_of_year: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        days = self.days_of_year
        if days is None:
            fits = not self.how and not self.limit_days
        else:
            rises = all(early < late for early, late in itertools.pairwise(days))
            fits = bool(self.how) and len(days) == self.num_dates and rises and self.limit_days >= 0
        if self.num_dates < 1 or not fits:
            raise CardError(
                f"{self}",
                "at least one date; days that rise, as many as dates, with how they are filled, or none of both",
                "train the card again, or copy its whole folder again",
            )


class CardSeries(Config):
    """How a model of series takes its dates."""

    num_dates: int
    """Dates of the series that it was fitted on, at most."""
    per: Per
    """series: one label a series; date: one label a date."""
    how: Literal["", "linear", "nearest"]
    """How values come to days_of_year; empty where dates are taken as they come."""
    limit_days: int
    """How far a valid date may lie from where its value is used."""
    days_of_year: tuple[int, ...] | None
    """Days on which it takes values, from the first of January (0) of the year in which a series begins; null where
    dates are taken as they come."""

    def made(self) -> SeriesInput:
        """The value that this text stands for.

        Raises:
            CardError: It contradicts itself.
        """
        return SeriesInput(**self.model_dump())
