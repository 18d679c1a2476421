"""The pieces of the rules of change by facts worked by hand: where a step lies, what lasts, how it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from landweave.legend import IGNORE
from landweave.series.change import (
    SURE,
    Changes,
    Found,
    Rules,
    annual,
    became,
    before_first,
    find_by_rules,
    is_permanent,
    joined_places,
    mean_top,
    num_returns,
    run_length,
    settled,
    smoothed,
    step_place,
)
from landweave.series.timeline import of_years

X = IGNORE


def column(labels: str) -> np.ndarray:
    """A sequence of one pixel; a dot is what nobody knows."""
    return np.array([X if letter == "." else int(letter) for letter in labels], np.uint8)[:, None]


def bytes_of(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def changes(*rows: tuple[int, int, int, int]) -> Changes:
    """Pixel, place, old and new; the day is ten times the place, the probability a tenth of the pixel's number."""
    pixel, place, old, new = (np.array([row[part] for row in rows], np.int64) for part in range(4))
    return Changes(
        pixel,
        place,
        (10 * place).astype(np.int32),
        old.astype(np.uint8),
        new.astype(np.uint8),
        (pixel / 10).astype(np.float32),
    )


@pytest.mark.parametrize(
    ("labels", "since", "place"),
    [
        ("0111", 0, 1),
        ("0011", 0, 2),
        ("0001", 0, 3),
        # One outlier on either side does not move the step.
        ("00100111", 0, 5),
        ("00011011", 0, 3),
        # A class that is neither: the middle of the places that are as good.
        ("002211", 0, 3),
        ("022221", 0, 3),
        ("002111", 0, 2),
        # What lies before `since` does not count.
        ("110011", 1, 4),
        ("111011", 2, 4),
        # Nothing of the old class: the new one begins at the first place that may be one.
        ("1111", 0, 1),
        ("2222", 0, 2),
    ],
)
def test_a_step_lies_where_it_fits_best(labels: str, since: int, place: int) -> None:
    assert step_place(column(labels), bytes_of(0), bytes_of(1), numbers(since)).tolist() == [place]


@given(arrays(np.uint8, (8, 6), elements=st.integers(0, 2)), st.integers(0, 4))
def test_no_other_place_fits_better_than_the_first_and_last_of_the_best(labels: np.ndarray, since: int) -> None:
    zero, one = np.zeros(6, np.uint8), np.ones(6, np.uint8)
    place = step_place(labels, zero, one, np.full(6, since))
    assert ((place > since) & (place < len(labels))).all()
    signs = (labels == 1).astype(int) - (labels == 0).astype(int)
    fits = np.stack([signs[at:].sum(0) - signs[since:at].sum(0) for at in range(since + 1, len(labels))])
    for pixel, found in enumerate(place.tolist()):
        best = np.flatnonzero(fits[:, pixel] == fits[:, pixel].max()) + since + 1
        assert found == (best[0] + best[-1]) // 2


@pytest.mark.parametrize(
    ("labels", "place", "length"),
    [
        ("0111", 1, 3),
        ("0111", 0, 3),
        ("0111", 2, 2),
        ("0101", 1, 1),
        ("0011", 3, 1),
        ("1000", 1, 0),
        ("0.11", 1, 2),
        ("01.1", 1, 1),
    ],
)
def test_how_long_a_class_lasts(labels: str, place: int, length: int) -> None:
    assert run_length(column(labels), bytes_of(1), numbers(place)).tolist() == [length]


@pytest.mark.parametrize(
    ("labels", "stable", "end", "is_it"),
    [
        ("00111100", 4, 5, True),
        ("00111000", 4, 2, False),  # three are not four, and not the last ones
        ("00000111", 4, 3, True),  # three are enough at the end
        ("00000111", 4, 4, False),
        ("00011101", 4, 1, False),  # the last one is of another run than the first
        ("00000000", 1, 0, False),  # never shown
        ("00111111", 7, 6, True),
    ],
)
def test_what_is_permanent(labels: str, stable: int, end: int, is_it: bool) -> None:
    assert is_permanent(column(labels), bytes_of(1), numbers(2), stable, end).tolist() == [is_it]


