"""LARS: SGD with momentum, each layer at a rate of its own (You et al. 2017). A pure rule and a thin optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def update(
    weights: list[Tensor],
    gradients: list[Tensor],
    velocities: list[Tensor],
    *,
    rate: float,
    momentum: float = 0.9,
    trust: float = 0.001,
    decay: float = 0.0,
    adapt: bool = True,
) -> tuple[list[Tensor], list[Tensor]]:
    """The weights and velocities after one update; what is given is left as it is.

    You, Gitman and Ginsburg 2017 (Large batch training of convolutional networks, arXiv 1708.03888), Algorithm 1:
    local rate l = trust |w| / (|g| + decay |w|), v = momentum v + rate l (g + decay w), w = w - v, norms over each
    tensor (their "layer").

    Args:
        weights: One tensor a layer.
        gradients: Of each.
        velocities: Of each; zeros before the first update.
        rate: Learning rate.
        momentum: Share of the velocity that stays.
        trust: How far an update goes, as a share of its weights' norm, at a rate of 1.
        decay: Weight decay.
        adapt: Whether the local rate is used; where a norm is 0 it is 1, and without it this is SGD.
    """
    moved = torch._foreach_add(gradients, weights, alpha=decay) if decay else torch._foreach_clone(gradients)
    if adapt:
        sizes, slopes = torch.stack(torch._foreach_norm(weights)), torch.stack(torch._foreach_norm(gradients))
        # Weights that start at 0 would never leave it.
        local = torch.where((sizes > 0) & (slopes > 0), trust * sizes / (slopes + decay * sizes), 1.0)
        torch._foreach_mul_(moved, list(local.unbind()))
    after = torch._foreach_mul(velocities, momentum)
    torch._foreach_add_(after, moved, alpha=rate)
    return list(torch._foreach_sub(weights, after)), list(after)


class Lars(Optimizer):
    """`update` over parameter groups; a group may have its own rate, decay and whether it is adapted.

    Args:
        groups: Weights, with "weight_decay" and "adapt" where they differ from the defaults.
        rate: Learning rate.
        momentum: Share of the velocity that stays.
        trust: How far an update goes, as a share of its weights' norm, at a rate of 1.
    """

    def __init__(self, groups: Any, rate: float, momentum: float = 0.9, trust: float = 0.001) -> None:
        super().__init__(groups, {"lr": rate, "momentum": momentum, "trust": trust, "weight_decay": 0.0, "adapt": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient."""
        assert closure is None, "the step computes gradients, not the optimiser"
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            for weight in weights:
                self.state[weight].setdefault("velocity", torch.zeros_like(weight))
            velocities = [self.state[weight]["velocity"] for weight in weights]
            new, after = update(
                weights,
                [weight.grad for weight in weights],
                velocities,
                rate=group["lr"],
                momentum=group["momentum"],
                trust=group["trust"],
                decay=group["weight_decay"],
                adapt=group["adapt"],
            )
            torch._foreach_copy_(weights, new)
            torch._foreach_copy_(velocities, after)
