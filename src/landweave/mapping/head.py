"""From a network's scores to what a map holds: labels, probabilities and entropy. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from landweave.legend import IGNORE, Legend

STEPS = 254
"""Probabilities and entropy are stored as whole steps of 1/254; 255 means no data."""
NODATA = 255


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is known about every pixel of a core.

    Attributes:
        indices: Index of the likeliest class in the legend, IGNORE where not valid.
        valid: Where there is a prediction.
        probabilities: Of every class, 0 where not valid; None where nobody asked for them.
    """

    indices: UInt8[np.ndarray, "h w"]
    valid: Bool[np.ndarray, "h w"]
    probabilities: Float32[np.ndarray, "k h w"] | None = None


def predict(scores: Float[Tensor, "k h w"], valid: Bool[np.ndarray, "h w"], with_probabilities: bool) -> Prediction:
    """The likeliest class of every pixel, and the softmax of its scores where asked for."""
    indices = _likeliest(scores)
    indices[~valid] = IGNORE
    if not with_probabilities:
        return Prediction(indices, valid)
    probabilities = torch.softmax(scores.float(), 0).cpu().numpy()
    probabilities[:, ~valid] = 0
    return Prediction(indices, valid, probabilities)


def _likeliest(scores: Float[Tensor, "k h w"]) -> UInt8[np.ndarray, "h w"]:
    """The first class with the greatest score, in an array of its own."""
    if scores.is_cuda or not scores[0].is_contiguous() or scores.dtype != torch.float32:
        found: UInt8[np.ndarray, "h w"] = scores.argmax(0).to(torch.uint8).cpu().numpy()
        return found
    # Plane by plane: where classes stand far apart in memory, argmax takes 50 times as long.
    planes = scores.numpy()
    best = planes.max(0)
    is_found = planes[0] == best
    indices: UInt8[np.ndarray, "h w"] = (~is_found).astype(np.uint8)
    for plane in planes[1:-1]:
        is_found |= plane == best
        indices += ~is_found
    return indices


def joined(parts: Sequence[Prediction]) -> Prediction:
    """Predictions of stripes of rows, from top to bottom, as one."""
    if len(parts) == 1:
        return parts[0]
    each = [part.probabilities for part in parts if part.probabilities is not None]
    return Prediction(
        np.concatenate([part.indices for part in parts]),
        np.concatenate([part.valid for part in parts]),
        np.concatenate(each, axis=1) if each else None,
    )


def from_probabilities(probabilities: Float32[np.ndarray, "k h w"], valid: Bool[np.ndarray, "h w"]) -> Prediction:
    """The same where probabilities are known."""
    indices = probabilities.argmax(0).astype(np.uint8)
    indices[~valid] = IGNORE
    return Prediction(indices, valid, np.where(valid, probabilities, np.float32(0)))


def to_labels(prediction: Prediction, legend: Legend) -> UInt8[np.ndarray, "1 h w"]:
    """Class ids of `legend`, its nodata where not valid."""
    table = np.full(256, legend.nodata, np.uint8)
    table[: len(legend)] = legend.ids
    return np.take(table, prediction.indices)[None]


def to_steps(prediction: Prediction) -> UInt8[np.ndarray, "k h w"]:
    """Probabilities in steps of 1/254, 255 where not valid."""
    return _steps(_known(prediction), prediction.valid)


def to_entropy(prediction: Prediction) -> UInt8[np.ndarray, "1 h w"]:
    """Entropy of the probabilities over its greatest value, 0 sure to 1 clueless, in steps of 1/254; 255 not valid."""
    probabilities = _known(prediction)
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    entropy: Float32[np.ndarray, "1 h w"] = -(probabilities * logs).sum(0, keepdims=True) / max(
        math.log(len(probabilities)), 1e-12
    )
    return _steps(entropy, prediction.valid)


def _known(prediction: Prediction) -> Float32[np.ndarray, "k h w"]:
    assert prediction.probabilities is not None, "a prediction without probabilities"
    return prediction.probabilities


def _steps(values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "c h w"]:
    steps: UInt8[np.ndarray, "c h w"] = np.rint(np.clip(values, 0, 1) * np.float32(STEPS)).astype(np.uint8)
    steps[:, ~valid] = NODATA
    return steps
