"""Networks against the same arithmetic written out by hand, from nothing but their weights by name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from landweave.models.patch.resnet import resnet18, resnet50
from landweave.models.pixel.unet import UNet

Weights = Mapping[str, Tensor]


def lively(network: torch.nn.Module) -> torch.nn.Module:
    """Random weights and batch statistics, so that no term of the arithmetic is 0 or 1."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
                fan_in = tensor[0].numel() if tensor.ndim > 1 else 1
                scaled = noise * (2 / fan_in) ** 0.5 if tensor.ndim > 1 else 1 + 0.1 * noise
                tensor.copy_(scaled.abs() + 0.5 if name.endswith("running_var") else scaled)
    return network.eval()


def norm(x: Tensor, weights: Weights, name: str) -> Tensor:
    mean, var = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    scaled = (x - mean[:, None, None]) / (var + 1e-5).sqrt()[:, None, None]
    return scaled * weights[f"{name}.weight"][:, None, None] + weights[f"{name}.bias"][:, None, None]


def block(x: Tensor, weights: Weights, name: str, stride: int) -> Tensor:
    """A residual block as torchvision has it: the stride at the first 3x3 convolution."""
    if f"{name}.conv3.weight" in weights:
        inner = norm(functional.conv2d(x, weights[f"{name}.conv1.weight"]), weights, f"{name}.bn1").relu()
        inner = functional.conv2d(inner, weights[f"{name}.conv2.weight"], stride=stride, padding=1)
        inner = norm(inner, weights, f"{name}.bn2").relu()
        inner = norm(functional.conv2d(inner, weights[f"{name}.conv3.weight"]), weights, f"{name}.bn3")
    else:
        inner = functional.conv2d(x, weights[f"{name}.conv1.weight"], stride=stride, padding=1)
        inner = norm(inner, weights, f"{name}.bn1").relu()
        inner = norm(functional.conv2d(inner, weights[f"{name}.conv2.weight"], padding=1), weights, f"{name}.bn2")
    if f"{name}.downsample.0.weight" in weights:
        x = functional.conv2d(x, weights[f"{name}.downsample.0.weight"], stride=stride)
        x = norm(x, weights, f"{name}.downsample.1")
    return (inner + x).relu()


def resnet(x: Tensor, weights: Weights, counts: tuple[int, ...]) -> Tensor:
    x = norm(functional.conv2d(x, weights["conv1.weight"], stride=2, padding=3), weights, "bn1").relu()
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage, count in enumerate(counts, start=1):
        for index in range(count):
            x = block(x, weights, f"layer{stage}.{index}", 2 if stage > 1 and index == 0 else 1)
    return x.mean((2, 3)) @ weights["fc.weight"].T + weights["fc.bias"]


@pytest.mark.parametrize(
    ("make", "counts"), [(resnet18, (2, 2, 2, 2)), (resnet50, (3, 4, 6, 3))], ids=["resnet18", "resnet50"]
)
def test_resnets_are_those_of_the_paper(make, counts: tuple[int, ...]) -> None:
    network = lively(make(4, 5).double())
    values = torch.randn(2, 4, 40, 36, dtype=torch.float64)
    with torch.inference_mode():
        expected = resnet(values, network.state_dict(), counts)
        assert expected.abs().max() > 0.1
        torch.testing.assert_close(network(values), expected, rtol=1e-9, atol=1e-9)


def two(x: Tensor, weights: Weights, name: str) -> Tensor:
    for place in (0, 3):
        x = functional.conv2d(x, weights[f"{name}.{place}.weight"], weights[f"{name}.{place}.bias"], padding=1)
        x = norm(x, weights, f"{name}.{place + 1}").relu()
    return x


def unet(x: Tensor, weights: Weights, depth: int) -> Tensor:
    seen = [two(x, weights, "encoder.0")]
    for level in range(1, depth + 1):
        seen.append(two(functional.max_pool2d(seen[-1], 2), weights, f"encoder.{level}"))
    x = seen.pop()
    for level in range(depth):
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        x = two(torch.cat([seen.pop(), x], dim=1), weights, f"decoder.{level}")
    return functional.conv2d(x, weights["head.weight"], weights["head.bias"])


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_unet_is_that_of_the_paper(depth: int) -> None:
    network = lively(UNet(3, 4, width=6, depth=depth).double())
    values = torch.randn(2, 3, 32, 48, dtype=torch.float64)
    with torch.inference_mode():
        expected = unet(values, network.state_dict(), depth)
        assert expected.abs().max() > 0.1
        torch.testing.assert_close(network(values), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("width", [1, 8, 64])
def test_widths_double_at_each_scale_but_the_last(width: int) -> None:
    with torch.device("meta"):
        network = UNet(2, 3, width=width, depth=4)
    channels = [network.encoder[level][0].out_channels for level in range(5)]
    assert channels == [width, 2 * width, 4 * width, 8 * width, 8 * width]
    assert [block[3].out_channels for block in network.decoder] == [4 * width, 2 * width, width, width]
