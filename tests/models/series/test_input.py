"""How dates are taken: what contradicts itself is refused."""

from __future__ import annotations

from typing import Any

import pytest

from landweave.errors import CardError
from landweave.models.series.input import CardSeries, SeriesInput


@pytest.mark.parametrize(
    "told",
    [
        {"num_dates": 0},
        {"num_dates": 2, "how": "linear"},
        {"num_dates": 2, "limit_days": 30},
        {"num_dates": 2, "days_of_year": (1, 2)},
        {"num_dates": 3, "how": "linear", "days_of_year": (1, 2)},
        {"num_dates": 2, "how": "nearest", "days_of_year": (2, 2)},
        {"num_dates": 2, "how": "nearest", "days_of_year": (1, 2), "limit_days": -1},
    ],
)
def test_what_contradicts_itself_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(CardError) as caught:
        SeriesInput(**told)
    assert all((caught.value.given, caught.value.expected, caught.value.do))


def test_days_may_go_beyond_the_first_year() -> None:
    dates = SeriesInput(3, "series", "linear", 60, (250, 380, 600))
    assert CardSeries.model_validate(vars(dates)).made() == dates
