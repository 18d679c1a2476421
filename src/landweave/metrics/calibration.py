"""Whether a network is as often right as it says: sums over bins of confidence, and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from landweave.legend import IGNORE

NUM_BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predictions by their confidence, the probability of the best class (Guo et al. 2017).

    Attributes:
        num: How many predictions fell into each bin of confidence; bins are equally wide, closed on the left.
        confidence: Sum of their confidences.
        correct: How many of them were right.
    """

    num: Int64[np.ndarray, " bins"]
    confidence: Float64[np.ndarray, " bins"]
    correct: Int64[np.ndarray, " bins"]

    @classmethod
    def zero(cls, num_bins: int = NUM_BINS) -> Calibration:
        """No predictions."""
        return cls(np.zeros(num_bins, np.int64), np.zeros(num_bins), np.zeros(num_bins, np.int64))

    @classmethod
    def from_confidences(
        cls, confidence: Float32[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], num_bins: int = NUM_BINS
    ) -> Calibration:
        """Count predictions that were made with these confidences, and were right or not."""
        # Single precision, as the confidences are: a value on an edge must fall the same way everywhere.
        edges = np.linspace(0, 1, num_bins + 1, dtype=np.float32)
        index = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, num_bins - 1)
        return cls(
            np.bincount(index, minlength=num_bins).astype(np.int64),
            np.bincount(index, confidence.astype(np.float64), num_bins),
            np.bincount(index[correct], minlength=num_bins).astype(np.int64),
        )

    @classmethod
    def from_probabilities(
        cls,
        probabilities: Float32[np.ndarray, "n k"],
        truth: UInt8[np.ndarray, " n"],
        num_bins: int = NUM_BINS,
    ) -> Calibration:
        """Count probabilities of exclusive classes against class indices; IGNORE is left out."""
        # The confidence where nobody knows the truth cannot be judged.
        used = truth != IGNORE
        known, labels = probabilities[used], truth[used]
        return cls.from_confidences(known.max(1, initial=0), known.argmax(1) == labels, num_bins)

    def __add__(self, other: Calibration) -> Calibration:
        return Calibration(self.num + other.num, self.confidence + other.confidence, self.correct + other.correct)

    @property
    def gaps(self) -> Float64[np.ndarray, " bins"]:
        """Mean confidence less the share that was right, by bin; NaN where a bin is empty."""
        known = np.maximum(self.num, 1)
        return np.where(self.num > 0, (self.confidence - self.correct) / known, np.nan)

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean over all predictions of the absolute gap of their bin; NaN without any."""
        total = self.num.sum()
        return float(np.abs(self.confidence - self.correct).sum() / total) if total else float("nan")
