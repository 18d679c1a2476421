"""What ranks of a planned step do: the order of their work, what they wait for, what they send, to whom."""

from __future__ import annotations

from typing import Any

import pytest
from tests.parallel.planning import branched, chain, layer

from landweave.parallel.placement import baseline, parse, whole
from landweave.parallel.profile import Profile
from landweave.parallel.program import Plan, Program, Work
from landweave.parallel.schedule import Schedule

TWO = chain(layer(1, 2, 10), layer(3, 4, 20))
BRANCHES = branched(
    hsi={"conv": layer(1, 2, 100), "pool": layer(1, 2, 50)},
    rgb={"conv": layer(1, 2, 30)},
    trunk={"dense": layer(1, 2, 5)},
)


def program(profile: Profile, lines: dict[str, str], **values: Any) -> Program:
    return Program(Plan(parse(lines, profile.names), **values), profile)


def doings(works: list[Work]) -> list[tuple[str, int]]:
    return [(work.doing, work.micro) for work in works]


@pytest.mark.parametrize(
    ("schedule", "rank", "order"),
    [
        ("gpipe", 0, "f0 f1 f2 b0 b1 b2 u2"),
        ("gpipe", 1, "f0 f1 f2 b0 b1 b2 u2"),
        ("1f1b", 0, "f0 f1 b0 f2 b1 b2 u2"),
        ("1f1b", 1, "f0 b0 f1 b1 f2 b2 u2"),
    ],
)
def test_the_order_is_that_of_the_schedule(schedule: Schedule, rank: int, order: str) -> None:
    made = program(TWO, {"trunk": "0: a; 1"}, batch=3, num_micro=3, schedule=schedule)
    assert " ".join(f"{doing[0]}{micro}" for doing, micro in doings(list(made.rank(rank)))) == order


@pytest.mark.parametrize("rank", [0, 1])
def test_inference_has_forward_passes_alone(rank: int) -> None:
    made = program(TWO, {"trunk": "0: a; 1"}, batch=4, num_micro=2, training=False)
    assert doings(list(made.rank(rank))) == [("forward", 0), ("forward", 1)]


def test_what_goes_over_a_cut_and_comes_back() -> None:
    made = program(TWO, {"trunk": "0: a; 1"}, batch=6, num_micro=2)
    first, second = list(made.rank(0)), list(made.rank(1))
    forward, backward = first[0], first[2]
    assert forward.needs == ()
    # Three samples of ten bytes each.
    assert [(one.key, one.num_bytes, one.target) for one in forward.gives] == [(("activation", 0, "trunk.a", 0), 30, 1)]
    assert second[0].needs == (("activation", 0, "trunk.a", 0),)
    assert second[0].gives == ()
    assert [(one.key, one.num_bytes, one.target) for one in second[1].gives] == [(("gradient", 0, "trunk.a", 0), 30, 0)]
    assert backward.needs == (("gradient", 0, "trunk.a", 0),)
    assert backward.gives == ()
    # Nothing is summed up where there is one arrangement.
    assert first[-1].needs == second[-1].needs == ()


def test_every_message_that_is_waited_for_is_sent_to_who_waits() -> None:
    placements = (
        {"hsi": "0", "rgb": "1", "trunk": "2"},
        {"hsi": "0: conv; 1", "rgb": "1", "trunk": "1"},
        {"hsi": "0", "rgb": "1", "trunk": "0"},
        {"hsi": "1: conv; 0", "rgb": "0", "trunk": "0"},
    )
    for lines in placements:
        for replicas in (1, 2, 3):
            made = program(BRANCHES, lines, replicas=replicas, batch=12, num_micro=2)
            works = {rank: list(made.rank(rank)) for rank in range(made.plan.num_ranks)}
            wanted = {(rank, key) for rank, each in works.items() for work in each for key in work.needs}
            sent = set()
            for each in works.values():
                for message in (message for work in each for message in work.gives):
                    sent |= {(rank, message.key) for rank in message.members or (message.target,)}
            assert wanted == sent


def test_the_trunk_waits_for_every_branch_elsewhere() -> None:
    made = Program(Plan(baseline(BRANCHES.names), batch=2), BRANCHES)
    trunk = next(iter(made.rank(2)))
    assert trunk.needs == (("activation", 0, "hsi.pool", 0), ("activation", 0, "rgb.conv", 0))
    back = list(made.rank(2))[1]
    assert {(one.key[2], one.num_bytes, one.target) for one in back.gives} == {
        ("hsi.pool", 100, 0),
        ("rgb.conv", 60, 1),
    }


def test_replicas_send_to_ranks_of_their_own() -> None:
    made = program(TWO, {"trunk": "0: a; 1"}, replicas=3, batch=6)
    for replica in range(3):
        work = next(iter(made.rank(2 * replica)))
        assert work.gives[0].target == 2 * replica + 1
        assert work.gives[0].key[1] == replica


def test_replicas_sum_up_what_they_share_after_the_last_micro_batch() -> None:
    made = program(TWO, {"trunk": "0: a; 1"}, replicas=2, batch=8, num_micro=2)
    works = list(made.rank(1))
    backward = [work for work in works if work.doing == "backward"]
    assert [message.members for message in backward[0].gives] == [()]
    assert [message.members for message in backward[1].gives if message.members] == [(1, 3)]
    assert works[-1].needs == (("sum", 1, "trunk.b", 0),)


@pytest.mark.parametrize(
    ("megabytes", "pieces"),
    [([1, 1, 1], 1), ([30, 1, 1], 1), ([1, 30, 1], 2), ([30, 30, 30], 3), ([10, 10, 10], 1), ([5, 20, 20], 2)],
)
def test_whole_networks_send_gradients_in_buckets(megabytes: list[int], pieces: int) -> None:
    # As DDP: 25 MiB or more at once, from the network's end on, and what is left at its beginning.
    profile = chain(*[layer(1, 1, gradient_bytes=size * 2**20) for size in megabytes])
    made = Program(Plan(whole(profile.names), replicas=2, batch=2), profile)
    works = [work for work in made.rank(0) if work.doing == "backward"]
    assert len(works) == pieces
    assert sum(message.num_bytes for work in works for message in work.gives) == sum(megabytes) * 2**20
    assert sum(work.seconds for work in works) == pytest.approx(3)


def test_layers_without_weights_send_nothing() -> None:
    profile = chain(layer(1, 1, gradient_bytes=0), layer(1, 1, gradient_bytes=0))
    works = list(Program(Plan(whole(profile.names), replicas=2, batch=2), profile).rank(0))
    assert all(not work.gives for work in works)
    assert works[-1].needs == ()


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "baseline"),
        ({"replicas": 2}, "2 x baseline"),
    ],
)
def test_names_of_plans(values: dict[str, Any], name: str) -> None:
    assert Plan(baseline(BRANCHES.names), **values).name == name
    assert Plan(whole(BRANCHES.names), **values).name == "data-parallel"
    assert Plan(parse({"trunk": "0: a; 1"}, TWO.names)).name == 'trunk = "0: a; 1: b"'


@pytest.mark.parametrize(
    ("batch", "replicas", "micro", "samples"), [(12, 1, 1, 12), (12, 2, 3, 2), (12, 3, 4, 1), (10, 1, 4, 2.5)]
)
def test_samples_of_a_micro_batch(batch: int, replicas: int, micro: int, samples: float) -> None:
    plan = Plan(whole(TWO.names), replicas, batch, micro)
    assert plan.samples == samples
    assert plan.num_ranks == replicas
