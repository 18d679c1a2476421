"""A network that stands on several ranks learns labels: the step of one rank of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from landweave.parallel.messages import gather
from landweave.parallel.norm import count_samples
from landweave.parallel.pipeline import Seat, place
from landweave.parallel.schedule import Schedule
from landweave.parallel.stages import views_of
from landweave.parallel.world import World
from landweave.provenance import fingerprint, versions
from landweave.train import optim, thresholds
from landweave.train.checkpoint import digest
from landweave.train.draw import seed_dropout
from landweave.train.precision import Precision, computing
from landweave.train.prepare import Batch
from landweave.train.step import Sums, Supervised, confusion_counts, label_counts


class Placed(Supervised):
    """As `Supervised` over the same micro-batches, with the network's layers on the ranks that a placement says.

    `networks` and `optimisers` hold this rank's part alone; names of weights are those of the whole network. What is
    summed up over ranks comes from those where the network ends: the others give zeros.

    Args:
        network: The whole network, the same on all ranks; it keeps this rank's part.
        seat: This rank's place.
        schedule: The order of passes.
        precision: What the network computes in.
        how: What else `Supervised` takes: table, task, num_classes, class_weights, form.

    Raises:
        ConfigError: Ranks have different weights or versions, or the network cannot be split.
    """

    def __init__(
        self,
        network: nn.Module,
        seat: Seat,
        *,
        schedule: Schedule = "1f1b",
        precision: Precision = "fp32",
        **how: Any,
    ) -> None:
        seat.world.agree("version of landweave or its libraries", fingerprint(versions()))
        seat.world.agree("weights to begin with", digest(network))
        self.seat = seat
        # Of the whole network: layers are numbered, and weights counted, as where nothing is split.
        seeded = seed_dropout(network)
        optim.freeze_idle_biases(network)
        before = _trained(network)
        trained = [name for name, weight in network.named_parameters() if weight.requires_grad]
        self._places = {name: place for place, name in enumerate(trained)}
        self.pipeline = place(network, seat, schedule, lambda: computing(precision, seat.world.device))
        # Alone in its world: what replicas add up they add up in the pipeline.
        super().__init__(network, world=World(device=seat.world.device), precision=precision, **how)
        self.world, self._dropout = seat.world, seeded
        self._numbers = {str(mine): str(before.index(name)) for mine, name in enumerate(_trained(network))}

    def update(self, batch: Batch, factor: float) -> Sums:
        """Take one update by the mean loss of the global batch, as one process that adds up the same micro-batches."""
        network, optimiser = self.networks["main"], self.optimisers["main"]
        optim.set_rate(optimiser, self.table.rate * factor)
        network.train()
        pieces = list(batch.micro_batches())
        shares = [self._shares(piece) for piece in pieces]
        mine = torch.stack([share.sum() for terms in shares for share in terms]).sum()
        total, scale = mine.new_zeros(()), mine.new_ones(())
        if self.seat.ends:
            scale = 1 / self.seat.peers.sum(mine).clamp(min=1e-12)

        def loss(micro: int, scores: Tensor) -> Tensor:
            found = self._loss(pieces[micro], shares[micro], scores)
            total.add_(found.detach())
            return found * scale

        optimiser.zero_grad(set_to_none=True)
        views, sizes = [views_of(network, piece.views) for piece in pieces], [len(piece.keys) for piece in pieces]
        self.pipeline.train(views, sizes, lambda micro: self._begin(pieces[micro]), loss)
        if self.table.clip_norm:
            self._clip(self.table.clip_norm)
        optimiser.step()
        return {"loss": total, "loss_share": mine if self.seat.ends else torch.zeros_like(mine)}

    def _begin(self, batch: Batch) -> None:
        for layer in self._dropout:
            layer.keys = batch.keys
        count_samples(self.networks["main"], batch.num_samples)

    def _loss(self, batch: Batch, shares: Sequence[Tensor], scores: Tensor) -> Tensor:
        targets = [target for target, _ in batch.targets()]
        return torch.stack(
            [self._total(scores, target, share) for target, share in zip(targets, shares, strict=True)]
        ).sum()

    def _clip(self, longest: float) -> None:
        """Shorten the gradient of the whole network, of which each rank of the arrangement has a part."""
        gradients = {name: one.grad for name, one in self.networks["main"].named_parameters() if one.grad is not None}
        # Each weight's norm at its place in the whole network: the same numbers in the same order as in one process.
        norms = torch.zeros(len(self._places), device=self.world.device)
        for name, gradient in gradients.items():
            norms[self._places[name]] = torch.linalg.vector_norm(gradient)
        factor = (longest / (torch.linalg.vector_norm(self.seat.team.sum(norms)) + 1e-6)).clamp(max=1)
        for gradient in gradients.values():
            gradient.mul_(factor)

    @torch.no_grad()
    def judge(self, batch: Batch) -> Sums:
        """As one process judges; ranks where the network does not end give zeros."""
        network = self.networks["main"].eval()
        found = self.pipeline.score(views_of(network, batch.views), len(batch.keys))
        scores = self._blank(batch) if found is None else found
        (share,) = self._shares(batch)
        sums = {"loss": self._total(scores, batch.target, share), "loss_share": share.sum()}
        counts = label_counts if self.task == "multilabel" else confusion_counts
        sums |= counts(scores, batch.target, self.num_classes)
        return sums if found is not None else {name: torch.zeros_like(value) for name, value in sums.items()}

    @torch.no_grad()
    def thresholds(self, batches: Iterable[Batch]) -> list[float]:
        """The best threshold of each class on `batches`, on every rank."""
        network = self.networks["main"].eval()
        shape = 2, self.num_classes, thresholds.NUM_BINS
        counted = torch.zeros(shape, dtype=torch.int64, device=self.world.device)
        for batch in batches:
            scores = self.pipeline.score(views_of(network, batch.views), len(batch.keys))
            if scores is not None:
                counted += thresholds.counts(scores, batch.target, batch.weight)
        return thresholds.best(self.world.sum(counted))

    def gathered(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What all ranks of the first arrangement hold, on the first rank; elsewhere nothing of use."""
        mine = {self._renamed(name, self._numbers): values for name, values in tensors.items()}
        return gather(self.seat.team, mine) if self.seat.peers.is_first else {}

    def own(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of the tensors of a whole state those that belong to this rank's part."""
        numbers = {theirs: mine for mine, theirs in self._numbers.items()}
        held = {name for network in self.networks.values() for name in network.state_dict()}
        found = {}
        for name, values in tensors.items():
            kind, _, rest = name.split("/", 2)
            if kind == "optimisers" and rest.split("/")[0] not in numbers:
                continue
            if kind != "optimisers" and rest not in held:
                continue
            found[self._renamed(name, numbers)] = values
        return found

    def spread(self) -> None:
        """Let all replicas go on with the buffers of the first."""
        self.seat.peers.spread([buffer for network in self.networks.values() for buffer in network.buffers()])

    def _renamed(self, name: str, numbers: Mapping[str, str]) -> str:
        """The name of a tensor with its weight's number replaced, where it is an optimiser's."""
        kind, owner, *rest = name.split("/")
        return "/".join([kind, owner, numbers[rest[0]], *rest[1:]]) if kind == "optimisers" else name

    def _blank(self, batch: Batch) -> Tensor:
        """Scores where there are none, so that sums of them have the shapes that all ranks add up."""
        inner = () if self.task == "multilabel" else batch.target.shape[1:]
        return batch.weight.new_zeros(len(batch.keys), self.num_classes, *inner)


def _trained(network: nn.Module) -> list[str]:
    """Names of weights in the order in which an optimiser numbers them."""
    names = {id(weight): name for name, weight in network.named_parameters()}
    return [names[id(weight)] for group in optim.parameter_groups(network, 0.0) for weight in group["params"]]
