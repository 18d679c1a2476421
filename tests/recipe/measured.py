"""Measurements as a machine of known costs would give them."""

from __future__ import annotations

from typing import Any

from landweave.parallel import cost
from landweave.parallel.cost import Costs, Link, Load
from landweave.recipe.measure import Measured

COSTS = Costs(per_sample_s=0.01, input_per_sample_s=0.001, within=Link(1e-4, 1e-9), overlap=0.25, ranks_per_node=4)


def of(num_ranks: int, **changed: Any) -> Measured:
    """A step of 8 samples with gradients of 100 MB."""
    load = Load(8, 100_000_000, 4)
    step = cost.predict(COSTS, load, num_ranks)
    sizes = (4, 1_000_000, 100_000_000) if num_ranks > 1 else ()
    sums = tuple((size, cost.all_reduce_s(Load(0, size), num_ranks, COSTS)) for size in sizes)
    values: dict[str, Any] = {
        "identity": "one recipe",
        "num_ranks": num_ranks,
        "threads": 1,
        "device": "cpu",
        "precision": "fp32",
        "samples": 8,
        "num_bytes": 100_000_000,
        "messages": 4,
        "step_s": step.total_s + 0.004,
        "synchronous_s": step.total_s,
        "compute_s": step.compute_s,
        "input_s": 0.008,
        "sums": sums,
    }
    return Measured(**{**values, **changed})
