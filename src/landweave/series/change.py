"""Permanent changes in sequences of labels: which pixels changed, when, from what to what, and how sure. Pure.

The rules are those of Sedona et al., IEEE GRSL 2023, II.C; every one is a function of arrays with its own parameter.
Labels are indices of a legend (uint8), the sequence is the first axis, IGNORE where nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt8
from numpy.typing import NDArray
from pydantic import Field

from landweave.config import Config
from landweave.series.sequence import BLOCK, changing, filled, median_filter, mode_filter, votes
from landweave.series.timeline import Timeline

SURE = 255
"""What a top probability of 1 is in uint8."""


class Rules(Config):
    """How changes are found in sequences of labels."""

    method: Literal["rules", "hmm"] = "rules"
    """rules: difference of annual maps, dated by a step, permanent or not; hmm: a hidden Markov model."""
    filter: Literal["mode", "median", "none"] = "mode"
    """Filter along the sequence; the published median depends on the order of the legend."""
    filter_length: int = Field(default=5, ge=1)
    """Labels that the filter sees; odd."""
    stable_maps: int | None = Field(default=None, ge=1)
    """Maps in a row that must show the new class; half a span where left away."""
    end_maps: int = Field(default=5, ge=1)
    """So many are enough where they are the last ones of all; as published with no fewer than stable_maps."""
    max_returns: int = Field(default=1, ge=0)
    """How often a sequence may return to its first class; what returns more often is a season."""
    start_maps: int = Field(default=2, ge=0)
    """Changes that the first so many maps are the first to show are not believed."""
    change_chance: float = Field(default=0.002, gt=0, lt=1)
    """hmm: how likely a class becomes another one from one map to the next."""
    allowed: tuple[str, ...] = ()
    """hmm: changes that can be, as FROM>TO with names of classes; all where left away."""
    weight: float | None = Field(default=None, gt=0, le=1)
    """hmm: what one label counts, for neighbouring maps saw mostly the same dates; four over a span where left away."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of pixels, by pixel and then by place in the sequence.

    Attributes:
        pixel: Which pixel.
        place: The first map that shows it.
        day: When it was, in days since 1970-01-01.
        old: Class index before.
        new: Class index after.
        probability: How sure it is, 0-1: mean top probability of the class before over half a span, times that after,
            of which maps that the series does not have yet count 0.
    """

    pixel: Int64[np.ndarray, " m"]
    place: Int64[np.ndarray, " m"]
    day: Int32[np.ndarray, " m"]
    old: UInt8[np.ndarray, " m"]
    new: UInt8[np.ndarray, " m"]
    probability: Float32[np.ndarray, " m"]

    def __len__(self) -> int:
        return len(self.pixel)

    @classmethod
    def none(cls) -> Self:
        """No change."""
        kinds = (np.int64, np.int64, np.int32, np.uint8, np.uint8, np.float32)
        return cls(*(np.zeros(0, kind) for kind in kinds))

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Changes of several parts as one, sorted."""
        if not parts:
            return cls.none()
        every = (
            cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls))) if parts else cls.none()
        )
        return every.at(np.lexsort((every.place, every.pixel)))

    def at(self, which: Any) -> Self:
        """Those of an index or a mask."""
        return type(self)(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Found:
    """What stands still and what changes.

    Attributes:
        base: Class of each pixel before its first change, of all maps where it has none; IGNORE where nothing is known.
        top: Mean top probability of that class in uint8 steps over the maps that it stands for.
        changes: The changes.
    """

    base: UInt8[np.ndarray, " n"]
    top: UInt8[np.ndarray, " n"]
    changes: Changes


def find_by_rules(
    labels: UInt8[np.ndarray, "s n"], top: UInt8[np.ndarray, "s n"], line: Timeline, rules: Rules, num_classes: int
) -> Found:
    """Changes by the published rules.

    Sequences are filtered; a pixel whose annual labels differ has changed between these years; the place is where the
    sequence, as the old class or another one, agrees best with a step. A change stays if it is permanent
    (`is_permanent`), no season (`num_returns`) and not at the very start. The class after it is what most maps of half
    a span say, at least those up to the end of the year; the class before the first change, and of a pixel without one,
    what most of its maps say; both weighted by their probabilities.

    Args:
        labels: Sequence of every pixel.
        top: Probability of each label, 0-255.
        line: What the places of the sequence mean.
        rules: The parameters.
        num_classes: Classes of the legend.
    """
    base, sure, parts = np.empty(labels.shape[1], np.uint8), np.empty(labels.shape[1], np.uint8), []
    for start in range(0, labels.shape[1], BLOCK):
        block, its_top = labels[:, start : start + BLOCK], top[:, start : start + BLOCK]
        base[start : start + BLOCK] = block[0]
        sure[start : start + BLOCK] = its_top.mean(0, np.float32).astype(np.uint8)
        places = np.flatnonzero(changing(block))
        if places.size:
            found = _of_block(block.take(places, 1), its_top.take(places, 1), line, rules, num_classes)
            base[start + places], sure[start + places] = found.base, found.top
            c = found.changes
            parts.append(Changes(places[c.pixel] + start, c.place, c.day, c.old, c.new, c.probability))
    return Found(base, sure, Changes.joined(parts))


def _of_block(
    labels: UInt8[np.ndarray, "s n"], top: UInt8[np.ndarray, "s n"], line: Timeline, rules: Rules, num_classes: int
) -> Found:
    smooth = filled(smoothed(labels, rules))
    stable = rules.stable_maps or line.half
    seasonal = num_returns(smooth) > rules.max_returns
    now, since = smooth[line.marks[0]].copy(), np.zeros(labels.shape[1], np.int64)
    parts = []
    for mark in line.marks[1:]:
        pixels = np.flatnonzero((smooth[mark] != now) & ~seasonal)
        some, one = smooth.take(pixels, 1), np.ones(len(pixels), np.uint8)
        # Another class or not: what land becomes is often told as one class in summer and another one in winter.
        other = (some != now[pixels]).view(np.uint8)
        place = step_place(other[: mark + 1], 0 * one, one, since[pixels])
        is_kept = is_permanent(other, one, place, stable, rules.end_maps) & (place >= rules.start_maps)
        kept, place = pixels[is_kept], place[is_kept]
        new = became(some[:, is_kept], top.take(kept, 1), now[kept], (place, mark, line.half), num_classes)
        parts.append((kept, place, new))
        now[kept], since[kept] = new, place
    pixel, place, new = joined_places(parts)
    base = votes(labels, top, before_first(len(labels), labels.shape[1], pixel, place), num_classes)
    return settled(labels, top, base, (pixel, place, new), line)


def became(
    labels: UInt8[np.ndarray, "s n"],
    top: UInt8[np.ndarray, "s n"],
    old: UInt8[np.ndarray, " n"],
    when: tuple[Int64[np.ndarray, " n"], int, int],
    num_classes: int,
) -> UInt8[np.ndarray, " n"]:
    """What land became that was `old`: the likeliest other class from a place on.

    Args:
        labels: Sequences.
        top: Probability of each label, 0-255.
        old: Label before.
        when: The first place that counts, the last one, and how many do at least, even where it is later.
        num_classes: Classes of the legend.
    """
    place, last, num = when
    number = np.arange(len(labels))[:, None]
    here = (number >= place) & (number <= np.maximum(last, place + num - 1)) & (labels != old)
    return votes(labels, top, here, num_classes)


def smoothed(labels: UInt8[np.ndarray, "s n"], rules: Rules) -> UInt8[np.ndarray, "s n"]:
    """The sequences as the filter of `rules` leaves them."""
    match rules.filter:
        case "mode":
            return mode_filter(labels, rules.filter_length)
        case "median":
            return median_filter(labels, rules.filter_length)
        case "none":
            return labels


def step_place(
    labels: UInt8[np.ndarray, "s n"],
    old: UInt8[np.ndarray, " n"],
    new: UInt8[np.ndarray, " n"],
    since: Int64[np.ndarray, " n"],
) -> Int64[np.ndarray, " n"]:
    """Where a sequence agrees best with a step from `old` to `new`: the first place of `new`.

    The sequence, -1 where `old`, +1 where `new`, 0 elsewhere, is convolved with a step; the place is where that is
    greatest, the middle where several places are.

    Args:
        labels: Sequences that end with `new`.
        old: Label before.
        new: Label after.
        since: Places up to this one do not count.
    """
    total = np.zeros(labels.shape[1], np.int16)
    best = np.full(labels.shape[1], np.iinfo(np.int16).max, np.int16)
    first, last = np.ones_like(total), np.ones_like(total)
    begins = since.astype(np.int16)
    # Convolving with a step is the sum after a place less the sum before; the sum of all being fixed, it is greatest
    # where the sum before is smallest.
    for place, one in enumerate(labels):
        allowed = begins < place
        better, equal = allowed & (total < best), allowed & (total <= best)
        first = np.where(better, np.int16(place), first)
        last = np.where(equal, np.int16(place), last)
        best = np.where(better, total, best)
        counts = begins <= place
        total += ((one == new) & counts).view(np.int8)
        total -= ((one == old) & counts).view(np.int8)
    middle: Int64[np.ndarray, " n"] = ((first + last) // 2).astype(np.int64)
    return middle


def is_permanent(
    labels: UInt8[np.ndarray, "s n"],
    new: UInt8[np.ndarray, " n"],
    place: Int64[np.ndarray, " n"],
    stable: int,
    end: int,
) -> Bool[np.ndarray, " n"]:
    """Whether `new` is shown from `place` on by `stable` maps in a row, or by the `end` last maps of all.

    Half a span has to pass before a change is shown, and half a span before it is permanent: of what happened in the
    last year of a series, nothing could be told without `end`.
    """
    length, lasts = _runs(labels, new, place)
    return np.asarray((length >= stable) | (lasts & (length >= end)))


def run_length(
    labels: UInt8[np.ndarray, "s n"], new: UInt8[np.ndarray, " n"], place: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """How many maps in a row show `new`, from the first one at or after `place` that does."""
    return _runs(labels, new, place)[0]


def _runs(
    labels: UInt8[np.ndarray, "s n"], new: UInt8[np.ndarray, " n"], place: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """`run_length`, and whether the run goes on to the last map."""
    begin, length = place.astype(np.int16), np.zeros(len(place), np.int16)
    is_over = np.zeros(len(place), np.bool_)
    for number, one in enumerate(labels):
        here = (one == new) & (begin <= number) & ~is_over
        is_over |= (length > 0) & ~here
        length += here.view(np.int8)
    return length.astype(np.int64), np.asarray(~is_over & (length > 0))


def num_returns(labels: UInt8[np.ndarray, "s n"]) -> UInt8[np.ndarray, " n"]:
    """How often each sequence returns to its first label."""
    count, is_first = np.zeros(labels.shape[1], np.uint8), np.ones(labels.shape[1], np.bool_)
    for one in labels[1:]:
        here = one == labels[0]
        count += (here & ~is_first).view(np.uint8)
        is_first = here
    return count


Places = tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], UInt8[np.ndarray, " m"]]
"""Pixel, place and new class of changes."""


def joined_places(parts: list[Places]) -> Places:
    """Changes of several parts, sorted by pixel and place."""
    kinds = (np.int64, np.int64, np.uint8)
    pixel, place, new = (
        np.concatenate([part[index] for part in parts] or [np.zeros(0, kind)]) for index, kind in enumerate(kinds)
    )
    order = np.lexsort((place, pixel))
    return pixel[order], place[order], new[order]


def before_first(
    num_maps: int, num_pixels: int, pixel: Int64[np.ndarray, " m"], place: Int64[np.ndarray, " m"]
) -> Bool[np.ndarray, "s n"]:
    """Which maps come before a pixel's first change; all where it has none. Changes are sorted."""
    ends = np.full(num_pixels, num_maps)
    # Written backwards, so that the first of a pixel's changes is the one that stays.
    ends[pixel[::-1]] = place[::-1]
    found: Bool[np.ndarray, "s n"] = np.arange(num_maps, dtype=np.int16)[:, None] < ends.astype(np.int16)
    return found


def settled(
    labels: UInt8[np.ndarray, "s n"],
    top: UInt8[np.ndarray, "s n"],
    base: UInt8[np.ndarray, " n"],
    places: Places,
    line: Timeline,
) -> Found:
    """What is to be told of changes whose places are known; a change between equal classes is none."""
    pixel, place, new = places
    is_first = np.diff(pixel, prepend=-1) != 0
    # What a pixel had before its second change is what it had after its first one.
    old = np.where(is_first, base[pixel], np.roll(new, 1))
    is_before = before_first(len(labels), labels.shape[1], pixel, place)
    sure = mean_top(labels, top, base, np.zeros(len(base), np.int64), is_before.sum(0))
    some, its_top = labels.take(pixel, 1), top.take(pixel, 1)
    before = mean_top(some, its_top, old, np.maximum(place - line.half, 0), place)
    after = mean_top(some, its_top, new, place, place + line.half)
    probability = before.astype(np.float32) * after.astype(np.float32) / np.float32(SURE * SURE)
    day = np.asarray(line.seen, np.int32)[place]
    return Found(base, sure, Changes(pixel, place, day, old, new, probability).at(old != new))


def mean_top(
    labels: UInt8[np.ndarray, "s n"],
    top: UInt8[np.ndarray, "s n"],
    label: UInt8[np.ndarray, " n"],
    begins: Int64[np.ndarray, " n"],
    ends: Int64[np.ndarray, " n"],
) -> UInt8[np.ndarray, " n"]:
    """Mean probability of `label` from `begins` to before `ends`: 0 where another one is on top."""
    # Sums of so few bytes fit into two, and narrow numbers are quick to compare.
    total: NDArray[Any] = np.zeros(len(label), np.uint16 if len(labels) <= 256 else np.uint32)
    begin, end = begins.astype(np.int16), ends.astype(np.int16)
    for number, (one, its_top) in enumerate(zip(labels, top, strict=True)):
        here = (one == label) & (begin <= number) & (end > number)
        total += its_top & np.negative(here.view(np.uint8))
    mean: UInt8[np.ndarray, " n"] = np.rint(total / np.maximum(ends - begins, 1)).astype(np.uint8)
    return mean


def annual(found: Found, line: Timeline) -> Iterator[tuple[int, UInt8[np.ndarray, " n"]]]:
    """The consistent map of every year: what stands still, and each change from the year in which it happened."""
    years = np.array([line.year_of(day) for day in found.changes.day], np.int64)
    for year in line.years:
        labels, happened = found.base.copy(), years <= year
        # Sorted by pixel and place: of two changes of a pixel the later one is written last.
        labels[found.changes.pixel[happened]] = found.changes.new[happened]
        yield year, labels
