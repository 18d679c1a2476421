"""DSen2: counts as published, fresh networks that interpolate, and what they see."""

from __future__ import annotations

import pytest
import torch

from landweave.errors import ConfigError
from landweave.models import table
from landweave.models.pair.dsen2 import DSen2
from landweave.models.sight import find_sight


def test_fresh_networks_give_the_interpolated_bands() -> None:
    values = torch.rand(2, 10, 12, 12)
    assert torch.equal(DSen2(10, 6, width=8, depth=2)(values), values[:, -6:])


def test_counts_of_weights_follow_from_the_figure_of_the_paper() -> None:
    # Convolutions of 3 x 3: 10 -> 128, twelve of 128 -> 128, 128 -> 6, each with biases.
    wanted = (10 * 128 * 9 + 128) + 12 * (128 * 128 * 9 + 128) + (128 * 6 * 9 + 6)
    assert sum(weight.numel() for weight in DSen2(10, 6).parameters()) == wanted == 1_789_574


def test_every_weight_learns() -> None:
    network = DSen2(5, 2, width=4, depth=2)
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    target = torch.rand(2, 2, 8, 8)
    for _ in range(2):
        optimiser.zero_grad()
        (network(torch.rand(2, 5, 8, 8)) - target).abs().mean().backward()
        optimiser.step()
    assert all(weight.grad is not None and bool((weight.grad != 0).any()) for weight in network.parameters())


def test_blocks_add_a_tenth() -> None:
    network = DSen2(2, 1, width=3, depth=1)
    block, values = network.blocks[0], torch.rand(1, 3, 5, 5)
    inner = block.second(torch.relu(block.first(values)))  # type: ignore[operator]
    torch.testing.assert_close(block(values), values + 0.1 * inner)


def test_it_sees_two_pixels_a_block_and_two_more() -> None:
    sight = find_sight(DSen2(3, 1, width=4, depth=3), 3)
    assert (sight.stride, sight.reach_px) == (1, 8)


def test_more_bands_out_than_in_are_refused() -> None:
    with pytest.raises(ValueError, match="6 bands out of 4"):
        DSen2(4, 6)


def test_it_is_no_network_of_labels() -> None:
    with pytest.raises(ConfigError):
        table.build("dsen2", 4, 2)
