"""Batches of series, and the step that learns their labels: one a series, or one a date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from numpy.typing import NDArray
from torch import Tensor, nn

from landweave.legend import IGNORE
from landweave.models.series.dates import normalised
from landweave.train.dated import Dated
from landweave.train.loader import Arrays, Part
from landweave.train.precision import computing
from landweave.train.splice import spliced
from landweave.train.step import Supervised


@dataclass(frozen=True)
class SeriesSource:
    """Series and their labels in memory.

    Attributes:
        dated: The series on the dates that a network takes.
        target: Class index of each series (n) or date (n s); IGNORE where unknown.
    """

    dated: Dated
    target: UInt8[np.ndarray, "n ..."]

    def batch(self, indices: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """The series with these numbers."""
        arrays = {name: array[indices] for name, array in self.dated._asdict().items()}
        return {**arrays, "target": self.target[indices]}


@dataclass(frozen=True)
class SeriesBatch:
    """What a step of series takes.

    Attributes:
        values: Normalised bands; 0 where not valid.
        valid: Which dates are.
        days: Since the first of January of the year in which each series begins.
        target: Class indices of series (b) or dates (b s); IGNORE where unknown.
        weight: Of each sample; 0 leaves it out.
        keys: What everything random about each sample is drawn from.
        num_samples: How many count; the others stand at the end.
        second: Index of another class that is true of a series too, where some change; else None.
        share: How much it is, 0-1.
    """

    values: Float[Tensor, "b s c"]
    valid: Bool[Tensor, "b s"]
    days: Float[Tensor, "b s"]
    target: UInt8[Tensor, "b ..."]
    weight: Float[Tensor, " b"]
    keys: Int64[Tensor, " b"]
    num_samples: int
    second: UInt8[Tensor, " b"] | None = None
    share: Float[Tensor, " b"] | None = None

    def micro_batches(self) -> Iterator[SeriesBatch]:
        """Itself: series are small."""
        yield self

    def targets(self) -> list[tuple[Tensor, Tensor]]:
        """Every target with the weight of each sample in it: one, or two where some change."""
        if self.second is None or self.share is None:
            return [(self.target, self.weight)]
        return [(self.target, self.weight * (1 - self.share)), (self.second, self.weight * self.share)]


class PrepareSeries:
    """Sends series to the device and normalises them.

    Args:
        mean: Of each band, in its unit.
        std: Of each band.
        device: Where.
        splice: Share of the samples that go on as their partner's, where the order of batches tells partners.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device, splice: float = 0.0) -> None:
        self.mean, self.std = (torch.tensor(list(one), dtype=torch.float32, device=device) for one in (mean, std))
        self.device, self.splice = device, splice

    def __call__(self, part: Part, arrays: Arrays, training: bool) -> SeriesBatch:
        """The batch of `part`, with samples that change where it tells partners: it does so in training alone."""
        del training
        if part.mix is not None:
            arrays = spliced(dict(arrays), part.keys, part.mix.share, self.splice)
        values, valid, days, target = (
            torch.from_numpy(np.ascontiguousarray(arrays[name])).to(self.device)
            for name in ("values", "valid", "days", "target")
        )
        second, share = (
            torch.from_numpy(arrays[name]).to(self.device) if name in arrays else None for name in ("second", "share")
        )
        weight = torch.from_numpy(part.weight).to(self.device)
        # Judging counts places, not weights: what only fills up must have no label either.
        target[weight == 0] = IGNORE
        return SeriesBatch(
            normalised(values, valid, self.mean, self.std),
            valid,
            days,
            target,
            weight,
            torch.from_numpy(part.keys.view(np.int64)).to(self.device),
            int((part.weight > 0).sum()),
            second,
            share,
        )


class SupervisedSeries(Supervised):
    """A network learns the labels of series or of their dates."""

    def _scores(self, network: nn.Module, batch: SeriesBatch) -> Tensor:  # type: ignore[override]
        with computing(self.precision, self.world.device):
            scores: Tensor = network(batch.values, batch.valid, batch.days)
        # Classes stand second, as of patches.
        return scores.movedim(-1, 1)
