"""Agreement of maps: counts that add up, shares as counted by hand, and its bounds."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landweave.legend import IGNORE
from landweave.metrics.agreement import Agreement, pairs_of

K = 4
CLASSES = st.sampled_from([0, 1, 2, 3, IGNORE])
STACKS = hnp.arrays(np.uint8, st.tuples(st.integers(2, 5), st.integers(1, 40)), elements=CLASSES)
# Three years of ten pixels: one changes for good, one and back, one is not known in the second year.
YEARS = np.array(
    [[0, 0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 0, 1, 1, 1, 2, 2, 2, IGNORE], [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]], np.uint8
)


def counted() -> Agreement:
    return Agreement.from_labels(YEARS, K)


@pytest.mark.parametrize(("num", "expected"), [(2, ((0, 1),)), (3, ((0, 1), (1, 2), (0, 2)))])
def test_each_map_is_compared_with_the_next_and_the_first_with_the_last(num: int, expected: object) -> None:
    assert pairs_of(num) == expected


def test_agreement_by_hand() -> None:
    found = counted()
    assert found.num_maps == 3
    assert found.overall(0) == 7 / 9
    assert found.overall(1) == 8 / 9
    assert found.overall(2) == 9 / 10
    np.testing.assert_allclose(found.by_class(0)[:3], [3 / 4, 2 / 3, 1])
    np.testing.assert_allclose(found.by_class(2)[:3], [3 / 4, 1, 1])
    assert math.isnan(found.by_class(0)[3])


def test_pixels_that_never_change() -> None:
    found = counted()
    # The pixel that is unknown in one year is not known to be steady.
    assert found.first.sum() == 9
    assert found.always == 7 / 9
    np.testing.assert_allclose(found.always_by_class[:3], [3 / 4, 2 / 3, 1])
    assert found.times.tolist() == [7, 1, 1]


def test_maps_that_never_change_agree_fully() -> None:
    found = Agreement.from_labels(np.repeat(YEARS[:1], 4, 0), K)
    assert {found.overall(index) for index in range(len(pairs_of(4)))} == {1.0}
    assert found.always == 1
    assert found.times.tolist() == [10, 0, 0, 0]


def test_what_is_nowhere_known_has_no_figure() -> None:
    found = Agreement.from_labels(np.full((3, 5), IGNORE, np.uint8), K)
    assert math.isnan(found.overall(0))
    assert math.isnan(found.always)
    assert np.isnan(found.always_by_class).all()


@given(STACKS, st.data())
@settings(max_examples=60)
def test_parts_add_up_to_the_whole(labels: np.ndarray, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, labels.shape[1]))
    whole = Agreement.from_labels(labels, K)
    parts = [Agreement.from_labels(labels[:, :cut], K), Agreement.from_labels(labels[:, cut:], K)]
    zero = Agreement.zero(len(labels), K)
    for total in (parts[0] + parts[1], parts[1] + parts[0], zero + whole, whole + zero):
        for name in ("pairs", "first", "steady", "times"):
            np.testing.assert_array_equal(getattr(total, name), getattr(whole, name))


@given(STACKS)
@settings(max_examples=60)
def test_counts_are_those_of_a_loop(labels: np.ndarray) -> None:
    found = Agreement.from_labels(labels, K)
    for index, (one, other) in enumerate(pairs_of(len(labels))):
        pairs = zip(labels[one].tolist(), labels[other].tolist(), strict=True)
        expected = Counter(pair for pair in pairs if IGNORE not in pair)
        assert {(a, b): n for (a, b), n in np.ndenumerate(found.pairs[index]) if n} == expected
    times = Counter(sum(a != b for a, b in pairwise(pixel)) for pixel in labels.T.tolist() if IGNORE not in pixel)
    assert {num: int(count) for num, count in enumerate(found.times) if count} == times
    assert found.steady.sum() == found.times[0]
    assert (found.steady <= found.first).all()
