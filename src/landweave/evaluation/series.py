"""Judge a card of series on points that it never learnt from: labels of series, or of their dates."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from landweave.datasets.points import Points
from landweave.errors import CardError, LegendError, SensorError, SplitError
from landweave.evaluation.result import Evaluation
from landweave.evaluation.truth import same_classes
from landweave.jobs.run import Progress
from landweave.legend import IGNORE
from landweave.metrics.calibration import Calibration
from landweave.metrics.confusion import Confusion
from landweave.models.card import Card
from landweave.train.answer import Answer

_AT_ONCE = 4096
_WHY = "the points are no probability sample of a region, but those that somebody had labels of"


def judge(folder: Path, points: Points, part: str, name: str) -> Generator[Progress, None, Evaluation]:
    """Judge the card in `folder` on one part of some points; the evaluation is the generator's value.

    Networks compute in fp32 on the CPU. Of a card of dates every valid date with a label counts; where points have one
    label for all their dates, it is that of each.

    Raises:
        CardError: The card is damaged, not of series, or for another sensor, unit or pixel size.
        SensorError: The points lack a band.
        LegendError: Card and points have different legends.
        SplitError: The part has no labelled point.
        SeriesError: The card takes another number of dates.
    """
    answer = Answer(folder)
    order = _fit(answer.card, points)
    rows, by_date = points.of_part(part), answer.taken.per == "date"
    truth = _truth(points, by_date)[rows]
    if not (truth != IGNORE).any():
        raise SplitError(f"{len(rows)} points of the part {part}, none with a label", "labelled points", "judge others")
    mine = points.take(rows)
    num = len(answer.card.legend)
    confusion, calibration = Confusion.zero(num), Calibration.zero()
    for start in range(0, len(mine), _AT_ONCE):
        yield Progress("judge", start, len(mine), "points")
        some = slice(start, start + _AT_ONCE)
        scores = answer.scores(mine.values[some][..., order], mine.valid[some], mine.days[some])
        told: Float32[np.ndarray, "m k"] = torch.softmax(scores, -1).flatten(0, -2).numpy()
        known = truth[some].ravel()
        confusion += Confusion.from_labels(told.argmax(1).astype(np.uint8), known, num)
        calibration += Calibration.from_probabilities(told, known)
    yield Progress("judge", len(mine), len(mine), "points")
    counts = {
        "points": int((truth != IGNORE).sum()) if truth.ndim == 1 else int((truth != IGNORE).any(1).sum()),
        "labels": int((truth != IGNORE).sum()),
        "points_without_label": int((truth.reshape(len(mine), -1) == IGNORE).all(1).sum()),
        "points_without_valid_date": int((~mine.valid.any(1)).sum()),
    }
    what = "dates" if by_date else "series"
    first, last = mine.year.min(), mine.year.max()
    years = f"{first}" if first == last else f"{first} to {last}"
    note = f"{counts['labels']:,} {what} of {counts['points']:,} points of the part {part}, of {years}."
    return Evaluation(name, "series", answer.card.legend, note, confusion, None, _WHY, None, calibration, counts)


def _fit(card: Card, points: Points) -> list[int]:
    """Where the card's bands stand in the points."""
    theirs = f"{points.sensor} in {points.unit} with pixels of {points.pixel_size_m:g} m"
    own = f"{card.sensor} in {card.unit} with pixels of {card.pixel_size_m:g} m"
    if theirs != own:
        raise CardError(f"points of {theirs}", f"{own}, for which the card is", "judge it on points of its sensor")
    if missing := [band for band in card.bands if band not in points.bands]:
        raise SensorError(
            f"points with {', '.join(points.bands)}", f"the card's {', '.join(missing)} too", "give points with it"
        )
    if not same_classes(card.legend, points.legend):
        raise LegendError(
            f"a card with legend {card.legend.name} and points with legend {points.legend.name}",
            "one legend",
            "label the points in the card's legend",
        )
    return [points.bands.index(band) for band in card.bands]


def _truth(points: Points, by_date: bool) -> UInt8[np.ndarray, "n ..."]:
    label = points.label
    if by_date:
        every = np.repeat(label[:, None], points.valid.shape[1], 1)
        told = every if points.labels_by_date is None else points.labels_by_date
        label = np.where(points.valid, told, -1).astype(np.int16)
    return np.where(label < 0, IGNORE, label).astype(np.uint8)
