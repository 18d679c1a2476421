"""Steps played through, against what can be reckoned by hand."""

from __future__ import annotations

import itertools

import pytest
from tests.parallel.planning import branched, chain, layer, ranks

from landweave.parallel.cluster import Ranks
from landweave.parallel.placement import baseline, parse, whole
from landweave.parallel.profile import LayerCost, Profile
from landweave.parallel.program import Plan
from landweave.parallel.schedule import Schedule, bubble
from landweave.parallel.timeline import Timeline, play

TWO = chain(layer(1, 2, 10), layer(1, 2))


def split(profile: Profile, line: str, on: Ranks, **values: object) -> Timeline:
    placement = parse({"trunk": line}, profile.names)
    return play(Plan(placement, **values), profile, on)  # type: ignore[arg-type]


def test_one_rank_does_one_thing_after_the_other() -> None:
    profile = chain(layer(1, 2, update_s=0.5), layer(3, 4, add_s=0.25, update_s=0.5))
    made = split(profile, "0", ranks(1), num_micro=3)
    assert made.step_s == pytest.approx(3 * (1 + 2 + 3 + 4) + 2 * 0.25 + 1)
    assert made.bubble == pytest.approx(0)
    assert [span.doing for span in made.spans] == ["forward", "backward"] * 3 + ["update"]


def test_what_samples_cost_is_shared_by_micro_batches_and_replicas() -> None:
    profile = Profile({"trunk": {"a": LayerCost(forward_sample_s=1, backward_sample_s=2)}})
    assert split(profile, "0", ranks(1), batch=12).step_s == pytest.approx(36)
    assert split(profile, "0", ranks(1), batch=12, num_micro=3).step_s == pytest.approx(36)
    assert split(profile, "0", ranks(2), batch=12, replicas=2).step_s == pytest.approx(18)


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
@pytest.mark.parametrize(("num", "micro"), [(2, 1), (2, 4), (3, 4), (4, 8)])
def test_the_bubble_of_equal_stages_is_that_of_the_formula(schedule: Schedule, num: int, micro: int) -> None:
    profile = chain(*[layer(1, 2, 5)] * num)
    line = "; ".join(f"{rank}: {name}" for rank, name in enumerate("abcd"[:num]))
    made = split(profile, line, ranks(num), num_micro=micro, schedule=schedule)
    assert made.bubble == pytest.approx(bubble(num, micro))
    assert made.step_s == pytest.approx(3 * (micro + num - 1))


def test_messages_take_their_time_and_hold_nobody_up_who_can_compute() -> None:
    slow = ranks(2, link={"latency_us": 500_000, "gigabytes_per_s": 10e-9})
    # 1 s forward, 10 bytes at 10 bytes/s and half a second of latency, 3 s there, as long back, 2 s backward.
    assert split(TWO, "0: a; 1", slow).step_s == pytest.approx(1 + 1.5 + 3 + 1.5 + 2)
    # Activations of four samples leave one after the other, while the first rank computes on.
    made = split(TWO, "0: a; 1", slow, num_micro=4, batch=4, training=False)
    assert made.step_s == pytest.approx(1 + 4 * 1 + 0.5 + 1)
    assert made.busy_s(0) == made.busy_s(1) == pytest.approx(4)


def test_links_between_some_ranks_only() -> None:
    slow = {"source": [1], "target": [0], "latency_us": 0.0, "gigabytes_per_s": 1e-9}
    assert split(TWO, "0: a; 1", ranks(2, links=[slow])).step_s == pytest.approx(6 + 10)
    assert split(TWO, "0: a; 1", ranks(2, links=[{**slow, "source": [0]}])).step_s == pytest.approx(6)


def test_a_rank_twice_as_fast() -> None:
    assert split(TWO, "0: a; 1", ranks(2, speed=[2.0, 1.0])).step_s == pytest.approx(0.5 + 3 + 1)


def test_ranks_that_share_a_core_take_as_long_as_one() -> None:
    together = ranks(2, shared=[{"ranks": [0, 1], "cores": 1}])
    made = split(TWO, "0: a; 1", together, num_micro=4)
    assert made.step_s == pytest.approx(4 * 6)


def test_three_ranks_on_two_cores_that_are_slower_when_all_compute() -> None:
    alone = chain(layer(2))
    for cores, together, seconds in ((3, 1.0, 2.0), (2, 1.0, 3.0), (2, 0.5, 6.0), (1, 1.0, 6.0)):
        on = ranks(3, shared=[{"ranks": [0, 1, 2], "cores": cores, "together": together}])
        made = play(Plan(whole(alone.names), replicas=3, batch=3, training=False), alone, on)
        assert made.step_s == pytest.approx(seconds)


