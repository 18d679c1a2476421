"""How long workers wait for the last one: products dealt in rows (the paper's Algorithm 1), and longest first.

125 simulated products with as many patches in all as BigEarthNet has (590,326): an MGRS square holds 91 x 91 = 8,281
patches of 1.2 km, of which a share drawn from a beta distribution (2.2, 1.65) is there; the rest is sea, cloud or
snow. A product's time is its number of patches. "By shard" shares out runs of at most 512 patches of one product
instead, as landweave patch does. The figure is the share of all workers' time in which they wait, in per cent: mean of
five draws, three of them fixed and two from the command line. Without arguments: a second; there is no longer form.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from landweave.jobs.share import Shares, idle, loads, longest_first, longest_first_bound, rows
from landweave.provenance import commit, versions

NUM_PRODUCTS, NUM_PATCHES, MOST, PER_SHARD = 125, 590_326, 91 * 91, 512
WORKERS = (4, 8, 16, 24, 48, 96)
FIXED_SEEDS = (0, 1, 2)
Deal = Callable[[Sequence[float], int], Shares]


def products(seed: int) -> list[int]:
    """Patches of each product; they sum up to those of BigEarthNet."""
    drawn = np.random.default_rng(seed).beta(2.2, 1.65, NUM_PRODUCTS)
    # Scaled to the known sum; what would exceed a square goes to the others.
    for _ in range(50):
        drawn = np.minimum(drawn * (NUM_PATCHES / MOST / drawn.sum()), 1)
    sizes = np.floor(drawn * MOST).astype(int)
    for place in np.argsort(sizes)[: NUM_PATCHES - int(sizes.sum())]:
        sizes[place] += 1
    return [int(size) for size in sizes]


def by_shard(sizes: Sequence[int]) -> list[int]:
    """Patches of each shard: runs of nearly equal length of one product."""
    made = []
    for size in sizes:
        num = -(-size // PER_SHARD)
        made += [(run + 1) * size // num - run * size // num for run in range(num)]
    return made


def waiting(deal: Deal, seeds: Sequence[int], num_workers: int, shards: bool) -> tuple[float, float]:
    """Mean and standard deviation over the seeds, in per cent."""
    found = []
    for seed in seeds:
        sizes = by_shard(products(seed)) if shards else products(seed)
        found.append(100 * idle(sizes, deal(sizes, num_workers)))
    return statistics.mean(found), statistics.stdev(found)


def at_most(seeds: Sequence[int], num_workers: int) -> float:
    """The largest ratio, over the seeds, of the last worker's time to what no way of sharing out can beat."""
    ratios = []
    for seed in seeds:
        sizes = products(seed)
        least = max(sum(sizes) / num_workers, *sizes)
        ratios.append(max(loads(sizes, longest_first(sizes, num_workers))) / least)
    return max(ratios)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(3, 4), help="two draws beside the three fixed ones")
    seeds = (*FIXED_SEEDS, *parser.parse_args().seeds)
    figures: list[dict[str, Any]] = []
    for num in WORKERS:
        sides = {
            "rows": waiting(rows, seeds, num, False),
            "longest first": waiting(longest_first, seeds, num, False),
            "longest first, by shard": waiting(longest_first, seeds, num, True),
        }
        for name, (mean, spread) in sides.items():
            value = {"value": round(mean, 3), "spread": round(spread, 3), "unit": "%"}
            figures.append({"name": f"{num} workers, {name}: idle", **value, "goal": None, "holds": None})
        ratio, bound = at_most(seeds, num), longest_first_bound(num)
        goal = {"value": round(ratio, 4), "unit": "ratio", "goal": round(bound, 4), "holds": ratio <= bound}
        figures.append({"name": f"{num} workers, longest first over what none can beat", **goal})
    for figure in figures:
        print(f"{figure['name']:48s} {figure['value']:8.3f} {figure['unit']}")
    context = {"commit": commit(), "versions": versions(), "machine": platform.processor() or platform.machine()}
    print(json.dumps({"figures": figures, "context": {**context, "seeds": seeds, "products": NUM_PRODUCTS}}))


if __name__ == "__main__":
    main()
