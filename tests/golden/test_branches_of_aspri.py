"""The two-branch network as figure 2 of Aspri et al. (Remote Sensing 2020, 12, 2670) prints it, and what follows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landweave.models.pair.branches import TwoBranch

# Order and filters are the paper's; "cube" and "flatten" are how a patch enters and leaves a branch. Shapes follow from
# patches of 25 x 25 pixels, kernels of 3 x 3 x 3 that keep the size and pools of 2 x 2 x 2 that round up, all ours.
HSI = [
    ("cube", (1, 48, 25, 25)),
    ("conv1", (8, 48, 25, 25)),
    ("conv2", (16, 48, 25, 25)),
    ("pool1", (16, 24, 13, 13)),
    ("norm1", (16, 24, 13, 13)),
    ("conv3", (16, 24, 13, 13)),
    ("conv4", (32, 24, 13, 13)),
    ("pool2", (32, 12, 7, 7)),
    ("norm2", (32, 12, 7, 7)),
    ("conv5", (32, 12, 7, 7)),
    ("conv6", (64, 12, 7, 7)),
    ("pool3", (64, 6, 4, 4)),
    ("norm3", (64, 6, 4, 4)),
    ("conv7", (128, 6, 4, 4)),
    ("conv8", (256, 6, 4, 4)),
    ("conv9", (512, 6, 4, 4)),
    ("flatten", (49152,)),
]
RGB = [
    ("cube", (1, 3, 25, 25)),
    ("conv1", (2, 3, 25, 25)),
    ("conv2", (4, 3, 25, 25)),
    ("pool1", (4, 2, 13, 13)),
    ("norm1", (4, 2, 13, 13)),
    ("conv3", (8, 2, 13, 13)),
    ("conv4", (8, 2, 13, 13)),
    ("pool2", (8, 1, 7, 7)),
    ("norm2", (8, 1, 7, 7)),
    ("conv5", (16, 1, 7, 7)),
    ("conv6", (16, 1, 7, 7)),
    ("pool3", (16, 1, 4, 4)),
    ("norm3", (16, 1, 4, 4)),
    ("conv7", (32, 1, 4, 4)),
    ("conv8", (64, 1, 4, 4)),
    ("pool4", (64, 1, 2, 2)),
    ("norm4", (64, 1, 2, 2)),
    ("conv9", (128, 1, 2, 2)),
    ("conv10", (256, 1, 2, 2)),
    ("conv11", (512, 1, 2, 2)),
    ("flatten", (2048,)),
]
TRUNK = [("dropout", (51200,)), ("dense1", (1000,)), ("dense2", (500,)), ("dense3", (20,))]


@pytest.fixture(scope="module")
def network() -> TwoBranch:
    # Without memory: only shapes are asked for.
    with torch.device("meta"):
        return TwoBranch(3, 20, num_second=48).eval()


def walked(layers, values: torch.Tensor) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for name, layer in layers:
        values = layer(values)
        found.append((name, tuple(values.shape[1:])))
    return found


@pytest.mark.parametrize(("branch", "bands", "wanted"), [("hsi", 48, HSI), ("rgb", 3, RGB)])
def test_each_branch_has_the_papers_filters_in_its_order(network, branch: str, bands: int, wanted) -> None:
    assert walked(network.branches()[branch], torch.empty(2, bands, 25, 25, device="meta")) == wanted


def test_the_trunk_has_the_papers_dense_layers(network) -> None:
    assert walked(network.trunk(), torch.empty(2, 49152 + 2048, device="meta")) == TRUNK
    assert dict(network.trunk())["dropout"].p == 0.9


def test_every_convolution_is_3x3x3_and_every_pool_halves(network) -> None:
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv3d)]
    pools = [layer for layer in network.modules() if isinstance(layer, nn.MaxPool3d)]
    assert {(layer.kernel_size, layer.padding) for layer in convs} == {((3, 3, 3), (1, 1, 1))}
    assert {(layer.kernel_size, layer.ceil_mode) for layer in pools} == {(2, True)}
    assert (len(convs), len(pools)) == (9 + 11, 3 + 4)


def test_the_number_of_weights_follows_from_the_figure(network) -> None:
    def convs(filters: list[int]) -> int:
        return sum(27 * before * after + after for before, after in zip([1, *filters], filters, strict=False))

    hsi = convs([8, 16, 16, 32, 32, 64, 128, 256, 512]) + 2 * (16 + 32 + 64)
    rgb = convs([2, 4, 8, 8, 16, 16, 32, 64, 128, 256, 512]) + 2 * (4 + 8 + 16 + 64)
    dense = 51200 * 1000 + 1000 + 1000 * 500 + 500 + 500 * 20 + 20
    assert sum(weights.numel() for weights in network.parameters()) == hsi + rgb + dense


def test_earlier_activations_are_an_eighth_of_later_ones() -> None:
    # What `optimized` hands over, behind the last norm of each branch, by what `baseline` does, behind the last filter.
    early = sum(torch.Size(dict(layers)[name]).numel() for layers, name in ((HSI, "norm3"), (RGB, "norm4")))
    late = sum(torch.Size(dict(layers)[name]).numel() for layers, name in ((HSI, "conv9"), (RGB, "conv11")))
    assert early / late == 0.125
