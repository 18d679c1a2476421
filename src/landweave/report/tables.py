"""Numbers as the text of table cells: percentages with intervals, shaded matrices, durations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from landweave.report.material import Estimate, Judgement

NONE = "\N{EN DASH}"
_MINUTE_S, _HOUR_S = 60, 3600
# Below this share a cell would say 0.0 though there is something.
_LEAST_SHARE = 0.0005


@dataclass(frozen=True, slots=True)
class Bar:
    """Where an estimate and its interval stand on a scale of 0-100 (percent)."""

    text: str
    interval: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClassLine:
    """One line of the per-class table."""

    name: str
    color: str
    users: Bar
    producers: Bar
    f1: str
    iou: str
    truth: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the confusion matrix."""

    text: str
    share: float
    right: bool
    label: str


def percent(value: float | None, digits: int = 1) -> str:
    """0.9234 as "92.3 %"; a dash for none or NaN."""
    return NONE if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def decimal(value: float, digits: int = 3) -> str:
    """A number with `digits` decimals; a dash for NaN."""
    return NONE if math.isnan(value) else f"{value:.{digits}f}"


def count(value: float) -> str:
    """1234567 as "1,234,567"."""
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Seconds as "4.2 s", "3 min 05 s" or "2 h 10 min"."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        minutes, second = divmod(round(seconds), _MINUTE_S)
        return f"{minutes} min {second:02d} s"
    hours, minute = divmod(round(seconds / _MINUTE_S), 60)
    return f"{hours} h {minute:02d} min"


def interval(estimate: Estimate) -> str:
    """The interval as "91.8-93.0 %", empty where there is none."""
    if estimate.low is None or estimate.high is None or math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    return f"{100 * estimate.low:.1f}\N{EN DASH}{100 * estimate.high:.1f} %"


def bar(estimate: Estimate) -> Bar:
    """An estimate ready to be drawn; without an interval, low and high are the value."""
    value = 0.0 if math.isnan(estimate.value) else 100 * estimate.value
    text = interval(estimate)
    low, high = (100 * (estimate.low or 0), 100 * (estimate.high or 0)) if text else (value, value)
    # An interval by the normal approximation can reach beyond the scale.
    return Bar(percent(estimate.value), text, *(min(max(number, 0.0), 100.0) for number in (value, low, high)))


def class_lines(judgement: Judgement) -> list[ClassLine]:
    """The per-class table."""
    return [
        ClassLine(
            entry.entry.name,
            entry.entry.color,
            bar(entry.users),
            bar(entry.producers),
            decimal(entry.f1),
            decimal(entry.iou),
            count(entry.num_truth),
        )
        for entry in judgement.classes
    ]


def matrix_lines(judgement: Judgement) -> list[tuple[str, str, list[Cell]]]:
    """The confusion matrix as lines of (class, colour, cells), each cell a share of its row, the truth."""
    totals = judgement.matrix.sum(axis=1)
    return [
        (entry.entry.name, entry.entry.color, _cells(judgement, row, int(totals[row])))
        for row, entry in enumerate(judgement.classes)
    ]


def _cells(judgement: Judgement, row: int, total: int) -> list[Cell]:
    truth = judgement.classes[row].entry.name
    cells = []
    for col, number in enumerate(judgement.matrix[row].tolist()):
        share = number / total if total else 0.0
        mapped = judgement.classes[col].entry.name
        label = f"{truth} mapped as {mapped}: {count(number)} ({percent(share)})"
        cells.append(Cell(_share_text(share, number), share, row == col, label))
    return cells


def _share_text(share: float, number: int) -> str:
    if not number:
        return ""
    return "<0.1" if share < _LEAST_SHARE else f"{100 * share:.1f}"


def shares(ids: Iterable[int], counts: Sequence[int]) -> dict[int, float]:
    """Counts of class ids as shares of their sum."""
    total = float(np.sum(counts)) or 1.0
    return {identity: number / total for identity, number in zip(ids, counts, strict=True)}
