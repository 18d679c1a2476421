"""One update of named networks by named optimisers, and the sums by which they are judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from landweave.legend import IGNORE
from landweave.metrics.confusion import Confusion
from landweave.parallel.norm import count_samples
from landweave.parallel.replicate import Compression, passing, replicate
from landweave.parallel.world import World
from landweave.train import losses, optim, thresholds
from landweave.train.draw import seed_dropout
from landweave.train.precision import Precision, computing
from landweave.train.prepare import Batch, Task

Sums = Mapping[str, Tensor]
"""Tensors that add up over batches and ranks."""


@runtime_checkable
class Step(Protocol):
    """What the loop drives. Everything that a checkpoint must hold stands in `networks` and `optimisers`."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """All that learns, by name."""

    @property
    def optimisers(self) -> Mapping[str, Optimizer]:
        """All that updates, by name."""

    def update(self, batch: Any, factor: float) -> Sums:
        """Take one update with `factor` times the learning rates; gives sums named "NAME" with "NAME_share"."""

    def judge(self, batch: Any) -> Sums:
        """Sums over the samples of `batch`, without learning."""

    def figures(self, sums: Sums) -> dict[str, float]:
        """Figures of merit from the sums of all batches of all ranks; "loss" is among them."""


class Supervised:
    """A network learns the labels of pixels or patches.

    Args:
        network: Gives scores; its dropout is made to draw from the keys of samples.
        table: How gradients become updates.
        task: What the target is.
        num_classes: Channels of the scores.
        world: The ranks that train together.
        precision: What the network computes in.
        class_weights: Of each class (see `losses`), or None.
        form: How the loss looks at scores.
        compression: How gradients are sent between ranks.
        compiled: Whether the training passes run through torch.compile, and by which of its backends.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        table: optim.OptimiserTable,
        task: Task,
        num_classes: int,
        world: World,
        precision: Precision = "fp32",
        class_weights: Tensor | None = None,
        form: losses.Form = losses.PLAIN,
        compression: Compression = "none",
        compiled: str | None = None,
    ) -> None:
        self.table, self.task, self.num_classes, self.world = table, task, num_classes, world
        self.precision, self.form = precision, form
        self.class_weights = None if class_weights is None else class_weights.to(world.device)
        # Before the replica is made, which takes hold of the modules and weights as they are then.
        self._dropout = seed_dropout(network)
        optim.freeze_idle_biases(network)
        self.networks = {"main": network}
        self._replica = replicate(network, world, compression)
        self._passed: Any = torch.compile(self._replica, backend=compiled) if compiled else self._replica
        self.optimisers = {"main": optim.build(table, network)}

    def update(self, batch: Batch, factor: float) -> Sums:
        """Take one update by the mean loss of the global batch, whose gradients micro-batches add up."""
        network, optimiser = self.networks["main"], self.optimisers["main"]
        optim.set_rate(optimiser, self.table.rate * factor)
        network.train()
        pieces = list(batch.micro_batches())
        shares = [self._shares(piece) for piece in pieces]
        mine = torch.stack([share.sum() for terms in shares for share in terms]).sum()
        # What to divide by is known before the forward pass, so that the sum over ranks delays nothing after it.
        # Gradients are averaged over the ranks: times their number they are those of the global batch's mean.
        scale = self.world.size / self.world.sum(mine).clamp(min=1e-12)
        optimiser.zero_grad(set_to_none=True)
        total = mine.new_zeros(())
        for piece, terms in zip(pieces, shares, strict=True):
            with passing(self._replica, sends=piece is pieces[-1]):
                loss = self._forward(piece, terms)
                (loss * scale).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        if self.table.clip_norm:
            nn.utils.clip_grad_norm_(network.parameters(), self.table.clip_norm)
        optimiser.step()
        return {"loss": total, "loss_share": mine}

    def _forward(self, batch: Batch, shares: Sequence[Tensor]) -> Tensor:
        """The loss of one micro-batch, as a sum."""
        for layer in self._dropout:
            layer.keys = batch.keys
        count_samples(self.networks["main"], batch.num_samples)
        scores = self._scores(self._passed, batch)
        targets = [target for target, _ in batch.targets()]
        terms = [self._total(scores, target, share) for target, share in zip(targets, shares, strict=True)]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    def _scores(self, network: nn.Module, batch: Batch) -> Tensor:
        with computing(self.precision, self.world.device):
            scores: Tensor = network(*batch.views)
        return scores

    @torch.no_grad()
    def judge(self, batch: Batch) -> Sums:
        """The loss, and the counts of the confusion matrix or of the labels."""
        # Not the replica: its forward pass would wait for ranks that have fewer samples to judge.
        network = self.networks["main"].eval()
        (share,) = self._shares(batch)
        scores = self._scores(network, batch)
        sums = {"loss": self._total(scores, batch.target, share), "loss_share": share.sum()}
        counts = label_counts if self.task == "multilabel" else confusion_counts
        return {**sums, **counts(scores, batch.target, self.num_classes)}

    @torch.no_grad()
    def thresholds(self, batches: Iterable[Batch]) -> list[float]:
        """The best threshold of each class on `batches`, this rank's part of what is judged."""
        network = self.networks["main"].eval()
        shape = 2, self.num_classes, thresholds.NUM_BINS
        counted = torch.zeros(shape, dtype=torch.int64, device=self.world.device)
        for batch in batches:
            scores = self._scores(network, batch)
            counted += thresholds.counts(scores, batch.target, batch.weight)
        return thresholds.best(self.world.sum(counted))

    def figures(self, sums: Sums) -> dict[str, float]:
        """Loss; overall accuracy, macro F1, mean IoU and kappa, or F1 of several labels."""
        found = {"loss": float(sums["loss"] / sums["loss_share"].clamp(min=1e-12))}
        if self.task == "multilabel":
            return {**found, **label_figures(sums)}
        return {**found, **confusion_figures(sums)}

    def _shares(self, batch: Batch) -> list[Tensor]:
        # Of several labels a sample the weights are of the present labels only, inside the loss.
        weights = None if self.task == "multilabel" else self.class_weights
        return [losses.shares(target, weight, weights) for target, weight in batch.targets()]

    def _total(self, scores: Tensor, target: Tensor, share: Tensor) -> Tensor:
        if self.task == "multilabel":
            return losses.binary_cross_entropy(scores, target, share, self.class_weights, self.form)
        return losses.cross_entropy(scores, target, share, self.form)


