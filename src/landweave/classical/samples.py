"""Samples for classical models: checked once, where they enter."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

from landweave.errors import CardError, SampleError
from landweave.legend import IGNORE


def check_samples(
    x: Float32[np.ndarray, "n f"], y: UInt8[np.ndarray, "..."], num_classes: int
) -> tuple[Float32[np.ndarray, "m f"], UInt8[np.ndarray, "..."]]:
    """The samples that have a label.

    Raises:
        SampleError: None has, all have the same, a label is no class, or a value is not finite.
    """
    # Rows of several labels have no value for "not known".
    used = y != IGNORE if y.ndim == 1 else np.ones(len(y), np.bool_)
    samples, labels = np.ascontiguousarray(x[used], np.float32), y[used]
    if (num := len(np.unique(labels, axis=0))) < 2:
        raise SampleError(
            f"{len(labels)} labelled samples with {num} different labels",
            "at least two different labels",
            "label more, or look why labels were left out",
        )
    if (y.ndim == 1 and labels.max() >= num_classes) or (y.ndim == 2 and (y.shape[1] != num_classes or y.max() > 1)):
        raise SampleError(
            f"labels of shape {y.shape} up to {labels.max()}",
            f"{num_classes} classes",
            "check the legend of the labels",
        )
    if not np.isfinite(samples).all():
        bad = int((~np.isfinite(samples).all(1)).sum())
        raise SampleError(f"{bad} samples with NaN or infinite values", "finite values", "leave invalid pixels out")
    return samples, labels


def check_features(given: int, expected: int) -> None:
    """Refuse samples of another length than a model was fitted on.

    Raises:
        CardError: They are.
    """
    if given != expected:
        raise CardError(
            f"samples of {given} features", f"{expected} features, as the model was fitted on", "use the card's bands"
        )
