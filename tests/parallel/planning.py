"""Profiles and ranks for tests of planning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landweave.config import check
from landweave.parallel.cluster import Ranks
from landweave.parallel.profile import LayerCost, Profile

FAST = {"latency_us": 0.0, "gigabytes_per_s": 1e9}


def ranks(num: int, **values: Any) -> Ranks:
    """So many ranks, with all memory and links that take no time unless `values` say otherwise."""
    return check(Ranks, {"name": "test", "ranks": num, "memory_gigabytes": 1e6, "link": FAST, **values}, "test")


def layer(forward: float, backward: float = 0.0, out: float = 0.0, **values: float) -> LayerCost:
    """A layer whose passes take so long, however few samples; it learns."""
    return LayerCost(forward_s=forward, backward_s=backward, out_bytes=out, **{"gradient_bytes": 1.0, **values})


def chain(*layers: LayerCost) -> Profile:
    """A network of one chain: layers a, b, c and so on."""
    return Profile({"trunk": dict(zip("abcdefghij", layers, strict=False))})


def branched(**chains: Mapping[str, LayerCost]) -> Profile:
    """A network of branches; the last chain must be the trunk."""
    return Profile(chains)
