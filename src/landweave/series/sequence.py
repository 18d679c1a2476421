"""Filters of labels along their sequence and in space. Pure.

Labels are indices of a legend (uint8) with the sequence as first axis, IGNORE where nothing is known. Work is done in
blocks of places that stay in the processor's cache, and only where a sequence changes at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from scipy import ndimage

from landweave.errors import ConfigError
from landweave.legend import IGNORE

_Filter = Callable[[UInt8[np.ndarray, "s n"]], UInt8[np.ndarray, "s n"]]
BLOCK = 65_536
"""Places at once: thirty labels of each are two megabytes. With fewer, NumPy takes longer to begin than to work."""


def mode_filter(labels: UInt8[np.ndarray, " s *p"], length: int) -> UInt8[np.ndarray, " s *p"]:
    """The most frequent label of `length` neighbours along the sequence; at its ends, of those that are there.

    Unlike the median it does not depend on the order of the legend. Of equally frequent labels the one in the middle
    stays; where it is none of them, the nearest one is taken, of two equally near ones the earlier. IGNORE is not
    counted, and filled where a neighbour is known.

    Args:
        labels: Sequences.
        length: Odd.

    Raises:
        ConfigError: The length is even or below 1.
    """
    check_length(length)
    return _by_blocks(labels, lambda block: _mode(block, length))


def median_filter(labels: UInt8[np.ndarray, " s *p"], length: int) -> UInt8[np.ndarray, " s *p"]:
    """The median of the label numbers of `length` neighbours along the sequence, as published (GRSL 2023, II.C).

    It depends on the order of the legend: between classes 1 and 3 it finds 2. For comparison. At the ends the first and
    last label are repeated. Gaps are filled before, for IGNORE is no number.

    Raises:
        ConfigError: The length is even or below 1.
    """
    check_length(length)
    return _by_blocks(labels, lambda block: ndimage.median_filter(filled(block), (length, 1), mode="nearest"))


def space_mode(labels: UInt8[np.ndarray, "*s h w"], size_px: int) -> UInt8[np.ndarray, "*s h w"]:
    """The most frequent label of `size_px` x `size_px` neighbours; at the edge, of those that are there.

    Of equally frequent labels the one in the middle stays; where it is none of them, the first of the legend is taken.
    IGNORE is not counted and stays IGNORE.

    Raises:
        ConfigError: The size is even or below 1.
    """
    check_length(size_px)
    best = np.full(labels.shape, IGNORE, np.uint8)
    most = np.zeros(labels.shape, np.float32)
    own = np.zeros(labels.shape, np.float32)
    for label in np.unique(labels[labels != IGNORE]).tolist():
        here = labels == label
        # Shares of equal squares compare as counts do; beyond the edge nothing is counted.
        share = _box_sum(here, size_px)
        own[here] = share[here]
        more = share > most
        best[more] = label
        most[more] = share[more]
    best = np.where(own == most, labels, best)
    return np.where(labels == IGNORE, np.uint8(IGNORE), best)


def space_median(labels: UInt8[np.ndarray, "*s h w"], size_px: int) -> UInt8[np.ndarray, "*s h w"]:
    """The median of the label numbers of `size_px` x `size_px` neighbours, as published (IGARSS 2022, 4).

    It depends on the order of the legend. For comparison. Labels are repeated beyond the edge; IGNORE stays IGNORE,
    and counts as the number that it is.

    Raises:
        ConfigError: The size is even or below 1.
    """
    check_length(size_px)
    window = (1,) * (labels.ndim - 2) + (size_px, size_px)
    found = ndimage.median_filter(labels, window, mode="nearest")
    return np.where(labels == IGNORE, np.uint8(IGNORE), found)


def filled(labels: UInt8[np.ndarray, " s *p"]) -> UInt8[np.ndarray, " s *p"]:
    """Gaps take the last label before them; at the beginning the first one after. IGNORE stays only where all is."""
    out = labels.copy()
    if not (labels == IGNORE).any():
        return out
    for one, before in ((range(1, len(out)), -1), (range(len(out) - 2, -1, -1), 1)):
        for place in one:
            np.copyto(out[place], out[place + before], where=out[place] == IGNORE)
    return out


def changing(labels: UInt8[np.ndarray, " s *p"]) -> Bool[np.ndarray, "*p"]:
    """Where a sequence is not one and the same label throughout."""
    found: Bool[np.ndarray, "*p"] = np.zeros(labels.shape[1:], np.bool_)
    for one in labels[1:]:
        found |= one != labels[0]
    return found


def votes(
    labels: UInt8[np.ndarray, "s n"], top: UInt8[np.ndarray, "s n"], where: Bool[np.ndarray, "s n"], num_classes: int
) -> UInt8[np.ndarray, " n"]:
    """The label with the greatest sum of top probabilities `where`; IGNORE where nothing is known."""
    # One more than it says, so that a label that is there counts though its probability rounds to 0.
    weight = np.where(where & (labels != IGNORE), top.astype(np.uint16) + np.uint16(1), np.uint16(0))
    # All or nothing by bits: a mask of ones where a label is, times faster than numpy's choice.
    sums = np.stack(
        [(weight & np.negative((labels == label).astype(np.uint16))).sum(0, np.uint32) for label in range(num_classes)]
    )
    best = sums.argmax(0).astype(np.uint8)
    return np.where(sums.max(0) > 0, best, np.uint8(IGNORE))


def check_length(length: int) -> None:
    """Refuse a neighbourhood without a middle.

    Raises:
        ConfigError: The length is even or below 1.
    """
    if length < 1 or length % 2 == 0:
        raise ConfigError(f"a filter over {length} labels", "an odd number", f"set it to {max(length, 0) // 2 * 2 + 1}")


def chosen(
    where: Bool[np.ndarray, "*p"], one: UInt8[np.ndarray, "*p"], other: UInt8[np.ndarray, "*p"]
) -> UInt8[np.ndarray, "*p"]:
    """`one` where true, else `other`, by bits: ten times as fast as numpy's own choice of bytes."""
    mask: UInt8[np.ndarray, "*p"] = np.negative(where.view(np.uint8))
    mask &= one ^ other
    mask ^= other
    return mask


