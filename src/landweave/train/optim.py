"""Optimisers by name, with weight decay only where it belongs."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.optim import Optimizer

from landweave.config import Config
from landweave.train.lamb import Lamb
from landweave.train.lars import Lars


class OptimiserTable(Config):
    """How gradients become updates."""

    name: Literal["adamw", "adam", "sgd", "lars", "lamb"] = "adamw"
    """adamw, adam, sgd with momentum, or for large batches lars or lamb."""
    rate: float = Field(default=1e-3, gt=0)
    """Learning rate, before the schedule's factor; it belongs to the global batch unless `scaling` is set."""
    scaling: Literal["none", "linear", "sqrt"] = "none"
    """How the rate follows the global batch: not; times batch / base_batch (Goyal et al. 2017); or times its root."""
    base_batch: int = Field(default=256, ge=1)
    """The global batch that `rate` belongs to where it is scaled."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """On weights of convolutions and linear layers; never on biases and normalisation."""
    decay_on: Literal["weights", "convolutions"] = "weights"
    """weights: of convolutions and linear layers; convolutions: of these alone."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of sgd and lars."""
    nesterov: bool = True
    """Whether sgd looks ahead (Nesterov)."""
    trust: float = Field(default=0.001, gt=0)
    """How far an update of lars goes, as a share of its weights' norm, at a rate of 1."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the running means of adam, adamw and lamb."""
    clip_norm: float = Field(default=0.0, ge=0)
    """Longest gradient allowed, by its norm over all weights; 0 allows any."""

    def scaled(self, batch_global: int) -> OptimiserTable:
        """This table with the rate that belongs to a global batch."""
        ratio = batch_global / self.base_batch
        factor = {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[self.scaling]
        return self.model_copy(update={"rate": self.rate * factor})


def build(table: OptimiserTable, network: nn.Module) -> Optimizer:
    """The optimiser that `table` describes, over the weights of `network` that are trained."""
    groups = parameter_groups(network, table.weight_decay, table.decay_on == "convolutions")
    # A rank may hold layers without weights alone.
    groups = groups or [{"params": [], "weight_decay": 0.0, "adapt": False}]
    # Fused updates walk over all weights once; on CPUs too they take a fraction of the time of the plain ones.
    arguments: dict[str, Any] = {"lr": table.rate, "fused": True}
    match table.name:
        case "adamw":
            return torch.optim.AdamW(_plain(groups), betas=table.betas, **arguments)
        case "adam":
            return torch.optim.Adam(_plain(groups), betas=table.betas, **arguments)
        case "sgd":
            nesterov = table.nesterov and table.momentum > 0
            return torch.optim.SGD(_plain(groups), momentum=table.momentum, nesterov=nesterov, **arguments)
        case "lars":
            return Lars(groups, table.rate, table.momentum, table.trust)
        case "lamb":
            return Lamb(groups, table.rate, table.betas)


def parameter_groups(network: nn.Module, weight_decay: float, convolutions_only: bool = False) -> list[dict[str, Any]]:
    """Weights of more than one dimension with decay, all others without.

    Every group says whether LARS and LAMB adapt it: biases and weights of normalisation have norms that tell nothing
    of how far an update may go, and are left out as the papers' own programs do.

    Args:
        network: Whose weights.
        weight_decay: Of those that have it.
        convolutions_only: Whether weights of linear layers have none.
    """
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    kernels = {id(module.weight) for module in network.modules() if isinstance(module, _ConvNd)}
    decays = [weight.dim() > 1 and (id(weight) in kernels or not convolutions_only) for weight in trained]
    heavy = [weight for weight, does in zip(trained, decays, strict=True) if does]
    spared = [weight for weight, does in zip(trained, decays, strict=True) if not does and weight.dim() > 1]
    light = [weight for weight in trained if weight.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": heavy, "weight_decay": weight_decay, "adapt": True},
        {"params": spared, "weight_decay": 0.0, "adapt": True},
        {"params": light, "weight_decay": 0.0, "adapt": False},
    ]
    return [group for group in groups if group["params"]]


def _plain(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # torch keeps keys that it does not know, but they would stand in its state for nothing.
    return [{name: value for name, value in group.items() if name != "adapt"} for group in groups]


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
