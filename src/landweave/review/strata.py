"""Strata of a change map, and how many sampling units they need. Pure.

After Olofsson et al. (2014, Remote Sensing of Environment 148, 42-57, section 5.1): change is rare, so that each kind
of it is a stratum of its own; a rim around changes is another, for there omissions hide; the rest is stable land.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from numpy.typing import NDArray
from scipy import ndimage

from landweave.errors import SampleError
from landweave.legend import IGNORE, Legend

Kind = Literal["change", "rim", "stable"]
OUTSIDE = -1
# As the paper's example expects of changes and of stable land.
EXPECTED: Mapping[str, float] = {"change": 0.7, "rim": 0.9, "stable": 0.95}


@dataclass(frozen=True, slots=True)
class Stratum:
    """Pixels that units are drawn from with one chance.

    Attributes:
        name: For people.
        kind: "change", "rim" (near a change) or "stable".
        num_pixels: How many pixels it has.
    """

    name: str
    kind: Kind
    num_pixels: int


@dataclass(frozen=True, slots=True)
class Strata:
    """How the pixels of two maps are shared out.

    Attributes:
        strata: In the order of their numbers.
        pairs: Class index before and after to the number of a stratum, OUTSIDE where there is none.
        rim_px: How far the rim reaches around changes.
    """

    strata: tuple[Stratum, ...]
    pairs: Int64[np.ndarray, "k k"]
    rim_px: int

    def of(self, before: UInt8[np.ndarray, "h w"], after: UInt8[np.ndarray, "h w"]) -> Int64[np.ndarray, "h w"]:
        """Number of the stratum of each pixel, OUTSIDE where one of the maps has no data.

        Args:
            before: Class indices, IGNORE without data, with `rim_px` more on each side than what is wanted right.
            after: Likewise.
        """
        known = (before != IGNORE) & (after != IGNORE)
        safe = np.where(known, before, 0), np.where(known, after, 0)
        found = np.where(known, self.pairs[safe], OUTSIDE)
        rims = [number for number, stratum in enumerate(self.strata) if stratum.kind == "rim"]
        if rims:
            found[near_change(before, after, self.rim_px)] = rims[0]
        return found


def near_change(
    before: UInt8[np.ndarray, "h w"], after: UInt8[np.ndarray, "h w"], rim_px: int
) -> Bool[np.ndarray, "h w"]:
    """Stable pixels at most `rim_px` from a change, diagonals counted as one."""
    known = (before != IGNORE) & (after != IGNORE)
    changed = known & (before != after)
    edge = np.ones((2 * rim_px + 1,) * 2, np.bool_)
    return np.asarray(ndimage.binary_dilation(changed, edge) & known & ~changed)


def make_strata(
    counts: Int64[np.ndarray, "k k"], num_rim: Int64[np.ndarray, " k"], legend: Legend, rim_px: int, rare: float = 0.01
) -> Strata:
    """Strata from what was counted: kinds of change, the rim, stable classes; rare ones are put together.

    Args:
        counts: Pixels by class index before and after.
        num_rim: Of the stable pixels of each class those near a change.
        legend: The classes.
        rim_px: How far the rim reaches.
        rare: Which share of all changes, or of all stable land, makes a stratum of its own.

    Raises:
        SampleError: The maps have no pixel in common.
    """
    changes = counts * ~np.eye(len(legend), dtype=np.bool_)
    stable = np.diagonal(counts) - num_rim
    if not counts.sum():
        raise SampleError("two maps without a pixel that both know", "maps of one place", "check both years")
    names = legend.names
    kinds: list[tuple[str, Kind, list[tuple[int, int]]]] = []
    pairs = [(int(a), int(b)) for a, b in np.argwhere(changes)]
    kinds += _grouped([(f"{names[a]} to {names[b]}", (a, b)) for a, b in pairs], changes, rare, "change")
    if num_rim.sum():
        kinds.append(("near a change", "rim", []))
    classes = [(f"stable {names[a]}", (int(a), int(a))) for a in np.flatnonzero(stable)]
    kinds += _grouped(classes, np.diag(stable), rare, "stable")
    table = np.full(counts.shape, OUTSIDE, np.int64)
    strata = []
    for number, (name, kind, members) in enumerate(kinds):
        for member in members:
            table[member] = number
        sizes = [(np.diag(stable) if kind == "stable" else changes)[member] for member in members]
        strata.append(Stratum(name, kind, int(num_rim.sum() if kind == "rim" else sum(sizes))))
    return Strata(tuple(strata), table, rim_px)


def _grouped(
    named: Sequence[tuple[str, tuple[int, int]]], counts: NDArray[np.int64], rare: float, kind: Kind
) -> list[tuple[str, Kind, list[tuple[int, int]]]]:
    """Each member a group of its own, but the rare ones one together."""
    least = rare * counts.sum()
    few = [member for _, member in named if counts[member] < least]
    # One rare member alone needs no other name than its own.
    alone = [(name, [member]) for name, member in named if counts[member] >= least or len(few) == 1]
    rest = [(f"other {kind}", few)] if len(few) > 1 else []
    return [(name, kind, members) for name, members in alone + rest]


def num_units(sizes: Sequence[int], accuracies: Sequence[float], target: float) -> int:
    """How many units a stratified sample needs (Olofsson et al. 2014, equation 13, after Cochran 1977, eq. 5.25).

    Args:
        sizes: Pixels of each stratum.
        accuracies: The user's accuracy that is expected in each, 0 to 1.
        target: The standard error that the overall accuracy shall have.

    Raises:
        SampleError: A number means nothing.
    """
    shares = np.asarray(sizes, np.float64) / max(sum(sizes), 1)
    expected = np.asarray(accuracies, np.float64)
    if not sum(sizes) or not 0 < target < 1 or ((expected < 0) | (expected > 1)).any():
        raise SampleError(
            f"a standard error of {target} and accuracies {list(accuracies)} for {sum(sizes)} pixels",
            "a standard error above 0 and below 1, accuracies within 0 and 1, and pixels to draw from",
            "mend --error or --expect",
        )
    spread = np.sqrt(expected * (1 - expected))
    top = float(shares @ spread) ** 2
    return max(math.ceil(top / (target**2 + float(shares @ spread**2) / sum(sizes)) - 1e-9), 1)
