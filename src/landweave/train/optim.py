"""Optimisers by name, with weight decay only where it belongs."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.optim import Optimizer

from landweave.config import Config


class OptimiserTable(Config):
    """How gradients become updates."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    """adamw, adam, or sgd with momentum."""
    rate: float = Field(default=1e-3, gt=0)
    """Learning rate, before the schedule's factor; it belongs to the global batch."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """On weights of convolutions and linear layers; never on biases and normalisation."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of sgd."""
    nesterov: bool = True
    """Whether sgd looks ahead (Nesterov)."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the running means of adam and adamw."""
    clip_norm: float = Field(default=0.0, ge=0)
    """Longest gradient allowed, by its norm over all weights; 0 allows any."""


def build(table: OptimiserTable, network: nn.Module) -> Optimizer:
    """The optimiser that `table` describes, over the weights of `network` that are trained."""
    groups = parameter_groups(network, table.weight_decay)
    # Fused updates walk over all weights once; on CPUs too they take a fraction of the time of the plain ones.
    arguments: dict[str, Any] = {"lr": table.rate, "fused": True}
    match table.name:
        case "adamw":
            return torch.optim.AdamW(groups, betas=table.betas, **arguments)
        case "adam":
            return torch.optim.Adam(groups, betas=table.betas, **arguments)
        case "sgd":
            nesterov = table.nesterov and table.momentum > 0
            return torch.optim.SGD(groups, momentum=table.momentum, nesterov=nesterov, **arguments)


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights of more than one dimension with decay, all others without."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    heavy = [weight for weight in trained if weight.dim() > 1]
    light = [weight for weight in trained if weight.dim() <= 1]
    groups = [{"params": heavy, "weight_decay": weight_decay}, {"params": light, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def freeze_idle_biases(network: nn.Module) -> None:
    """Leave biases untrained that the batch norm right behind takes away again.

    Their gradient is rounding and nothing else, which Adam blows up to steps of full length: running means then lag
    behind a random walk. It looks for a batch norm registered right after a convolution, as models.fuse does.
    """
    for module in network.modules():
        for before, after in itertools.pairwise(module.children()):
            if isinstance(before, _ConvNd) and isinstance(after, _BatchNorm) and before.bias is not None:
                before.bias.requires_grad_(False)


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Let the next update use `rate`."""
    for group in optimiser.param_groups:
        group["lr"] = rate
