"""Two networks that learn against each other: a generator of images, and a discriminator that tells them apart."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from landweave.models.pair.output import Output
from landweave.parallel.replicate import replicate
from landweave.parallel.total import sum_over_ranks
from landweave.parallel.world import World
from landweave.train import optim
from landweave.train.diffaugment import Policy, augmented
from landweave.train.draw import seed_dropout
from landweave.train.paired import PairBatch
from landweave.train.precision import Precision, computing
from landweave.train.step import Sums

# Where neither network is ahead the discriminator's loss is 2 ln 2, about 1.4.
STALLED = 0.05
"""A discriminator with a lower loss tells everything apart: the generator learns nothing from it any more."""


@dataclass(frozen=True)
class Parts:
    """What the losses are made of.

    Attributes:
        absolute: Weight of the mean absolute difference.
        adversarial: Weight of the relativistic loss of the generator; without it there is no discriminator.
        penalty: Weight of the squared gradient of the discriminator at real images (R1; Mescheder et al. 2018).
        average: Share of the generator's moving average that stays at each update; 0 keeps none.
        policies: How what the discriminator sees is changed.
        stall_steps: Updates with a loss of the discriminator near 0 after which training is stopped.
    """

    absolute: float = 100.0
    adversarial: float = 1.0
    penalty: float = 0.0
    average: float = 0.0
    policies: tuple[Policy, ...] = ()
    stall_steps: int = 200


class Adversarial:
    """A generator learns from the mean absolute difference and from a discriminator that learns beside it.

    The losses are those of the relativistic average GAN (Jolicoeur-Martineau 2018), equations 2 to 4 of Sedona et al.
    (2021), over the global batch: whatever the number of ranks, an image is compared with the mean of all images.
    Pixels that are not valid are 0 in real and fake images alike.

    Args:
        generator: Takes the views of a batch; its dropout is made to draw from the keys of samples.
        discriminator: Takes images; None where the adversarial weight is 0.
        tables: How gradients become updates, by the name of the network.
        parts: What the losses are made of.
        output: What the generator tells, for figures.
        world: The ranks that train together.
        precision: What the networks compute in.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module | None,
        *,
        tables: Mapping[str, optim.OptimiserTable],
        parts: Parts,
        output: Output,
        world: World,
        precision: Precision = "fp32",
    ) -> None:
        self.tables, self.parts, self.output = tables, parts, output
        self.world, self.precision = world, precision
        self._mean, self._std = (
            torch.tensor(values, device=world.device)[:, None, None] for values in (output.mean, output.std)
        )
        self._dropout = seed_dropout(generator)
        self.networks: dict[str, nn.Module] = {"generator": generator}
        if discriminator is not None:
            self.networks["discriminator"] = discriminator
        self._replicas = {name: replicate(network, world) for name, network in self.networks.items()}
        self.optimisers: Mapping[str, Optimizer] = {
            name: optim.build(tables[name], network) for name, network in self.networks.items()
        }
        if parts.average:
            self.networks["average"] = copy.deepcopy(generator).requires_grad_(False)

    @property
    def teller(self) -> nn.Module:
        """The network that is judged and kept: the moving average where there is one, else the generator."""
        return self.networks.get("average", self.networks["generator"])

    @property
    def stall_steps(self) -> int:
        """Updates in a row with nothing to learn after which training is stopped."""
        return self.parts.stall_steps

    @property
    def remedy(self) -> str:
        """What to do where it was stopped for that."""
        return (
            "train in another folder with a lower discriminator.rate_by, more in losses.differentiable, or "
            "losses.penalty = 1, so that the discriminator learns slower; or with losses.adversarial = 0"
        )

    def is_stalled(self, losses: Mapping[str, float]) -> bool:
        """Whether mean losses say that the discriminator tells everything apart."""
        return losses.get("discriminator", 1.0) < STALLED

    def update(self, batch: PairBatch, factor: float) -> Sums:
        """One update of the discriminator, then one of the generator, by the means over the global batch."""
        for name, optimiser in self.optimisers.items():
            optim.set_rate(optimiser, self.tables[name].rate * factor)
            self.networks[name].train()
        for layer in self._dropout:
            layer.keys = batch.keys
        fake = self._images(self._replicas["generator"], batch)
        sums = self._tell_apart(batch, fake.detach()) if "discriminator" in self.networks else {}
        sums |= self._convince(batch, fake)
        if self.parts.average:
            _follow(self.networks["average"], self.networks["generator"], self.parts.average)
        return sums

    def _images(self, network: nn.Module, batch: PairBatch) -> Float[Tensor, "b k h w"]:
        with computing(self.precision, self.world.device):
            told: Tensor = network(*batch.views)
        return told.to(batch.target.dtype)

    def _tell_apart(self, batch: PairBatch, fake: Tensor) -> dict[str, Tensor]:
        """Update the discriminator; its loss as a sum."""
        measured = batch.target.detach().requires_grad_(self.parts.penalty > 0)
        real, made, weight, whole = self._told(self._replicas["discriminator"], batch, measured, fake)
        total = relativistic(real, made, weight, whole, self.world)
        sums = {"discriminator": total.detach(), "discriminator_share": weight.sum() * real[0].numel()}
        scaled = total / whole
        if self.parts.penalty:
            penalty, share = _steepness(real, measured, batch.weight), batch.weight.sum()
            scaled = scaled + self.parts.penalty / 2 * penalty / self._whole(share)
            sums |= {"penalty": penalty.detach(), "penalty_share": share}
        self._learn("discriminator", scaled)
        return sums

    def _convince(self, batch: PairBatch, fake: Tensor) -> dict[str, Tensor]:
        """Update the generator; its losses as sums."""
        absolute = ((fake - batch.target).abs() * batch.counted).sum()
        share = batch.counted.sum() * fake.shape[1]
        sums = {"loss": absolute.detach(), "loss_share": share}
        scaled = self.parts.absolute * absolute / self._whole(share)
        judge = self.networks.get("discriminator")
        if judge is not None:
            # It only judges now: gradients of its weights would cost as much again.
            judge.requires_grad_(False)
            real, made, weight, whole = self._told(judge, batch, batch.target, fake)
            adversarial = relativistic(made, real, weight, whole, self.world)
            sums |= {"adversarial": adversarial.detach(), "adversarial_share": weight.sum() * real[0].numel()}
            scaled = scaled + self.parts.adversarial * adversarial / whole
        self._learn("generator", scaled)
        if judge is not None:
            judge.requires_grad_(True)
        return sums

    def _told(
        self, network: nn.Module, batch: PairBatch, real: Tensor, fake: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a discriminator tells of real and fake images, the weight of each, and the weights of all ranks."""
        seen = torch.cat([torch.where(batch.valid[:, None], images, 0) for images in (real, fake)])
        seen = augmented(seen, torch.cat([batch.keys, batch.keys]), self.parts.policies)
        with computing(self.precision, self.world.device):
            # In one pass: a replica that passes twice before it learns would wait for gradients twice.
            told: Tensor = network(seen.contiguous(memory_format=torch.channels_last))
        first, second = told.to(batch.target.dtype).chunk(2)
        weight = batch.weight[:, None, None, None]
        return first, second, weight, self._whole(weight.sum() * first[0].numel())

    def _whole(self, share: Tensor) -> Tensor:
        return self.world.sum(share).clamp(min=1e-12)

    def _learn(self, name: str, loss: Tensor) -> None:
        network, optimiser, clip = self.networks[name], self.optimisers[name], self.tables[name].clip_norm
        optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over the ranks: times their number they are those of the global batch's mean.
        (loss * self.world.size).backward()  # type: ignore[no-untyped-call]
        if clip:
            nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimiser.step()

    @torch.no_grad()
    def judge(self, batch: PairBatch) -> Sums:
        """The absolute difference, squared differences of each band, and angles between spectra."""
        told, counted = self._images(self.teller.eval(), batch), batch.counted
        spectra, wanted = (values * self._std + self._mean for values in (told, batch.target))
        angle = torch.acos(nn.functional.cosine_similarity(spectra, wanted, dim=1).clamp(-1, 1))
        return {
            "loss": ((told - batch.target).abs() * counted).sum(),
            "loss_share": counted.sum() * told.shape[1],
            "squares": ((told - batch.target) ** 2 * counted).sum((0, 2, 3)),
            "angle": (angle[:, None] * counted).sum(),
        }

    def figures(self, sums: Sums) -> dict[str, float]:
        """Loss; mean angle between spectra in radians (SAM), and RMSE of each band in its unit."""
        num = (sums["loss_share"] / len(self.output.bands)).clamp(min=1e-12)
        rmse = torch.sqrt(sums["squares"] / num) * self._std.flatten()
        each = {f"rmse_{band}": float(value) for band, value in zip(self.output.bands, rmse, strict=True)}
        loss = float(sums["loss"] / sums["loss_share"].clamp(min=1e-12))
        return {"loss": loss, "sam": float(sums["angle"] / num), **each}


def relativistic(
    winner: Float[Tensor, "b 1 h w"],
    loser: Float[Tensor, "b 1 h w"],
    weight: Float[Tensor, "b 1 1 1"],
    whole: Float[Tensor, ""],
    world: World,
) -> Float[Tensor, ""]:
    """How little `winner` looks more measured than `loser` on average and the other way round, as a sum.

    Jolicoeur-Martineau (2018): - log s(winner - mean of losers) - log(1 - s(loser - mean of winners)), s the logistic
    function. With real images as winner it is equation 3 of Sedona et al. (2021), the discriminator's loss; with fake
    ones equation 4, the generator's.

    Args:
        winner: What the discriminator tells of each part of each image.
        loser: The same of their counterparts.
        weight: Of each sample.
        whole: Sum of the weights of all parts over all ranks.
        world: The ranks whose images are compared.
    """
    means = [sum_over_ranks((told * weight).sum(), world) / whole for told in (winner, loser)]
    first = nn.functional.softplus(means[1] - winner)
    second = nn.functional.softplus(loser - means[0])
    return ((first + second) * weight).sum()


def _steepness(told: Tensor, images: Tensor, weight: Tensor) -> Tensor:
    """Squared gradients of the mean that is told of each image, as a sum over images."""
    (slopes,) = torch.autograd.grad(told.mean((1, 2, 3)).sum(), images, create_graph=True)
    return (slopes.square().sum((1, 2, 3)) * weight).sum()


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, stays: float) -> None:
    """Move the weights of `average` towards those of `network`; buffers are copied."""
    for mine, other in zip(average.parameters(), network.parameters(), strict=True):
        mine.lerp_(other, 1 - stays)
    for held, new in zip(average.buffers(), network.buffers(), strict=True):
        held.copy_(new)