@pytest.mark.parametrize(
    ("labels", "times"),
    [
        ("0000", 0),
        ("0111", 0),
        ("0101", 1),
        ("0110", 1),
        ("01010", 2),
        ("0120", 1),
        ("1222", 0),
        ("0.0.0", 2),
        ("3", 0),
    ],
)
def test_returns_to_the_first_class(labels: str, times: int) -> None:
    assert num_returns(column(labels)).tolist() == [times]


@pytest.mark.parametrize(
    ("labels", "top", "when", "new"),
    [
        ("001122", [9, 9, 90, 90, 80, 80], (2, 5, 1), 1),
        ("001122", [9, 9, 80, 80, 90, 90], (2, 5, 1), 2),
        # Beyond the last place nothing counts, unless so many places have to.
        ("001222", [9, 9, 80, 90, 90, 90], (2, 2, 1), 1),
        ("001222", [9, 9, 80, 90, 90, 90], (2, 2, 3), 2),
        # The old class is never what land became, however sure it is.
        ("000010", [255] * 4 + [0, 255], (1, 5, 1), 1),
        ("0000", [255] * 4, (1, 3, 1), X),
        ("00..", [255] * 4, (1, 3, 1), X),
    ],
)
def test_what_land_became(labels: str, top: list[int], when: tuple[int, int, int], new: int) -> None:
    place, last, num = when
    found = became(column(labels), bytes_of(*top)[:, None], bytes_of(0), (numbers(place), last, num), 3)
    assert found.tolist() == [new]


@pytest.mark.parametrize(
    ("name", "labels", "left"),
    [("mode", "1133211", "1133311"), ("median", "1133211", "1122211"), ("none", "1133211", "1133211")],
)
def test_filters_by_name(name: Any, labels: str, left: str) -> None:
    assert smoothed(column(labels), Rules(filter=name))[:, 0].tolist() == column(left)[:, 0].tolist()


def test_a_mean_probability_counts_from_its_first_place_to_before_its_last() -> None:
    labels, top = column("11011"), bytes_of(100, 200, 255, 60, 20)[:, None]
    for begin, end, mean in ((0, 2, 150), (0, 5, 76), (2, 3, 0), (3, 5, 40), (4, 4, 0), (3, 7, 20)):
        assert mean_top(labels, top, bytes_of(1), numbers(begin), numbers(end)).tolist() == [mean], (begin, end)


def test_means_over_more_maps_than_a_byte_counts_do_not_run_over() -> None:
    labels, top = np.ones((700, 2), np.uint8), np.full((700, 2), 255, np.uint8)
    for num in (256, 257, 700):
        mean = mean_top(labels[:num], top[:num], bytes_of(1, 0), numbers(0, 0), numbers(num, num))
        assert mean.tolist() == [255, 0]


def test_maps_before_the_first_change() -> None:
    found = before_first(4, 3, numbers(0, 2, 2), numbers(2, 1, 3))
    assert found.T.tolist() == [[True, True, False, False], [True] * 4, [True, False, False, False]]
    assert before_first(2, 1, numbers(), numbers()).tolist() == [[True], [True]]


def test_places_of_several_parts_are_sorted_by_pixel_and_place() -> None:
    parts = [(numbers(5, 1), numbers(9, 8), bytes_of(3, 2)), (numbers(1,), numbers(4), bytes_of(7))]  # fmt: skip
    pixel, place, new = joined_places(parts)
    assert (pixel.tolist(), place.tolist(), new.tolist()) == ([1, 1, 5], [4, 8, 9], [7, 2, 3])
    assert [one.tolist() for one in joined_places([])] == [[], [], []]


def test_changes_of_parts_are_one_list_in_order() -> None:
    one, other = changes((4, 2, 0, 1), (7, 3, 1, 0)), changes((4, 9, 1, 2), (2, 5, 0, 2))
    found = Changes.joined([one, other])
    assert found.pixel.tolist() == [2, 4, 4, 7] and found.place.tolist() == [5, 2, 9, 3]
    assert found.day.tolist() == [50, 20, 90, 30] and found.new.tolist() == [2, 1, 2, 0]
    assert len(Changes.joined([])) == len(Changes.joined([Changes.none(), Changes.none()])) == 0
    kept = found.at(found.new == 2)
    assert kept.pixel.tolist() == [2, 4] and kept.probability.tolist() == pytest.approx([0.2, 0.4])
    for name in ("pixel", "place", "day", "old", "new", "probability"):
        kinds = {getattr(part, name).dtype for part in (one, found, kept, Changes.none())}
        assert len(kinds) == 1, name


