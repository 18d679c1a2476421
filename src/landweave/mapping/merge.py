"""Predictions of several scenes of one place made one, by a stated rule. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from landweave.legend import IGNORE
from landweave.mapping.head import Prediction

Rule = Literal["latest", "majority"]
RULES: dict[Rule, str] = {
    "latest": "the latest scene that is valid at the pixel",
    "majority": "the class that most valid scenes have; of classes with as many, the one seen latest; "
    "probabilities are the mean over the valid scenes",
}


def merge(rule: Rule, predictions: Iterable[Prediction], num_classes: int) -> Prediction | None:
    """One prediction from those of several scenes, the latest scene first; None where there are none.

    With "latest" no prediction is asked for after the one that fills the last pixel.
    """
    match rule:
        case "latest":
            return _latest(predictions)
        case "majority":
            return _majority(list(predictions), num_classes)


def _latest(predictions: Iterable[Prediction]) -> Prediction | None:
    merged: Prediction | None = None
    for prediction in predictions:
        merged = prediction if merged is None else _filled(merged, prediction)
        if merged.valid.all():
            break
    return merged


def _filled(front: Prediction, back: Prediction) -> Prediction:
    probabilities = None
    if front.probabilities is not None and back.probabilities is not None:
        probabilities = np.where(front.valid, front.probabilities, back.probabilities)
    return Prediction(np.where(front.valid, front.indices, back.indices), front.valid | back.valid, probabilities)


def _majority(predictions: list[Prediction], num_classes: int) -> Prediction | None:
    if len(predictions) < 2:
        return predictions[0] if predictions else None
    labels = np.stack([prediction.indices for prediction in predictions])
    indices = _winners(labels, num_classes)
    return Prediction(indices, indices != IGNORE, _mean(predictions))


def _winners(labels: UInt8[np.ndarray, "n h w"], num_classes: int) -> UInt8[np.ndarray, "h w"]:
    num = len(labels)
    best = np.zeros(labels.shape[1:], np.int32)
    winners = np.full(labels.shape[1:], IGNORE, np.uint8)
    for index in range(num_classes):
        here: Bool[np.ndarray, "n h w"] = labels == index
        # One number that puts votes first and, of equal votes, the earliest position: the latest scene.
        points = here.sum(0, dtype=np.int32) * (num + 1) + np.where(here.any(0), num - here.argmax(0), 0)
        better = points > best
        best[better], winners[better] = points[better], index
    return winners


def _mean(predictions: list[Prediction]) -> Float32[np.ndarray, "k h w"] | None:
    known = [prediction.probabilities for prediction in predictions if prediction.probabilities is not None]
    if len(known) < len(predictions):
        return None
    count = np.sum([prediction.valid for prediction in predictions], axis=0, dtype=np.float32)
    return np.asarray(sum(known[1:], start=known[0]) / np.maximum(count, 1))
