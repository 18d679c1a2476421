"""The pixelwise network sees no neighbour."""

from __future__ import annotations

import torch

from landweave.models.pixel.pixel import Pixel


def test_a_pixel_depends_on_itself_alone() -> None:
    network = Pixel(3, 2).eval()
    values = torch.randn(1, 3, 4, 4)
    before = network(values)
    values[..., 1, 2] += 1
    changed = (network(values) != before).any(1)[0]
    assert changed.nonzero().tolist() == [[1, 2]]


def test_the_hidden_layer_has_its_width() -> None:
    assert Pixel(3, 2, width=5).hidden.weight.shape == (5, 3, 1, 1)
