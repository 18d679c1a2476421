"""Choosing by cross-validation, and regressions: what holds for any samples, and all that is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from landweave.classical import regression
from landweave.classical.forest import Forest
from landweave.classical.linear import Linear
from landweave.classical.regression import LineSums
from landweave.classical.search import folds, search
from landweave.errors import CardError, LandweaveError, SampleError

FEW = settings(max_examples=20)
GROUPS = st.lists(st.integers(-5, 5), min_size=8, max_size=40)


@FEW
@given(GROUPS, st.integers(1, 4), st.integers(0, 9))
def test_parts_hold_whole_groups_and_nearly_as_many(groups: list[int], num: int, seed: int) -> None:
    names = sorted(set(groups))
    if len(names) < num:
        with pytest.raises(SampleError) as caught:
            folds(np.array(groups), num, seed)
        assert caught.value.given == f"{len(names)} blocks of samples for {num} parts"
        assert "for each part" in caught.value.expected and "smaller blocks" in caught.value.do
        return
    parts = folds(np.array(groups), num, seed)
    of_group = {name: {int(part) for part, group in zip(parts, groups, strict=True) if group == name} for name in names}
    assert all(len(found) == 1 for found in of_group.values())
    held = [sum(found == {part} for found in of_group.values()) for part in range(num)]
    assert sum(held) == len(names) and max(held) - min(held) <= 1


@FEW
@given(GROUPS, st.integers(0, 9))
def test_the_order_of_samples_does_not_matter(groups: list[int], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(groups))
    if len(set(groups)) >= 2:
        whole = folds(np.array(groups), 2, seed)
        np.testing.assert_array_equal(folds(np.array(groups)[order], 2, seed), whole[order])
        # Names mean nothing but their order.
        np.testing.assert_array_equal(folds(np.array([f"block {group + 5:02d}" for group in groups]), 2, seed), whole)


def two_sides(num: int = 24) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Classes on both sides of 0, in turn."""
    y = (np.arange(num) % 2).astype(np.uint8)
    return ((2.0 * y - 1)[:, None] + np.arange(num)[:, None] / 100).astype(np.float32), y


