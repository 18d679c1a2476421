"""How well codes find what belongs together: mean average precision by Hamming distance, as sums that add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

_AT_ONCE = 256
_MOST_BITS = 64


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Average precisions of queries, added up; `+` joins the queries of two parts of the work.

    Attributes:
        total: Sum of the average precisions.
        chance: Sum of what a random order would give on average.
        num_queries: Queries that have anything to find.
        num_without: Queries that have nothing to find, which are left out.
    """

    total: float = 0.0
    chance: float = 0.0
    num_queries: int = 0
    num_without: int = 0

    def __add__(self, other: Retrieval) -> Retrieval:
        return Retrieval(
            self.total + other.total,
            self.chance + other.chance,
            self.num_queries + other.num_queries,
            self.num_without + other.num_without,
        )

    @property
    def mean_average_precision(self) -> float:
        """The mean over queries; NaN where there are none."""
        return self.total / self.num_queries if self.num_queries else float("nan")

    @property
    def mean_by_chance(self) -> float:
        """What codes that tell nothing would reach; NaN where there are no queries."""
        return self.chance / self.num_queries if self.num_queries else float("nan")


def retrieve(
    queries: UInt64[np.ndarray, " q"],
    query_labels: Int64[np.ndarray, " q"],
    codes: UInt64[np.ndarray, " n"],
    labels: Int64[np.ndarray, " n"],
    *,
    are_among: bool = False,
) -> Retrieval:
    """How well each query's code finds the codes with its label among all `codes`, ordered by Hamming distance.

    Codes at one distance have no order: their average precision is the mean over all orders (McSherry and Najork 2008,
    section 3.1), so that the result does not depend on how the codes are stored.

    Args:
        queries: What is asked for.
        query_labels: Of each query.
        codes: Where it is looked for.
        labels: Of each of these.
        are_among: Whether every query is one of `codes` itself, which then does not count as found.
    """
    held = {int(label): np.asarray(labels == label) for label in np.unique(query_labels)}
    found = Retrieval()
    for start in range(0, len(queries), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        relevant = np.stack([held[int(label)] for label in query_labels[some]])
        found = found + _some(queries[some], codes, relevant, int(are_among))
    return found


def _some(
    queries: UInt64[np.ndarray, " q"], codes: UInt64[np.ndarray, " n"], relevant: Bool[np.ndarray, "q n"], own: int
) -> Retrieval:
    distances = np.bitwise_count(queries[:, None] ^ codes)
    rows = np.arange(len(queries))[:, None] * (_MOST_BITS + 1) + distances
    size = len(queries) * (_MOST_BITS + 1)
    every = np.bincount(rows.ravel(), minlength=size).reshape(len(queries), -1)
    right = np.bincount(rows[relevant], minlength=size).reshape(len(queries), -1)
    # A query lies at distance 0 from itself.
    every[:, 0] -= own
    right[:, 0] -= own
    has = right.sum(1) > 0
    precise = average_precision(right[has], every[has])
    by_chance = average_precision(right[has].sum(1, keepdims=True), every[has].sum(1, keepdims=True))
    return Retrieval(float(precise.sum()), float(by_chance.sum()), int(has.sum()), int((~has).sum()))


def average_precision(right: Int64[np.ndarray, "q d"], every: Int64[np.ndarray, "q d"]) -> Float64[np.ndarray, " q"]:
    """Average precision of each query from how many codes lie at each distance, nearest first.

    With r of n right at one distance, after N codes of which R are right, the codes there add on average
    r/n * sum over i = 1..n of (R + 1 + (i - 1) (r - 1) / (n - 1)) / (N + i).

    Args:
        right: Codes with the query's label at each distance; at least one in all.
        every: All codes at each distance.
    """
    before, right_before = (np.cumsum(counts, 1) - counts for counts in (every, right))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, every.sum(1).max(initial=0) + 1))])
    inverse = harmonic[before + every] - harmonic[before]
    slope = (right - 1) / np.maximum(every - 1, 1)
    # The sum in closed form: (i - 1) / (N + i) is 1 - (N + 1) / (N + i).
    each = (right_before + 1) * inverse + slope * (every - (before + 1) * inverse)
    gained = np.where(right > 0, right / np.maximum(every, 1) * each, 0.0)
    return np.asarray(gained.sum(1) / right.sum(1))
