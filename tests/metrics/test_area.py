"""Estimators held to a truth that is known: they are right on average, and their intervals as often as they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from landweave.errors import SampleError
from landweave.metrics.area import Estimates, blocks, by_map_class, stratified
from landweave.metrics.confusion import Confusion

K = 3
EDGE, BLOCK = 240, 12


@pytest.fixture(scope="module")
def land() -> tuple[Any, Any]:
    """A truth in patches of several blocks, and a map whose errors come in patches too."""
    rng = np.random.default_rng(1)
    truth = rng.choice(K, (EDGE // 20, EDGE // 20), p=[0.6, 0.3, 0.1]).repeat(20, 0).repeat(20, 1).astype(np.uint8)
    wrong = (rng.random((EDGE // 8, EDGE // 8)) < 0.2).repeat(8, 0).repeat(8, 1)
    return np.where(wrong, (truth + 1) % K, truth).astype(np.uint8), truth


def whole(land: tuple[Any, Any]) -> Confusion:
    return Confusion.from_labels(*land, K)


def block_counts(land: tuple[Any, Any]) -> Any:
    starts = [(row, col) for row in range(0, EDGE, BLOCK) for col in range(0, EDGE, BLOCK)]
    cut = [[layer[row : row + BLOCK, col : col + BLOCK] for layer in land] for row, col in starts]
    return np.stack([Confusion.from_labels(*pair, K).counts for pair in cut])


def figures(found: Estimates) -> list[Any]:
    return [found.overall, *found.users, *found.producers, *found.shares]


def truths(land: tuple[Any, Any]) -> list[float]:
    known = whole(land)
    return [known.overall, *known.users, *known.producers, *(known.counts.sum(0) / known.num_pixels)]


def hits(found: Sequence[Estimates], expected: Sequence[float]) -> Any:
    """Share of the intervals that hold the truth, by figure."""
    inside = [
        [abs(each.value - true) <= each.half_width for each, true in zip(figures(one), expected, strict=True)]
        for one in found
    ]
    return np.mean(inside, axis=0)


def test_a_stratified_sample_is_right_on_average_and_as_often_as_it_says(land: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(2)
    flat = [layer.ravel() for layer in land]
    sizes = np.bincount(flat[0], minlength=K).astype(np.float64)
    found = []
    for _ in range(200):
        drawn = np.concatenate([rng.choice(np.flatnonzero(flat[0] == k), 200, replace=False) for k in range(K)])
        found.append(by_map_class(Confusion.from_labels(flat[0][drawn], flat[1][drawn], K).counts, sizes))
    means = np.mean([[each.value for each in figures(one)] for one in found], axis=0)
    np.testing.assert_allclose(means, truths(land), atol=0.015)
    assert (hits(found, truths(land)) > 0.90).all()


def test_strata_that_are_not_the_maps_classes(land: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(3)
    predicted, truth = (layer.ravel() for layer in land)
    # Halves of the land, drawn from with very different chances.
    stratum = (np.arange(EDGE * EDGE) >= EDGE * EDGE // 3).astype(int)
    sizes = np.bincount(stratum).astype(np.float64)
    found = []
    for _ in range(200):
        counts = np.zeros((2, K, K), np.int64)
        for half, num in enumerate((150, 40)):
            drawn = rng.choice(np.flatnonzero(stratum == half), num, replace=False)
            counts[half] = Confusion.from_labels(predicted[drawn], truth[drawn], K).counts
        found.append(stratified(counts, sizes, ["north", "south"]))
    means = np.nanmean([[each.value for each in figures(one)] for one in found], axis=0)
    np.testing.assert_allclose(means, truths(land), atol=0.02)
    assert hits(found, truths(land))[0] > 0.90


def test_blocks_are_right_as_often_as_they_say_where_pixels_are_not(land: tuple[Any, Any]) -> None:
    rng = np.random.default_rng(4)
    every = block_counts(land)
    drawn = [every[rng.choice(len(every), 80, replace=False)] for _ in range(200)]
    by_block = [blocks(some) for some in drawn]
    assert (hits(by_block, truths(land))[:1] > 0.92).all()
    assert (hits(by_block, truths(land)) > 0.80).all()
    # The same pixels taken for a simple random sample promise far more than they hold.
    as_pixels = [stratified(some.sum(0)[None], np.ones(1), ["all"]) for some in drawn]
    assert hits(as_pixels, truths(land))[0] < 0.6


def test_a_census_of_blocks_has_the_figures_of_the_whole(land: tuple[Any, Any]) -> None:
    found = blocks(block_counts(land), total=5.0)
    np.testing.assert_allclose([each.value for each in figures(found)], truths(land))
    assert found.areas is not None
    assert sum(area.value for area in found.areas) == pytest.approx(5)
    assert (found.num_drawn, blocks(block_counts(land)).areas) == (400, None)


def test_the_interval_narrows_with_the_number_of_blocks_not_of_pixels(land: tuple[Any, Any]) -> None:
    every = block_counts(land)
    assert blocks(every * 100).overall.half_width == pytest.approx(blocks(every).overall.half_width)
    assert blocks(every[:40]).overall.half_width > 2 * blocks(every).overall.half_width


def test_blocks_that_all_agree_are_not_sure() -> None:
    right = np.diag([30, 20, 0])
    found = blocks(np.stack([right] * 12))
    assert found.overall.value == 1 and found.overall.standard_error == 0
    # Wilson's interval for 12 of 12: 1 / (1 + 1.96 ** 2 / 12).
    assert (found.overall.low, found.overall.high) == pytest.approx((0.757499, 1.0), abs=1e-5)
    never = blocks(np.stack([[[0, 9, 0], [0, 9, 0], [0, 0, 0]]] * 12)).users[0]
    assert (never.value, never.low) == (0, 0) and never.high == pytest.approx(0.242501, abs=1e-5)


def test_blocks_without_known_pixels_do_not_count(land: tuple[Any, Any]) -> None:
    every = block_counts(land)
    more = np.concatenate([every, np.zeros((9, K, K), np.int64)])
    assert blocks(more) == blocks(every)


def test_a_perfect_map_has_an_interval_of_no_width() -> None:
    found = by_map_class(np.diag([10, 20, 30]).astype(np.int64), np.array([1.0, 2.0, 3.0]))
    assert [each.value for each in figures(found)] == pytest.approx([1] * 7 + [1 / 6, 2 / 6, 3 / 6])
    assert found.overall.half_width == 0


def test_a_stratum_that_was_drawn_whole_adds_no_error() -> None:
    counts, sizes = np.array([[16, 4], [0, 1]], np.int64), np.array([999.0, 1.0])
    found = by_map_class(counts, sizes, np.array([False, True]))
    # By hand: 0.999 * 0.8 + 0.001 * 1, and 0.999 * sqrt(0.8 * 0.2 / 19).
    assert found.overall.value == pytest.approx(0.8002)
    assert found.overall.standard_error == pytest.approx(0.999 * (0.8 * 0.2 / 19) ** 0.5)
    assert (found.users[1].value, found.users[1].standard_error) == (1, 0)


def test_a_class_that_is_nowhere_is_not_a_number() -> None:
    counts = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]], np.int64)
    found = by_map_class(counts, np.array([5.0, 5.0, 0.0]))
    assert np.isnan(found.users[2].value)
    assert np.isnan(found.producers[2].half_width)
    assert found.shares[2].value == 0
    assert np.isnan(blocks(np.stack([counts, counts])).users[2].value)


GOOD = np.array([[8, 2], [1, 9]], np.int64)


@pytest.mark.parametrize(
    ("matrix", "sizes", "word"),
    [
        ([[8, 2], [0, 0]], [5, 5], "no place drawn in stratum map class 1"),
        ([[8, 2], [0, 1]], [5, 5], "one place"),
        ([[8, 2], [1, 9]], [5, 0], "no area"),
        ([[8, 2], [1, 9]], [5, -1], "sizes"),
        ([[8, 2], [1, 9]], [5, np.nan], "sizes"),
        ([[8, 2], [1, 9]], [0, 0], "sizes"),
    ],
)
def test_what_is_no_probability_sample_is_refused_with_the_reason(matrix: Any, sizes: Any, word: str) -> None:
    with pytest.raises(SampleError) as caught:
        stratified(np.array([np.diag(row) for row in matrix]), np.array(sizes, float), ["map class 0", "map class 1"])
    assert word in caught.value.given
    assert caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize("num", [0, 1])
def test_too_few_blocks_are_refused(num: int) -> None:
    with pytest.raises(SampleError) as caught:
        blocks(np.stack([GOOD] * num + [GOOD * 0]))
    assert f"{num} block" in caught.value.given
    assert "drawn at random" in caught.value.expected
    assert caught.value.do


# Ends of intervals.

P = np.array([[0.95, 0.03, 0.02], [0.05, 0.9, 0.05], [0.04, 0.06, 0.9]])


def samples(num: int, drawn: int) -> list[Estimates]:
    rng = np.random.default_rng(5)
    matrices = (np.stack([rng.multinomial(drawn, row) for row in P]) for _ in range(num))
    return [by_map_class(matrix, np.array([0.4, 0.35, 0.25])) for matrix in matrices]


def test_ends_hold_accuracies_where_symmetric_intervals_miss_them() -> None:
    found = samples(600, 50)
    ends = np.mean([[each.low <= p <= each.high for each, p in zip(e.users, np.diag(P), strict=True)] for e in found])
    plain = np.mean([[abs(e.users[k].value - P[k, k]) <= e.users[k].half_width for k in range(K)] for e in found])
    assert 0.935 < ends < 0.975
    assert plain < 0.925


def test_ends_of_a_simple_sample_are_wilsons() -> None:
    from scipy.stats import binomtest

    found = by_map_class(np.array([[45, 5], [0, 0]], np.int64), np.array([1.0, 0.0])).users[0]
    # Our variance divides by n - 1, and 1.96 is rounded.
    wilson = binomtest(45, 50).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), abs=2e-3)
    perfect = by_map_class(np.array([[50, 0], [0, 0]], np.int64), np.array([1.0, 0.0])).users[0]
    wilson = binomtest(50, 50).proportion_ci(method="wilson")
    assert (perfect.low, perfect.high) == pytest.approx((wilson.low, 1), abs=1e-3)


def test_what_is_known_whole_has_no_wider_ends() -> None:
    found = by_map_class(np.array([[45, 5], [0, 9]], np.int64), np.array([50.0, 9.0]), np.array([True, True]))
    assert found.overall.ends is None
    assert found.overall.low == found.overall.high == found.overall.value


def test_multiples_have_multiples_of_the_ends() -> None:
    one = samples(1, 50)[0].overall
    assert one.times(30).low == pytest.approx(one.low * 30)
    assert one.times(30).high == pytest.approx(one.high * 30)
