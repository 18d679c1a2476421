"""TwoBranch: views of any size, one of them alone, and patches that pools would leave nothing of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pytest
import torch
from torch import nn

from landweave.errors import ConfigError
from landweave.models.pair.branches import TwoBranch
from landweave.models.table import build


def views(first: tuple[int, int], second: tuple[int, int], num: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    made = [torch.randn(num, bands, px, px, generator=generator) for bands, px in (first, second)]
    return made[0], made[1]


def walked(layers: Sequence[tuple[str, nn.Module]], values: torch.Tensor) -> torch.Tensor:
    return reduce(lambda given, layer: layer[1](given), layers, values)


@pytest.mark.parametrize(
    ("first", "second"), [((3, 25), (48, 25)), ((1, 90), (5, 9)), ((3, 1), (1, 1)), ((4, 6), (7, 3))]
)
def test_any_bands_and_any_size(first: tuple[int, int], second: tuple[int, int]) -> None:
    network = TwoBranch(first[0], 4, num_second=second[0], patch_px=first[1], second_px=second[1], width=0.125).eval()
    with torch.inference_mode():
        scores = network(*views(first, second))
    assert scores.shape == (3, 4)
    assert scores.isfinite().all()


@pytest.mark.parametrize(("use", "used", "other"), [("rgb", 0, 1), ("hsi", 1, 0)])
def test_one_sensor_alone_does_not_look_at_the_other(use: str, used: int, other: int) -> None:
    network = build("two_branch", 3, 4, num_second=6, patch_px=8, use=use, width=0.125).eval()
    given = list(views((3, 8), (6, 8)))
    with torch.inference_mode():
        before = network(*given)
        given[other] = given[other] + 1
        assert torch.equal(network(*given), before)
        given[used] = given[used] + 1
        assert not torch.equal(network(*given), before)
    assert list(network.branches()) == [use]
    assert not [name for name in network.state_dict() if name.startswith("rgb" if use == "hsi" else "hsi")]


def test_layers_one_after_the_other_are_the_network() -> None:
    network = TwoBranch(3, 4, num_second=6, patch_px=8, width=0.125).eval()
    given = views((3, 8), (6, 8))
    with torch.inference_mode():
        joined = [walked(layers, values) for values, layers in zip(given, network.branches().values(), strict=True)]
        assert torch.equal(walked(network.trunk(), network.merge(joined)), network(*given))


def test_weights_stand_in_the_layers_and_are_named_by_them() -> None:
    network = TwoBranch(3, 4, num_second=6, patch_px=8, width=0.125)
    chains = {**{f"{name}.": layers for name, layers in network.branches().items()}, "": network.trunk()}
    named = {f"{chain}{name}.{key}" for chain, layers in chains.items() for name, layer in layers
             for key in layer.state_dict()}  # fmt: skip
    assert named == set(network.state_dict())


def test_it_learns_what_only_both_views_tell() -> None:
    torch.manual_seed(0)
    bits = torch.randint(0, 2, (32, 2))
    first, second = (bit.float().view(-1, 1, 1, 1) + 0.1 * torch.randn(32, 4, 4, 4) for bit in bits.T)
    # True where the views differ: either alone tells nothing.
    target = bits.sum(1) % 2
    network = TwoBranch(4, 2, num_second=4, patch_px=4, width=0.25, dropout=0)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(26):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(first, second), target)
        loss.backward()
        optimiser.step()
    assert loss < 0.1


@pytest.mark.parametrize(
    ("second", "px", "least", "branch"), [(48, 15, 16, "rgb"), (48, 7, 8, "hsi"), (4, 25, 8, "hsi")]
)
def test_what_pools_would_leave_nothing_of_is_refused(second: int, px: int, least: int, branch: str) -> None:
    use = "rgb" if branch == "rgb" else "hsi"
    with pytest.raises(ConfigError) as caught:
        build("two_branch", 16, 4, num_second=second, patch_px=px, ceiling=False, use=use, width=0.125)
    assert f"branch {branch}" in caught.value.given
    assert f"{px} x {px}" in caught.value.given
    assert f"at least {least} x {least} pixels and {least} bands" in caught.value.expected
    assert "ceiling" in caught.value.do


@pytest.mark.parametrize(("second", "px"), [(48, 0), (0, 25)])
def test_nothing_is_refused_with_the_smallest_that_works(second: int, px: int) -> None:
    with pytest.raises(ConfigError) as caught:
        TwoBranch(3, 4, num_second=second, patch_px=px)
    assert "at least 1 x 1" in caught.value.expected
    assert "1 pixels" in caught.value.do


def test_a_sensor_that_is_none_of_both_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        build("two_branch", 3, 4, use="lidar")
    assert "use lidar" in caught.value.given
    assert caught.value.expected
    assert caught.value.do
