"""The confusion matrix: counts that add up over tiles, and the accuracies drawn from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8
from numpy.typing import ArrayLike, NDArray

from landweave.legend import IGNORE


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each class of a map meets each class of the reference.

    A number that has nothing to divide by (a class that is nowhere) is NaN.

    Attributes:
        counts: Rows are classes of the map, columns those of the reference.
    """

    counts: Int64[np.ndarray, "k k"]

    @classmethod
    def zero(cls, num_classes: int) -> Confusion:
        """No pixels: `zero(k) + a` equals `a`."""
        return cls(np.zeros((num_classes, num_classes), np.int64))

    @classmethod
    def from_labels(
        cls,
        predicted: UInt8[np.ndarray, "*shape"],
        truth: UInt8[np.ndarray, "*shape"],
        num_classes: int,
        valid: Bool[np.ndarray, "*shape"] | None = None,
    ) -> Confusion:
        """Count two arrays of class indices against each other; IGNORE in either, or `valid` False, is left out."""
        used = (predicted != IGNORE) & (truth != IGNORE)
        if valid is not None:
            used &= valid
        # One number for each pair of classes, so that one pass counts all of them.
        pairs = predicted[used].astype(np.int64) * num_classes + truth[used]
        counts = np.bincount(pairs, minlength=num_classes**2)
        return cls(counts.astype(np.int64).reshape(num_classes, num_classes))

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(self.counts + other.counts)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.counts)

    @property
    def num_pixels(self) -> int:
        """Everything counted."""
        return int(self.counts.sum())

    @property
    def overall(self) -> float:
        """Share of all that agrees."""
        return float(_ratio(np.trace(self.counts), self.counts.sum()))

    @property
    def users(self) -> Float64[np.ndarray, " k"]:
        """User's accuracy of every class (precision): share of its row that agrees."""
        return _ratio(np.diag(self.counts), self.counts.sum(1))

    @property
    def producers(self) -> Float64[np.ndarray, " k"]:
        """Producer's accuracy of every class (recall): share of its column that agrees."""
        return _ratio(np.diag(self.counts), self.counts.sum(0))

    @property
    def f1(self) -> Float64[np.ndarray, " k"]:
        """Harmonic mean of user's and producer's accuracy of every class."""
        return _ratio(2 * np.diag(self.counts), self.counts.sum(0) + self.counts.sum(1))

    @property
    def iou(self) -> Float64[np.ndarray, " k"]:
        """Intersection over union of every class."""
        both = np.diag(self.counts)
        return _ratio(both, self.counts.sum(0) + self.counts.sum(1) - both)

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond what the two sets of class shares would give by chance."""
        # Shares before they are multiplied: counts of a region square beyond 64 bits.
        mapped, truth = (_ratio(self.counts.sum(axis), self.counts.sum()) for axis in (1, 0))
        chance = float(mapped @ truth)
        return (self.overall - chance) / (1 - chance) if chance != 1 else float("nan")

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the classes that are in the map or in the reference."""
        return mean_of_known(self.f1)

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that are in the map or in the reference."""
        return mean_of_known(self.iou)


def mean_of_known(values: Float64[np.ndarray, " k"]) -> float:
    """Mean of the numbers that are not NaN; NaN where all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _ratio(above: ArrayLike, below: ArrayLike) -> NDArray[np.float64]:
    top, bottom = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    # NaN rather than 0 or 1: a class that is nowhere was neither mapped well nor badly.
    out: NDArray[np.float64] = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out