def test_of_equal_choices_the_first_is_taken_and_all_are_told() -> None:
    x, y = two_sides()
    options = {"strength": (2.0, 0.5, 1.0), "max_iterations": (50, 100)}
    found = search("linear", x, y, 2, parts=folds(np.arange(24) // 2, 3), options=options)
    assert found.arguments == {"strength": 2.0, "max_iterations": 50} and found.share == 1
    assert list(found.tried) == [f"strength = {a}, max_iterations = {b}" for a in ("2", "0.5", "1") for b in (50, 100)]
    assert set(found.tried.values()) == {1.0}


def test_a_share_is_the_mean_over_parts_whatever_their_size() -> None:
    """Labels of the small part are turned round: right are all of one part, and none of the other."""
    x, y = two_sides()
    parts = np.where(np.arange(24) < 20, 0, 1)
    turned = np.where(parts == 1, 1 - y, y).astype(np.uint8)
    found = search("linear", x, turned, 2, parts=parts, options={"strength": (100.0,)})
    # Each part is told by what the other has taught, which is the wrong way round.
    assert found.share == 0
    halves = search("linear", x, y, 2, parts=parts, options={"strength": (100.0,)})
    assert halves.share == 1


def test_nothing_to_choose_is_the_model_as_it_is() -> None:
    x, y = two_sides()
    found = search("linear", x, y, 2, parts=folds(np.arange(24) // 2, 2), options={})
    assert found.arguments == {} and found.tried == {"": 1.0}


def test_parts_that_leave_one_class_alone_are_refused() -> None:
    x, y = two_sides()
    with pytest.raises(SampleError, match="1 different labels") as caught:
        search("linear", x, y, 2, parts=y.astype(np.int64), options={"strength": (1.0,)})
    assert "two different labels" in caught.value.expected and caught.value.do


@FEW
@given(st.integers(0, 2**16), st.integers(2, 30), st.floats(-3, 3), st.floats(-2, 2))
def test_a_line_comes_back(seed: int, num: int, slope: float, start: float) -> None:
    x = np.random.default_rng(seed).uniform(-1, 1, (num, 2)).astype(np.float32)
    x[0] = -1
    x[1] = 1
    y = (x * [slope, 1] + [start, -start]).astype(np.float32)
    model = LineSums.of(x, y).fit()
    np.testing.assert_allclose(model.weights, np.diag([slope, 1.0]), atol=1e-5)
    np.testing.assert_allclose(model.bias, [start, -start], atol=1e-5)
    np.testing.assert_allclose(regression.predict(model, x), y, atol=1e-5)


@FEW
@given(st.integers(0, 2**16), st.integers(0, 20))
def test_sums_of_parts_are_those_of_the_whole(seed: int, cut: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = (generator.uniform(0, 1, (20, 3)).astype(np.float32) for _ in range(2))
    both = LineSums.zero(3) + LineSums.of(x[:cut], y[:cut]) + LineSums.of(x[cut:], y[cut:])
    assert both.count == 20
    np.testing.assert_allclose(both.sums, LineSums.of(x, y).sums, rtol=1e-12)
    model = both.fit()
    # What is left over has no mean and no slope of its own.
    rest = y - regression.predict(model, x)
    np.testing.assert_allclose(rest.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose((rest * x).mean(0), 0, atol=1e-6)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "x",
    [
        [],
        [[1, 2]],
        [[1, 2], [1, 3]],
        [[1, 2], [1, 2], [1, 2]],
        # A third is no float: sums of its squares round, and must not look like a spread.
        [[1 / 3, 1], [1 / 3, 2], [1 / 3, 3]],
        [[3000.1, 1], [3000.1, 2], [3000.1, 5], [3000.1, 7]],
        [[0, 1], [0, 2]],
        [[NAN, 1], [1, 2]],
        [[INF, 1], [1, 2]],
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_no_line_lies_through_one_value(x: list[list[float]]) -> None:
    values = np.array(x, np.float32).reshape(-1, 2)
    with pytest.raises(SampleError) as caught:
        LineSums.of(values, np.ones_like(values)).fit()
    assert caught.value.given.startswith(f"{len(x)} samples, or some with one value alone")
    assert caught.value.expected == "at least two that differ" and caught.value.do == "bring more pairs"


@pytest.mark.parametrize("spoilt", ["x", "y"])
@pytest.mark.parametrize("number", [NAN, INF, -INF])
def test_a_forest_takes_finite_numbers_alone(spoilt: str, number: float) -> None:
    values = {name: np.arange(8, dtype=np.float32).reshape(4, 2) for name in ("x", "y")}
    values[spoilt][2, 1] = number
    with pytest.raises(SampleError) as caught:
        regression.fit_forest(values["x"], values["y"])
    assert "4 samples, or some not finite" in caught.value.given and "leave invalid pixels out" in caught.value.do


@pytest.mark.parametrize("num", [0, 1])
def test_a_forest_needs_two_samples(num: int) -> None:
    with pytest.raises(SampleError, match=f"{num} samples"):
        regression.fit_forest(np.ones((num, 2), np.float32), np.ones((num, 1), np.float32))


def test_a_forest_stays_within_what_it_saw_and_does_not_depend_on_threads() -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 1, (60, 4)).astype(np.float32)
    y = np.stack([x[:, 0], 5 - x[:, 1], np.ones(60, np.float32)], 1)
    model = regression.fit_forest(x, y, num_trees=4, min_leaf=2, seed=1)
    far = (generator.uniform(-9, 9, (50, 4))).astype(np.float32)
    told = regression.predict(model, far)
    assert told.shape == (50, 3) and told.dtype == np.float32
    assert (told >= y.min(0) - 1e-5).all() and (told <= y.max(0) + 1e-5).all()
    np.testing.assert_allclose(told[:, 2], 1)
    other = regression.fit_forest(x, y, num_trees=4, min_leaf=2, seed=1, num_threads=2)
    np.testing.assert_array_equal(regression.predict(other, far, num_threads=2), told)
    for name, array in model.to_arrays().items():
        np.testing.assert_array_equal(array, other.to_arrays()[name], err_msg=name)


@pytest.mark.filterwarnings("error")
def test_one_leaf_is_one_mean() -> None:
    x = np.arange(6, dtype=np.float32)[:, None]
    model = regression.fit_forest(x, x + 7, num_trees=3, min_leaf=6)
    assert len(np.unique(regression.predict(model, x))) == 1


@pytest.mark.parametrize("name", ["linear", "forest"])
def test_no_samples_are_told_nothing_and_others_are_refused(name: str) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (30, 3)).astype(np.float32)
    model = LineSums.of(x, x).fit() if name == "linear" else regression.fit_forest(x, x, num_trees=2)
    assert isinstance(model, Linear if name == "linear" else Forest)
    assert regression.predict(model, x[:0]).shape == (0, 3)
    with pytest.raises(CardError) as caught:
        regression.predict(model, x[:, :1])
    assert "1 features" in caught.value.given and "3 features" in caught.value.expected and caught.value.do


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [("liner", "a card of a liner", "linear (did you mean that?)"), ("svm", "a card of a svm", "forest, linear"),
     ("", "a card of a ", "linear")],
)  # fmt: skip
def test_cards_of_other_models_are_refused(name: str, given: str, expected: str) -> None:
    with pytest.raises(CardError) as caught:
        regression.from_arrays(name, {})
    assert caught.value.given == given and expected in caught.value.expected and "this version" in caught.value.do


@pytest.mark.parametrize("name", ["linear", "forest"])
def test_a_card_without_its_arrays_is_refused(name: str) -> None:
    with pytest.raises(LandweaveError) as caught:
        regression.from_arrays(name, {"bias": np.zeros(3)})
    assert isinstance(caught.value, CardError) and caught.value.given and caught.value.expected and caught.value.do