def _by_blocks(labels: UInt8[np.ndarray, " s *p"], filtered: _Filter) -> UInt8[np.ndarray, " s *p"]:
    """Filter the sequences that change, a block at a time; one label throughout stays what it is."""
    flat = labels.reshape(len(labels), -1)
    out = flat.copy()
    for start in range(0, flat.shape[1], BLOCK):
        block = out[:, start : start + BLOCK]
        places = np.flatnonzero(changing(block))
        if places.size:
            for row, found in zip(block, filtered(block.take(places, 1)), strict=True):
                row[places] = found
    return out.reshape(labels.shape)


def _mode(labels: UInt8[np.ndarray, "s n"], length: int) -> UInt8[np.ndarray, "s n"]:
    num, half = len(labels), length // 2
    # Whether labels some steps apart are one: each is compared once, and counted wherever both are in the window.
    known = labels != IGNORE
    same = [known.view(np.uint8)]
    same += [((labels[lag:] == labels[:-lag]) & known[lag:]).view(np.uint8) for lag in range(1, min(length, num))]
    out = np.empty_like(labels)
    nearest_first = sorted(range(-half, half + 1), key=lambda step: (abs(step), step))
    for middle in range(num):
        first, last = max(middle - half, 0), min(middle + half, num - 1)
        best, most = labels[middle].copy(), _count(same, middle, first, last)
        for step in nearest_first[1:]:
            if first <= middle + step <= last:
                count = _count(same, middle + step, first, last)
                best = chosen(count > most, labels[middle + step], best)
                np.maximum(most, count, out=most)
        out[middle] = best
    return out


def _count(same: list[UInt8[np.ndarray, "_ n"]], place: int, first: int, last: int) -> UInt8[np.ndarray, " n"]:
    """How often the label at `place` stands from `first` to `last`."""
    count: UInt8[np.ndarray, " n"] = same[0][place].copy()
    for other in range(first, last + 1):
        if other != place:
            count += same[abs(other - place)][min(other, place)]
    return count


def _box_sum(here: Bool[np.ndarray, "*s h w"], size_px: int) -> Float32[np.ndarray, "*s h w"]:
    """How many of the square around each pixel are `here`; nothing is beyond the edge."""
    half = size_px // 2
    padded = np.pad(here, [(0, 0)] * (here.ndim - 2) + [(half + 1, half)] * 2)
    sums: Int64[np.ndarray, "*s h w"] = padded.cumsum(-1, np.int32).cumsum(-2)
    wide = sums[..., size_px:, :] - sums[..., :-size_px, :]
    counts: Float32[np.ndarray, "*s h w"] = (wide[..., size_px:] - wide[..., :-size_px]).astype(np.float32)
    return counts