def test_branches_go_side_by_side_and_the_trunk_waits_for_both() -> None:
    profile = branched(hsi={"conv": layer(3, 6, 8)}, rgb={"conv": layer(1, 2, 8)}, trunk={"dense": layer(1, 1)})
    made = play(Plan(baseline(profile.names)), profile, ranks(3))
    assert made.step_s == pytest.approx(3 + 1 + 1 + 6)
    assert [made.busy_s(rank) for rank in range(3)] == pytest.approx([9, 3, 2])
    # One rank computes its branch while the other branch is still on its way.
    placement = parse({"hsi": "0", "rgb": "1", "trunk": "0"}, profile.names)
    assert play(Plan(placement), profile, ranks(2)).step_s == pytest.approx(3 + 1 + 1 + 6)


def test_gradients_of_replicas_are_summed_while_earlier_layers_go_back() -> None:
    big = 30 * 2**20
    profile = chain(layer(1, 5, gradient_bytes=big), layer(1, 2, gradient_bytes=big))
    on = ranks(2, link={"latency_us": 0.0, "gigabytes_per_s": big / 4e9})
    # Over two ranks a ring sends all bytes once: 4 s for each layer, the second hidden behind the first's way back.
    made = play(Plan(whole(profile.names), replicas=2, batch=2), profile, on)
    assert made.step_s == pytest.approx(1 + 1 + 2 + 5 + 4)


def test_nothing_to_do_takes_no_time() -> None:
    assert split(chain(layer(0)), "0", ranks(1)).step_s == 0
    assert split(chain(layer(0)), "0", ranks(1)).bubble == 0


@pytest.mark.parametrize(
    ("line", "micro", "seconds"),
    [
        # One micro-batch passes from rank to rank and back: nothing is gained.
        ("0", 1, 3 * 6),
        ("0: a; 1", 1, 3 * 6),
        ("0: a; 1: b; 2", 1, 3 * 6),
        ("0: a..b; 1", 1, 3 * 6),
        # Of four, the rank with two layers goes on all the time, but for two seconds until the first comes back.
        ("0", 4, 4 * 18),
        ("0: a..b; 1", 4, 4 * 12 + 2),
    ],
)
def test_steps_of_three_layers_that_can_be_reckoned_by_hand(line: str, micro: int, seconds: float) -> None:
    # Two seconds forward and four back for each layer, of each micro-batch.
    profile = chain(*[layer(2, 4, 1)] * 3)
    placement = parse({"trunk": line}, profile.names)
    made = play(Plan(placement, num_micro=micro, batch=micro), profile, ranks(placement.num_ranks))
    assert made.step_s == pytest.approx(seconds)


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
@pytest.mark.parametrize("micro", [1, 2, 3, 8])
def test_all_work_is_done_once_and_no_rank_does_two_things_at_once(schedule: Schedule, micro: int) -> None:
    profile = branched(
        hsi={"conv": layer(3, 5, 8), "pool": layer(1, 1, 4)}, rgb={"conv": layer(1, 2, 8)}, trunk={"dense": layer(1, 2)}
    )
    on = ranks(3, link={"latency_us": 1e5, "gigabytes_per_s": 4e-9}, shared=[{"ranks": [0, 1, 2], "cores": 2}])
    placement = parse({"hsi": "0: conv; 2", "rgb": "1", "trunk": "2"}, profile.names)
    made = play(Plan(placement, num_micro=micro, batch=micro, schedule=schedule), profile, on)
    for rank in range(3):
        mine = sorted((span for span in made.spans if span.rank == rank), key=lambda span: span.begin_s)
        assert all(one.end_s <= other.begin_s + 1e-9 for one, other in itertools.pairwise(mine))
        done = [(span.doing, span.micro) for span in mine]
        runs = len(placement.of_rank(rank))
        for number in range(micro):
            assert done.count(("forward", number)) == done.count(("backward", number)) == runs
    assert made.step_s == pytest.approx(max(span.end_s for span in made.spans))
    # Nobody goes back before having gone forward.
    for number in range(micro):
        forward = max(span.end_s for span in made.spans if (span.doing, span.micro) == ("forward", number))
        first = min(span.begin_s for span in made.spans if (span.doing, span.micro) == ("backward", number))
        assert first >= forward - 1e-9


@pytest.mark.parametrize(("cores", "seconds"), [(1, 12.0), (2, 6.0), (3, 6.0), (1.5, 8.0)])
def test_two_ranks_on_so_many_cores(cores: float, seconds: float) -> None:
    alone = chain(layer(6))
    on = ranks(2, shared=[{"ranks": [0, 1], "cores": cores}])
    made = play(Plan(whole(alone.names), replicas=2, batch=2, training=False), alone, on)
    assert made.step_s == pytest.approx(seconds)


@pytest.mark.parametrize(("num", "times"), [(2, 1.0), (3, 4 / 3), (4, 1.5), (8, 1.75)])
def test_sums_over_ranks_take_what_a_ring_takes(num: int, times: float) -> None:
    profile = chain(layer(1, 1, gradient_bytes=100))
    on = ranks(num, link={"latency_us": 1000.0, "gigabytes_per_s": 100e-9})
    made = play(Plan(whole(profile.names), replicas=num, batch=num), profile, on)
    # 2 (n - 1) messages of 1/n of the bytes each (Patarasu and Yuan 2009).
    assert made.step_s == pytest.approx(2 + times + 2 * (num - 1) * 0.001)
