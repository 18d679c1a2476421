"""What optics and pixels make of the ground."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landweave.simulate.observe import block_means, majority, noisy, reach_cells, spread, to_pixels

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("ratio", [1, 2, 3, 6, 9, 18])
def test_weights_are_even_and_add_up(ratio: int) -> None:
    found = spread(ratio)
    assert len(found) == ratio + 2 * reach_cells(ratio)
    assert abs(found.sum() - 1) < 1e-6
    assert np.allclose(found, found[::-1], atol=1e-6)
    assert found.min() >= 0


@pytest.mark.parametrize("ratio", [3, 6, 18])
def test_contrast_at_nyquist_is_what_sensors_are_built_for(ratio: int) -> None:
    weights = spread(ratio)
    places = np.arange(len(weights)) - (len(weights) - 1) / 2
    contrast = (weights * np.cos(np.pi * places / ratio)).sum()
    assert 0.2 < contrast < 0.3


def test_an_even_ground_stays_even() -> None:
    found = to_pixels(np.full((40, 50), 0.3, np.float32), 3, 5)
    assert found.shape == (10, 13)
    assert np.allclose(found, 0.3, atol=1e-6)


@pytest.mark.parametrize(("ratio", "margin"), [(2, 3), (3, 5), (3, 27), (6, 27)])
def test_pixels_are_weighted_means(ratio: int, margin: int) -> None:
    ground = RNG.random((4 * ratio + 2 * margin, 3 * ratio + 2 * margin)).astype(np.float32)
    found = to_pixels(ground, ratio, margin)
    weights, reach = spread(ratio).astype(np.float64), reach_cells(ratio)
    assert found.shape == (4, 3)
    for row in range(4):
        for col in range(3):
            top, left = margin + row * ratio - reach, margin + col * ratio - reach
            seen = ground[top : top + len(weights), left : left + len(weights)]
            assert abs(found[row, col] - weights @ seen @ weights) < 1e-5


@pytest.mark.parametrize("ratio", [1, 2, 3, 9])
def test_block_means(ratio: int) -> None:
    values = RNG.random((4 * ratio, 5 * ratio)).astype(np.float32)
    expected = values.reshape(4, ratio, 5, ratio).mean(axis=(1, 3))
    assert np.allclose(block_means(values, ratio), expected, atol=1e-6)


@pytest.mark.parametrize("ratio", [1, 2, 3, 6])
def test_the_majority_is_the_commonest_class(ratio: int) -> None:
    classes = RNG.integers(0, 8, (6 * ratio, 7 * ratio)).astype(np.uint8)
    found = majority(classes, ratio, 8)
    for row in range(6):
        for col in range(7):
            block = classes[row * ratio : (row + 1) * ratio, col * ratio : (col + 1) * ratio]
            assert found[row, col] == np.bincount(block.ravel(), minlength=8).argmax()


def test_noise_has_its_size_and_belongs_to_its_pixel() -> None:
    dark, bright = np.zeros((200, 200), np.float32), np.full((200, 200), 0.5, np.float32)
    assert abs(noisy(dark, 0, 0, 1, "B04").std() - 0.0015) < 0.0001
    assert abs(noisy(bright, 0, 0, 1, "B04").std() - np.hypot(0.0015, 0.004)) < 0.0002
    whole = noisy(bright, 10, 20, 1, "B04")
    assert np.array_equal(noisy(bright[:50, :60], 40, 30, 1, "B04"), whole[30:80, 10:70])
    assert not np.array_equal(noisy(bright, 10, 20, 1, "B03"), whole)
    assert not np.array_equal(noisy(bright, 10, 20, 2, "B04"), whole)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([1, 2, 3, 6]), st.integers(0, 23), st.integers(0, 23))
def test_the_light_of_one_cell_is_shared_among_pixels_and_none_is_lost(ratio: int, row: int, col: int) -> None:
    margin = 2 * reach_cells(ratio)
    ground = np.zeros((24 + 2 * margin, 24 + 2 * margin), np.float32)
    ground[margin + row, margin + col] = 1
    wide = np.pad(ground, margin)
    found = to_pixels(wide, ratio, margin)
    assert found.min() >= 0
    assert found.sum() * ratio**2 == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("ratio", [2, 3, 6])
def test_the_point_spread_keeps_the_mean(ratio: int) -> None:
    # A ground that repeats: no border takes or gives light.
    tile = RNG.random((12 * ratio, 12 * ratio)).astype(np.float32)
    margin = 6 * ratio
    found = to_pixels(np.pad(tile, margin, mode="wrap"), ratio, margin)
    assert found.shape == (12, 12)
    assert found.mean() == pytest.approx(tile.mean(), abs=2e-3)
    assert found.std() < block_means(tile, ratio).std()


@settings(deadline=None, max_examples=20)
@given(st.floats(-2, 2), st.floats(-1, 1))
def test_optics_are_linear(factor: float, summand: float) -> None:
    ground = np.random.default_rng(1).random((22, 25)).astype(np.float32)
    once = to_pixels(ground, 3, 5)
    again = to_pixels((ground * factor + summand).astype(np.float32), 3, 5)
    assert np.allclose(again, once * factor + summand, atol=1e-5)


def test_the_point_spread_blurs_an_edge_into_the_neighbour() -> None:
    ground = np.zeros((40, 40), np.float32)
    ground[:, 20:] = 1
    found = to_pixels(ground, 3, 5)[4]
    assert (np.diff(found) >= -1e-6).all()
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[-1] == pytest.approx(1, abs=1e-6)
    assert ((found > 0.01) & (found < 0.99)).sum() >= 2


@pytest.mark.parametrize("value", [0.0, 0.05, 0.3, 0.8])
def test_noise_is_unbiased_white_and_as_large_as_it_says(value: float) -> None:
    flat = np.full((300, 300), value, np.float32)
    rest = noisy(flat, 0, 0, 5, "B08") - flat
    sigma = np.hypot(0.0015, 0.008 * value)
    assert rest.std() == pytest.approx(sigma, rel=0.02)
    assert abs(rest.mean()) < 4 * sigma / 300
    for one, other in ((rest[1:], rest[:-1]), (rest[:, 1:], rest[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_noise_of_bands_and_seeds_is_unrelated() -> None:
    flat = np.full((200, 200), 0.2, np.float32)
    first = noisy(flat, 0, 0, 5, "B08").ravel()
    for other in (noisy(flat, 0, 0, 5, "B04"), noisy(flat, 0, 0, 6, "B08"), noisy(flat, 200, 0, 5, "B08")):
        assert abs(np.corrcoef(first, other.ravel())[0, 1]) < 0.03


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 6), st.integers(0, 7))
def test_the_majority_of_one_class_is_that_class(ratio: int, index: int) -> None:
    classes = np.full((3 * ratio, 4 * ratio), index, np.uint8)
    found = majority(classes, ratio, 8)
    assert found.shape == (3, 4)
    assert (found == index).all()


def test_of_equals_the_lower_index_wins() -> None:
    assert majority(np.array([[5, 2], [2, 5]], np.uint8), 2, 8).tolist() == [[2]]
    assert majority(np.array([[7, 0], [3, 6]], np.uint8), 2, 8).tolist() == [[0]]
