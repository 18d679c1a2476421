"""The hidden Markov model: the likeliest path against all paths, changes that cannot be, and the common interface."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import LEGEND
from tests.series.test_change import LINE, seen, told

from landweave.errors import ConfigError, LegendError
from landweave.legend import IGNORE
from landweave.series.change import Found, Rules
from landweave.series.find import find
from landweave.series.hmm import allowed_changes, evidence, transitions, viterbi


def find_hmm(*pixels: list[int], top: int = 230, **rules: Any) -> Found:
    labels = np.array(pixels, np.uint8).T.copy()
    return find(labels, np.full_like(labels, top), LINE, Rules(method="hmm", **rules), LEGEND)


@pytest.mark.parametrize("seed", range(5))
def test_the_path_is_the_likeliest_of_all(seed: int) -> None:
    generator = np.random.default_rng(seed)
    told_of = np.log(generator.random((5, 3, 4))).astype(np.float32)
    allowed = generator.random((3, 3)) < 0.6
    np.fill_diagonal(allowed, False)
    steps = transitions(allowed, 0.2)
    path = viterbi(told_of, steps)
    for pixel in range(4):

        def score(states: tuple[int, ...], pixel: int = pixel) -> float:
            seen_there = sum(told_of[place, state, pixel] for place, state in enumerate(states))
            return float(seen_there + sum(steps[a, b] for a, b in itertools.pairwise(states)))

        best = max(itertools.product(range(3), repeat=5), key=score)
        assert score(tuple(path[:, pixel].tolist())) == pytest.approx(score(best), abs=1e-5)


def test_probabilities_of_becoming_sum_to_one() -> None:
    allowed = allowed_changes(LEGEND, ("Class 0>Class 1", "Class 0 > Class 2"))
    steps = np.exp(transitions(allowed, 0.1))
    assert steps.sum(1).tolist() == pytest.approx([1] * 6)
    assert steps[0, :4].tolist() == pytest.approx([0.9, 0.05, 0.05, 0])
    # What may become nothing else stays.
    assert steps[3, 3] == 1


def test_probabilities_of_what_was_seen_sum_to_one() -> None:
    labels, top = np.array([[1, IGNORE]], np.uint8), np.array([[128, 7]], np.uint8)
    told_of = evidence(labels, top, 1.0, 4)
    assert np.exp(told_of[0, :, 0]).sum() == pytest.approx(1)
    assert np.exp(told_of[0, 1, 0]) == pytest.approx(128 / 255)
    assert told_of[0, :, 1].tolist() == [0] * 4


@pytest.mark.parametrize("first", [16, 20, 25, 29])
def test_a_change_is_found_where_the_rules_find_it(first: int) -> None:
    labels = seen((first, 1))
    array = np.array(labels, np.uint8)[:, None]
    by_rules = find(array, np.full_like(array, 230), LINE, Rules(), LEGEND)
    found = find_hmm(labels, change_chance=0.01)
    assert told(found) == told(by_rules) == [(0, first - 7, 0, 1)]
    assert np.array_equal(found.changes.day, by_rules.changes.day)
    assert np.array_equal(found.changes.probability, by_rules.changes.probability)


def test_outliers_are_no_change_and_unknown_pixels_stay_unknown() -> None:
    noise = [0] * 31
    noise[10], noise[20] = 1, 3
    found = find_hmm(noise, [IGNORE] * 31, [IGNORE] * 30 + [2])
    assert told(found) == []
    assert found.base.tolist() == [0, IGNORE, 2]


def test_a_change_that_cannot_be_is_not_told() -> None:
    assert told(find_hmm(seen((20, 1)), allowed=("Class 0>Class 2",), change_chance=0.01)) == []
    assert told(find_hmm(seen((20, 1)), allowed=("Class 0>Class 1",), change_chance=0.01)) == [(0, 13, 0, 1)]


def test_rules_that_name_no_change_or_no_class_are_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        allowed_changes(LEGEND, ("Class 0",))
    assert "Class 0" in raised.value.given
    assert "FROM>TO" in raised.value.expected
    assert ">" in raised.value.do
    with pytest.raises(LegendError) as foreign:
        allowed_changes(LEGEND, ("Class 0>Klass 1",))
    assert "Klass 1" in foreign.value.given
    assert "Class 1" in foreign.value.expected
    assert foreign.value.do
