"""Features of pixels against a slow loop that anybody can check; tiles against the whole."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.classical.neighbourhood import features, num_features, of_patches, reach_px, squares_px
from landweave.errors import ConfigError

RNG = np.random.default_rng(0)
VALUES = RNG.normal(5, 2, (2, 14, 11)).astype(np.float32)
VALID = RNG.random((14, 11)) > 0.2


@pytest.mark.parametrize("window_px", [3, 5, 9])
def test_means_and_deviations_are_those_of_the_valid_neighbours(window_px: int) -> None:
    found = features(VALUES, VALID, window_px)
    assert found.shape == (num_features(2, window_px), 14, 11)
    for row, col in np.argwhere(VALID):
        near = [around(row, col, edge // 2) for edge in squares_px(window_px)]
        expected = np.concatenate([VALUES[:, row, col], *(each.mean(1) for each in near), near[0].std(1)])
        np.testing.assert_allclose(found[:, row, col], expected, rtol=1e-5, atol=1e-5)


def around(row: int, col: int, half: int) -> np.ndarray:
    """The valid pixels of a square."""
    rows, cols = slice(max(row - half, 0), row + half + 1), slice(max(col - half, 0), col + half + 1)
    return VALUES[:, rows, cols][:, VALID[rows, cols]].astype(np.float64)


@pytest.mark.parametrize(("window_px", "edges"), [(1, []), (3, [3]), (5, [5, 3]), (7, [7, 3]), (9, [9, 5, 3])])
def test_squares_are_halved_down_to_three_pixels(window_px: int, edges: list[int]) -> None:
    assert squares_px(window_px) == edges
    assert num_features(4, window_px) == (4 * (2 + len(edges)) if edges else 4)


def test_invalid_pixels_are_zero_whatever_they_hold() -> None:
    values = np.where(VALID, VALUES, np.float32("nan"))
    np.testing.assert_array_equal(features(values, VALID, 5), features(VALUES, VALID, 5))
    assert (features(values, VALID, 5)[:, ~VALID] == 0).all()


def test_without_a_neighbourhood_the_bands_are_all() -> None:
    np.testing.assert_array_equal(features(VALUES, np.ones_like(VALID)), VALUES)
    assert num_features(2) == 2


def test_a_tile_with_its_margin_equals_the_whole_bit_for_bit() -> None:
    whole = features(VALUES, VALID, 5)
    margin = reach_px(5)
    tile = features(VALUES[:, 4 - margin : 9 + margin, 3 - margin : 8 + margin], VALID[2:11, 1:10], 5)
    np.testing.assert_array_equal(tile[:, margin:-margin, margin:-margin], whole[:, 4:9, 3:8])


@pytest.mark.parametrize("window_px", [0, -3, 4])
def test_squares_without_a_centre_are_refused(window_px: int) -> None:
    with pytest.raises(ConfigError) as caught:
        features(VALUES, VALID, window_px)
    assert str(window_px) in caught.value.given
    assert "odd" in caught.value.expected
    assert caught.value.do


def test_features_of_patches() -> None:
    values = RNG.normal(0, 1, (3, 2, 4, 4)).astype(np.float32)
    valid = np.ones((3, 4, 4), bool)
    valid[1, 0] = False
    valid[2] = False
    found = of_patches(values, valid)
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found[0], [*values[0].mean((1, 2)), *values[0].std((1, 2))], rtol=1e-5)
    np.testing.assert_allclose(found[1, :2], values[1, :, 1:].mean((1, 2)), rtol=1e-5)
    assert (found[2] == 0).all()
