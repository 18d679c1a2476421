"""Labels from an old map, as arrays: what a class looks like most of the time, and where all years agree. Pure.

Sedona et al. (2022), "Consistent land-cover maps by a multi-year LSTM", sections 2.2 and 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int, Int64, UInt8

from landweave.classical import kmeans
from landweave.classical.forest import Forest
from landweave.legend import IGNORE
from landweave.raster.dates import regular
from landweave.series.draws import allot
from landweave.spectra.indices import indices

# A date under clouds takes what the year tells of the place, however far away: a forest needs every number.
_ANY_DAY = 366


@dataclass(frozen=True, eq=False)
class Annual:
    """The series of one year at N places, without gaps.

    Attributes:
        values: Physical values on the dates of the year; 0 where the place has no valid date at all.
        seen: Whether a place has a valid date.
    """

    values: Float32[np.ndarray, "n t c"]
    seen: Bool[np.ndarray, " n"]

    @property
    def flat(self) -> Float32[np.ndarray, "n f"]:
        """All bands of all dates as one row, as a forest takes them."""
        return self.values.reshape(len(self.values), -1)


def annual(
    values: Float32[np.ndarray, "t c n"],
    valid: Bool[np.ndarray, "t n"],
    days: Int[np.ndarray, " t"],
    years: Int[np.ndarray, " t"],
    year: int,
) -> Annual:
    """The dates of `year`, those under clouds on a line between their neighbours of the same year."""
    here = years == year
    filled, found = regular(values[here], valid[here], days[here], days[here], limit_days=_ANY_DAY)
    return Annual(np.ascontiguousarray(filled.transpose(2, 0, 1)), np.asarray(found.all(0)))


@dataclass(frozen=True, eq=False)
class Purified:
    """Which places of one class look as most of the class does.

    Attributes:
        kept: One for each place.
        sizes: How many places each cluster has, the largest first.
        num_kept: How many clusters are kept.
    """

    kept: Bool[np.ndarray, " n"]
    sizes: tuple[int, ...]
    num_kept: int


def purify(x: Float32[np.ndarray, "n f"], num_clusters: int, keep_share: float = 0.0, seed: int = 0) -> Purified:
    """Cluster the places of one class and keep the largest cluster.

    "Based on the majority decision rule, it is reasonable to assume that the dominant cluster is made up of pixels
    having the highest probability to be correctly associated" to the class (section 2.2).

    Args:
        x: Spectral indices of every date of a year.
        num_clusters: Into how many.
        keep_share: Clusters are kept from the largest on until they hold this share of the places; 0: the largest.
        seed: Of the clusters' beginnings.

    Raises:
        SampleError: There is no place, or values are not finite.
    """
    found = kmeans.fit(x, num_clusters, seed)
    held = np.cumsum(found.sizes) / len(x)
    num_kept = int(np.searchsorted(held, min(keep_share, held[-1]))) + 1
    return Purified(found.predict(x) < num_kept, tuple(int(size) for size in found.sizes), num_kept)


def index_features(year: Annual, roles: Mapping[str, int]) -> Float32[np.ndarray, "n f"]:
    """NDVI, EVI, NDWI, NDSI and bare-soil index of every date, those that the bands allow, as one row a place."""
    return indices(year.values, roles).reshape(len(year.values), -1)


def training_places(
    label: UInt8[np.ndarray, " n"], kept: Bool[np.ndarray, " n"], counts: Sequence[int], num: int, floor: int
) -> Int64[np.ndarray, " m"]:
    """Which of the kept places to train a year's forest on: so many of each class as its share of the map says.

    Args:
        label: Class index of each place, which stand in the order of their chance.
        kept: Which of them may be taken.
        counts: Pixels of each class in the map.
        num: How many in all.
        floor: Fewest of a class, as far as there are so many.
    """
    there = np.bincount(label[kept], minlength=len(counts))
    wanted = np.minimum(allot(counts, num, floor), there)
    chosen = [np.flatnonzero(kept & (label == index))[:most] for index, most in enumerate(wanted)]
    return np.sort(np.concatenate(chosen))


def unseen_by(
    label: UInt8[np.ndarray, " n"], kept: Bool[np.ndarray, " n"], fold: Int64[np.ndarray, " n"], number: int, floor: int
) -> Bool[np.ndarray, " n"]:
    """Which of the kept places to grow the forest on that judges part `number` of the land: those of the other parts.

    A forest knows the labels of the places that it was grown on, and of their neighbours, by heart, the wrong ones too.
    A class that has fewer than `floor` places elsewhere is taken from the whole land: better known by heart than not.
    """
    elsewhere = np.asarray(kept & (fold != number))
    for index in np.unique(label[kept]):
        if (elsewhere & (label == index)).sum() < floor:
            elsewhere |= kept & (label == index)
    return elsewhere


def agreement(
    label: UInt8[np.ndarray, " n"],
    fold: Int64[np.ndarray, " n"],
    years: Mapping[int, Annual],
    forests: Mapping[int, Sequence[Forest]],
    *,
    num_threads: int = 1,
    fall: float = 1.0,
) -> tuple[dict[int, Bool[np.ndarray, " n"]], Bool[np.ndarray, " n"]]:
    """Where each year's forest tells the label of the old map, and where all of them do: the stable places.

    A place without a valid date in a year does not agree, for nobody saw it.

    Args:
        label: Class index of each place in the old map.
        fold: Part of the land that each lies in.
        years: Their series.
        forests: Of every year one for each part of the land.
        num_threads: For the forests.
        fall: Places whose label is less likely by more than this in one year than in another are not stable: most of
            the year in which it changed a place is still what it was.
    """
    agreed: dict[int, Bool[np.ndarray, " n"]] = {}
    known = label != IGNORE
    least, most = np.full(len(label), np.inf), np.full(len(label), -np.inf)
    for year, series in years.items():
        told, own = np.empty(len(label), np.int64), np.zeros(len(label))
        for number, one in enumerate(forests[year]):
            here = np.flatnonzero(fold == number)
            if here.size:
                found = one.predict_probabilities(series.flat[here], num_threads)
                told[here] = found.argmax(1)
                own[here] = found[np.arange(len(here)), np.where(known[here], label[here], 0)]
        agreed[year] = known & series.seen & (told == label)
        np.minimum(least, own, out=least)
        np.maximum(most, own, out=most)
    return agreed, np.logical_and.reduce([*agreed.values(), most - least <= fall])
