"""Batches of patches that two sensors see: each view decoded and normalised by itself, turned alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from landweave.train.loader import Arrays, Part
from landweave.train.prepare import Batch, Prepare


@dataclass(frozen=True)
class PreparePair:
    """From stored numbers of both views to what a network of pairs takes.

    What is drawn for a sample (symmetry, partner, share) comes from its key, so that both views have the same.

    Attributes:
        first: Of the finer view.
        second: Of the other one.
        ratio: How many pixels of the finer view one pixel of the other is wide; `valid` stands on the other's.
    """

    first: Prepare
    second: Prepare
    ratio: int

    def __call__(self, part: Part, arrays: Arrays, training: bool) -> Batch:
        """The batch of `part`; training augments."""
        beside = self.second(part, arrays, training).values
        finer = {**arrays, "valid": enlarged(arrays["valid"] != 0, self.ratio)}
        return replace(self.first(part, finer, training), beside=beside)


def enlarged(valid: Bool[np.ndarray, "n h w"], ratio: int) -> Bool[np.ndarray, "n h2 w2"]:
    """A mask on pixels that are `ratio` times as small."""
    return valid if ratio == 1 else valid.repeat(ratio, -1).repeat(ratio, -2)
