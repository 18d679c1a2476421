"""One network that learns by one loss over each batch: what such steps have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from landweave.parallel.replicate import replicate
from landweave.parallel.world import World
from landweave.train import optim
from landweave.train.precision import Precision
from landweave.train.step import Sums


class Single(ABC):
    """A step of one network, its replica over the ranks and its optimiser.

    Args:
        network: What learns.
        table: How gradients become updates.
        world: The ranks that train together.
        precision: What the network computes in.
    """

    def __init__(self, network: nn.Module, *, table: optim.OptimiserTable, world: World, precision: Precision) -> None:
        self.table, self.world, self.precision = table, world, precision
        self.networks: Mapping[str, nn.Module] = {"main": network}
        self._replica = replicate(network, world)
        self.optimisers: Mapping[str, Optimizer] = {"main": optim.build(table, network)}

    def update(self, batch: Any, factor: float) -> Sums:
        """Take one update by the mean loss of the global batch."""
        network, optimiser = self.networks["main"], self.optimisers["main"]
        optim.set_rate(optimiser, self.table.rate * factor)
        self._wake(network)
        share = self._share(batch)
        whole = self.world.sum(share.clone())
        total = self._loss(self._replica, batch)
        optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over the ranks: times their number they are those of the global batch's mean.
        (total * (self.world.size / whole.clamp(min=1e-12))).backward()  # type: ignore[no-untyped-call]
        if self.table.clip_norm:
            nn.utils.clip_grad_norm_(network.parameters(), self.table.clip_norm)
        optimiser.step()
        return {"loss": total.detach(), "loss_share": share}

    def _wake(self, network: nn.Module) -> None:
        """Bring the network into the mode in which it learns."""
        network.train()

    @abstractmethod
    def _share(self, batch: Any) -> Tensor:
        """How much of `batch` counts: what the loss is divided by, summed over ranks."""

    @abstractmethod
    def _loss(self, network: nn.Module, batch: Any) -> Tensor:
        """The loss of `batch` as a sum."""
