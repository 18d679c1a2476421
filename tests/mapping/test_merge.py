"""Several scenes of one place become one map by the rule that the item states."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landweave.legend import IGNORE
from landweave.mapping.head import Prediction
from landweave.mapping.merge import RULES, Rule, merge

K = 4


def seen(indices: list[int], certain: float = 0.7) -> Prediction:
    """A prediction of a row of pixels; IGNORE is not valid."""
    row = np.array([indices], np.uint8)
    valid = row != IGNORE
    probabilities = np.full((K, *row.shape), (1 - certain) / (K - 1), np.float32)
    for index in range(K):
        probabilities[index][row == index] = certain
    return Prediction(row, valid, np.where(valid, probabilities, np.float32(0)))


ROWS = st.lists(st.lists(st.sampled_from([0, 1, 2, 3, IGNORE]), min_size=6, max_size=6), min_size=1, max_size=7)


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_latest_is_the_first_valid(rows: list[list[int]]) -> None:
    merged = merge("latest", [seen(row) for row in rows], K)
    assert merged is not None
    expected = [next((value for value in column if value != IGNORE), IGNORE) for column in zip(*rows, strict=True)]
    assert merged.indices[0].tolist() == expected
    assert (merged.valid == (merged.indices != IGNORE)).all()


@settings(max_examples=150, deadline=None)
@given(ROWS)
def test_majority_is_the_most_frequent_then_the_latest(rows: list[list[int]]) -> None:
    merged = merge("majority", [seen(row) for row in rows], K)
    assert merged is not None
    for found, column in zip(merged.indices[0].tolist(), zip(*rows, strict=True), strict=True):
        votes = [value for value in column if value != IGNORE]
        # max() keeps the first of equals, and the first is the latest.
        assert found == (max(votes, key=votes.count) if votes else IGNORE)


def test_latest_asks_for_no_more_than_it_needs() -> None:
    asked = []

    def lazily() -> Iterator[Prediction]:
        for number, row in enumerate(([0, IGNORE], [1, 1], [2, 2])):
            asked.append(number)
            yield seen(row)

    merged = merge("latest", lazily(), K)
    assert merged is not None
    assert merged.indices.tolist() == [[0, 1]]
    assert asked == [0, 1]


def test_probabilities_follow_the_rule() -> None:
    parts = [seen([0, IGNORE, 1], 0.9), seen([2, 2, IGNORE], 0.5), seen([2, 3, IGNORE], 0.7)]
    latest, majority = (merge(rule, parts, K) for rule in RULES)
    assert latest is not None
    assert majority is not None
    assert latest.probabilities is not None
    assert majority.probabilities is not None
    assert latest.probabilities[:, 0, 0].max() == pytest.approx(0.9)
    assert majority.probabilities[2, 0, 0] == pytest.approx((0.1 / 3 + 0.5 + 0.7) / 3)
    assert majority.probabilities[1, 0, 2] == pytest.approx(0.9)
    for merged in (latest, majority):
        assert merged.probabilities is not None
        np.testing.assert_allclose(merged.probabilities.sum(0), 1, rtol=1e-6)


def test_probabilities_of_what_nobody_saw_are_0() -> None:
    merged = merge("majority", [seen([IGNORE, 0]), seen([IGNORE, 0])], K)
    assert merged is not None
    assert merged.probabilities is not None
    assert merged.probabilities[:, 0, 0].tolist() == [0] * K
    assert merged.valid.tolist() == [[False, True]]


@pytest.mark.parametrize("rule", list(RULES))
def test_nothing_and_one(rule: Rule) -> None:
    assert merge(rule, [], K) is None
    alone = seen([0, 1, IGNORE])
    assert merge(rule, [alone], K) is alone


@pytest.mark.parametrize("rule", list(RULES))
def test_without_probabilities(rule: Rule) -> None:
    parts = [Prediction(part.indices, part.valid) for part in (seen([0, IGNORE]), seen([1, 1]))]
    merged = merge(rule, parts, K)
    assert merged is not None
    assert merged.probabilities is None
    assert merged.indices.tolist() == [[0, 1]]
