"""LAMB: Adam's updates, each made as long as its weights are (You et al. 2020). A pure rule and a thin optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer


class Moments(NamedTuple):
    """What LAMB remembers of some weights: running means of their gradients and of these squared."""

    mean: list[Tensor]
    square: list[Tensor]


def update(
    weights: list[Tensor],
    gradients: list[Tensor],
    moments: Moments,
    step: int,
    *,
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-6,
    decay: float = 0.0,
    adapt: bool = True,
    debias: bool = True,
) -> tuple[list[Tensor], Moments]:
    """The weights and moments after update number `step` (from 1); what is given is left as it is.

    You et al. 2020 (Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, ICLR), Algorithm 2 with
    phi(z) = z: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, r = m' / (sqrt(v') + eps) with m' and v' freed of
    their bias, x = x - rate * |x| / |r + decay x| * (r + decay x), norms over each tensor (their "layer").

    Args:
        weights: One tensor a layer.
        gradients: Of each.
        moments: Of each; zeros before the first update.
        step: Number of this update.
        rate: Learning rate.
        betas: Decay of the two running means.
        eps: Added to the root.
        decay: Weight decay, inside the norm as in the paper.
        adapt: Whether updates are made as long as their weights; where a norm is 0, they are left as they are.
        debias: Whether the running means are freed of their start at 0; the paper's first version left this away.
    """
    mean = torch._foreach_lerp(moments.mean, gradients, 1 - betas[0])
    square = torch._foreach_mul(moments.square, betas[1])
    torch._foreach_addcmul_(square, gradients, gradients, 1 - betas[1])
    grown = [1 - beta**step if debias else 1.0 for beta in betas]
    root = torch._foreach_sqrt(torch._foreach_div(square, grown[1]))
    torch._foreach_add_(root, eps)
    moved = torch._foreach_div(torch._foreach_div(mean, grown[0]), root)
    if decay:
        torch._foreach_add_(moved, weights, alpha=decay)
    if adapt:
        torch._foreach_mul_(moved, _ratios(weights, list(moved)))
    return list(torch._foreach_add(weights, moved, alpha=-rate)), Moments(list(mean), list(square))


def _ratios(weights: list[Tensor], moved: list[Tensor]) -> list[Tensor]:
    """The norm of each tensor of weights over that of its update; 1 where either is 0."""
    size, length = (torch.stack(torch._foreach_norm(tensors)) for tensors in (weights, moved))
    # Weights that start at 0 would never leave it.
    return list(torch.where((size > 0) & (length > 0), size / length, 1.0).unbind())


class Lamb(Optimizer):
    """`update` over parameter groups; a group may have its own rate, decay and whether it is adapted.

    Args:
        groups: Weights, with "weight_decay" and "adapt" where they differ from the defaults.
        rate: Learning rate.
        betas: Decay of the running means.
        eps: Added to the root.
    """

    def __init__(self, groups: Any, rate: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-6) -> None:
        super().__init__(groups, {"lr": rate, "betas": betas, "eps": eps, "weight_decay": 0.0, "adapt": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient."""
        assert closure is None, "the step computes gradients, not the optimiser"
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            states = [self._state(weight) for weight in weights]
            for state in states:
                state["step"] += 1
            moments = Moments([state["mean"] for state in states], [state["square"] for state in states])
            new, after = update(
                weights,
                [weight.grad for weight in weights],
                moments,
                # All weights of a group are updated together, so that one number tells for all.
                int(states[0]["step"]),
                rate=group["lr"],
                betas=group["betas"],
                eps=group["eps"],
                decay=group["weight_decay"],
                adapt=group["adapt"],
            )
            for old, fresh in zip((weights, *moments), (new, *after), strict=True):
                torch._foreach_copy_(old, fresh)

    def _state(self, weight: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[weight]
        if not state:
            # A tensor, so that checkpoints keep it; on the CPU, so that reading it makes no GPU wait.
            state |= {"step": torch.zeros(()), "mean": torch.zeros_like(weight), "square": torch.zeros_like(weight)}
        return state
