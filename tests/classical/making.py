"""Samples of classes that overlap."""

from __future__ import annotations

import numpy as np


def draw(
    num: int, num_classes: int = 5, num_features: int = 6, seed: int = 0
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    """Samples around one centre a class; centres are the same for every seed."""
    centres = np.random.default_rng(99).normal(0, 1.5, (num_classes, num_features))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, num).astype(np.uint8)
    return (centres[labels] + rng.normal(0, 1, (num, num_features))).astype(np.float32), labels
