"""In which order a rank computes the forward and backward passes of micro-batches: GPipe and 1F1B. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from landweave.parallel.placement import Placement, cuts

Schedule = Literal["gpipe", "1f1b"]


@dataclass(frozen=True)
class Action:
    """One pass of one micro-batch through the layers of a rank.

    Attributes:
        phase: Forward, or backward.
        micro: Which micro-batch, from 0.
    """

    phase: Literal["forward", "backward"]
    micro: int


def actions(schedule: Schedule, depth: int, num_micro: int) -> list[Action]:
    """All passes of a rank in one step, in its order.

    Backward passes always come in the order of the micro-batches, so that gradients are added up as one process adds
    them. GPipe (Huang et al. 2019) computes all forward passes first. 1F1B (Narayanan et al. 2019, PipeDream-Flush)
    begins as many as there are ranks on the way to the end, then goes back through one before it begins the next: it
    takes as long, and holds the activations of no more micro-batches than that. Ranks that follow these orders never
    wait for one another in a circle, whatever the branches.

    Args:
        schedule: The name.
        depth: Of the rank (see `depths`).
        num_micro: Micro-batches of the step.
    """
    ahead = held(schedule, depth, num_micro)
    forward = [Action("forward", micro) for micro in range(num_micro)]
    backward = [Action("backward", micro) for micro in range(num_micro)]
    steady = [action for pair in zip(backward, forward[ahead:], strict=False) for action in pair]
    return [*forward[:ahead], *steady, *backward[num_micro - ahead :]]


def held(schedule: Schedule, depth: int, num_micro: int) -> int:
    """Of how many micro-batches a rank of this depth holds activations at once, at most."""
    return num_micro if schedule == "gpipe" else min(depth, num_micro)


def depths(placement: Placement) -> tuple[int, ...]:
    """For each rank how many ranks are on the longest way from it to the network's end, itself among them."""
    found = [1] * placement.num_ranks
    after: dict[int, set[int]] = {rank: set() for rank in range(placement.num_ranks)}
    for cut in cuts(placement):
        after[cut.source].add(cut.target)
    for rank in reversed(placement.order):
        found[rank] = 1 + max((found[other] for other in after[rank]), default=0)
    return tuple(found)


def bubble(num_stages: int, num_micro: int) -> float:
    """The share of a step in which a rank waits, where all stages take equally long and sending takes no time.

    Huang et al. (2019), section 2.3: (stages - 1) / (micro-batches + stages - 1), the same for both schedules.
    """
    return (num_stages - 1) / (num_micro + num_stages - 1)
