"""What holds of every sample: the estimators do not depend on units, on the order of anything, or on names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landweave.metrics.area import Estimate, Estimates, blocks, by_map_class, stratified

matrices = hnp.arrays(np.int64, (3, 3), elements=st.integers(1, 60))
stacks = hnp.arrays(np.int64, st.tuples(st.integers(2, 9), st.just(3), st.just(3)), elements=st.integers(1, 60))
sizes = hnp.arrays(np.float64, 3, elements=st.floats(1, 1e6))
permutations = st.permutations([0, 1, 2])


def flat(found: Estimates) -> list[float]:
    every: list[Estimate] = [found.overall, *found.users, *found.producers, *found.shares]
    return [value for each in every for value in (each.value, each.standard_error, each.half_width)]


def moved(found: Estimates, order: list[int]) -> list[float]:
    """The figures of `found` with its classes in another order."""
    by_class = [tuple(group[i] for i in order) for group in (found.users, found.producers, found.shares)]
    every: list[Estimate] = [found.overall, *by_class[0], *by_class[1], *by_class[2]]
    return [value for each in every for value in (each.value, each.standard_error, each.half_width)]


@given(matrices, sizes, st.floats(0.01, 1000))
def test_the_unit_of_area_does_not_matter_to_accuracies(matrix: Any, area: Any, factor: float) -> None:
    one, other = by_map_class(matrix, area), by_map_class(matrix, area * factor)
    np.testing.assert_allclose(flat(one), flat(other), rtol=1e-6, atol=1e-9)
    assert one.areas is not None
    assert other.areas is not None
    for a, b in zip(one.areas, other.areas, strict=True):
        assert b.value == pytest.approx(a.value * factor)
        assert b.half_width == pytest.approx(a.half_width * factor, rel=1e-6, abs=1e-9)


@given(matrices, sizes, permutations)
def test_the_order_of_classes_does_not_matter(matrix: Any, area: Any, order: list[int]) -> None:
    there = by_map_class(matrix[np.ix_(order, order)], area[order])
    np.testing.assert_allclose(flat(there), moved(by_map_class(matrix, area), order), rtol=1e-6, atol=1e-9)


@given(stacks, st.randoms(use_true_random=False))
def test_the_order_of_blocks_does_not_matter(stack: Any, random: Any) -> None:
    order = list(range(len(stack)))
    random.shuffle(order)
    np.testing.assert_allclose(flat(blocks(stack)), flat(blocks(stack[order])), rtol=1e-9, atol=1e-12)


@given(stacks, permutations)
def test_the_order_of_classes_does_not_matter_to_blocks(stack: Any, order: list[int]) -> None:
    there = blocks(stack[:, order][:, :, order])
    np.testing.assert_allclose(flat(there), moved(blocks(stack), order), rtol=1e-9, atol=1e-12)


@given(matrices, sizes)
def test_shares_add_up_to_the_whole(matrix: Any, area: Any) -> None:
    found = by_map_class(matrix, area)
    assert sum(share.value for share in found.shares) == pytest.approx(1)
    assert found.areas is not None
    assert sum(each.value for each in found.areas) == pytest.approx(area.sum())


@given(matrices, sizes)
def test_figures_are_shares_and_errors_are_not_negative(matrix: Any, area: Any) -> None:
    found = by_map_class(matrix, area)
    for each in (found.overall, *found.users, *found.producers, *found.shares):
        assert -1e-12 <= each.value <= 1 + 1e-12
        assert each.standard_error >= 0
        assert each.half_width == pytest.approx(1.96 * each.standard_error)


@given(matrices)
def test_areas_in_proportion_to_the_sample_give_the_samples_own_figures(matrix: Any) -> None:
    found = by_map_class(matrix, matrix.sum(1).astype(np.float64))
    diagonal = np.diag(matrix)
    assert found.overall.value == pytest.approx(diagonal.sum() / matrix.sum())
    np.testing.assert_allclose([each.value for each in found.users], diagonal / matrix.sum(1))
    np.testing.assert_allclose([each.value for each in found.producers], diagonal / matrix.sum(0))
    np.testing.assert_allclose([each.value for each in found.shares], matrix.sum(0) / matrix.sum())


@given(matrices, sizes, st.integers(2, 5))
def test_more_of_the_same_sample_narrows_the_interval_by_the_root(matrix: Any, area: Any, times: int) -> None:
    one, many = by_map_class(matrix, area), by_map_class(matrix * times, area)
    num, more = matrix.sum(1), (matrix * times).sum(1)
    # Exactly so but for n - 1, which is n in the limit.
    wanted = np.sqrt((num - 1) / (more - 1))
    ratio = np.array([m.standard_error / o.standard_error for m, o in zip(many.users, one.users, strict=True)])
    np.testing.assert_allclose(ratio, wanted, rtol=1e-6)


@given(matrices, sizes)
def test_a_stratum_cut_in_two_gives_the_same_estimates(matrix: Any, area: Any) -> None:
    whole = np.zeros((3, 3, 3), np.int64)
    whole[[0, 1, 2], [0, 1, 2]] = matrix
    # Each half has half of the area and the same sample, so that together they estimate the same.
    halves = np.concatenate([whole, whole[:1]])
    cut = np.append(area, area[0] / 2)
    cut[0] /= 2
    one = stratified(whole, area, ["a", "b", "c"])
    two = stratified(halves, cut, ["a1", "b", "c", "a2"])
    np.testing.assert_allclose([e.value for e in two.users], [e.value for e in one.users], rtol=1e-9)
    np.testing.assert_allclose([e.value for e in two.shares], [e.value for e in one.shares], rtol=1e-9)
    assert all(b.standard_error <= a.standard_error + 1e-12 for a, b in zip(one.shares, two.shares, strict=True))


@given(stacks)
def test_blocks_have_the_figures_of_their_sum(stack: Any) -> None:
    found, whole = blocks(stack), stack.sum(0)
    diagonal = np.diag(whole)
    assert found.overall.value == pytest.approx(diagonal.sum() / whole.sum())
    np.testing.assert_allclose([each.value for each in found.users], diagonal / whole.sum(1))
    np.testing.assert_allclose([each.value for each in found.producers], diagonal / whole.sum(0))


@given(matrices, st.integers(2, 12))
@settings(max_examples=30)
def test_blocks_that_are_all_alike_leave_no_doubt(matrix: Any, num: int) -> None:
    found = blocks(np.stack([matrix] * num))
    assert found.overall.half_width == pytest.approx(0, abs=1e-9)


@given(stacks)
@settings(max_examples=30)
def test_an_interval_by_blocks_is_the_one_of_the_jackknife_where_blocks_are_alike_in_size(stack: Any) -> None:
    # The linear variance of a ratio and the jackknife's agree when no block weighs much more than the others.
    stack = stack + 40
    right, every = np.trace(stack, axis1=1, axis2=2).astype(float), stack.sum((1, 2)).astype(float)
    num = len(stack)
    without = (right.sum() - right) / (every.sum() - every)
    jackknife = np.sqrt((num - 1) / num * ((without - without.mean()) ** 2).sum())
    assert blocks(stack).overall.standard_error == pytest.approx(jackknife, rel=0.5, abs=1e-6)
