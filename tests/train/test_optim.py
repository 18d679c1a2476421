"""Optimisers by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from landweave.config import check
from landweave.errors import ConfigError
from landweave.models.table import build as network_of
from landweave.train.optim import OptimiserTable, build, freeze_idle_biases, parameter_groups, set_rate


def table(**changed: Any) -> OptimiserTable:
    return check(OptimiserTable, changed, "test")


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=True), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


def updated(network: nn.Module, optimiser: torch.optim.Optimizer, num: int = 3) -> list[torch.Tensor]:
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)).contiguous(
        memory_format=torch.channels_last
    )
    for _ in range(num):
        optimiser.zero_grad()
        network(x).square().mean().backward()
        optimiser.step()
    return [weight.detach().clone() for weight in network.parameters()]


REFERENCES = {
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.01),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.01),
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.01, momentum=0.9, nesterov=True),
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_updates_are_torchs_plain_ones(name: str, layout: torch.memory_format) -> None:
    """Fused updates walk over weight and gradient in memory: both must be laid out alike."""
    ours, plain = small().to(memory_format=layout), small()  # type: ignore[call-overload]
    for network in (ours, plain):
        freeze_idle_biases(network)
    made = updated(ours, build(table(name=name, rate=0.01, weight_decay=0.1), ours))
    wanted = updated(plain, REFERENCES[name](parameter_groups(plain, 0.1)))
    for one, other in zip(made, wanted, strict=True):
        assert torch.allclose(one, other, atol=2e-6)


def test_decay_falls_on_heavy_weights_only() -> None:
    network = small()
    groups = parameter_groups(network, 0.1)
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert {weight.dim() for weight in groups[0]["params"]} == {4}
    assert {weight.dim() for weight in groups[1]["params"]} == {1}
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


def test_decay_may_fall_on_convolutions_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    groups = parameter_groups(network, 0.1, convolutions_only=True)
    told = [(group["weight_decay"], group["adapt"], [tuple(w.shape) for w in group["params"]]) for group in groups]
    assert told == [
        (0.1, True, [(4, 3, 1, 1)]),
        (0.0, True, [(2, 4)]),
        (0.0, False, [(4,), (4,), (4,), (2,)]),
    ]
    made = build(table(decay_on="convolutions", weight_decay=0.1), network)
    assert [group["weight_decay"] for group in made.param_groups] == [0.1, 0.0, 0.0]


@pytest.mark.parametrize(
    ("scaling", "batch", "rate"),
    [("none", 8192, 0.1), ("linear", 8192, 3.2), ("linear", 128, 0.05), ("sqrt", 1024, 0.2), ("sqrt", 64, 0.05)],
)
def test_rates_follow_the_global_batch(scaling: str, batch: int, rate: float) -> None:
    """The first paper's rule is 0.1 * k * n / 256 for k ranks with n samples each."""
    assert table(rate=0.1, scaling=scaling).scaled(batch).rate == pytest.approx(rate)


def test_optimisers_for_large_batches_are_made_with_their_own_keys() -> None:
    lars = build(table(name="lars", trust=0.02, momentum=0.8, weight_decay=0.3), small()).param_groups
    assert [(group["trust"], group["momentum"], group["adapt"], group["weight_decay"]) for group in lars] == [
        (0.02, 0.8, True, 0.3),
        (0.02, 0.8, False, 0.0),
    ]
    lamb = build(table(name="lamb", betas=(0.8, 0.9)), small()).param_groups
    assert [(group["betas"], group["adapt"]) for group in lamb] == [((0.8, 0.9), True), ((0.8, 0.9), False)]


def test_frozen_weights_are_in_no_group() -> None:
    network = small()
    network[0].requires_grad_(False)
    assert sum(len(group["params"]) for group in parameter_groups(network, 0.1)) == 4


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "lars", "lamb"])
def test_what_has_no_weights_is_updated_without_a_word(name: str) -> None:
    optimiser = build(OptimiserTable(name=name), nn.Flatten())  # type: ignore[arg-type]
    set_rate(optimiser, 0.5)
    optimiser.step()
    assert [group["lr"] for group in optimiser.param_groups] == [0.5]
    assert not optimiser.state_dict()["state"]


def test_biases_that_batch_norm_takes_away_are_left_alone() -> None:
    network = small()
    freeze_idle_biases(network)
    assert [name for name, weight in network.named_parameters() if not weight.requires_grad] == ["0.bias"]


def test_only_the_biases_before_batch_norm_of_a_u_net_are_idle() -> None:
    network = network_of("unet", 3, 2, width=4, depth=2)
    freeze_idle_biases(network)
    idle = {name for name, weight in network.named_parameters() if not weight.requires_grad}
    assert len(idle) == 2 * 5
    assert all(name.endswith(".bias") for name in idle)
    assert "head.bias" not in idle


def test_the_next_update_uses_the_rate_that_was_set() -> None:
    network = small()
    optimiser = build(table(), network)
    set_rate(optimiser, 0.0)
    before = [weight.detach().clone() for weight in network.parameters()]
    assert all(torch.equal(*pair) for pair in zip(before, updated(network, optimiser), strict=True))


def test_unknown_names_and_rates_below_0_are_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        table(name="adamm", rate=-1)
    assert "adamm" in refused.value.given and "rate" in refused.value.given
    assert "adamw" in refused.value.expected
    assert "mend" in refused.value.do
