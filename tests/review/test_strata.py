"""Strata of a change map, and how many units they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.review.making import LEGEND, parts

from landweave.errors import SampleError
from landweave.legend import IGNORE
from landweave.review.strata import OUTSIDE, make_strata, near_change, num_units

X = IGNORE


def counted(before: Any, after: Any, rim_px: int, rare: float = 0.01) -> Any:
    known = (before != X) & (after != X)
    counts = np.zeros((3, 3), np.int64)
    np.add.at(counts, (before[known], after[known]), 1)
    near = near_change(before, after, rim_px)
    return make_strata(counts, np.bincount(before[near], minlength=3)[:3], LEGEND, rim_px, rare)


def test_each_kind_of_change_each_stable_class_and_the_rim() -> None:
    before = np.zeros((8, 9), np.uint8)
    before[:, 5:] = 1
    after = before.copy()
    after[2, 2] = 2
    after[6, 7] = 2
    before[0, 0] = X
    made = counted(before, after, 1)
    assert [(one.name, one.kind, one.num_pixels) for one in made.strata] == [
        ("Forest to Town", "change", 1),
        ("Meadow to Town", "change", 1),
        ("near a change", "rim", 16),
        ("stable Forest", "stable", 30),
        ("stable Meadow", "stable", 23),
    ]
    numbers = made.of(before, after)
    assert numbers[2, 2] == 0
    assert numbers[6, 7] == 1
    assert (numbers[1:4, 1:4] == 2).sum() == 8
    assert numbers[0, 0] == OUTSIDE
    assert numbers[0, 1] == 3


def test_rare_kinds_are_put_together() -> None:
    rng = np.random.default_rng(0)
    before = rng.integers(0, 2, (100, 100)).astype(np.uint8)
    after = before.copy()
    after[:40] = 2
    before[50, 50], after[50, 50] = 2, 0
    before[60, 60], after[60, 60] = 2, 1
    made = counted(before, after, 0)
    names = [one.name for one in made.strata if one.kind == "change"]
    assert names == ["Forest to Town", "Meadow to Town", "other change"]
    assert made.strata[2].num_pixels == 2
    assert not any(one.kind == "rim" for one in made.strata)


@given(st.integers(0, 10_000), st.integers(0, 4), st.sampled_from([0.0, 0.01, 0.5]))
def test_every_known_pixel_is_in_one_stratum_of_the_size_told(seed: int, rim_px: int, rare: float) -> None:
    rng = np.random.default_rng(seed)
    before = rng.choice(3, (20, 25), p=[0.6, 0.3, 0.1]).astype(np.uint8)
    after = np.where(rng.random((20, 25)) < 0.05, rng.integers(0, 3, (20, 25)), before).astype(np.uint8)
    before[rng.random((20, 25)) < 0.02] = X
    after[rng.random((20, 25)) < 0.02] = X
    made = counted(before, after, rim_px, rare)
    numbers = made.of(before, after)
    assert ((numbers == OUTSIDE) == ((before == X) | (after == X))).all()
    sizes = np.bincount(numbers[numbers != OUTSIDE], minlength=len(made.strata))
    assert sizes.tolist() == [one.num_pixels for one in made.strata]
    assert all(one.num_pixels for one in made.strata)


def test_a_rim_is_what_lies_near_a_change_and_did_not_change() -> None:
    before = np.zeros((7, 7), np.uint8)
    after = before.copy()
    after[3, 3] = 1
    before[2, 2] = X
    found = near_change(before, after, 1)
    expected = np.zeros((7, 7), bool)
    expected[2:5, 2:5] = True
    expected[3, 3] = expected[2, 2] = False
    assert (found == expected).all()
    assert not near_change(before, after, 0).any()


def test_maps_that_share_nothing_are_refused() -> None:
    with pytest.raises(SampleError) as caught:
        make_strata(np.zeros((3, 3), np.int64), np.zeros(3, np.int64), LEGEND, 1)
    parts(caught.value)


def test_smaller_errors_need_more_units_and_small_lands_fewer() -> None:
    sizes, expected = [1_000, 9_000], [0.7, 0.95]
    assert num_units(sizes, expected, 0.005) > 2 * num_units(sizes, expected, 0.01)
    assert num_units([10, 90], expected, 0.01) < num_units(sizes, expected, 0.01) <= 10_000
    assert num_units(sizes, [1, 1], 0.01) == 1


@pytest.mark.parametrize(("sizes", "expected", "target"), [
    ([10], [0.9], 0.0), ([10], [0.9], 1.0), ([10], [1.2], 0.1), ([10], [-0.1], 0.1), ([0], [0.9], 0.1),
])  # fmt: skip
def test_wishes_that_mean_nothing_are_refused(sizes: list[int], expected: list[float], target: float) -> None:
    with pytest.raises(SampleError) as caught:
        num_units(sizes, expected, target)
    parts(caught.value)
