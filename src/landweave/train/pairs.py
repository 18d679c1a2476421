"""Batches of patches that two sensors see: each view decoded and normalised by itself, turned alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

from landweave.train.loader import Arrays, Part
from landweave.train.prepare import Batch, Prepare


@dataclass(frozen=True)
class PreparePair:
    """From stored numbers of both views to what a network of pairs takes.

    What is drawn for a sample (symmetry, partner, share) comes from its key, so that both views have the same.

    Attributes:
        first: Of the finer view.
        second: Of the other one.
        ratio: How many pixels of the finer view, on which `valid` stands, one pixel of the other is wide.
    """

    first: Prepare
    second: Prepare
    ratio: int

    def __call__(self, part: Part, arrays: Arrays, training: bool) -> Batch:
        """The batch of `part`; training augments."""
        coarser = {**arrays, "valid": arrays["valid"][:, :: self.ratio, :: self.ratio]}
        beside = self.second(part, coarser, training).values
        return replace(self.first(part, arrays, training), beside=beside)
