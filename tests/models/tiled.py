"""How much a network's scores of tiles differ from those of the whole."""

from __future__ import annotations

import copy

import torch
from torch import nn

from landweave.tiling import Tiling


def largest_difference(
    network: nn.Module, shape: tuple[int, int], core_px: int, margin_px: int, stride: int, num_bands: int = 1
) -> float:
    """The largest difference, as a share of the largest score; `shape` in whole strides."""
    torch.manual_seed(0)
    network = copy.deepcopy(network).double().eval()
    for parameter in network.parameters():
        # Large weights let what is far away count, so that a margin that is too narrow shows.
        fan = parameter[0].numel() if parameter.ndim > 1 else 0
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape) * (2 / fan) ** 0.5 if fan else 1 + 0.1 * parameter)
    values = torch.randn(1, num_bands, *shape, dtype=torch.float64)
    tiling = Tiling(shape, core_px, margin_px, stride)
    assert len(tiling) > 4
    with torch.inference_mode():
        whole = network(values)
        tiled = torch.zeros_like(whole)
        for tile in tiling:
            scores = network(values[(..., *tile.seen.slices)])
            tiled[(..., *tile.core.slices)] = scores[(..., *tile.core.inside(tile.seen).slices)]
    return float((tiled - whole).abs().max() / whole.abs().max())
