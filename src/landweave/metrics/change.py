"""How right changes are that were found: counts that add up over tiles, and the figures drawn from them.

Precision, recall, F1 and intersection over union of changed pixels, as in Sedona et al. (2023, IEEE Geoscience and
Remote Sensing Letters, table II); and how many days the dates of rightly found changes are off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from landweave.legend import IGNORE

MOST_DAYS = 3660
"""Errors of dates beyond so many days are counted as so many."""
UNDATED = 0
"""The day of a change that nobody dated; days count from 1970."""
CALM, FALSE, MISSED, FOUND, UNKNOWN = range(5)
"""What a pixel is in a picture of changes: rightly without one, wrongly with one, one missed, one found; unknown."""


@dataclass(frozen=True, eq=False)
class Changes:
    """Changes of pixels.

    Attributes:
        old: Class index before, IGNORE where it is not known.
        new: Class index afterwards, IGNORE where it is not known; the same as `old` where nothing changed.
        day: Day of the change counted from 1970, UNDATED where nobody said.
    """

    old: UInt8[np.ndarray, "*shape"]
    new: UInt8[np.ndarray, "*shape"]
    day: Int32[np.ndarray, "*shape"]

    @property
    def known(self) -> Bool[np.ndarray, "*shape"]:
        """Where both classes are known."""
        return np.asarray((self.old != IGNORE) & (self.new != IGNORE))

    @property
    def there(self) -> Bool[np.ndarray, "*shape"]:
        """Where the class changed."""
        return np.asarray(self.known & (self.old != self.new))


def picture(found: Changes, truth: Changes) -> UInt8[np.ndarray, "*shape"]:
    """CALM, FALSE, MISSED, FOUND or UNKNOWN for every pixel."""
    kind = truth.there.astype(np.uint8) * np.uint8(2) + found.there
    return np.where(found.known & truth.known, kind, np.uint8(UNKNOWN)).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class ChangeCounts:
    """How often changes were found, missed and made up.

    A number that has nothing to divide by is NaN.

    Attributes:
        found: Pixels with a change in both.
        false: Pixels with a change that is none in truth.
        missed: Pixels whose change was not found.
        calm: Pixels without a change in both.
        right_classes: Those of `found` whose class before and after is that of the truth.
        errors: Days that a date is late, of the pixels of `found` with a date in both: entry `MOST_DAYS` is 0 days.
    """

    found: int
    false: int
    missed: int
    calm: int
    right_classes: int
    errors: Int64[np.ndarray, " d"]

    @classmethod
    def zero(cls) -> ChangeCounts:
        """No pixels."""
        return cls(0, 0, 0, 0, 0, np.zeros(2 * MOST_DAYS + 1, np.int64))

    @classmethod
    def of(cls, found: Changes, truth: Changes) -> ChangeCounts:
        """Count changes against the truth; pixels that are not known in both are left out."""
        counts = np.bincount(picture(found, truth).ravel(), minlength=5)
        both = found.there & truth.there
        dated = both & (found.day != UNDATED) & (truth.day != UNDATED)
        late = np.clip(found.day[dated].astype(np.int64) - truth.day[dated], -MOST_DAYS, MOST_DAYS)
        right = (found.old == truth.old) & (found.new == truth.new)
        return cls(
            int(counts[FOUND]),
            int(counts[FALSE]),
            int(counts[MISSED]),
            int(counts[CALM]),
            int((both & right).sum()),
            np.bincount(late + MOST_DAYS, minlength=2 * MOST_DAYS + 1).astype(np.int64),
        )

    def __add__(self, other: ChangeCounts) -> ChangeCounts:
        return ChangeCounts(
            self.found + other.found,
            self.false + other.false,
            self.missed + other.missed,
            self.calm + other.calm,
            self.right_classes + other.right_classes,
            self.errors + other.errors,
        )

    def undated(self) -> ChangeCounts:
        """The same without dates, for a method that gives none."""
        return replace(self, errors=np.zeros_like(self.errors))

    @property
    def precision(self) -> float:
        """Share of the changes found that are some."""
        return _ratio(self.found, self.found + self.false)

    @property
    def recall(self) -> float:
        """Share of the changes that were found."""
        return _ratio(self.found, self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 where nothing was found although there is something."""
        return _ratio(2 * self.found, 2 * self.found + self.false + self.missed)

    @property
    def iou(self) -> float:
        """Intersection over union of the changes found and the changes that there are."""
        return _ratio(self.found, self.found + self.false + self.missed)

    @property
    def classes(self) -> float:
        """Share of the changes rightly found whose classes before and after are right."""
        return _ratio(self.right_classes, self.found)

    @property
    def median_error_days(self) -> float:
        """Median of how many days dates are off, early or late."""
        late = self.errors[MOST_DAYS:].copy()
        late[1:] += self.errors[:MOST_DAYS][::-1]
        return _median(late, 0)

    @property
    def median_late_days(self) -> float:
        """Median of how many days dates are late; negative where they are early."""
        return _median(self.errors, -MOST_DAYS)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _median(counts: Int64[np.ndarray, " d"], first: int) -> float:
    """Median of whole numbers from `first` on that occur so often."""
    if not counts.sum():
        return math.nan
    total = int(counts.sum())
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, rank, side="right")) for rank in ((total - 1) // 2, total // 2))
    return first + (low + high) / 2
