"""What each layer of the two-branch network gives and weighs, at 25 x 25 pixels and 48 bands, for the planner's bytes.

Filters and their order are those of figure 2 of Aspri et al. (2020); kernels of 3 x 3 x 3 and pools of 2 x 2 x 2 that
round up are ours. Counted by hand: filters x depth x height x width, and 27 weights a pair of filters and one a filter.
"""

from __future__ import annotations

import pytest
import torch

from landweave.models.pair.branches import TwoBranch
from landweave.parallel.stages import stages_of, views_of

# Layer, filters, and depth and edge of what it gives.
HSI = [
    ("conv1", 8, 48, 25),
    ("conv2", 16, 48, 25),
    ("pool1", 16, 24, 13),
    ("norm1", 16, 24, 13),
    ("conv3", 16, 24, 13),
    ("conv4", 32, 24, 13),
    ("pool2", 32, 12, 7),
    ("norm2", 32, 12, 7),
    ("conv5", 32, 12, 7),
    ("conv6", 64, 12, 7),
    ("pool3", 64, 6, 4),
    ("norm3", 64, 6, 4),
    ("conv7", 128, 6, 4),
    ("conv8", 256, 6, 4),
    ("conv9", 512, 6, 4),
]
RGB = [
    ("conv1", 2, 3, 25),
    ("conv2", 4, 3, 25),
    ("pool1", 4, 2, 13),
    ("norm1", 4, 2, 13),
    ("conv3", 8, 2, 13),
    ("conv4", 8, 2, 13),
    ("pool2", 8, 1, 7),
    ("norm2", 8, 1, 7),
    ("conv5", 16, 1, 7),
    ("conv6", 16, 1, 7),
    ("pool3", 16, 1, 4),
    ("norm3", 16, 1, 4),
    ("conv7", 32, 1, 4),
    ("conv8", 64, 1, 4),
    ("pool4", 64, 1, 2),
    ("norm4", 64, 1, 2),
    ("conv9", 128, 1, 2),
    ("conv10", 256, 1, 2),
    ("conv11", 512, 1, 2),
]
JOINED = 512 * (6 * 4 * 4 + 1 * 2 * 2)
DENSE = [("dense1", JOINED, 1000), ("dense2", 1000, 500), ("dense3", 500, 20)]


@pytest.mark.parametrize(("branch", "rows"), [("hsi", HSI), ("rgb", RGB)])
def test_shapes_and_weights_of_a_branch(branch: str, rows: list[tuple[str, int, int, int]]) -> None:
    with torch.device("meta"):
        network = TwoBranch(3, 20, num_second=48, patch_px=25, second_px=25)
        views = views_of(network, (torch.empty(2, 3, 25, 25), torch.empty(2, 48, 25, 25)))
    values, before = views[branch], 1
    layers = dict(stages_of(network).branches[branch])
    assert list(layers) == ["cube", *(name for name, *_ in rows), "flatten"]
    values = layers["cube"](values)
    for name, filters, depth, edge in rows:
        values = layers[name](values)
        assert values.shape[1:] == (filters, depth, edge, edge), name
        counted = {"conv": 27 * before * filters + filters, "pool": 0, "norm": 2 * filters}[name[:4]]
        assert sum(weight.numel() for weight in layers[name].parameters()) == counted, name
        before = filters


def test_weights_of_the_trunk() -> None:
    with torch.device("meta"):
        trunk = dict(stages_of(TwoBranch(3, 20, num_second=48, patch_px=25, second_px=25)).trunk)
    for name, before, after in DENSE:
        assert sum(weight.numel() for weight in trunk[name].parameters()) == before * after + after
    # The first dense layer has nearly all weights: what data parallelism sums up, and a placement does not send.
    assert JOINED * 1000 == 51_200_000


@pytest.mark.parametrize(("rows", "before", "after"), [(HSI, "norm3", "conv9"), (RGB, "norm4", "conv11")])
def test_optimized_sends_an_eighth_of_baseline(rows: list[tuple[str, int, int, int]], before: str, after: str) -> None:
    size = {name: filters * depth * edge**2 for name, filters, depth, edge in rows}
    assert size[before] / size[after] == 64 / 512 == 0.125
