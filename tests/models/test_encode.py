"""Networks as encoders: their coarsest scale, averaged."""

from __future__ import annotations

import pytest
import torch

from landweave.errors import CardError
from landweave.models.encode import check_encoder, features
from landweave.models.table import build


@pytest.mark.parametrize(("name", "num_features"), [("unet", 32), ("resnet18", 32), ("resnet50", 128)])
def test_features_are_one_row_a_patch(name: str, num_features: int) -> None:
    network = build(name, 3, 5, width=4).eval()
    check_encoder(network, name)
    with torch.inference_mode():
        assert features(network, torch.randn(2, 3, 40, 56)).shape == (2, num_features)


def test_the_features_of_a_resnet_are_what_its_last_layer_sees() -> None:
    network, values = build("resnet18", 3, 5, width=4).eval(), torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network.fc(features(network, values)), network(values))


def test_the_features_of_a_unet_are_its_coarsest_scale() -> None:
    network, values = build("unet", 3, 5, width=4, depth=2).eval(), torch.randn(1, 3, 20, 24)
    seen: list[torch.Tensor] = []
    network.dropout.register_forward_hook(lambda module, given, made: seen.append(made))
    with torch.inference_mode():
        network(values)
        torch.testing.assert_close(features(network, values), seen[0].mean((2, 3)))


def test_a_network_without_a_coarse_scale_is_refused() -> None:
    with pytest.raises(CardError) as caught:
        check_encoder(build("pixel", 3, 5), "pixel")
    assert "pixel" in caught.value.given
    assert "unet" in caught.value.expected
    assert "contrast" in caught.value.do
