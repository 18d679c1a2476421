"""Groups of changes by facts worked by hand: who is a neighbour, what drifts, what tiles tell each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.series.change import Changes
from landweave.series.group import (
    SIDES,
    Border,
    Sums,
    borders,
    groups,
    joined,
    meeting,
    place_layers,
    sums_of,
)

SHAPE = (3, 4)


def changes(*rows: tuple[int, int, int, int]) -> Changes:
    """Row, column, day and class afterwards; what was before is class 0, and the day is the place too."""
    pixel = np.array([row * SHAPE[1] + col for row, col, _, _ in rows], np.int64)
    day = np.array([day for _, _, day, _ in rows], np.int64)
    new = np.array([new for _, _, _, new in rows], np.uint8)
    ordered = np.lexsort((day, pixel))
    sure = np.full(len(rows), 0.5, np.float32)
    return Changes(pixel, day, day.astype(np.int32), np.zeros_like(new), new, sure).at(ordered)


def border(*rows: tuple[int, int, int, int]) -> Border:
    """Position, group, class after and day."""
    position, group, new, day = (np.array([row[part] for row in rows], np.int64) for part in range(4))
    return Border(position, group, new.astype(np.uint8), day.astype(np.int32))


def test_times_may_drift_over_a_group_but_not_between_neighbours() -> None:
    chain = changes((0, 0, 10, 1), (0, 1, 14, 1), (0, 2, 18, 1), (0, 3, 22, 1))
    assert groups(chain, SHAPE, 4).tolist() == [0, 0, 0, 0]
    assert groups(chain, SHAPE, 3).tolist() == [0, 1, 2, 3]
    assert groups(chain, SHAPE, 0).tolist() == [0, 1, 2, 3]


def test_the_end_of_a_row_is_no_neighbour_of_the_beginning_of_the_next() -> None:
    assert groups(changes((0, 3, 10, 1), (1, 0, 10, 1)), SHAPE, 99).tolist() == [0, 1]
    assert groups(changes((0, 3, 10, 1), (1, 3, 10, 1)), SHAPE, 99).tolist() == [0, 0]


def test_layers_hold_the_first_second_and_third_change_of_a_pixel() -> None:
    found = changes((0, 1, 5, 1), (0, 1, 7, 2), (0, 1, 9, 1), (2, 3, 5, 1))
    layers = place_layers(found, SHAPE)
    assert len(layers) == 3
    assert [layer[0, 1] for layer in layers] == [0, 1, 2]
    assert [layer[2, 3] for layer in layers] == [3, -1, -1]
    assert [int((layer >= 0).sum()) for layer in layers] == [2, 1, 1]
    assert place_layers(Changes.none(), SHAPE) == []


def test_the_sums_of_a_group_by_hand() -> None:
    found = changes((0, 0, 1, 2), (0, 1, 2, 2), (2, 3, 1, 1))
    sums = sums_of(found, groups(found, SHAPE, 1), (10, 20), SHAPE[1], (3, 4))
    assert sums.num_px.tolist() == [2, 1]
    assert sums.old.tolist() == [[2, 0, 0], [1, 0, 0]]
    assert sums.place.tolist() == [[0, 1, 1, 0], [0, 1, 0, 0]]
    assert sums.probability.tolist() == [1.0, 0.5]
    # Row from, row to, column from, column to, in the map.
    assert sums.window.tolist() == [[10, 11, 20, 22], [12, 13, 23, 24]]
    assert sums.new.tolist() == [2, 1]
    whole = sums.merged()
    assert (whole.num_px.tolist(), whole.window.tolist()) == ([3], [[10, 13, 20, 24]])
    assert whole.place.tolist() == [[0, 2, 1, 0]] and whole.probability.tolist() == [1.5]
    assert sums.at(np.array([False, True])).num_px.tolist() == [1]


def test_sums_of_nothing_are_empty() -> None:
    none = Changes.none()
    sums = sums_of(none, groups(none, SHAPE, 5), (0, 0), SHAPE[1], (3, 4))
    assert (sums.num_px.shape, sums.old.shape, sums.place.shape, sums.window.shape) == ((0,), (0, 3), (0, 4), (0, 4))
    edges = borders(none, groups(none, SHAPE, 5), SHAPE)
    assert {side: len(one.position) for side, one in edges.items()} == dict.fromkeys(SIDES, 0)


def test_a_corner_lies_on_two_edges() -> None:
    found = changes((0, 0, 1, 1), (1, 1, 1, 1), (2, 3, 4, 2))
    edges = borders(found, groups(found, SHAPE, 0), SHAPE)
    told = {
        side: (one.position.tolist(), one.group.tolist(), one.new.tolist(), one.day.tolist())
        for side, one in edges.items()
    }
    assert told == {
        "top": ([0], [0], [1], [1]),
        "left": ([0], [0], [1], [1]),
        "bottom": ([3], [2], [2], [4]),
        "right": ([2], [2], [2], [4]),
    }


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "pairs"),
    [
        (border((3, 0, 1, 100)), border((3, 7, 1, 160)), 60, [[0, 7]]),
        (border((3, 0, 1, 100)), border((3, 7, 1, 161)), 60, []),
        (border((3, 0, 1, 100)), border((4, 7, 1, 100)), 60, []),
        (border((3, 0, 1, 100)), border((3, 7, 2, 100)), 60, []),
        # Two pixels of the same groups meet once.
        (border((3, 0, 1, 5), (4, 0, 1, 5)), border((4, 7, 1, 5), (3, 7, 1, 5)), 0, [[0, 7]]),
        # One change meets both that the pixel beyond has.
        (border((2, 1, 1, 50)), border((2, 3, 1, 40), (2, 4, 1, 60)), 10, [[1, 3], [1, 4]]),
        (border(), border((2, 3, 1, 40)), 10, []),
        (border((2, 3, 1, 40)), border(), 10, []),
    ],
)
def test_groups_meet_at_a_border(one: Border, other: Border, tolerance: int, pairs: list[list[int]]) -> None:
    found = list(meeting(one, other, tolerance))
    assert sorted(map(list, found)) == pairs
    assert sorted([b, a] for a, b in found) == sorted(map(list, meeting(other, one, tolerance)))


def test_names_that_pairs_make_one() -> None:
    names = [("a", 0), ("a", 1), ("b", 0), ("b", 5), ("c", 2)]
    pairs = [(("a", 1), ("b", 0)), (("b", 0), ("c", 2)), (("c", 2), ("a", 1))]
    assert joined(names, pairs) == [[0], [1, 2, 4], [3]]
    assert joined(names, []) == [[0], [1], [2], [3], [4]]
    assert joined([], []) == []


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
def test_joining_is_the_closure_of_its_pairs(pairs: list[tuple[int, int]]) -> None:
    names = [("t", number) for number in range(8)]
    found = joined(names, [(("t", one), ("t", other)) for one, other in pairs])
    assert sorted(itertools.chain(*found)) == list(range(8))
    # Marks that flow along pairs until nothing moves any more: another way to the same pieces.
    marks = list(range(8))
    for _ in range(8):
        for one, other in pairs:
            marks[one] = marks[other] = min(marks[one], marks[other])
    assert {frozenset(piece) for piece in found} == {
        frozenset(n for n in range(8) if marks[n] == mark) for mark in marks
    }
    assert [piece[0] for piece in found] == sorted(piece[0] for piece in found)


@given(st.integers(0, 1000), st.integers(0, 3))
def test_every_change_is_in_one_group_and_sums_tell_of_all(seed: int, tolerance: int) -> None:
    generator = np.random.default_rng(seed)
    rows = [
        (row, col, int(generator.integers(0, 6)), int(generator.integers(1, 3)))
        for row, col in np.ndindex(SHAPE)
        if generator.random() < 0.7
    ]
    found = changes(*rows)
    if not len(found):
        return
    numbers = groups(found, SHAPE, tolerance)
    sums = sums_of(found, numbers, (0, 0), SHAPE[1], (3, 6))
    assert sorted(set(numbers.tolist())) == list(range(len(sums.num_px)))
    assert sums.num_px.sum() == sums.old.sum() == sums.place.sum() == len(found)
    high, wide = sums.window[:, 1] - sums.window[:, 0], sums.window[:, 3] - sums.window[:, 2]
    # Pieces that hang together by edges fill their window at least along a way through it.
    assert (sums.num_px >= high + wide - 1).all() and (sums.num_px <= high * wide).all()
    # Who tolerates more has no more groups.
    assert len(sums.num_px) >= groups(found, SHAPE, tolerance + 1).max() + 1
    # One class after in every group.
    for group in range(len(sums.num_px)):
        assert set(found.new[numbers == group].tolist()) == {int(sums.new[group])}


def test_sums_merge_in_any_order() -> None:
    found = changes((0, 0, 1, 1), (0, 2, 1, 1), (2, 1, 3, 1))
    sums = sums_of(found, np.array([0, 1, 2]), (5, 5), SHAPE[1], (2, 4))
    turned = sums.at([2, 0, 1])
    for name in ("num_px", "old", "place", "probability", "window", "new"):
        assert np.array_equal(getattr(sums.merged(), name), getattr(turned.merged(), name)), name
    once = Sums(*(getattr(sums.merged(), name) for name in ("num_px", "old", "place", "probability", "window", "new")))
    assert np.array_equal(once.merged().window, sums.merged().window)
