"""Areas and accuracies of a map with their uncertainty, from a probability sample of places or of blocks.

Places: stratified random sampling, Olofsson et al. (2014, Remote Sensing of Environment 148, 42-57, equations 1-11)
where the strata are the classes of the map, and its generalisation to any strata, Stehman (2014, International Journal
of Remote Sensing 35, 4923-4939). Blocks: cluster sampling with every pixel of a drawn block known, a ratio of means
over the blocks (Cochran 1977, Sampling Techniques, section 6).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray
from scipy import stats

from landweave.errors import SampleError

CONFIDENCE = 0.95
_MIN_BLOCKS = 2
# As the paper rounds it.
_NORMAL_QUANTILE = 1.96


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number estimated from a sample; all NaN where the sample says nothing of it.

    Attributes:
        value: The estimate.
        standard_error: Its standard error.
        half_width: Half of its 95 % confidence interval as papers print it, symmetric around the value.
        ends: Ends of a 95 % interval that holds the truth more reliably near 0 and 1; None where there is none better.
    """

    value: float
    standard_error: float
    half_width: float
    ends: tuple[float, float] | None = None

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.value - self.half_width if self.ends is None else self.ends[0]

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.value + self.half_width if self.ends is None else self.ends[1]

    def times(self, factor: float) -> Estimate:
        """The estimate of a multiple."""
        ends = None if self.ends is None else (self.ends[0] * factor, self.ends[1] * factor)
        return Estimate(self.value * factor, self.standard_error * factor, self.half_width * factor, ends)


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a probability sample says of a map and of the land.

    Attributes:
        overall: Overall accuracy.
        users: User's accuracy of every class.
        producers: Producer's accuracy of every class.
        shares: Share of every class of the reference in the whole area.
        total: The whole area, in the unit of the strata's sizes; None where nobody said it.
        num_drawn: Number of places or blocks.
        design: How they were drawn, and which estimator follows from that.
    """

    overall: Estimate
    users: tuple[Estimate, ...]
    producers: tuple[Estimate, ...]
    shares: tuple[Estimate, ...]
    total: float | None
    num_drawn: int
    design: str

    @property
    def areas(self) -> tuple[Estimate, ...] | None:
        """Area of every class of the reference, in the unit of `total`."""
        return None if self.total is None else tuple(share.times(self.total) for share in self.shares)


def by_map_class(
    matrix: Int64[np.ndarray, "k k"], sizes: Float64[np.ndarray, " k"], complete: Bool[np.ndarray, " k"] | None = None
) -> Estimates:
    """Estimates from a random sample within each class of the map.

    Args:
        matrix: Places drawn: rows are classes of the map (the strata), columns of the reference.
        sizes: Mapped area of every class, in any unit.
        complete: Classes of which every place was drawn; none where None.

    Raises:
        SampleError: It is no stratified random sample, or too small for a variance.
    """
    counts = np.zeros((len(matrix), *matrix.shape), np.int64)
    classes = np.arange(len(matrix))
    # A place of stratum i was mapped as i, and as nothing else.
    counts[classes, classes] = matrix
    return stratified(counts, sizes, [f"map class {index}" for index in classes], complete)


def stratified(
    counts: Int64[np.ndarray, "h k k"],
    sizes: Float64[np.ndarray, " h"],
    names: Sequence[str],
    complete: Bool[np.ndarray, " h"] | None = None,
) -> Estimates:
    """Estimates from a random sample within each of any strata.

    The share of a stratum that was drawn is small, or all of it: what is known whole adds no error.

    Args:
        counts: Places drawn: stratum, class of the map, class of the reference.
        sizes: Area of every stratum, in any unit.
        names: Names of the strata, for errors.
        complete: Strata of which every place was drawn; none where None.

    Raises:
        SampleError: It is no stratified random sample, or too small for a variance.
    """
    drawn = counts.sum((1, 2))
    whole = np.zeros(len(drawn), np.bool_) if complete is None else complete & (drawn > 0)
    _check_strata(drawn, sizes, names, whole)
    # Classes that the map does not have are no strata.
    used = sizes > 0
    total = float(sizes.sum())
    sample = _Strata(counts[used], drawn[used].astype(np.float64), sizes[used] / total, whole[used])
    return _estimates(sample, total, int(drawn.sum()), f"stratified random sample of {drawn.sum()} places")


def blocks(counts: Int64[np.ndarray, "b k k"], total: float | None = None) -> Estimates:
    """Estimates from blocks drawn at random, of which every pixel is known.

    Pixels of a block resemble each other, so that blocks are counted, not pixels: the interval narrows with their
    number alone. It is as wide as if the blocks came from endlessly many, which is honest for land that was never
    trained on and a little too wide where the blocks are a large share of it.

    Args:
        counts: One confusion matrix a block: rows are classes of the map, columns of the reference.
        total: The area that the blocks were drawn from, in any unit.

    Raises:
        SampleError: There are fewer than two blocks with known pixels.
    """
    # A block where nothing is known was drawn, but says nothing.
    known = counts[counts.sum((1, 2)) > 0]
    if len(known) < _MIN_BLOCKS:
        raise SampleError(
            f"{len(known)} block{'s' * (len(known) != 1)} with known pixels",
            f"at least {_MIN_BLOCKS} blocks drawn at random, since the differences between them make the interval",
            "cut the archive with smaller blocks, or give more of them to the part that is judged",
        )
    return _estimates(_Blocks(known), total, len(known), f"{len(known)} blocks drawn at random, all their pixels known")


@dataclass(frozen=True, slots=True)
class _Strata:
    """Places in strata: `counts` (h, k, k), how many were drawn, shares of the area, and which are known whole."""

    counts: Int64[np.ndarray, "h k k"]
    drawn: Float64[np.ndarray, " h"]
    weights: Float64[np.ndarray, " h"]
    complete: Bool[np.ndarray, " h"]

    def ratio(self, part: Int64[np.ndarray, " h"], whole: Int64[np.ndarray, " h"]) -> Estimate:
        """Share of the area of `part` in the area of `whole`, which contains it (Stehman 2014, equations 23-28)."""
        of_part, of_whole = part / self.drawn, whole / self.drawn
        area = float(self.weights @ of_whole)
        # No place of the sample lies in the whole: nothing is known, not even zero.
        if not area:
            return _UNKNOWN
        value = float(self.weights @ of_part) / area
        # Both are 0 or 1 at a place, and part is 0 where whole is: this is the mean of (part - value * whole) ** 2.
        squares = of_part * (1 - 2 * value) + value**2 * of_whole
        spread = (squares - (of_part - value * of_whole) ** 2) * self.drawn / np.maximum(self.drawn - 1, 1)
        # The finite population correction, 1 - drawn / all (Cochran 1977, section 5.3), where it is 0.
        spread[self.complete] = 0
        error = math.sqrt(max(float(self.weights**2 @ (spread / self.drawn)), 0)) / area
        return Estimate(value, error, error * _NORMAL_QUANTILE, self._ends(value, error, whole))

    def _ends(self, value: float, error: float, whole: Int64[np.ndarray, " h"]) -> tuple[float, float] | None:
        """Wilson's interval with the number of units that would give this error in a simple sample.

        Symmetric intervals miss the truth too often where errors are rare: of 50 places all may be right by chance.
        Effective numbers in Wilson's interval as in Franco, Little, Louis and Slud (2019, Journal of Survey
        Statistics and Methodology 7, 334-364). None where all that matters is known whole.
        """
        drawn = float(whole[~self.complete].sum())
        if not drawn:
            return None
        return _wilson(value, value * (1 - value) / error**2 if error > 0 and 0 < value < 1 else drawn)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Blocks with all their pixels: `counts` (b, k, k)."""

    counts: Int64[np.ndarray, "b k k"]

    def ratio(self, part: Int64[np.ndarray, " b"], whole: Int64[np.ndarray, " b"]) -> Estimate:
        """Share of the pixels of `part` in those of `whole`."""
        if not whole.sum():
            return _UNKNOWN
        num, value = len(whole), float(part.sum() / whole.sum())
        spread = float(((part - value * whole) ** 2).sum() / (num - 1))
        error = math.sqrt(spread / num) / float(whole.mean())
        # Blocks that are all alike show no spread, which does not make them sure.
        ends = None if error else _wilson(value, float(np.count_nonzero(whole)))
        return Estimate(value, error, error * float(stats.t.ppf((1 + CONFIDENCE) / 2, num - 1)), ends)