def confusion_counts(scores: Tensor, target: Tensor, num_classes: int) -> Sums:
    """Rows predicted, columns true; IGNORE left out. NaN scores count as the first class."""
    # Counted on the device: only k x k numbers come back, not the pixels.
    known = target != IGNORE
    pairs = scores.argmax(1)[known] * num_classes + target[known].long()
    return {"confusion": torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)}


def confusion_figures(sums: Sums) -> dict[str, float]:
    """Overall accuracy, macro F1, mean IoU and kappa."""
    matrix = Confusion(sums["confusion"].cpu().numpy())
    return {
        "overall_accuracy": matrix.overall,
        "macro_f1": matrix.macro_f1,
        "mean_iou": matrix.mean_iou,
        "kappa": matrix.kappa,
    }


def label_counts(scores: Tensor, target: Tensor, num_classes: int) -> Sums:
    """For each class how many labels are right, wrong and missing at a threshold of one half."""
    del num_classes
    told, true, known = scores > 0, target == 1, target != IGNORE
    pairs = {"right": told & true, "wrong": told & ~true & known, "missing": ~told & true}
    return {name: found.sum(0) for name, found in pairs.items()}


def label_figures(sums: Sums) -> dict[str, float]:
    """F1 over all labels together, and the mean of the F1 of classes that are told or true anywhere."""
    right, all_else = sums["right"].double(), (sums["wrong"] + sums["missing"]).double()
    each = (2 * right / (2 * right + all_else))[right + all_else > 0]
    both = 2 * right.sum() / (2 * right.sum() + all_else.sum()).clamp(min=1)
    return {"micro_f1": float(both), "macro_f1": float(each.mean()) if len(each) else float("nan")}
