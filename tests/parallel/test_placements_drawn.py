"""Placements drawn at random: what holds of their programs, steps, bytes and memory, whatever they are."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parallel.planning import ranks

from landweave.parallel import planner
from landweave.parallel.placement import Names, Placement, Run, cuts, handovers, parse, placed
from landweave.parallel.profile import LayerCost, Profile
from landweave.parallel.program import Plan, Program
from landweave.parallel.schedule import depths, held
from landweave.parallel.timeline import play

NAMES: Names = {"hsi": ("a", "b", "c"), "rgb": ("a", "b"), "trunk": ("x", "y", "z")}
LAYERS = [(chain, layer) for chain, layers in NAMES.items() for layer in layers]
WHOLE = st.integers(0, 8).map(float)
COSTS = st.builds(
    LayerCost,
    forward_s=WHOLE,
    forward_sample_s=WHOLE,
    backward_s=WHOLE,
    backward_sample_s=WHOLE,
    add_s=WHOLE,
    update_s=WHOLE,
    out_bytes=WHOLE,
    kept_bytes=WHOLE,
    weight_bytes=WHOLE,
    gradient_bytes=WHOLE,
    state_bytes=WHOLE,
)


@st.composite
def placements(draw: st.DrawFn) -> Placement:
    """Layers on up to four ranks; ranks rise along each chain, so that none waits for itself, and are then renamed."""
    trunk = sorted(draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)))
    places = {"trunk": trunk}
    for chain in ("hsi", "rgb"):
        num = len(NAMES[chain])
        places[chain] = sorted(draw(st.lists(st.integers(0, trunk[0]), min_size=num, max_size=num)))
    used = sorted({place for each in places.values() for place in each})
    renamed = dict(zip(used, draw(st.permutations(range(len(used)))), strict=True))
    lines = {
        chain: "; ".join(f"{renamed[place]}: {layer}" for place, layer in zip(places[chain], layers, strict=True))
        for chain, layers in NAMES.items()
    }
    return parse(lines, NAMES)


@st.composite
def plans(draw: st.DrawFn, training: bool = True) -> Plan:
    """A plan whose micro-batches all have a whole number of samples."""
    replicas, micro = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    batch = replicas * micro * draw(st.integers(1, 2))
    schedule = draw(st.sampled_from(["gpipe", "1f1b"]))
    return Plan(draw(placements()), replicas, batch, micro, schedule, training)  # type: ignore[arg-type]


PROFILES = st.fixed_dictionaries(
    {chain: st.fixed_dictionaries(dict.fromkeys(layers, COSTS)) for chain, layers in NAMES.items()}
).map(Profile)


@given(placements())
def test_each_layer_stands_on_one_rank_and_each_rank_has_one(made: Placement) -> None:
    runs = [run for rank in range(made.num_ranks) for run in made.of_rank(rank)]
    assert sorted((run.chain, layer) for run in runs for layer in run.layers) == sorted(LAYERS)
    assert len(runs) == len(made.runs)
    assert {run.rank for run in runs} == set(range(made.num_ranks)) == set(made.order)


@given(placements())
def test_cuts_are_handovers_between_ranks(made: Placement) -> None:
    crossed = [(run, after) for run, after in handovers(made) if run.rank != after.rank]
    assert [(cut.source, cut.target) for cut in cuts(made)] == [(run.rank, after.rank) for run, after in crossed]
    # Every run but the trunk's last hands over to one other.
    assert len(list(handovers(made))) == len(made.runs) - 1
    assert Placement(made.runs, "another name").lines == made.lines


@given(placements())
def test_depths_fall_along_every_cut(made: Placement) -> None:
    found = depths(made)
    assert all(found[cut.source] > found[cut.target] for cut in cuts(made))
    assert min(found) == 1
    assert max(found) <= made.num_ranks
    # The rank of the network's end is one that nobody waits for.
    assert found[made.runs[-1].rank] == 1


@given(placements())
def test_numbers_of_ranks_do_not_matter_where_ranks_are_alike(made: Placement) -> None:
    turned = {rank: made.num_ranks - 1 - rank for rank in range(made.num_ranks)}
    other = placed([Run(turned[run.rank], run.chain, run.layers) for run in made.runs])
    assert [depths(other)[turned[rank]] for rank in range(made.num_ranks)] == list(depths(made))
    profile = Profile({chain: {layer: LayerCost(1, 1, 2, 2, 1, 1, 3, 4, 5, 6, 7) for layer in told}
                       for chain, told in NAMES.items()})  # fmt: skip
    on = ranks(made.num_ranks, link={"latency_us": 1e5, "gigabytes_per_s": 1e-8})
    one, two = (planner.estimate(Plan(each, batch=4, num_micro=2), profile, on) for each in (made, other))
    assert two.step_s == pytest.approx(one.step_s)
    assert [two.memory_bytes[turned[rank]] for rank in range(made.num_ranks)] == list(one.memory_bytes)


@settings(max_examples=30)
@given(plans(), PROFILES)
def test_programs_do_all_work_once(plan: Plan, profile: Profile) -> None:
    program = Program(plan, profile)
    works = {rank: list(program.rank(rank)) for rank in range(plan.num_ranks)}
    costs = [cost for layers in profile.chains.values() for cost in layers.values()]
    total = sum(work.seconds for each in works.values() for work in each)
    once = plan.num_micro * sum(cost.passed_s(plan.samples) + cost.returned_s(plan.samples) for cost in costs)
    after = sum((plan.num_micro - 1) * cost.add_s + cost.update_s for cost in costs)
    assert total == pytest.approx(plan.replicas * (once + after))
    for each in works.values():
        counted = Counter((work.doing, work.micro) for work in each)
        assert counted[("update", plan.num_micro - 1)] == 1
        assert each[-1].doing == "update"
        assert {micro for doing, micro in counted if doing == "forward"} == set(range(plan.num_micro))


@settings(max_examples=30)
@given(plans(), PROFILES)
def test_bytes_of_the_table_are_those_of_the_messages(plan: Plan, profile: Profile) -> None:
    program = Program(plan, profile)
    sent, received = [0.0] * plan.num_ranks, [0.0] * plan.num_ranks
    for rank in range(plan.num_ranks):
        for message in (message for work in program.rank(rank) for message in work.gives):
            if message.members:
                # A ring over r members passes on 2 (r - 1) / r of the bytes, as much as comes.
                assert rank in message.members
                share = 2 * (len(message.members) - 1) / len(message.members) * message.num_bytes
                sent[rank] += share
                received[rank] += share
            else:
                sent[rank] += message.num_bytes
                received[message.target] += message.num_bytes
    told = planner.traffic_bytes(plan, profile)
    assert told[0] == pytest.approx(sent)
    assert told[1] == pytest.approx(received)
    assert sum(sent) == pytest.approx(sum(received))


@settings(max_examples=30)
@given(plans(), PROFILES)
def test_a_step_is_no_shorter_than_its_least_and_no_longer_than_all_work_in_turn(plan: Plan, profile: Profile) -> None:
    on = ranks(plan.num_ranks)
    made = play(plan, profile, on)
    works = [work for rank in range(plan.num_ranks) for work in Program(plan, profile).rank(rank)]
    assert planner.least_s(plan, profile, on) <= made.step_s * (1 + 1e-9) + 1e-9
    # Where messages take no time somebody computes at any moment.
    assert made.step_s <= sum(work.seconds for work in works) + 1e-6
    assert sum(made.busy_s(rank) for rank in range(plan.num_ranks)) == pytest.approx(sum(w.seconds for w in works))
    assert 0 <= made.bubble + 1e-9 <= 1 + 1e-9


@settings(max_examples=20)
@given(plans(), PROFILES, st.sampled_from([0.5, 2.0, 4.0]))
def test_time_scales_with_speed(plan: Plan, profile: Profile, speed: float) -> None:
    alone, faster = (play(plan, profile, ranks(plan.num_ranks, speed=each)).step_s for each in (1.0, speed))
    assert faster == pytest.approx(alone / speed, abs=1e-6)


@settings(max_examples=20)
@given(plans(training=False), PROFILES)
def test_inference_sends_forward_alone_and_holds_no_gradients(plan: Plan, profile: Profile) -> None:
    sent, received = planner.traffic_bytes(plan, profile)
    crossing = sum(profile.chains[cut.chain][cut.layer].out_bytes for cut in cuts(plan.placement))
    assert sum(sent) == sum(received) == pytest.approx(plan.batch * crossing)
    assert {span.doing for span in play(plan, profile, ranks(plan.num_ranks)).spans} <= {"forward"}
    memory = planner.memory_bytes(plan, profile)
    for rank, size in enumerate(memory):
        runs = plan.placement.of_rank(rank % plan.placement.num_ranks)
        costs = [profile.chains[run.chain][layer] for run in runs for layer in run.layers]
        widest = max(cost.out_bytes for cost in costs)
        assert size == sum(cost.weight_bytes for cost in costs) + 2 * plan.samples * widest


@settings(max_examples=20)
@given(plans(), PROFILES)
def test_memory_adds_up_over_ranks(plan: Plan, profile: Profile) -> None:
    memory = planner.memory_bytes(plan, profile)
    costs = [cost for layers in profile.chains.values() for cost in layers.values()]
    kept = 0.0
    for rank, depth in enumerate(depths(plan.placement)):
        here = [profile.chains[run.chain][name] for run in plan.placement.of_rank(rank) for name in run.layers]
        waits = held(plan.schedule, depth, plan.num_micro)
        kept += waits * plan.samples * sum(cost.kept_bytes for cost in here)
    fixed = sum(cost.weight_bytes + cost.gradient_bytes + cost.state_bytes for cost in costs)
    assert sum(memory) == pytest.approx(plan.replicas * (fixed + kept))


@given(st.integers(1, 5), st.integers(1, 4))
def test_ways_to_cut_a_chain_are_as_many_as_counted(num_layers: int, size: int) -> None:
    parts = [(name,) for name in "abcde"[:num_layers]]
    ways = [tuple(way) for way in planner._ways("trunk", parts, size)]
    assert len(set(ways)) == len(ways) == planner._count(num_layers, size)
    for way in ways:
        assert "".join(layer for run in way for layer in run.layers) == "abcde"[:num_layers]
        assert len({run.rank for run in way}) == len(way)


def test_all_placements_are_there_once() -> None:
    blocks = {"hsi": [("a",), ("b",)], "rgb": [("a",)], "trunk": [("x",), ("y",)]}
    names: Names = {chain: tuple(layer for part in parts for layer in part) for chain, parts in blocks.items()}
    found = {made.runs for made in planner.every(blocks, 3)}
    layers = [(chain, layer) for chain, told in names.items() for layer in told]
    by_trying = set()
    for places in itertools.product(range(3), repeat=len(layers)):
        if set(places) != {0, 1, 2}:
            continue
        where = dict(zip(layers, places, strict=True))
        # Whoever hands over to a rank waits for nothing of it: no circle among what follows what.
        after = {rank: set[int]() for rank in range(3)}
        for chain, told in names.items():
            ends = [*told, None] if chain != "trunk" else list(told)
            for one, other in itertools.pairwise(ends):
                target = where["trunk", "x"] if other is None else where[chain, other]
                if where[chain, str(one)] != target:
                    after[where[chain, str(one)]].add(target)
        if not any(rank in reached(after, rank) for rank in range(3)):
            lines = {chain: [f"{where[chain, layer]}: {layer}" for layer in told] for chain, told in names.items()}
            by_trying.add(parse({chain: "; ".join(told) for chain, told in lines.items()}, names).runs)
    assert found == by_trying
    assert len(found) > 6


def reached(after: dict[int, set[int]], rank: int) -> set[int]:
    """Ranks that can be come to from one, by one step or more."""
    found: set[int] = set()
    while new := {target for each in (found or {rank}) for target in after[each]} - found:
        found |= new
    return found