def _wilson(value: float, num: float) -> tuple[float, float]:
    """Ends of Wilson's 95 % interval for a share of `num` places."""
    square = _NORMAL_QUANTILE**2
    middle = (value + square / (2 * num)) / (1 + square / num)
    half = _NORMAL_QUANTILE / (1 + square / num) * math.sqrt(value * (1 - value) / num + square / (4 * num**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


_UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def _estimates(sample: _Strata | _Blocks, total: float | None, num_drawn: int, design: str) -> Estimates:
    counts = sample.counts
    every, mapped, truth = counts.sum((1, 2)), counts.sum(2), counts.sum(1)
    agree: NDArray[np.int64] = np.diagonal(counts, axis1=1, axis2=2)
    classes = range(counts.shape[1])
    return Estimates(
        overall=sample.ratio(agree.sum(1), every),
        users=tuple(sample.ratio(agree[:, k], mapped[:, k]) for k in classes),
        producers=tuple(sample.ratio(agree[:, k], truth[:, k]) for k in classes),
        shares=tuple(sample.ratio(truth[:, k], every) for k in classes),
        total=total,
        num_drawn=num_drawn,
        design=design,
    )


def _check_strata(
    drawn: Int64[np.ndarray, " h"],
    sizes: Float64[np.ndarray, " h"],
    names: Sequence[str],
    whole: Bool[np.ndarray, " h"],
) -> None:
    if not np.isfinite(sizes).all() or (sizes < 0).any() or not sizes.sum() > 0:
        raise SampleError(f"strata of sizes {sizes.tolist()}", "sizes of at least 0, one above", "measure the strata")
    for index, name in enumerate(names):
        if sizes[index] > 0 and drawn[index] == 0:
            raise _no_sample(f"no place drawn in stratum {name}, which is {sizes[index]:g} large", _NO_CHANCE)
        if sizes[index] == 0 and drawn[index] > 0:
            raise _no_sample(
                f"{drawn[index]} places in stratum {name}, which has no area", "places in strata with area"
            )
        if drawn[index] == 1 and not whole[index]:
            raise _no_sample(f"one place in stratum {name}", "at least two in each stratum, for a variance")


_NO_CHANCE = "places in every stratum: where none could be drawn, the sample says nothing"


def _no_sample(given: str, expected: str) -> SampleError:
    return SampleError(given, expected, "draw a sample with landweave evaluate --draw, and judge all of it")
