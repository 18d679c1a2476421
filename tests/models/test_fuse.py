"""Folding batch norms changes rounding only, and the network it was given not at all."""

from __future__ import annotations

import pytest
import torch

from landweave.models.fuse import fuse
from landweave.models.table import build


@pytest.mark.parametrize(("name", "arguments"), [("unet", {"width": 8, "depth": 2}), ("resnet18", {}), ("pixel", {})])
def test_a_fused_network_gives_the_same_scores(name: str, arguments: dict[str, int]) -> None:
    torch.manual_seed(0)
    network = build(name, 3, 4, **arguments).double()
    with torch.inference_mode():
        network(torch.randn(4, 3, 32, 32, dtype=torch.float64) * 3 + 1)
        network.eval()
        names = list(network.state_dict())
        fused = fuse(network)
        values = torch.randn(2, 3, 32, 32, dtype=torch.float64)
        torch.testing.assert_close(fused(values), network(values), rtol=1e-9, atol=1e-9)
    assert list(network.state_dict()) == names
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fused.modules())
