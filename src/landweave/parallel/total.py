"""Sums over ranks through which gradients flow: for losses in which samples of one rank meet those of another."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from landweave.parallel.world import World


def sum_over_ranks(value: Float[Tensor, "*n"], world: World) -> Float[Tensor, "*n"]:
    """The sum of `value` over all ranks, on every rank; its gradient is the sum of all ranks' gradients.

    Every rank must come here equally often, and each must go backward through it. In a world of one rank it is `value`.
    """
    if world.size == 1:
        return value
    total: Tensor = _Total.apply(value, world)  # type: ignore[no-untyped-call]
    return total


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, world: World) -> Tensor:
        ctx.world = world
        return world.sum(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # What this rank's value does to the losses of the others comes back in this sum.
        return ctx.world.sum(gradients[0]), None
