"""Where pairs are cut: labelled pixels, drawn equally often for each class, every part on blocks of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from landweave.datasets.pairshard import PairCut, place
from landweave.errors import SampleError
from landweave.legend import IGNORE, Legend
from landweave.patches.sample import SPLITS, Split
from landweave.patches.split import Fractions, check_fractions, deal_by_class
from landweave.raster.files import grid_of
from landweave.raster.read import read_map
from landweave.tiling import Window


class Choice(Protocol):
    """What decides where pairs are cut (see `pairs.PairChoice`)."""

    @property
    def patch_px(self) -> int:
        """Edge of a patch."""

    @property
    def per_class(self) -> int:
        """Training patches of each class."""

    @property
    def fewer(self) -> bool:
        """Whether a class may have fewer."""

    @property
    def block_px(self) -> int:
        """Edge of a block."""

    @property
    def gap_px(self) -> int:
        """Pixels between patches of different blocks."""

    @property
    def fractions(self) -> Fractions:
        """Shares of the blocks."""

    @property
    def seed(self) -> int:
        """Of every draw."""


@dataclass(frozen=True)
class Spots:
    """Labelled pixels whose patch lies within one block and within both rasters; of each block some of each class.

    Attributes:
        row: Of the labelled pixel.
        col: Of the labelled pixel.
        label: Its class index.
        block: Number of its block.
        key: Drawn evenly in 0-1: the pixels with the lowest are taken first.
        names: Name of each block.
        counts: Labelled pixels of each class that there are in each block, those that were not kept too.
        step_px: Pixels after which pixels of both views begin together: there patches begin.
    """

    row: Int64[np.ndarray, " n"]
    col: Int64[np.ndarray, " n"]
    label: UInt8[np.ndarray, " n"]
    block: Int64[np.ndarray, " n"]
    key: Float64[np.ndarray, " n"]
    names: tuple[str, ...]
    counts: Int64[np.ndarray, "b k"]
    step_px: int


def wanted(choice: Choice) -> dict[Split, int]:
    """Patches of each class in each part.

    Raises:
        SplitError: Fractions are no fractions.
    """
    check_fractions(choice.fractions)
    train = choice.fractions[0]
    return {
        part: round(choice.per_class * fraction / train) if fraction else 0
        for part, fraction in zip(SPLITS, choice.fractions, strict=True)
    }


def candidates(labels: Path, classes: Legend, land: Window, choice: Choice, step_px: int = 1) -> Spots:
    """The labelled pixels of a map that a patch can be cut around. Reads the map block by block.

    Args:
        labels: The map.
        classes: Its legend.
        land: Where both sensors may see something.
        choice: How many, and where.
        step_px: Pixels after which pixels of both views begin together; patches are moved by less than that.

    Raises:
        LegendError: The map holds an id that the legend lacks.
    """
    most = max(wanted(choice).values())
    found, names, counts = [], [], []
    for number, (name, block) in enumerate(_blocks(land, choice)):
        inner = _inner(block, choice, step_px)
        parts, num = _of_block(labels, classes, inner, most, [choice.seed, block.row + 1, block.col + 1])
        found.append(np.column_stack([parts, np.full(len(parts), number)]))
        names.append(name)
        counts.append(num)
    table = np.concatenate(found) if found else np.zeros((0, 5))
    row, col, label, block_number = (table[:, column].astype(np.int64) for column in (0, 1, 2, 4))
    each = np.array(counts, np.int64).reshape(len(names), len(classes))
    return Spots(row, col, label.astype(np.uint8), block_number, table[:, 3], tuple(names), each, step_px)


def _blocks(land: Window, choice: Choice) -> Iterator[tuple[str, Window]]:
    step = choice.block_px
    for row in range(land.row // step, (land.row + land.height - 1) // step + 1):
        for col in range(land.col // step, (land.col + land.width - 1) // step + 1):
            yield f"{row}_{col}", Window(row * step, col * step, step, step).clip(land)


def _inner(block: Window, choice: Choice, step_px: int) -> Window:
    """Pixels around which a patch lies within the block, half the gap from its border."""
    half_gap = (choice.gap_px + 1) // 2
    before = choice.patch_px // 2 + half_gap + step_px - 1
    both = choice.patch_px + step_px - 2 + 2 * half_gap
    height, width = max(0, block.height - both), max(0, block.width - both)
    return Window(block.row + before, block.col + before, height, width)


def _of_block(
    labels: Path, classes: Legend, inner: Window, most: int, seed: list[int]
) -> tuple[Float64[np.ndarray, "n 4"], Int64[np.ndarray, " k"]]:
    """Row, column, class and key of the pixels of a block, at most so many of each class, and how many there are."""
    if not inner.num_pixels:
        return np.zeros((0, 4)), np.zeros(len(classes), np.int64)
    ids, _ = read_map(labels, inner.on(grid_of(str(labels))), outside=classes.nodata)
    told = classes.to_indices(ids)
    keys = np.random.default_rng(seed).random(told.shape)
    rows = []
    for label in np.unique(told[told != IGNORE]):
        places = np.argwhere(told == label)
        drawn = keys[told == label]
        first = np.argsort(drawn, kind="stable")[:most]
        rows.append(np.column_stack([places[first] + (inner.row, inner.col), np.full(len(first), label), drawn[first]]))
    return np.concatenate(rows) if rows else np.zeros((0, 4)), np.bincount(
        told[told != IGNORE], minlength=len(classes)
    ).astype(np.int64)


def chosen(spots: Spots, classes: Legend, choice: Choice) -> list[PairCut]:
    """Patches of each part, as many of each class as are asked for, block by block.

    Raises:
        SampleError: A class has fewer in a part, and that was not allowed.
        SplitError: Fewer blocks than parts.
    """
    dealt = _deal(spots, classes, choice)
    part_of = np.array([SPLITS.index(dealt[name]) if name in dealt else -1 for name in spots.names], np.int64)
    taken, short = [], []
    for part, num in wanted(choice).items():
        for label, name in enumerate(classes.names):
            here = np.flatnonzero((spots.label == label) & (part_of[spots.block] == SPLITS.index(part)))
            if len(here) < num:
                there = int(spots.counts[part_of == SPLITS.index(part), label].sum())
                short.append((there, name, part, num))
            taken.append(here[np.argsort(spots.key[here], kind="stable")[:num]])
    if short and not choice.fewer:
        raise _too_few(sorted(short))
    places = np.sort(np.concatenate(taken))
    if not len(places):
        raise _too_few(sorted(short))
    cuts = [_cut(spots, at, SPLITS[part_of[spots.block[at]]], choice.patch_px) for at in places.tolist()]
    return sorted(cuts, key=place)


def _deal(spots: Spots, classes: Legend, choice: Choice) -> dict[str, Split]:
    # A block counts for the rarest class that it has: dealt at random, rare classes would miss a part.
    rare = np.where(spots.counts > 0, spots.counts.sum(0), np.iinfo(np.int64).max).argmin(1)
    labels = {
        name: classes.names[label]
        for name, label, counts in zip(spots.names, rare, spots.counts, strict=True)
        if counts.any()
    }
    return deal_by_class(labels, choice.fractions, choice.seed)


def _cut(spots: Spots, at: int, split: Split, patch_px: int) -> PairCut:
    row, col = int(spots.row[at]), int(spots.col[at])
    top, left = ((middle - patch_px // 2) // spots.step_px * spots.step_px for middle in (row, col))
    return PairCut(f"{row}_{col}", top, left, int(spots.label[at]), spots.names[spots.block[at]], split)


def _too_few(short: Sequence[tuple[int, str, Split, int]]) -> SampleError:
    there, name, part, num = short[0] if short else (0, "no class", "train", 1)
    more = f", and {len(short) - 1} more like it" if len(short) > 1 else ""
    return SampleError(
        f"{there} labelled pixels of {name} with room for a patch in the part {part}, where {num} are asked for{more}",
        f"at least {num} pixels of each class in that part",
        "set per_class lower or block_px smaller, or take what there is with --set fewer=true",
    )
