"""Which places to draw: by chance that belongs to the place, so many of each class, on separate land. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32, Int64, Shaped, UInt8, UInt64

from landweave.patches.sample import SPLITS
from landweave.patches.split import Fractions, deal
from landweave.tiling import Window

# A draw that hits its number on average misses it half of the time; four deviations more hardly ever do.
_DEVIATIONS = 4.0


def chances(seed: int, stream: int, window: Window, width: int) -> Float64[np.ndarray, "h w"]:
    """A number of at least 0 and below 1 for each pixel of `window` of a grid, the same in whatever window it is seen.

    Args:
        seed: Of the job.
        stream: Another one for each purpose.
        window: Which pixels.
        width: Of the whole grid.
    """
    rows, cols = (np.arange(first, first + size) for first, size in
                  ((window.row, window.height), (window.col, window.width)))  # fmt: skip
    places = (rows[:, None] * width + cols).astype(np.uint64)
    start = _mixed(_mixed(np.array([seed % 2**63], np.uint64)) + np.uint64(stream))
    with np.errstate(over="ignore"):
        drawn = _mixed(start + places)
    return np.asarray((drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _mixed(value: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit in moves every bit out."""
    # As in train/draw.py, which needs torch: seconds that workers of this job would pay for nothing.
    with np.errstate(over="ignore"):
        value = value + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


def folds(place: Int64[np.ndarray, "n 2"], edge_px: int, num: int) -> Int64[np.ndarray, " n"]:
    """Which of `num` parts of the land places (row, col) lie in: squares, of which neighbours are of other parts."""
    square = place // edge_px
    return np.asarray((square[:, 0] + square[:, 1] * max(num // 2, 1)) % num)


def allot(counts: Sequence[int], num: int, floor: int) -> Int64[np.ndarray, " k"]:
    """How many to draw of each class: its share of `num`, at least `floor`, at most what there is.

    What the floor takes, the others give in proportion; with floors above `num` more than `num` are drawn. Whole
    numbers by largest remainder, so that the sum is `num` where nothing bounds it.
    """
    there = np.asarray(counts, np.int64)
    least, fixed = np.minimum(there, floor), np.zeros(len(there), np.bool_)
    taken = least.astype(np.float64)
    while True:
        # Those below their floor are settled; the rest share what is left. Ends, for each round settles one or none.
        rest = max(num - int(least[fixed].sum()), 0)
        free = there * ~fixed
        share = free * (rest / free.sum()) if free.sum() else free.astype(np.float64)
        low = ~fixed & (share < least)
        if not low.any():
            break
        fixed |= low
    taken = np.where(fixed, least, np.minimum(share, there))
    whole = np.floor(taken).astype(np.int64)
    order = np.argsort(-(taken - whole), kind="stable")
    more = order[: round(taken.sum()) - int(whole.sum())]
    whole[more] += 1
    return whole


def rate(wanted: Shaped[np.ndarray, "..."], there: Shaped[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Below which chance to draw, so that hardly ever fewer than `wanted` of `there` are drawn: `lowest` then trims."""
    enough = wanted + _DEVIATIONS * np.sqrt(wanted) + 1
    return np.where(wanted > 0, np.minimum(enough / np.maximum(there, 1), 1), 0)


def lowest(
    chance: Float64[np.ndarray, " n"], group: Shaped[np.ndarray, " n"], wanted: Mapping[int, int]
) -> Int64[np.ndarray, " m"]:
    """Which of the drawn to keep: in each group the `wanted` lowest chances; in the order in which they stand."""
    kept = []
    for number, most in wanted.items():
        here = np.flatnonzero(group == number)
        kept.append(here[np.argsort(chance[here], kind="stable")[:most]])
    return np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Land:
    """A grid cut into square blocks with gaps between them; each block is of one part.

    Attributes:
        shape: (height, width) of the grid.
        block_px: Edge of a block.
        gap_px: Pixels between neighbouring blocks, which are of no part.
        fractions: Of training, validation and test.
        seed: Of the deal.
    """

    shape: tuple[int, int]
    block_px: int
    gap_px: int
    fractions: Fractions
    seed: int

    @property
    def pitch_px(self) -> int:
        """Pixels from one block to the next."""
        return self.block_px + self.gap_px

    @property
    def num_cols(self) -> int:
        """Blocks of a row."""
        return -(-self.shape[1] // self.pitch_px)

    def parts(self) -> UInt8[np.ndarray, " b"]:
        """The part of every block, row by row, as its place among training, validation and test.

        Raises:
            SplitError: There are fewer blocks than parts.
        """
        num = -(-self.shape[0] // self.pitch_px) * self.num_cols
        dealt = deal((f"{block:09d}" for block in range(num)), self.fractions, self.seed)
        return np.array([SPLITS.index(dealt[f"{block:09d}"]) for block in range(num)], np.uint8)

    def blocks(self, window: Window) -> Int32[np.ndarray, "h w"]:
        """The number of the block that each pixel of `window` lies in, -1 between blocks."""
        rows = np.arange(window.row, window.row + window.height)
        cols = np.arange(window.col, window.col + window.width)
        numbers = (rows // self.pitch_px)[:, None] * self.num_cols + cols // self.pitch_px
        inside = (rows % self.pitch_px < self.block_px)[:, None] & (cols % self.pitch_px < self.block_px)
        return np.where(inside, numbers, -1).astype(np.int32)
