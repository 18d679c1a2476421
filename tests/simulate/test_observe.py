"""What optics and pixels make of the ground."""

from __future__ import annotations

import numpy as np
import pytest

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
