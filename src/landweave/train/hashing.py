"""Learn binary codes: each cluster has a centre far from the others, and its patches' codes are drawn to it."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from landweave.legend import IGNORE
from landweave.models.patch.hashing import Hashing
from landweave.parallel.world import World
from landweave.train import optim
from landweave.train.precision import Precision, computing
from landweave.train.prepare import Batch
from landweave.train.single import Single
from landweave.train.step import Sums


class Coding(Single):
    """A network learns codes by central similarity (Yuan et al. 2020).

    Args:
        network: Gives scores of bits, and holds the centres.
        table: How gradients become updates.
        quantisation: Weight of the term that draws bits to 0 and 1 (lambda in equation 7 of the paper).
        world: The ranks that train together.
        precision: What the network computes in.
        keeps_body: Whether the convolutions stay as they are, and only the layers behind their features learn.
    """

    def __init__(
        self,
        network: Hashing,
        *,
        table: optim.OptimiserTable,
        quantisation: float,
        world: World,
        precision: Precision,
        keeps_body: bool = False,
    ) -> None:
        # Before the replica is made, which takes hold of the weights that learn.
        network.body.requires_grad_(not keeps_body)
        super().__init__(network, table=table, world=world, precision=precision)
        self.quantisation, self.keeps_body = quantisation, keeps_body
        self.centres = network.centres.to(world.device)

    @torch.no_grad()
    def judge(self, batch: Batch) -> Sums:
        """The loss, and how many codes are nearest to the centre of their own cluster."""
        total, scores = self._losses(self.networks["main"].eval(), batch)
        apart = ((scores > 0)[:, None] != self.centres).sum(2)
        weight = self._weight(batch)
        right = (apart.argmin(1) == batch.target) * weight
        return {"loss": total, "loss_share": weight.sum(), "right": right.sum()}

    def figures(self, sums: Sums) -> dict[str, float]:
        """Loss, and the share of codes that are nearest to the centre of their own cluster."""
        share = sums["loss_share"].clamp(min=1e-12)
        return {"loss": float(sums["loss"] / share), "code_accuracy": float(sums["right"] / share)}

    def _wake(self, network: nn.Module) -> None:
        network.train()
        if self.keeps_body:
            # Its batch norms too: features must stay those that were clustered.
            cast(Hashing, network).body.eval()

    def _share(self, batch: Batch) -> Float[Tensor, ""]:
        return self._weight(batch).sum()

    def _loss(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        return self._losses(network, batch)[0]

    def _losses(self, network: nn.Module, batch: Batch) -> tuple[Float[Tensor, ""], Float[Tensor, "b k"]]:
        with computing(self.precision, self.world.device):
            scores = network(batch.values).float()
        each = central_similarity(scores, self.centres, batch.target, self.quantisation)
        return (each * self._weight(batch)).sum(), scores

    def _weight(self, batch: Batch) -> Float[Tensor, " b"]:
        return batch.weight * (batch.target != IGNORE)


def central_similarity(
    scores: Float[Tensor, "b k"], centres: Bool[Tensor, "n k"], target: Int64[Tensor, " b"], quantisation: float
) -> Float[Tensor, " b"]:
    """Loss of each sample: cross entropy of its bits with its centre's, and how far they are from 0 and 1.

    Central similarity quantisation (Yuan et al. 2020, equations 4, 6 and 7), as means over the bits; the distance from
    0 and 1 is log cosh(|2 p - 1| - 1), the smooth form that the paper optimises.

    Args:
        scores: Of each bit, before the logistic function.
        centres: The code that each cluster is drawn to.
        target: The cluster of each sample; of IGNORE the loss is 0.
        quantisation: Weight of the second term.
    """
    known = target != IGNORE
    wanted = centres[torch.where(known, target, 0)].to(scores.dtype)
    central = nn.functional.binary_cross_entropy_with_logits(scores, wanted, reduction="none").mean(1)
    # |2 sigmoid(s) - 1| is tanh(|s| / 2).
    unsure = torch.log(torch.cosh(torch.tanh(scores.abs() / 2) - 1)).mean(1)
    return torch.where(known, central + quantisation * unsure, 0.0)
