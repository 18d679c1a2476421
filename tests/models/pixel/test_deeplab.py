"""DeepLab: dilated stages on a grid of stride 8, four distances, and a sight that depends on how many blocks it has."""

from __future__ import annotations

import pytest
import torch
from tests.models.tiled import largest_difference

from landweave.models.patch.resnet import Bottleneck, ResNet
from landweave.models.pixel.deeplab import DeepLab
from landweave.models.sight import Sight, find_sight

SMALL = {"width": 4, "blocks": (1, 1, 1, 1), "rates": (1, 2)}


@pytest.mark.parametrize("shape", [(32, 32), (50, 70), (1, 1), (128, 128)])
def test_scores_stand_on_the_grid_of_the_input(shape: tuple[int, int]) -> None:
    network = DeepLab(5, 3, **SMALL).eval()
    assert network(torch.randn(2, 5, *shape)).shape == (2, 3, *shape)


def test_dilated_stages_keep_the_grid_and_the_weights() -> None:
    network = DeepLab(3, 2, width=4)
    at_eight = network.layer2(torch.randn(1, 16, 8, 8))
    assert at_eight.shape[-2:] == (4, 4)
    assert network.layer4(network.layer3(at_eight)).shape[-2:] == (4, 4)
    plain = ResNet(3, 2, Bottleneck, (3, 4, 23, 3), width=4)
    own = {name: value.shape for name, value in network.state_dict().items() if not name.startswith("heads.")}
    assert own == {name: value.shape for name, value in plain.state_dict().items() if not name.startswith("fc.")}


def test_rates_are_those_of_the_scores() -> None:
    assert [head.dilation for head in DeepLab(3, 2, width=4).heads] == [(r, r) for r in (6, 12, 18, 24)]


def test_the_published_network_has_no_finite_sight_and_a_small_one_has() -> None:
    assert find_sight(DeepLab(1, 2, width=4), 1) == Sight(1, None)
    assert find_sight(DeepLab(1, 2, width=4, blocks=(1, 1, 1, 1)), 1).margin_px == 264


@pytest.mark.parametrize(("margin_px", "is_equal"), [(96, True), (56, False)])
def test_tiles_with_the_margin_equal_the_whole(margin_px: int, is_equal: bool) -> None:
    network = DeepLab(1, 2, **SMALL)
    margin = find_sight(network, 1).margin_px
    assert margin is not None
    assert margin <= 96
    assert (largest_difference(network, (32, 400), 32, margin_px, 8) < 1e-12) is is_equal
