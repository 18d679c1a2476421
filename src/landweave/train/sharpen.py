"""Learn to sharpen: batches of Wald's protocol, and the step that makes the absolute difference small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landweave.models.pair.sharpener import View, normalised, stacked
from landweave.parallel.world import World
from landweave.train import optim
from landweave.train.draw import dihedral
from landweave.train.loader import Arrays, Order, Part, Source, read_ahead
from landweave.train.precision import Precision, computing
from landweave.train.prepare import turn
from landweave.train.single import Single
from landweave.train.step import Sums

TARGET = "target"


@dataclass(frozen=True)
class SharpenBatch:
    """What the step takes.

    Attributes:
        values: Degraded bands, normalised, on the finest pixels; those to sharpen stand last.
        target: The bands to sharpen as they are, normalised.
        weight: Of each sample; 0 leaves it out.
    """

    values: Float[Tensor, "b c h w"]
    target: Float[Tensor, "b k h w"]
    weight: Float[Tensor, " b"]


@dataclass(frozen=True)
class SharpenFeed:
    """Training and validation samples of Wald's protocol.

    Attributes:
        source: Gives training samples.
        judging: Gives validation samples.
        training: How training samples are dealt out.
        validation: How validation samples are.
        views: From the finest to the one to sharpen.
        device: Where.
        augment: Whether training turns and mirrors samples.
    """

    source: Source
    judging: Source
    training: Order
    validation: Order
    views: tuple[View, ...]
    device: torch.device
    augment: bool = True

    def num_steps(self, epoch: int) -> int:
        """Updates of an epoch."""
        return self.training.num_steps(epoch)

    def num_samples(self, epoch: int, step: int) -> int:
        """How many samples all ranks have seen after `step` updates of an epoch."""
        return min(step * self.training.batch(epoch), len(self.training.samples))

    def epoch(self, epoch: int, start: int) -> Iterator[SharpenBatch]:
        """This rank's parts of the batches of an epoch, from step `start` of it on, augmented."""
        yield from self._batches(self.source, self.training.epoch(epoch, start), self.augment)

    def judged(self) -> Iterator[SharpenBatch]:
        """This rank's part of the validation samples."""
        yield from self._batches(self.judging, self.validation.once(), augment=False)

    def _batches(self, source: Source, parts: list[Part], augment: bool) -> Iterator[SharpenBatch]:
        with closing(read_ahead(source, parts)) as ready:  # type: ignore[type-var]
            for part, arrays in ready:
                yield self._prepare(part, arrays, augment)

    def _prepare(self, part: Part, arrays: Arrays, augment: bool) -> SharpenBatch:
        sent = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        if augment:
            turns = [int(how) for how in dihedral(part.keys)]
            sent = {
                name: torch.stack([turn(one, how) for one, how in zip(batch, turns, strict=True)])
                for name, batch in sent.items()
            }
        physical = {view.pixel_size_m: sent[f"data_{view.pixel_size_m:g}m"] for view in self.views}
        return SharpenBatch(
            stacked(self.views, physical).to(memory_format=torch.channels_last),
            normalised(self.views[-1], sent[TARGET]),
            torch.from_numpy(part.weight).to(self.device),
        )


class Sharpening(Single):
    """A network learns what interpolated bands lack, by the mean absolute difference (Lanaras et al. 2018).

    Args:
        network: Takes and gives normalised bands.
        table: How gradients become updates.
        view: The bands that it gives.
        world: The ranks that train together.
        precision: What the network computes in.
    """

    def __init__(
        self, network: nn.Module, *, table: optim.OptimiserTable, view: View, world: World, precision: Precision
    ) -> None:
        super().__init__(network, table=table, world=world, precision=precision)
        self.view = view

    @torch.no_grad()
    def judge(self, batch: SharpenBatch) -> Sums:
        """The loss, and squared differences of each band for the network and for interpolation alone."""
        told = self._told(self.networks["main"].eval(), batch)
        plain = batch.values[:, -told.shape[1] :]
        return {
            "loss": _absolute(told, batch),
            "loss_share": self._share(batch),
            "squares": _squares(told, batch),
            "squares_bilinear": _squares(plain, batch),
        }

    def figures(self, sums: Sums) -> dict[str, float]:
        """Loss; RMSE of each band in its unit, and the mean over bands of RMSE by that of bilinear interpolation."""
        num = (sums["loss_share"] / len(self.view.bands)).clamp(min=1e-12)
        own, bilinear = (torch.sqrt(sums[name] / num).double() for name in ("squares", "squares_bilinear"))
        rmse = {
            f"rmse_{band}": float(value) * std
            for band, value, std in zip(self.view.bands, own, self.view.std, strict=True)
        }
        ratio = float((own / bilinear.clamp(min=1e-12)).mean())
        return {"loss": float(sums["loss"] / sums["loss_share"].clamp(min=1e-12)), "rmse_by_bilinear": ratio, **rmse}

    def _share(self, batch: SharpenBatch) -> Float[Tensor, ""]:
        """How many numbers of the batch count."""
        return batch.weight.sum() * batch.target[0].numel()

    def _loss(self, network: nn.Module, batch: SharpenBatch) -> Float[Tensor, ""]:
        return _absolute(self._told(network, batch), batch)

    def _told(self, network: nn.Module, batch: SharpenBatch) -> Float[Tensor, "b k h w"]:
        with computing(self.precision, self.world.device):
            told: Tensor = network(batch.values)
        return told


def _absolute(told: Tensor, batch: SharpenBatch) -> Float[Tensor, ""]:
    return ((told.float() - batch.target).abs() * _column(batch.weight)).sum()


def _squares(told: Tensor, batch: SharpenBatch) -> Float[Tensor, " k"]:
    return ((told.float() - batch.target) ** 2 * _column(batch.weight)).sum((0, 2, 3))


def _column(weight: Float[Tensor, " b"]) -> Float[Tensor, "b 1 1 1"]:
    return weight[:, None, None, None]


def order_of(num: int, batch_global: int, seed: int, world: World) -> Order:
    """How `num` samples of one source are dealt out."""
    return Order(torch.arange(num).numpy(), batch_global, seed, world)
