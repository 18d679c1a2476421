"""Pairs of dates between years: as many as there can be, and spread over the year."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.series.pairs import day_of_year, one_a_day, pair, thin
from landweave.series.plan import Dated


def at(year: int, day: int, cloud: float | None = 0.0, name: str = "") -> Dated:
    date = dt.date(year, 1, 1) + dt.timedelta(day)
    return Dated(name or f"{year}-{day}", "s", date, year, cloud)


def most_pairs(first: list[int], second: list[int], limit: int) -> int:
    """By trying every way to pair them."""
    small, large = sorted((first, second), key=len)
    return max(
        (
            sum(abs(a - b) <= limit for a, b in zip(small, others, strict=True))
            for others in itertools.permutations(large, len(small))
        ),
        default=0,
    )


DAYS = st.lists(st.integers(0, 60), max_size=6, unique=True).map(sorted)


@given(first=DAYS, second=DAYS, limit=st.integers(0, 15))
def test_there_is_no_way_to_find_more_pairs(first: list[int], second: list[int], limit: int) -> None:
    years = {2018: [at(2018, day) for day in first], 2019: [at(2019, day) for day in second]}
    groups = pair(years, limit)
    assert len(groups) == most_pairs(first, second, limit)
    for one, other in groups:
        assert abs(day_of_year(one.date) - day_of_year(other.date)) <= limit
    taken = [scene.id for group in groups for scene in group]
    assert len(taken) == len(set(taken))


def test_groups_of_three_years_lie_within_the_limit_from_first_to_last() -> None:
    years = {y: [at(y, day) for day in days] for y, days in ((2018, [10, 50]), (2019, [14, 53]), (2020, [18, 55]))}
    assert [[day_of_year(s.date) for s in group] for group in pair(years, 6)] == [[50, 53, 55]]
    assert [[s.year for s in group] for group in pair(years, 8)] == [[2018, 2019, 2020]] * 2


def test_a_year_without_scenes_has_no_pairs() -> None:
    assert pair({2018: [at(2018, 3)], 2019: []}, 300) == []


def test_of_a_day_the_clearest_scene_stays() -> None:
    scenes = [at(2018, 9, 0.3, "b"), at(2018, 9, 0.1, "a"), at(2018, 2, None, "c"), at(2018, 2, 0.9, "d")]
    kept, others = one_a_day(scenes)
    assert [scene.id for scene in kept] == ["c", "a"]
    assert {scene.id for scene in others} == {"b", "d"}


def test_thinning_keeps_dates_apart_and_clear() -> None:
    groups = [(at(2018, day, cloud),) for day, cloud in ((0, 0), (5, 0.3), (60, 0.2), (62, 0.1), (120, 0))]
    assert [day_of_year(group[0].date) for group in thin(groups, 3)] == [0, 62, 120]
    assert thin(groups, 9) == groups
    # Without clouds to tell them apart the later one goes.
    assert [day_of_year(g[0].date) for g in thin([(at(2018, 0),), (at(2018, 1),)], 1)] == [0]


@pytest.mark.parametrize("num", [1, 4, 7])
def test_as_many_stay_as_were_asked_for(num: int) -> None:
    groups = [(at(2018, 7 * n), at(2019, 7 * n + 2)) for n in range(12)]
    kept = thin(groups, num)
    assert len(kept) == num
    assert [group for group in groups if group in kept] == kept
