"""Microwindows: the 142 spectral intervals by which limb spectra of polar stratospheric clouds are described. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64


@dataclass(frozen=True, slots=True)
class Microwindow:
    """One averaged spectral interval.

    Attributes:
        index: Its place in a spectrum.
        region: The spectral region of the paper's Table 1 that it belongs to: R1-R8 narrow, W1-W5 wide.
        lower_per_cm: Where it begins, as a wavenumber.
        upper_per_cm: Where it ends.
        is_ours: Neither Table 1 nor Table 3 fixes its position; ours lies within the region that Table 1 tells.
    """

    index: int
    region: str
    lower_per_cm: float
    upper_per_cm: float
    is_ours: bool = False

    @property
    def centre_per_cm(self) -> float:
        """The middle, at which the interval's mean radiance is taken to lie."""
        # Rounded, because (788.2 + 796.2) / 2 shall be 792.2.
        return round((self.lower_per_cm + self.upper_per_cm) / 2, 6)


# Runs of intervals 1 cm-1 wide: region, first index, last index, lower edge of the first, from edge to edge, ours.
# R1 goes to index 58 and R2 begins at 59, as Table 3's pairs say; Table 1 has 57 and 58. The 15 windows of R3 would not
# reach 1250 cm-1 side by side, as 84 to 87 stand in Table 3: from 88 on every second interval is taken, by which index
# 90 lies near 1235 cm-1, where the paper's text has it. R5 has six windows in 1930-1935 cm-1: the last one goes beyond.
_RUNS = (
    ("R1", 0, 58, 782.0, 1.0, False),
    ("R2", 59, 83, 940.0, 1.0, False),
    ("R3", 84, 87, 1224.0, 1.0, False),
    ("R3", 88, 98, 1229.0, 2.0, True),
    ("R4", 99, 106, 1404.0, 1.0, False),
    ("R5", 107, 112, 1930.0, 1.0, True),
    ("R6", 113, 125, 1972.0, 1.0, False),
    ("R7", 126, 130, 2001.0, 1.0, False),
    ("R8", 131, 136, 2140.0, 1.0, False),
)
_WIDE = (
    ("W1", 788.2, 796.2),
    ("W2", 832.0, 834.4),
    ("W3", 819.0, 821.0),
    ("W4", 832.3, 834.4),
    ("W5", 947.5, 950.0),
)


def _narrow() -> Iterator[Microwindow]:
    for region, first, last, lower, step, is_ours in _RUNS:
        for index in range(first, last + 1):
            start = lower + (index - first) * step
            yield Microwindow(index, region, start, start + 1, is_ours)


MICROWINDOWS: tuple[Microwindow, ...] = (
    *_narrow(),
    *(Microwindow(137 + place, region, lower, upper) for place, (region, lower, upper) in enumerate(_WIDE)),
)
"""All of them by index: 0-136 narrow, 137-141 wide (Sedona et al. 2020, Atmos. Meas. Tech. 13, 3661, Table 1)."""

NUM = len(MICROWINDOWS)
NUM_PAIRS = NUM * (NUM - 1) // 2
CENTRES_PER_CM = np.array([window.centre_per_cm for window in MICROWINDOWS])
CENTRES_PER_CM.setflags(write=False)

CLASSES = ("ice", "nat_small", "nat_large", "sts_1", "sts_2", "sts_3")
"""What clouds are classified as: NAT is small up to a median radius of 2 um; STS by composition (section 2.2)."""


def pairs(num: int = NUM) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"]]:
    """Both indices i < j of every pair of microwindows, in the one order that pairs have: 0-1, 0-2, ..., 140-141."""
    first, second = np.triu_indices(num, 1)
    return first, second


def pair_index(first: int, second: int) -> int:
    """The place of a pair in the order of `pairs`, whichever of the two is named first."""
    low, high = sorted((first, second))
    assert 0 <= low < high < NUM, "no pair of microwindows"
    return low * (2 * NUM - low - 1) // 2 + high - low - 1
