"""Agreement of maps of several years: counts that add up over tiles, and the shares drawn from them.

Inter-year agreement as in Sedona et al. (2023, IEEE Geoscience and Remote Sensing Letters, table I): the share of
pixels with the same class in two maps, overall and by the class of the earlier one. It says how consistent maps are,
not how right: real change lowers it, and a map that never changes has 1. Beside it belongs the agreement of the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from landweave.legend import IGNORE
from landweave.metrics.confusion import Confusion


def pairs_of(num_maps: int) -> tuple[tuple[int, int], ...]:
    """Which maps are compared: each with the next, and where there are more than two the first with the last."""
    steps = tuple((index, index + 1) for index in range(num_maps - 1))
    return (*steps, (0, num_maps - 1)) if num_maps > 2 else steps


@dataclass(frozen=True, eq=False)
class Agreement:
    """How often pixels keep their class from map to map.

    Attributes:
        pairs: For each of `pairs_of` how often each class (row) became each class (column).
        first: Pixels known in all maps, by their class in the first.
        steady: Those of them that have this class in all maps.
        times: How many pixels known in all maps change 0, 1, ... times from one map to the next.
    """

    pairs: Int64[np.ndarray, "p k k"]
    first: Int64[np.ndarray, " k"]
    steady: Int64[np.ndarray, " k"]
    times: Int64[np.ndarray, " t"]

    @classmethod
    def zero(cls, num_maps: int, num_classes: int) -> Agreement:
        """No pixels: `zero(t, k) + a` equals `a`."""
        num_pairs, k = len(pairs_of(num_maps)), num_classes
        counts = (np.zeros(shape, np.int64) for shape in ((num_pairs, k, k), (k,), (k,), (num_maps,)))
        return cls(*counts)

    @classmethod
    def from_labels(cls, labels: UInt8[np.ndarray, "t ..."], num_classes: int) -> Agreement:
        """Count maps of class indices in the order of their years.

        A pair leaves out pixels that are IGNORE in one of its two maps; everything else those that are in any map.
        """
        matrices = [
            Confusion.from_labels(labels[one], labels[other], num_classes).counts
            for one, other in pairs_of(len(labels))
        ]
        known = (labels != IGNORE).all(0)
        every = labels[:, known]
        changes = (every[1:] != every[:-1]).sum(0)
        return cls(
            np.stack(matrices),
            np.bincount(every[0], minlength=num_classes).astype(np.int64),
            np.bincount(every[0][changes == 0], minlength=num_classes).astype(np.int64),
            np.bincount(changes, minlength=len(labels)).astype(np.int64),
        )

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.pairs + other.pairs, self.first + other.first, self.steady + other.steady, self.times + other.times
        )

    @property
    def num_maps(self) -> int:
        """How many maps."""
        return len(self.times)

    def overall(self, pair: int) -> float:
        """Share of the pixels of a pair that keep their class; NaN where there are none."""
        return Confusion(self.pairs[pair]).overall

    def by_class(self, pair: int) -> Float64[np.ndarray, " k"]:
        """Of the pixels of each class in the earlier map, the share that has it in the later one; NaN where none."""
        return Confusion(self.pairs[pair]).users

    @property
    def always(self) -> float:
        """Share of the pixels known in all maps that never change."""
        return float(self.steady.sum() / self.first.sum()) if self.first.any() else math.nan

    @property
    def always_by_class(self) -> Float64[np.ndarray, " k"]:
        """The same by the class of the first map."""
        share: Float64[np.ndarray, " k"] = np.full(len(self.first), np.nan)
        np.divide(self.steady, self.first, out=share, where=self.first > 0)
        return share
