"""Statistics of bands as sums that add up: over patches, shards, processes and machines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from landweave.errors import SplitError
from landweave.patches.layout import View
from landweave.sensors import Band


@dataclass(frozen=True, slots=True)
class BandSums:
    """Count, sum and sum of squares of the stored numbers of one band.

    For whole numbers they are exact integers of any size, so that adding in any order gives the same bits.
    """

    count: int = 0
    sum: int | float = 0
    sum_of_squares: int | float = 0

    def __add__(self, other: BandSums) -> BandSums:
        return BandSums(self.count + other.count, self.sum + other.sum, self.sum_of_squares + other.sum_of_squares)

    def mean(self, band: Band) -> float:
        """Mean of the physical values.

        Raises:
            SplitError: There is no valid pixel.
        """
        if not self.count:
            raise SplitError(
                f"no valid pixel of {band.name} in the training part",
                "at least one",
                "check clouds, nodata and the split, or keep less valid patches with --set min_valid=0.1",
            )
        return band.scale * (self.sum / self.count) + band.offset

    def std(self, band: Band) -> float:
        """Standard deviation (of the population) of the physical values; 0 for a constant band."""
        if not self.count:
            return 0.0
        if isinstance(self.sum, int) and isinstance(self.sum_of_squares, int):
            # In whole numbers, because the difference of two large floats would lose the small variance.
            variance = (self.count * self.sum_of_squares - self.sum**2) / self.count**2
        else:
            variance = max(self.sum_of_squares / self.count - (self.sum / self.count) ** 2, 0.0)
        return abs(band.scale) * math.sqrt(variance)


Sums = Mapping[str, BandSums]


def band_sums(
    view: View, numbers: Shaped[np.ndarray, "n c h w"], valid: Bool[np.ndarray, "n H W"]
) -> dict[str, BandSums]:
    """Sums of each band of a view over the stored numbers of patches.

    Args:
        view: What `numbers` are.
        numbers: Stored numbers of n patches.
        valid: Which pixels of the finest view are usable; a coarser pixel counts when all of it is.
    """
    num, height, _ = valid.shape
    ratio = height // view.px
    # Views of other sizes are judged by one mask, because the network sees them together.
    usable = np.asarray(valid.reshape(num, view.px, ratio, view.px, ratio).all(axis=(2, 4)))
    return {band.name: _sums(numbers[:, channel], usable) for channel, band in enumerate(view.bands)}


def _sums(numbers: Shaped[np.ndarray, "n h w"], valid: Bool[np.ndarray, "n h w"]) -> BandSums:
    if numbers.dtype.kind == "f":
        wide = numbers[valid].astype(np.float64)
        return BandSums(int(wide.size), float(wide.sum()), float(wide @ wide))
    # 64 bits hold the squares of four thousand million pixels; beyond one shard Python's integers have no end.
    whole = numbers[valid].astype(np.int64)
    return BandSums(int(whole.size), int(whole.sum()), int(whole @ whole))


def add(parts: Iterable[Sums]) -> dict[str, BandSums]:
    """The sums of all parts together; of none, nothing."""
    return reduce(_add, parts, {})


def _add(left: Sums, right: Sums) -> dict[str, BandSums]:
    return {name: left.get(name, BandSums()) + right.get(name, BandSums()) for name in {**left, **right}}


def to_json(sums: Sums) -> dict[str, Any]:
    """Sums as JSON holds them."""
    return {name: asdict(entry) for name, entry in sums.items()}


def from_json(values: Mapping[str, Any]) -> dict[str, BandSums]:
    """The sums that `to_json` gave."""
    return {name: BandSums(**entry) for name, entry in values.items()}
