"""Mean average precision by Hamming distance: numbers by hand, an oracle, ties, and sums that add up."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from landweave.metrics.retrieval import Retrieval, average_precision, retrieve

U = np.uint64


def codes(*values: int) -> np.ndarray:
    return np.array(values, U)


def labels(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_by_hand() -> None:
    # Distances from 0b0000 are 0, 1, 2, 3 and 4; right, wrong, right, wrong, right: (1/1 + 2/3 + 3/5) / 3.
    found = retrieve(codes(0), labels(7), codes(0, 1, 3, 7, 15), labels(7, 1, 7, 1, 7))
    assert found.mean_average_precision == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert found.num_queries == 1


def test_codes_at_one_distance_count_as_the_mean_over_their_orders() -> None:
    # One right of three at one distance: 1, 1/2 and 1/3 with equal chances.
    found = retrieve(codes(0), labels(1), codes(1, 2, 4), labels(1, 0, 0))
    assert found.mean_average_precision == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


@given(st.lists(st.booleans(), min_size=1, max_size=6).filter(any), st.integers(1, 5))
def test_ties_are_the_mean_over_every_order(right: list[bool], cut: int) -> None:
    groups = [right[:cut], right[cut:]]

    def precision(order: tuple[bool, ...]) -> float:
        hits = [sum(order[: i + 1]) / (i + 1) for i, hit in enumerate(order) if hit]
        return sum(hits) / len(hits)

    orders = [a + b for a in itertools.permutations(groups[0]) for b in itertools.permutations(groups[1])]
    expected = sum(map(precision, orders)) / len(orders)
    given_right = np.array([[sum(group) for group in groups]])
    given_every = np.array([[len(group) for group in groups]])
    assert average_precision(given_right, given_every)[0] == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_without_ties_it_is_that_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    # Codes with 0 to 20 bits set lie at as many distances from 0.
    held = codes(*(generator.permutation([(1 << bits) - 1 for bits in range(20)]).tolist()))
    kinds = generator.integers(0, 2, 20)
    kinds[0] = 1
    expected = average_precision_score(kinds, -np.bitwise_count(held).astype(float))
    found = retrieve(codes(0), labels(1), held, kinds)
    assert found.mean_average_precision == pytest.approx(expected)


def test_codes_that_tell_nothing_are_as_good_as_chance() -> None:
    kinds = labels(*(i % 4 for i in range(40)))
    found = retrieve(codes(*[5] * 40), kinds, codes(*[5] * 40), kinds)
    assert found.mean_average_precision == pytest.approx(found.mean_by_chance)
    assert 0.25 < found.mean_by_chance < 0.35


def test_codes_that_tell_everything_are_perfect() -> None:
    kinds = labels(0, 1, 2, 0, 1, 2)
    assert retrieve(kinds.astype(U), kinds, kinds.astype(U), kinds).mean_average_precision == pytest.approx(1)


@given(st.integers(0, 2**32))
def test_a_query_that_is_among_the_codes_does_not_find_itself(seed: int) -> None:
    generator = np.random.default_rng(seed)
    held, kinds = generator.integers(0, 16, 12).astype(U), generator.integers(0, 3, 12)
    together = retrieve(held, kinds, held, kinds, are_among=True)
    alone = Retrieval()
    for i in range(12):
        others = np.arange(12) != i
        alone += retrieve(held[i : i + 1], kinds[i : i + 1], held[others], kinds[others])
    assert together.num_queries == alone.num_queries
    assert together.num_without == alone.num_without
    assert together.total == pytest.approx(alone.total)
    assert together.chance == pytest.approx(alone.chance)


def test_queries_with_nothing_to_find_are_left_out_and_counted() -> None:
    found = retrieve(codes(0, 0), labels(1, 9), codes(0, 1), labels(1, 0))
    assert (found.num_queries, found.num_without) == (1, 1)
    assert found.mean_average_precision == pytest.approx(1)
    assert math.isnan(Retrieval().mean_average_precision)
    assert math.isnan(Retrieval().mean_by_chance)


@given(st.integers(0, 2**32), st.integers(0, 40))
def test_parts_of_the_queries_add_up(seed: int, cut: int) -> None:
    generator = np.random.default_rng(seed)
    held, kinds = generator.integers(0, 16, 40).astype(U), generator.integers(0, 3, 40)
    whole = retrieve(held, kinds, held, kinds)
    parts = [retrieve(held[part], kinds[part], held, kinds) for part in (slice(cut), slice(cut, None))]
    both = parts[0] + parts[1] + Retrieval()
    assert both.num_queries == whole.num_queries == 40
    assert both.mean_average_precision == pytest.approx(whole.mean_average_precision)
    assert both.mean_by_chance == pytest.approx(whole.mean_by_chance)