LINE = of_years([2001, 2002, 2003, 2004])


def test_what_is_told_of_a_pixel_with_two_changes() -> None:
    labels, top = column("0112"), bytes_of(255, 255, 51, 102)[:, None]
    found = settled(labels, top, bytes_of(0), (numbers(0, 0), numbers(1, 3), bytes_of(1, 2)), LINE)
    c = found.changes
    # What it had before the second change is what it had after the first one.
    assert c.old.tolist() == [0, 1] and c.new.tolist() == [1, 2] and c.day.tolist() == [LINE.seen[1], LINE.seen[3]]
    assert c.probability.tolist() == pytest.approx([1.0, 51 * 102 / SURE**2])
    assert found.base.tolist() == [0] and found.top.tolist() == [255]


def test_a_change_between_equal_classes_is_none_and_another_pixel_has_its_own_base() -> None:
    labels = np.concatenate([column("0011"), column("2211")], 1)
    top = np.full_like(labels, 204)
    places = numbers(0, 1), numbers(2, 2), bytes_of(0, 1)
    found = settled(labels, top, bytes_of(0, 2), places, LINE)
    assert found.changes.pixel.tolist() == [1] and found.changes.old.tolist() == [2]
    assert found.changes.probability.tolist() == pytest.approx([0.64])


def test_annual_maps_take_the_last_change_up_to_their_year() -> None:
    days = [LINE.seen[1], LINE.seen[1], LINE.seen[3]]
    c = Changes(
        numbers(0, 2, 2), numbers(1, 1, 3), np.array(days, np.int32), bytes_of(5, 0, 1), bytes_of(6, 1, 2),
        np.ones(3, np.float32),
    )  # fmt: skip
    maps = {year: labels.tolist() for year, labels in annual(Found(bytes_of(5, X, 0), bytes_of(1, 1, 1), c), LINE)}
    assert maps == {2001: [5, X, 0], 2002: [6, X, 1], 2003: [6, X, 1], 2004: [6, X, 2]}


@pytest.mark.parametrize("num", [0, 1, 3])
def test_as_many_pixels_come_out_as_went_in(num: int) -> None:
    labels = np.repeat(column("0011"), num, 1)
    found = find_by_rules(labels, np.full_like(labels, 200), LINE, Rules(filter="none", start_maps=0), 2)
    assert found.base.tolist() == [0] * num and found.changes.pixel.tolist() == list(range(num))
    assert found.changes.place.tolist() == [2] * num and found.changes.new.tolist() == [1] * num


@given(arrays(np.uint8, (4, 7), elements=st.sampled_from([0, 1, 2, X])), st.permutations(range(7)))
def test_a_pixel_is_judged_by_itself(labels: np.ndarray, order: list[int]) -> None:
    top = (labels * 40 + 100).astype(np.uint8)
    rules = Rules(filter="none", start_maps=0)
    whole = find_by_rules(labels, top, LINE, rules, 3)
    moved = find_by_rules(labels[:, order].copy(), top[:, order].copy(), LINE, rules, 3)
    assert np.array_equal(moved.base, whole.base[order]) and np.array_equal(moved.top, whole.top[order])
    one = sorted(
        zip(whole.changes.pixel.tolist(), whole.changes.place.tolist(), whole.changes.new.tolist(), strict=True)
    )
    other = sorted(
        (order[pixel], place, new)
        for pixel, place, new in zip(
            moved.changes.pixel.tolist(), moved.changes.place.tolist(), moved.changes.new.tolist(), strict=True
        )
    )
    assert one == other
    assert (whole.changes.old != whole.changes.new).all() and (whole.changes.new != X).all()


@pytest.mark.parametrize(
    "values",
    [
        {"filter_length": 0},
        {"stable_maps": 0},
        {"end_maps": 0},
        {"max_returns": -1},
        {"start_maps": -1},
        {"change_chance": 0},
        {"change_chance": 1},
        {"weight": 0},
        {"weight": 1.5},
        {"method": "cusum"},
        {"filter": "mean"},
        {"filters": "mode"},
    ],
)
def test_rules_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Rules(**values)
    assert next(iter(values)) in str(caught.value)
