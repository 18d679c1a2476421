"""Maps of every year from what stands still and what is believed: order of events, what was before, layers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import LEGEND
from tests.series.test_events import EVENT

from landweave.series.decisions import Believed
from landweave.series.events import Event
from landweave.series.final import NO_DATE, Placed, annual_maps, layers_of

YEARS = (2018, 2019, 2020)
BASE = np.full((4, 6), 10, np.uint8)


def mask(*cols: int) -> np.ndarray:
    found = np.zeros(BASE.shape, np.bool_)
    found[:, list(cols)] = True
    return found


def event(year: int, old: int, new: int, **changes: Any) -> Event:
    return replace(EVENT, year=year, date=dt.date(year, 6, 1), from_id=old, to_id=new, **changes)


def placed(*places: tuple[Event, np.ndarray, bool]) -> Placed:
    pixels = [np.flatnonzero(here) for _, here, _ in places]
    numbers = np.repeat(np.arange(len(places)), [len(pixel) for pixel in pixels])
    every = np.concatenate([*pixels, np.zeros(0, np.int64)])
    return Placed([Believed(event, tells) for event, _, tells in places], every, numbers)


def maps(base: np.ndarray, *places: tuple[Event, np.ndarray, bool]) -> dict[int, list[int]]:
    """The first row of every year's map."""
    found = annual_maps(base, placed(*places), YEARS)
    return {year: ids[0].tolist() for year, ids in zip(YEARS, found, strict=True)}


def test_nothing_believed_is_the_same_map_every_year() -> None:
    assert maps(BASE) == dict.fromkeys(YEARS, [10] * 6)


def test_a_change_stands_in_the_map_of_its_year_and_in_all_later_ones() -> None:
    found = maps(BASE, (event(2019, 10, 30), mask(1, 2), False))
    assert found == {2018: [10] * 6, 2019: [10, 30, 30, 10, 10, 10], 2020: [10, 30, 30, 10, 10, 10]}


@pytest.mark.parametrize("year", YEARS)
def test_every_year_may_be_the_year_of_a_change(year: int) -> None:
    found = maps(BASE, (event(year, 10, 20), mask(0), False))
    assert [found[one][0] for one in YEARS] == [20 if one >= year else 10 for one in YEARS]


def test_of_two_changes_of_a_pixel_the_later_one_comes_later() -> None:
    first, second = event(2018, 10, 20), event(2020, 20, 30)
    found = maps(BASE, (first, mask(1, 2), False), (second, mask(2, 3), False))
    assert found[2018] == [10, 20, 20, 10, 10, 10]
    assert found[2019] == [10, 20, 20, 10, 10, 10]
    assert found[2020] == [10, 20, 30, 30, 10, 10]


def test_each_pixel_keeps_what_it_was_before() -> None:
    base = BASE.copy()
    base[:, 2] = 40
    found = maps(base, (event(2020, 10, 30), mask(1, 2), False))
    assert found[2018] == [10, 10, 40, 10, 10, 10]


def test_no_pixel_was_already_what_it_becomes() -> None:
    base = BASE.copy()
    base[:, 2] = 30
    found = maps(base, (event(2020, 10, 30), mask(1, 2), False))
    assert found[2019] == [10, 10, 10, 10, 10, 10]
    assert found[2020] == [10, 30, 30, 10, 10, 10]


def test_a_person_says_what_all_of_it_was() -> None:
    base = BASE.copy()
    base[:, 2] = 40
    found = maps(base, (event(2020, 50, 30), mask(1, 2), True))
    assert found[2019] == [10, 50, 50, 10, 10, 10]


def test_what_was_before_a_second_change_is_what_the_first_one_made() -> None:
    places = ((event(2018, 10, 20), mask(1), False), (event(2020, 50, 30), mask(1, 2), True))
    found = maps(BASE, *places)
    # The first column changed in 2018 already; what a person said of the second change is not about that.
    assert found[2018] == [10, 20, 50, 10, 10, 10]
    assert found[2020] == [10, 30, 30, 10, 10, 10]


def test_layers_tell_the_last_change_of_a_pixel() -> None:
    first = event(2018, 10, 20, probability=0.5)
    second = event(2020, 20, 30, probability=1.0)
    (base, old, new, sure), day = layers_of(BASE, placed((first, mask(1, 2), False), (second, mask(2), False)), LEGEND)
    assert np.array_equal(base, BASE)
    assert old[0].tolist() == [0, 10, 20, 0, 0, 0]
    assert new[0].tolist() == [0, 20, 30, 0, 0, 0]
    assert sure[0].tolist() == [255, 127, 254, 255, 255, 255]
    days = [NO_DATE if value == NO_DATE else dt.date(1970, 1, 1) + dt.timedelta(days=int(value)) for value in day[0]]
    assert days == [NO_DATE, dt.date(2018, 6, 1), dt.date(2020, 6, 1), NO_DATE, NO_DATE, NO_DATE]


def test_layers_without_a_change_hold_no_data() -> None:
    (_, old, new, sure), day = layers_of(BASE, placed(), LEGEND)
    assert (old == 0).all()
    assert (new == 0).all()
    assert (sure == 255).all()
    assert (day == NO_DATE).all()


def plainly(base: np.ndarray, places: list[tuple[Event, np.ndarray, bool]]) -> list[np.ndarray]:
    """Maps of every year, event by event."""
    maps = []
    for year in YEARS:
        ids, touched = base.copy(), np.zeros(base.shape, np.bool_)
        for event, here, tells_before in places:
            if event.year <= year:
                ids[here] = event.to_id
            else:
                for row, col in np.argwhere(here & ~touched):
                    if tells_before or ids[row, col] == event.to_id:
                        ids[row, col] = event.from_id
            touched |= here
        maps.append(ids)
    return maps


@pytest.mark.parametrize("seed", range(12))
def test_many_events_at_once_are_as_one_after_the_other(seed: int) -> None:
    generator = np.random.default_rng(seed)
    base = generator.choice([10, 20, 30], BASE.shape).astype(np.uint8)
    years = sorted(generator.choice(YEARS, 6).tolist())
    places = [
        (event(year, *generator.choice([10, 20, 30, 40], 2).tolist()), generator.random(BASE.shape) < 0.4, bool(n % 3))
        for n, year in enumerate(years)
    ]
    for found, wanted in zip(annual_maps(base, placed(*places), YEARS), plainly(base, places), strict=True):
        assert np.array_equal(found, wanted)
    (_, old, new, _), day = layers_of(base, placed(*places), LEGEND)
    for row, col in np.ndindex(BASE.shape):
        last = [one for one, here, _ in places if here[row, col]][-1:]
        told = [(one.from_id, one.to_id, (one.date - dt.date(1970, 1, 1)).days) for one in last] or [(0, 0, NO_DATE)]
        assert [int(layer[row, col]) for layer in (old, new, day)] == list(told[0])
