"""Batch norm over the samples of all ranks, on any device: two ranks then normalise as one with the whole batch."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landweave.parallel.world import World


class WorldNorm(_BatchNorm):
    """Batch norm whose mean and variance in training are those of all ranks' samples together.

    Weights and buffers have the names of torch's batch norm, and evaluation is the same.

    Attributes:
        num_samples: How many samples of the next batch of this rank count, from its beginning; None is all. The others
            only fill up: they are normalised and change nothing.
    """

    def __init__(self, like: _BatchNorm, world: World) -> None:
        super().__init__(like.num_features, like.eps, like.momentum, like.affine, like.track_running_stats)
        self.world = world
        self.num_samples: int | None = None
        # The same tensors, not copies: an optimiser that was made before still updates them.
        for name, weight in like.named_parameters(recurse=False):
            setattr(self, name, weight)
        for name, buffer in like.named_buffers(recurse=False):
            setattr(self, name, buffer)
        self.train(like.training)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions."""

    def forward(self, input: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """Normalise; in training every rank must come here equally often."""
        if not self.training or self.world.size == 1:
            out: Tensor = super().forward(input)
            return out
        scaled: Tensor
        scaled, mean, variance, count = _Normalise.apply(input, self.num_samples, self.eps, self.world)  # type: ignore[no-untyped-call]
        self._remember(mean, variance, count)
        # Outside the function above: DDP adds up the gradients of weight and bias by itself.
        if self.affine:
            shape = (-1, *(1,) * (input.dim() - 2))
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1).clamp(min=1)), share)


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) over all ranks, in fp32 at least."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, num: int | None, eps: float, world: World
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        wide = _precise(x)
        counted = wide[:num]
        # Every rank fills its own row and all rows are added: one message carries count, mean and variance.
        rows = wide.new_zeros(world.size, 1 + 2 * x.shape[1])
        # A rank whose samples only fill up adds rows of 0, with a count of 0.
        if counted.numel():
            variance, mean = torch.var_mean(counted, [0, *range(2, x.dim())], correction=0)
            rows[world.rank] = torch.cat([mean.new_full((1,), counted.numel() // x.shape[1]), mean, variance])
        counts, means, variances = torch.split(world.sum(rows), [1, x.shape[1], x.shape[1]], dim=1)
        total = counts.sum()
        # Variances of parts and of their means add up (Chan, Golub and LeVeque 1983); sums of squares would cancel.
        mean = (means * counts).sum(0) / total
        variance = ((variances + (means - mean) ** 2) * counts).sum(0) / total
        inverse = torch.rsqrt(variance + eps)
        scaled = (wide - _wide(mean, x)) * _wide(inverse, x)
        ctx.save_for_backward(scaled, inverse, total)
        ctx.world, ctx.dtype, ctx.num = world, x.dtype, num
        ctx.mark_non_differentiable(mean, variance, total)
        return scaled, mean, variance, total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        scaled, inverse, total = ctx.saved_tensors
        gradient = _precise(gradients[0])
        over = [0, *range(2, scaled.dim())]
        # What a rank's samples do to the others' losses through mean and variance comes back in this sum.
        both = ctx.world.sum(torch.stack([gradient.sum(over), (gradient * scaled).sum(over)])) / total
        inner = gradient - _wide(both[0], scaled) - scaled * _wide(both[1], scaled)
        # Mean and variance do not depend on samples that only fill up.
        if ctx.num is not None:
            inner[ctx.num :] = gradient[ctx.num :]
        return (inner * _wide(inverse, scaled)).to(ctx.dtype), None, None, None


def _precise(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _wide(values: Tensor, like: Tensor) -> Tensor:
    return values.view(1, -1, *(1,) * (like.dim() - 2))


def norm_over_ranks(network: nn.Module, world: World) -> nn.Module:
    """`network` with every batch norm over the samples of all ranks; in a world of one rank nothing changes."""
    if world.size == 1:
        return network
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, _BatchNorm):
                setattr(parent, name, WorldNorm(child, world))
    return network


def count_samples(network: nn.Module, num_samples: int) -> None:
    """Tell every `WorldNorm` of `network` how many samples of the next batch count."""
    for module in network.modules():
        if isinstance(module, WorldNorm):
            module.num_samples = num_samples


def num_norms(network: nn.Module) -> int:
    """How many batch norms of `network` sum up over ranks, twice in each step."""
    return sum(isinstance(module, WorldNorm) for module in network.modules())
