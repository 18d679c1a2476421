"""How often 95 % intervals hold the truth: 1,000 simulated samples for each design, figure by figure.

Lands are known by the shares of their classes within each stratum, samples are drawn from them, and estimated as
`landweave evaluate` does. Three lands: strata are the map's classes (Olofsson et al. 2014); strata that are none, as
for rare change (Stehman 2014); and errors so rare that a sample of this size often sees none. The bar is for the
first two with at least 50 units a stratum; smaller strata and rare errors are reported as a range, since no sample of
that size can tell what it does not contain.

Without arguments 1,000 samples, in a minute; --samples for more, --seed for others.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from landweave.metrics import area
from landweave.metrics.area import Estimate, Estimates
from scenes import figure, print_result

LOW, HIGH = 0.93, 0.97
LARGE, SMALL = (50, 75, 100, 200), (10, 20, 30, 40)


@dataclass(frozen=True)
class Land:
    """A land whose accuracy is known.

    Attributes:
        name: For the table.
        shares: Share of the land in each stratum.
        chances: Stratum, class of the map, class of the reference: share within the stratum; each adds up to 1.
    """

    name: str
    shares: np.ndarray
    chances: np.ndarray

    @property
    def truth(self) -> dict[str, np.ndarray]:
        """What the figures are."""
        whole = np.tensordot(self.shares, self.chances, 1)
        right = np.diag(whole)
        return {
            "overall": np.array([right.sum()]),
            "users": right / whole.sum(1),
            "producers": right / whole.sum(0),
            "areas": whole.sum(0),
        }


def of_classes(name: str, shares: Sequence[float], rows: Sequence[Sequence[float]]) -> Land:
    """A land whose strata are the classes of the map."""
    chances = np.zeros((len(rows), len(rows), len(rows)))
    chances[np.arange(len(rows)), np.arange(len(rows))] = rows
    return Land(name, np.array(shares), chances)


LANDS = (
    of_classes(
        "map classes",
        (0.2, 0.3, 0.3, 0.2),
        ((0.85, 0.05, 0.05, 0.05), (0.06, 0.80, 0.08, 0.06), (0.04, 0.08, 0.82, 0.06), (0.03, 0.05, 0.07, 0.85)),
    ),
    # No change and change; stable land, a rim around changes found, changes found.
    Land(
        "any strata",
        np.array([0.6, 0.25, 0.15]),
        np.array([[[0.94, 0.06], [0.0, 0.0]], [[0.75, 0.15], [0.04, 0.06]], [[0.06, 0.06], [0.18, 0.70]]]),
    ),
)
RARE = of_classes(
    "rare errors",
    (0.02, 0.015, 0.32, 0.645),
    np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
    / np.array([[75], [75], [165], [325]]),  # Olofsson et al. 2014, table 8
)


def sampled(land: Land, num: int, samples: int, rng: np.random.Generator) -> Iterator[Estimates]:
    """Estimates from samples with `num` units in each stratum."""
    names = [f"stratum {index}" for index in range(len(land.shares))]
    for _ in range(samples):
        counts = np.stack([rng.multinomial(num, each.ravel()).reshape(each.shape) for each in land.chances])
        yield area.stratified(counts, land.shares, names)


def figures_of(found: Estimates) -> dict[str, Sequence[Estimate]]:
    """The estimates by name, as `Land.truth` has them."""
    return {"overall": [found.overall], "users": found.users, "producers": found.producers, "areas": found.shares}


def holds(estimate: Estimate, name: str, truth: float) -> float:
    """Whether the interval that is printed holds the truth: areas as value and half width, shares by their ends."""
    if math.isnan(estimate.value):
        # A sample that says nothing says nothing wrong.
        return math.nan
    if name == "areas":
        return float(abs(estimate.value - truth) <= estimate.half_width)
    return float(estimate.low <= truth <= estimate.high)


def coverage(land: Land, num: int, samples: int, seed: int) -> dict[str, np.ndarray]:
    """Share of the samples whose interval holds the truth, by figure and class."""
    rng, truth = np.random.default_rng((seed, num)), land.truth
    kept: dict[str, list[list[float]]] = {name: [] for name in truth}
    for found in sampled(land, num, samples, rng):
        for name, estimates in figures_of(found).items():
            kept[name].append([holds(each, name, float(t)) for each, t in zip(estimates, truth[name], strict=True)])
    return {name: np.nanmean(np.array(rows), axis=0) for name, rows in kept.items()}


def main() -> None:
    """Count, print every design, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full", action="store_true", help="the same: the short form is the whole")
    wanted = parser.parse_args()
    figures = []
    for land in LANDS:
        for num in LARGE:
            for name, values in coverage(land, num, wanted.samples, wanted.seed).items():
                title = f"{land.name}, {num} a stratum, {name}"
                mean = float(values.mean())
                is_held = bool(LOW <= mean <= HIGH)
                figures.append(figure(title, mean, "coverage", f"{LOW} to {HIGH}", is_held))
                print(f"{title:44} {mean:.3f}  classes {values.round(3).tolist()}", flush=True)
    for land, sizes in ((LANDS[0], SMALL), (LANDS[1], SMALL), (RARE, SMALL + LARGE)):
        every = {num: coverage(land, num, wanted.samples, wanted.seed) for num in sizes}
        for num, found in every.items():
            ends = [end(np.concatenate(list(found.values()))) for end in (np.min, np.max)]
            for which, value in zip(("lowest", "highest"), ends, strict=True):
                figures.append(figure(f"{land.name}, {num} a stratum, {which}", float(value), "coverage", None, None))
            print(f"{land.name}, {num} a stratum: {ends[0]:.3f} to {ends[1]:.3f}", flush=True)
    print_result(figures, samples=wanted.samples, seed=wanted.seed)


if __name__ == "__main__":
    main()
