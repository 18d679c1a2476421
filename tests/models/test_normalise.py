"""Normalisation: (value - mean) / std, and exactly zero where invalid."""

from __future__ import annotations

import torch

from landweave.models.normalise import Normalise


def test_bands_get_mean_zero_and_deviation_one() -> None:
    values = torch.tensor([[[[1.0, 3.0]], [[10.0, 30.0]]]])
    scaled = Normalise([2.0, 20.0], [1.0, 10.0])(values)
    torch.testing.assert_close(scaled, torch.tensor([[[[-1.0, 1.0]], [[-1.0, 1.0]]]]))


def test_invalid_pixels_are_zero_even_where_they_are_nan() -> None:
    values = torch.full((1, 2, 2, 2), float("nan"))
    values[..., 0, 0] = 5
    valid = torch.zeros(1, 2, 2, dtype=torch.bool)
    valid[0, 0, 0] = True
    scaled = Normalise([1.0, 1.0], [2.0, 2.0])(values, valid)
    assert scaled[0, :, 0, 0].tolist() == [2, 2]
    assert scaled.sum() == 4


def test_it_has_no_weights_to_learn() -> None:
    module = Normalise([0.5], [0.1])
    assert not list(module.parameters())
    assert set(module.state_dict()) == {"mean", "std"}
