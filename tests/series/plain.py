"""The rules of change told again as plainly as can be: pixel by pixel in Python, and date by date in NumPy.

The oracle of tests, and what benchmarks/series.py compares with. Nothing is shared with the package but `Timeline`.
"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np

from landweave.series.timeline import Timeline

IGNORE = 255


def mode_of_pixel(labels: list[int], length: int) -> list[int]:
    """The mode filter of one sequence."""
    half = length // 2
    out = []
    for middle, own in enumerate(labels):
        window = range(max(middle - half, 0), min(middle + half, len(labels) - 1) + 1)
        counts = Counter(labels[place] for place in window if labels[place] != IGNORE)
        most = max(counts.values(), default=0)
        best = [label for label, count in counts.items() if count == most]
        if own in best or not best:
            out.append(own)
            continue
        nearest = sorted(window, key=lambda place: (abs(place - middle), place))
        out.append(next(labels[place] for place in nearest if labels[place] in best))
    return out


def filled_pixel(labels: list[int]) -> list[int]:
    """Gaps take the label before them, at the beginning the first one after."""
    known = [label for label in labels if label != IGNORE]
    last = known[0] if known else IGNORE
    out = []
    for label in labels:
        last = last if label == IGNORE else label
        out.append(last)
    return out


def step_of_pixel(labels: list[int], old: int, new: int, since: int) -> int:
    """The place at which a step from `old` to `new` agrees best, by trying every place."""
    scores = {}
    for place in range(since + 1, len(labels)):
        before = [(label == new) - (label == old) for label in labels[since:place]]
        after = [(label == new) - (label == old) for label in labels[place:]]
        scores[place] = sum(after) - sum(before)
    most = max(scores.values())
    best = [place for place, score in scores.items() if score == most]
    return (best[0] + best[-1]) // 2


def run_of_pixel(labels: list[int], new: int, place: int) -> int:
    """How many in a row are `new`, from the first one at or after `place`."""
    while place < len(labels) and labels[place] != new:
        place += 1
    length = 0
    while place + length < len(labels) and labels[place + length] == new:
        length += 1
    return length


def is_permanent_pixel(labels: list[int], new: int, place: int, stable: int, end: int) -> bool:
    """Whether `new` is shown for `stable` maps, or for `end` and never again anything else."""
    length = run_of_pixel(labels, new, place)
    lasts = labels[-length:] == [new] * length and new not in labels[place:-length]
    return length >= stable or (length >= end and lasts)


def returns_of_pixel(labels: list[int]) -> int:
    """How often a sequence returns to its first label."""
    return sum(one != labels[0] and two == labels[0] for one, two in itertools.pairwise(labels))


def changes_of_pixel(
    raw: list[int], top: list[int], line: Timeline, *, length: int = 5, most_returns: int = 1, start: int = 2,
    end: int = 5,
) -> list[tuple[int, int]]:  # fmt: skip
    """(place, new) of every permanent change of one pixel, before votes tell what it was."""
    if len(set(raw)) == 1:
        return []
    labels = filled_pixel(mode_of_pixel(raw, length))
    if returns_of_pixel(labels) > most_returns:
        return []
    now, since, found = labels[line.marks[0]], 0, []
    for mark in line.marks[1:]:
        if labels[mark] == now:
            continue
        other = [int(label != now) for label in labels]
        place = step_of_pixel(other[: mark + 1], 0, 1, since)
        if is_permanent_pixel(other, 1, place, line.half, end) and place >= start:
            after = range(place, min(max(mark + 1, place + line.half), len(labels)))
            left = [IGNORE if labels[number] == now else labels[number] for number in after]
            new = votes_of_pixel(left, top[place : after.stop], len(left))
            found.append((place, new))
            now, since = new, place
    return found


def votes_of_pixel(labels: list[int], top: list[int], end: int) -> int:
    """The label with the greatest sum of top probabilities before `end`; the first of the legend where two are."""
    sums: Counter[int] = Counter()
    for label, its_top in zip(labels[:end], top[:end], strict=True):
        if label != IGNORE:
            sums[label] += its_top + 1
    most = max(sums.values(), default=0)
    return min((label for label, total in sums.items() if total == most), default=IGNORE)


def find_by_pixels(labels: np.ndarray, top: np.ndarray, line: Timeline) -> tuple[list[int], list[tuple[int, ...]]]:
    """Base of every pixel and (pixel, place, old, new) of every change."""
    base: list[int] = []
    changes: list[tuple[int, ...]] = []
    for pixel, (raw, its_top) in enumerate(zip(labels.T.tolist(), top.T.tolist(), strict=True)):
        found = changes_of_pixel(raw, its_top, line)
        old = votes_of_pixel(raw, its_top, found[0][0] if found else len(raw))
        base.append(old)
        for place, new in found:
            if new != old:
                changes.append((pixel, place, old, new))
            old = new
    return base, changes


def mode_by_dates(labels: np.ndarray, length: int, num_classes: int) -> np.ndarray:
    """The mode filter as one would write it in NumPy: for every date, count every class over the whole scene."""
    half = length // 2
    out = labels.copy()
    for middle in range(len(labels)):
        window = labels[max(middle - half, 0) : middle + half + 1]
        counts = np.stack([(window == label).sum(0) for label in range(num_classes)])
        most = counts.max(0)
        own = np.where(labels[middle] == IGNORE, 0, labels[middle])
        is_best = (np.take_along_axis(counts, own[None].astype(int), 0)[0] == most) & (labels[middle] != IGNORE)
        todo = ~is_best & (most > 0)
        steps = sorted(range(-half, half + 1), key=lambda step: (abs(step), step))
        for step in steps[1:]:
            if 0 <= middle + step < len(labels):
                other = labels[middle + step]
                safe = np.where(other == IGNORE, 0, other)
                count = np.take_along_axis(counts, safe[None].astype(int), 0)[0]
                takes = todo & (count == most) & (other != IGNORE)
                out[middle][takes] = other[takes]
                todo &= ~takes
    return out


def find_by_dates(
    labels: np.ndarray, top: np.ndarray, line: Timeline, num_classes: int
) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """The same answer with loops over dates, whole scenes at a time, as one would write it in NumPy."""
    num, width = labels.shape
    smooth = mode_by_dates(labels, 5, num_classes)
    for place in [*range(1, num), *range(num - 2, -1, -1)]:
        before = place - 1 if place else 1
        for other in (before, min(place + 1, num - 1)):
            smooth[place] = np.where(smooth[place] == IGNORE, smooth[other], smooth[place])
    returns = sum((smooth[s] == smooth[0]) & (smooth[s - 1] != smooth[0]) for s in range(1, num))
    now, since = smooth[line.marks[0]].copy(), np.zeros(width, int)
    parts = []
    for mark in line.marks[1:]:
        other = smooth != now
        sign = other.astype(int) - (~other).astype(int)
        sign[np.arange(num)[:, None] < since] = 0
        sums = np.zeros((mark + 1, width), int)
        for place in range(1, mark + 1):
            sums[place] = sums[place - 1] + sign[place - 1]
        sums = np.where(np.arange(mark + 1)[:, None] > since, sums, 10_000)
        sums[0] = 10_000
        is_best = sums == sums.min(0)
        place = (is_best.argmax(0) + mark - is_best[::-1].argmax(0)) // 2
        length, is_over, lasts = np.zeros(width, int), np.zeros(width, bool), np.zeros(width, bool)
        for number in range(num):
            here = other[number] & (number >= place) & ~is_over
            is_over |= (length > 0) & ~here
            length += here
            lasts = here
        stable = (length >= line.half) | (lasts & (length >= 5))
        is_kept = other[mark] & (returns <= 1) & stable & (place >= 2)
        sums = np.zeros((num_classes, width), int)
        for number in range(num):
            counts = other[number] & (number >= place) & (number <= np.maximum(mark, place + line.half - 1))
            for label in range(num_classes):
                sums[label] += np.where((smooth[number] == label) & counts, top[number].astype(int) + 1, 0)
        new = sums.argmax(0).astype(np.uint8)
        pixels = np.flatnonzero(is_kept)
        parts += [(pixel, place[pixel], new[pixel]) for pixel in pixels]
        now, since = np.where(is_kept, new, now), np.where(is_kept, place, since)
    ends = np.full(width, num)
    for pixel, place, _ in reversed(parts):
        ends[pixel] = place
    sums = np.zeros((num_classes, width), int)
    for number in range(num):
        for label in range(num_classes):
            sums[label] += np.where((labels[number] == label) & (number < ends), top[number].astype(int) + 1, 0)
    base = np.where(sums.max(0) > 0, sums.argmax(0), IGNORE)
    changes: list[tuple[int, ...]] = []
    old = base.copy()
    for pixel, place, new in sorted(parts):
        if new != old[pixel]:
            changes.append((int(pixel), int(place), int(old[pixel]), int(new)))
        old[pixel] = new
    return base, changes
