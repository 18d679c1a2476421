"""The sight that a network is said to have, against what changes when pixels change."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from landweave.errors import CardError
from landweave.models import sight as sights
from landweave.models.sight import Sight, find_sight
from landweave.models.table import build


def conv(kernel: int, *, stride: int = 1, dilation: int = 1, before: int = 2, after: int = 2) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride, dilation * (kernel // 2), dilation)


class SelfAttention(nn.Module):
    """Every pixel looks at every other."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)

    def forward(self, values: Tensor) -> Tensor:
        flat = values.flatten(2).transpose(1, 2)
        mixed: Tensor = self.attention(flat, flat, flat, need_weights=False)[0]
        return mixed.transpose(1, 2).reshape(values.shape)


class Positions(nn.Module):
    """Knows where it is."""

    def forward(self, values: Tensor) -> Tensor:
        return values + torch.arange(values.shape[-1], dtype=values.dtype).square()


class SqueezeExcite(nn.Module):
    """Weighs channels by the mean of everything."""

    def forward(self, values: Tensor) -> Tensor:
        return values * values.mean((2, 3), keepdim=True).sigmoid()


class Wide(nn.Module):
    """Sees 3 pixels to its right and none to its left, 5 below and none above."""

    def forward(self, values: Tensor) -> Tensor:
        padded = nn.functional.pad(values, (0, 3, 0, 5))
        return values + padded[..., 5:, : values.shape[-1]] + padded[..., : values.shape[-2], 3:]


# Reaches worked out by hand: a k x k convolution with dilation d after strides s adds s * d * (k // 2).
FINITE: dict[str, tuple[nn.Module, Sight]] = {
    "one pixel": (conv(1), Sight(1, 0)),
    "two convolutions": (nn.Sequential(conv(3), nn.ReLU(), conv(5)), Sight(1, 3)),
    "dilated": (nn.Sequential(conv(3, dilation=2), nn.ReLU(), conv(3, dilation=4)), Sight(1, 6)),
    # Cell i of the output covers pixels 2i and 2i + 1 and sees 2i - 1 to 2i + 1.
    "strided": (conv(3, stride=2), Sight(2, 1)),
    "stride three": (nn.Conv2d(2, 2, 3, 3), Sight(3, 0)),
    "strided twice": (nn.Sequential(conv(3, stride=2), nn.ReLU(), conv(3, stride=2)), Sight(4, 3)),
    "pooled and repeated": (nn.Sequential(nn.MaxPool2d(4), conv(3), nn.Upsample(scale_factor=4)), Sight(4, 4)),
    "pooled and interpolated": (
        nn.Sequential(nn.AvgPool2d(4), conv(1), nn.Upsample(scale_factor=4, mode="bilinear")),
        Sight(4, 4),
    ),
    "to one side": (Wide(), Sight(1, 5)),
    "batch norm": (nn.Sequential(conv(3), nn.BatchNorm2d(2), nn.ReLU()), Sight(1, 1)),
    "unet of depth 1": (build("unet", 2, 2, width=2, depth=1), Sight(2, 8)),
    "unet of depth 4": (build("unet", 2, 2, width=2, depth=4), Sight(16, 94)),
    "pixel": (build("pixel", 2, 2), Sight(1, 0)),
    "fcn": (build("fcn", 2, 2, width=4), Sight(32, 245)),
    "segnet": (build("segnet", 2, 2, width=4), Sight(32, 186)),
}
NOT_FINITE: dict[str, nn.Module] = {
    "labels of patches": build("resnet18", 2, 2),
    "global pooling": SqueezeExcite(),
    "instance norm": nn.Sequential(conv(3), nn.InstanceNorm2d(2)),
    "group norm": nn.Sequential(conv(3), nn.GroupNorm(1, 2)),
    "attention": SelfAttention(),
    "positions": Positions(),
}


@pytest.mark.parametrize("name", FINITE)
def test_the_sight_is_what_was_worked_out_by_hand(name: str) -> None:
    network, expected = FINITE[name]
    assert find_sight(network, 2) == expected


@pytest.mark.parametrize("name", NOT_FINITE)
def test_networks_without_a_finite_sight_are_recognised(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "attention":
        # Its cost grows with the square of the strip.
        monkeypatch.setattr(sights, "_LAST_HALF_PX", 128)
    sight = find_sight(NOT_FINITE[name], 2)
    assert (sight.stride, sight.reach_px, sight.margin_px) == (1, None, None)


@pytest.mark.parametrize("name", FINITE)
def test_pixels_beyond_the_reach_change_nothing_and_those_within_do(name: str) -> None:
    network, sight = FINITE[name]
    network = all_alive(network)
    assert sight.reach_px is not None
    edge = math.ceil((sight.reach_px + sight.stride) / sight.stride) * sight.stride
    edges = [changes(network, edge, sight.reach_px + beyond, turned) for beyond in (0, -1) for turned in (False, True)]
    assert not any(edges[:2]), "something farther than the reach changes the core"
    # The reach is the larger one of both axes: within it, one of them must see.
    assert any(edges[2:]) or sight.reach_px == 0


def all_alive(network: nn.Module) -> nn.Module:
    """A copy whose weights are all positive: more of anything in gives more out, whatever lies between."""
    network = copy.deepcopy(network).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.01)
    return network


def changes(network: nn.Module, edge: int, distance: int, turned: bool) -> bool:
    """Whether random changes `distance` pixels or more beyond an aligned edge change the core, on either side."""

    def run(strip: Tensor) -> Tensor:
        scores: Tensor = network(strip.transpose(2, 3)).transpose(2, 3) if turned else network(strip)
        return scores.repeat_interleave(strip.shape[3] // scores.shape[3], dim=3)

    generator = torch.Generator().manual_seed(0)
    values = torch.rand(3, 2, 48, 2 * edge, dtype=torch.float64, generator=generator)
    noise = 10 + torch.rand(values.shape, dtype=torch.float64, generator=generator)
    columns = torch.arange(2 * edge)
    right, left = noise * (columns >= edge + distance), noise * (columns < edge - distance)
    whole = run(values)
    before, after = (run(values + right) - whole)[..., :edge], (run(values + left) - whole)[..., edge:]
    return bool(torch.cat([before, after], dim=3).abs().max() > 1e-12 * whole.abs().max())


def test_the_margin_is_a_multiple_of_the_stride() -> None:
    assert [Sight(16, 94).margin_px, Sight(16, 96).margin_px, Sight(1, 3).margin_px, Sight(4, 0).margin_px] == [
        96,
        96,
        3,
        0,
    ]


def test_weights_do_not_matter() -> None:
    dead = nn.Sequential(conv(3), nn.ReLU(), conv(3))
    for parameter in dead.parameters():
        nn.init.constant_(parameter, -1.0 if parameter.ndim == 1 else 0.0)
    assert find_sight(dead, 2) == Sight(1, 2)


def test_the_network_and_torchs_generator_are_left_as_they_are() -> None:
    network = build("unet", 2, 2, width=2, depth=2).train()
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    find_sight(network, 2)
    assert torch.equal(torch.rand(3), expected)
    assert network.training
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_a_network_whose_output_is_no_grid_over_the_input_is_refused() -> None:
    with pytest.raises(CardError) as caught:
        find_sight(nn.Conv2d(2, 2, 5), 2)
    assert "(12, 12)" in caught.value.given
    assert "whole number" in caught.value.expected
    assert "pad" in caught.value.do
