"""Filters of labels: against plain ones, at the ends, with gaps, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from tests.series.plain import filled_pixel, mode_by_dates, mode_of_pixel

from landweave.errors import ConfigError
from landweave.legend import IGNORE
from landweave.series.sequence import (
    BLOCK,
    changing,
    chosen,
    filled,
    median_filter,
    mode_filter,
    space_median,
    space_mode,
    votes,
)

SEQUENCES = arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 8)), elements=st.sampled_from([0, 1, 2, 3, IGNORE])
)


def sequence(*labels: int) -> np.ndarray:
    return np.array(labels, np.uint8)[:, None]


@given(SEQUENCES, st.sampled_from([1, 3, 5, 7]))
def test_the_mode_is_that_of_every_pixel_by_itself(labels: np.ndarray, length: int) -> None:
    wanted = np.array([mode_of_pixel(pixel, length) for pixel in labels.T.tolist()], np.uint8).T
    assert np.array_equal(mode_filter(labels, length), wanted)


@given(SEQUENCES, st.permutations([0, 1, 2, 3]))
def test_the_mode_does_not_depend_on_the_order_of_the_legend(labels: np.ndarray, order: list[int]) -> None:
    table = np.full(256, IGNORE, np.uint8)
    table[:4] = order
    assert np.array_equal(mode_filter(table[labels], 5), table[mode_filter(labels, 5)])


def test_the_median_does() -> None:
    labels = sequence(1, 1, 3, 3, 2, 1, 1)
    assert median_filter(labels, 5)[3, 0] == 2
    assert mode_filter(labels, 5)[3, 0] == 3


def test_many_pixels_are_filtered_as_few_are() -> None:
    generator = np.random.default_rng(0)
    labels = generator.choice(np.array([0, 1, 2, IGNORE], np.uint8), (9, BLOCK + 100))
    labels[:, ::3] = 2
    whole = mode_filter(labels, 5)
    assert np.array_equal(whole, mode_by_dates(labels, 5, 3))
    assert np.array_equal(whole[:, -50:], mode_filter(labels[:, -50:], 5))
    assert np.array_equal(mode_filter(labels.reshape(9, 4, -1), 5), whole.reshape(9, 4, -1))


def test_one_outlier_is_taken_away_and_an_edge_stays_where_it_is() -> None:
    assert mode_filter(sequence(1, 1, 1, 2, 1, 1, 1, 3, 3, 3, 3), 5)[:, 0].tolist() == [1] * 7 + [3] * 4


def test_a_gap_is_filled_by_its_neighbours() -> None:
    assert mode_filter(sequence(1, 1, IGNORE, 1, 1), 5)[:, 0].tolist() == [1] * 5
    assert mode_filter(sequence(IGNORE, IGNORE, IGNORE), 5)[:, 0].tolist() == [IGNORE] * 3


@given(SEQUENCES)
def test_gaps_take_the_label_before_them(labels: np.ndarray) -> None:
    wanted = np.array([filled_pixel(pixel) for pixel in labels.T.tolist()], np.uint8).T
    assert np.array_equal(filled(labels), wanted)


@pytest.mark.parametrize("length", [0, 2, -3])
def test_a_filter_needs_a_middle(length: int) -> None:
    for filtered in (mode_filter, median_filter, space_mode, space_median):
        with pytest.raises(ConfigError) as raised:
            filtered(np.zeros((3, 4, 4), np.uint8), length)
        assert str(length) in raised.value.given
        assert "odd" in raised.value.expected
        assert "set it to" in raised.value.do


@given(arrays(np.uint8, (7, 6), elements=st.sampled_from([0, 1, 2, IGNORE])), st.sampled_from([1, 3, 5]))
def test_the_mode_in_space_is_that_of_every_square(labels: np.ndarray, size: int) -> None:
    half, wanted = size // 2, labels.copy()
    for row, col in np.ndindex(labels.shape):
        square = labels[max(row - half, 0) : row + half + 1, max(col - half, 0) : col + half + 1]
        counts = np.bincount(square[square != IGNORE], minlength=4)
        own = labels[row, col]
        if own != IGNORE and counts[own] < counts.max():
            wanted[row, col] = counts.argmax()
    assert np.array_equal(space_mode(labels, size), wanted)


def test_each_map_of_a_sequence_is_filtered_in_space_by_itself() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (3, 20, 30)).astype(np.uint8)
    for filtered in (space_mode, space_median):
        assert np.array_equal(filtered(labels, 5)[1], filtered(labels[1], 5))


def test_the_published_median_in_space() -> None:
    labels = np.random.default_rng(0).integers(0, 9, (40, 30)).astype(np.uint8)
    assert np.array_equal(space_median(labels, 11), ndimage.median_filter(labels, 11, mode="nearest"))
    labels[3, 4] = IGNORE
    assert space_median(labels, 11)[3, 4] == IGNORE


def test_votes_weigh_probabilities() -> None:
    labels = np.array([[0, 1, 2], [0, 1, 2], [1, 2, IGNORE]], np.uint8)
    top = np.array([[60, 60, 0], [60, 60, 0], [200, 100, 255]], np.uint8)
    assert votes(labels, top, np.ones((3, 3), np.bool_), 3).tolist() == [1, 1, 2]
    assert votes(labels, top, np.zeros((3, 3), np.bool_), 3).tolist() == [IGNORE] * 3


def test_bits_choose_as_numpy_does() -> None:
    one, other = np.random.default_rng(0).integers(0, 256, (2, 1000)).astype(np.uint8)
    where = one % 3 == 0
    assert np.array_equal(chosen(where, one, other), np.where(where, one, other))
    assert changing(np.stack([one, one])).sum() == 0
    assert np.array_equal(changing(np.stack([one, one, other])), one != other)
