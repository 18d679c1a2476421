"""Orders of passes: complete, within what they may hold, without a circle, and as long as the formula says."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.parallel.placement import Placement, Run, cuts
from landweave.parallel.schedule import Action, Schedule, actions, bubble, depths, held

SCHEDULES = get_args(Schedule)
# Ranks by what they get activations from: chains, branches of unequal length, a rank with a branch and the trunk.
LINKS = {
    "one": [("a", 0)],
    "chain": [("trunk", 0), ("trunk", 1), ("trunk", 2)],
    "branches": [("a", 0), ("b", 1), ("trunk", 2)],
    "unequal": [("a", 0), ("a", 1), ("a", 2), ("b", 3), ("trunk", 4)],
    "shared": [("a", 1), ("b", 0), ("b", 2), ("trunk", 2)],
    "numbered otherwise": [("a", 2), ("b", 1), ("trunk", 0)],
}


def placement(kind: str) -> Placement:
    runs = [Run(rank, chain, (f"{chain}{place}",)) for place, (chain, rank) in enumerate(LINKS[kind])]
    return Placement(tuple(runs if runs[-1].chain == "trunk" else [*runs, Run(runs[-1].rank, "trunk", ("end",))]))


def finish(kind: str, schedule: Schedule, num_micro: int) -> dict[tuple[int, Action], int]:
    """When each pass of each rank ends, if a forward pass takes 1, a backward pass 2, and sending nothing."""
    placed = placement(kind)
    before: dict[int, set[int]] = {rank: set() for rank in range(placed.num_ranks)}
    after: dict[int, set[int]] = {rank: set() for rank in range(placed.num_ranks)}
    for cut in cuts(placed):
        before[cut.target].add(cut.source)
        after[cut.source].add(cut.target)
    left = {rank: actions(schedule, depth, num_micro) for rank, depth in enumerate(depths(placed))}
    ended: dict[tuple[int, Action], int] = {}
    free = dict.fromkeys(left, 0)
    while any(left.values()):
        done = len(ended)
        for rank, rest in left.items():
            while rest:
                needs = {(other, rest[0]) for other in (before if rest[0].phase == "forward" else after)[rank]}
                if not needs <= ended.keys():
                    break
                begins = max([free[rank], *(ended[need] for need in needs)])
                free[rank] = ended[rank, rest[0]] = begins + (1 if rest[0].phase == "forward" else 2)
                rest.pop(0)
        assert len(ended) > done, f"ranks wait for one another: {left}"
    return ended


@given(schedule=st.sampled_from(SCHEDULES), depth=st.integers(1, 6), num=st.integers(1, 12))
def test_every_pass_once_and_no_more_held_than_told(schedule: Schedule, depth: int, num: int) -> None:
    told = actions(schedule, depth, num)
    for phase in ("forward", "backward"):
        assert [action.micro for action in told if action.phase == phase] == list(range(num))
    open_ones, most = 0, 0
    for action in told:
        open_ones += 1 if action.phase == "forward" else -1
        most = max(most, open_ones)
        assert open_ones >= 0
    assert most == held(schedule, depth, num)


@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("num_micro", [1, 2, 3, 7])
def test_no_ranks_wait_for_one_another(kind: str, schedule: Schedule, num_micro: int) -> None:
    ended = finish(kind, schedule, num_micro)
    assert len(ended) == placement(kind).num_ranks * num_micro * 2


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("num_micro", [1, 2, 4, 8])
def test_equal_stages_wait_as_long_as_the_formula_says(schedule: Schedule, num_micro: int) -> None:
    whole = max(finish("chain", schedule, num_micro).values())
    assert 1 - 3 * num_micro / whole == pytest.approx(bubble(3, num_micro))


def test_depths_are_the_longest_way_to_the_end() -> None:
    assert depths(placement("chain")) == (3, 2, 1)
    assert depths(placement("unequal")) == (4, 3, 2, 2, 1)
    assert depths(placement("shared")) == (2, 2, 1)
    assert depths(placement("numbered otherwise")) == (1, 2, 2)


def test_1f1b_as_it_is_drawn() -> None:
    """The second of three ranks, four micro-batches (Narayanan et al. 2019, figure 4)."""
    letters = [f"{action.phase[0].upper()}{action.micro}" for action in actions("1f1b", 2, 4)]
    assert letters == ["F0", "F1", "B0", "F2", "B1", "F3", "B2", "B3"]
    assert [action.phase for action in actions("gpipe", 2, 2)] == ["forward"] * 2 + ["backward"] * 2


@pytest.mark.parametrize(("stages", "micro", "share"), [(1, 4, 0.0), (2, 1, 1 / 2), (4, 4, 3 / 7), (4, 32, 3 / 35)])
def test_bubble(stages: int, micro: int, share: float) -> None:
    assert bubble(stages, micro) == pytest.approx(share)
