"""Learn features without labels: two looks at one patch shall be alike, at two patches not (Chen et al. 2020)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landweave.models.encode import features
from landweave.parallel.world import World
from landweave.train import optim
from landweave.train.looks import LooksTable, look
from landweave.train.precision import Precision, computing
from landweave.train.prepare import Batch
from landweave.train.single import Single
from landweave.train.step import Sums

Pairs = Literal["same", "near"]
# What stands for "never alike": fillers and a look itself, in the softmax over all looks.
_NEVER = -1e9


class Projected(nn.Module):
    """An encoder with the two layers behind which looks are compared; only the encoder is kept.

    Args:
        encoder: Offers `encode` (models.encode).
        num_features: Length of its features.
        width: Length of what is compared.
    """

    def __init__(self, encoder: nn.Module, num_features: int, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(
            nn.Linear(num_features, num_features), nn.ReLU(inplace=True), nn.Linear(num_features, width)
        )

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        """Directions, of length 1."""
        return nn.functional.normalize(self.head(features(self.encoder, values)), dim=1)


class Contrast(Single):
    """Two looks at each patch are drawn together, and apart from those at all other patches of the rank's batch.

    Args:
        network: The encoder with its head.
        table: How gradients become updates.
        looks: How two looks differ.
        temperature: By which likeness is divided before the softmax.
        world: The ranks that train together; each compares its own samples.
        precision: What the network computes in.
        pairs: Whether both looks are at the same patch, or the second at a neighbour, whose bands then follow.
    """

    def __init__(
        self,
        network: Projected,
        *,
        table: optim.OptimiserTable,
        looks: LooksTable,
        temperature: float,
        world: World,
        precision: Precision,
        pairs: Pairs = "same",
    ) -> None:
        super().__init__(network, table=table, world=world, precision=precision)
        self.looks, self.temperature, self.pairs = looks, temperature, pairs

    @torch.no_grad()
    def judge(self, batch: Batch) -> Sums:
        """The loss, and how many looks are most like the other one at the same patch."""
        total, found = self._compare(self.networks["main"].eval(), batch)
        return {"loss": total, "loss_share": self._share(batch), "found": found}

    def figures(self, sums: Sums) -> dict[str, float]:
        """Loss, and the share of looks that find their partner among all of a batch."""
        share = sums["loss_share"].clamp(min=1e-12)
        return {"loss": float(sums["loss"] / share), "found": float(sums["found"] / share)}

    def _share(self, batch: Batch) -> Float[Tensor, ""]:
        return 2 * batch.weight.sum()

    def _loss(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        return self._compare(network, batch)[0]

    def _compare(self, network: nn.Module, batch: Batch) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        # Where a neighbour is looked at, its bands stand behind the patch's own.
        both = batch.values.chunk(2, 1) if self.pairs == "near" else (batch.values, batch.values)
        seen = torch.cat([look(values, batch.keys, number, self.looks) for number, values in enumerate(both)])
        with computing(self.precision, self.world.device):
            directions = network(seen.to(memory_format=torch.channels_last))
        return nt_xent(directions.float(), batch.weight, self.temperature)


def nt_xent(
    directions: Float[Tensor, "b2 d"], weight: Float[Tensor, " b"], temperature: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The sum over all looks of the normalised temperature-scaled cross entropy (Chen et al. 2020, equation 1).

    Args:
        directions: Of length 1: first looks at all samples, then second ones.
        weight: Of each sample; 0 leaves it out, as one to compare with too.
        temperature: By which cosines are divided.

    Returns:
        The loss, and how many looks are most like the other one at the same sample.
    """
    num = len(weight)
    counted = torch.cat([weight, weight])
    alike = directions @ directions.T / temperature
    is_self = torch.eye(2 * num, dtype=torch.bool, device=alike.device)
    alike = alike.masked_fill(is_self | (counted == 0)[None], _NEVER)
    partner = (torch.arange(2 * num, device=alike.device) + num) % (2 * num)
    losses = nn.functional.cross_entropy(alike, partner, reduction="none")
    # Chosen, not multiplied: a filler's own partner is out of reach, and its loss as large as that.
    total = torch.where(counted > 0, losses * counted, 0.0).sum()
    return total, ((alike.argmax(1) == partner) * counted).sum()
