"""What ranks cost, reckoned by hand: links that override others, shared cores, rings, efficiency, losses of cuts."""

from __future__ import annotations

import json
import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parallel.planning import FAST, chain, layer, ranks

from landweave.config import load
from landweave.errors import ConfigError
from landweave.parallel import cost, planner, profile
from landweave.parallel.cluster import Ranks
from landweave.parallel.cost import Costs, Link, Load, Predicted
from landweave.parallel.messages import Form
from landweave.parallel.placement import parse, whole
from landweave.parallel.planner import Ask
from landweave.parallel.profile import LayerCost, Profile
from landweave.parallel.program import Plan
from landweave.parallel.traffic import Counter, Traffic, heard, load_all, save

NEAR, FAR = {"latency_us": 1.0, "gigabytes_per_s": 10.0}, {"latency_us": 100.0, "gigabytes_per_s": 0.1}


@pytest.mark.parametrize(
    ("links", "near"),
    [
        ([], set()),
        ([{**NEAR}], {(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)}),
        ([{**NEAR, "source": [0]}], {(0, 1), (0, 2)}),
        ([{**NEAR, "target": [0]}], {(1, 0), (2, 0)}),
        ([{**NEAR, "source": [0, 1], "target": [0, 1]}], {(0, 1), (1, 0)}),
        # The first one that fits counts, whatever stands behind it.
        ([{**FAR, "source": [0]}, {**NEAR}], {(1, 0), (2, 0), (1, 2), (2, 1)}),
        ([{**NEAR, "source": [2]}, {**FAR}], {(2, 0), (2, 1)}),
    ],
)
def test_which_link_leads_where(links: list[dict[str, Any]], near: set[tuple[int, int]]) -> None:
    on = ranks(3, link=FAR, links=links)
    pairs = {(one, other) for one in range(3) for other in range(3) if one != other}
    assert {pair for pair in pairs if on.link_of(*pair).s_per_byte == pytest.approx(1e-10)} == near
    assert all(on.link_of(*pair).latency_s == pytest.approx(1e-4) for pair in pairs - near)


@pytest.mark.parametrize(
    ("shared", "groups"),
    [
        ([], [((0,), 1, 1), ((1,), 1, 1), ((2,), 1, 1), ((3,), 1, 1)]),
        ([{"ranks": [3, 1], "cores": 2}], [((3, 1), 2, 1), ((0,), 1, 1), ((2,), 1, 1)]),
        (
            [{"ranks": [0, 1], "cores": 0.5}, {"ranks": [2, 3], "cores": 4, "together": 0.5}],
            [((0, 1), 0.5, 1), ((2, 3), 4, 0.5)],
        ),
    ],
)
def test_each_rank_stands_in_one_group(shared: list[dict[str, Any]], groups: list[tuple[Any, ...]]) -> None:
    on = ranks(4, shared=shared)
    assert list(on.groups()) == groups
    assert sorted(rank for group, _, _ in on.groups() for rank in group) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("values", "is_even"),
    [
        ({}, True),
        ({"speed": 2.0}, True),
        ({"speed": [1.0, 1.0]}, False),
        ({"memory_gigabytes": [1.0, 1.0]}, False),
        ({"links": [FAST]}, False),
        ({"shared": [{"ranks": [0, 1], "cores": 1}]}, True),
    ],
)
def test_ranks_that_are_alike(values: dict[str, Any], is_even: bool) -> None:
    assert planner._is_even(ranks(2, **values)) is is_even
    # Two of three that share cores differ from the third.
    assert not planner._is_even(ranks(3, shared=[{"ranks": [0, 1], "cores": 1}]))


@pytest.mark.parametrize("num", [1, 2, 5])
def test_other_numbers_of_ranks_than_described(num: int) -> None:
    ranks(num).agree(num)
    with pytest.raises(ConfigError) as caught:
        ranks(num).agree(num + 1)
    assert f"{num + 1} ranks for test, which has {num}" in caught.value.given
    assert f"{num} ranks" in caught.value.expected
    assert "describe these" in caught.value.do


CLUSTERS = Path(__file__).parents[2] / "recipes" / "clusters"


@pytest.mark.parametrize("text", ["ranks = 2", 'name = "x"\nranks = 0\nmemory_gigabytes = 1\n'])
def test_a_cluster_file_that_lacks_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(Ranks, path)
    assert "link" in caught.value.given
    assert caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize(
    ("num", "latencies", "times"), [(1, 0, 0.0), (2, 2, 1.0), (3, 4, 4 / 3), (4, 6, 1.5), (100, 198, 1.98)]
)
def test_factors_of_a_ring(num: int, latencies: int, times: float) -> None:
    assert cost.ring_factors(num)[0] == latencies
    assert cost.ring_factors(num)[1] == pytest.approx(times)
    counter = Counter()
    counter.reduced(300, num, "2")
    assert counter.take().sent == {("2", "all_reduce"): round(times * 300)}


COSTS = Costs(0.1, 0.01, 0.0, Link(0, 1e-9), Link(0, 1e-8), 0.0, 4)


@pytest.mark.parametrize(
    ("num", "changed", "step"),
    [
        # compute 0.1 + 10 x 0.01, then 1e8 bytes over 4 ranks of a node 1.5 times, over 8 of two nodes 1.75 times.
        (1, {}, (0.2, 0, 0, 0)),
        (4, {}, (0.2, 0, 0.15, 0)),
        (8, {}, (0.2, 0, 1.75, 0)),
        # All of it hidden where the way back is long enough, two thirds of compute at most.
        (4, {"overlap": 1.0}, (0.2, 2 / 15, 0.15 - 2 / 15, 0)),
        (4, {"overlap": 0.5}, (0.2, 0.075, 0.075, 0)),
        # Reading takes 0.05 s a sample, 0.5 s a step, beside compute and what is not hidden.
        (1, {"input_per_sample_s": 0.05}, (0.2, 0, 0, 0.3)),
        (4, {"input_per_sample_s": 0.05}, (0.2, 0, 0.15, 0.15)),
        (8, {"input_per_sample_s": 0.05}, (0.2, 0, 1.75, 0)),
    ],
)
def test_steps_of_so_many_ranks(num: int, changed: dict[str, float], step: tuple[float, ...]) -> None:
    made = cost.predict(replace(COSTS, **changed), Load(10, 1e8), num)  # type: ignore[arg-type]
    assert (made.compute_s, made.hidden_s, made.exposed_s, made.input_s) == pytest.approx(step)
    assert made.total_s == pytest.approx(step[0] + step[2] + step[3])
    assert cost.efficiency(replace(COSTS, **changed), Load(10, 1e8), num) <= 1 + 1e-9  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("predicted", "lowest", "highest", "naive", "says"),
    [
        (100.0, 99.0, 101.0, 100.0, (True, True, True)),
        (100.5, 100.5, 100.5, 99.5, (True, True, True)),
        (100.6, 100.4, 100.9, 99.0, (False, True, False)),
        (103.0, 102.0, 104.0, 100.4, (False, False, True)),
        (97.0, 96.0, 99.6, 50.0, (False, True, False)),
    ],
)
def test_what_counts_as_right(
    predicted: float, lowest: float, highest: float, naive: float, says: tuple[bool, bool, bool]
) -> None:
    made = Predicted(8, 100.0, predicted, lowest, highest, naive)
    assert (made.is_right, made.may_be_right, made.is_naive_right) == says


@pytest.mark.parametrize(
    ("place", "s_per_byte", "loss"),
    [
        # Blocks take 3, 1, 6 seconds there and back; they give 10, 40 and 5 bytes. Cut elsewhere, a block moves.
        (0, 0.0, (1, 4)),
        (1, 0.0, (1, 7)),
        # At half a second a byte the cut after b costs 30 seconds more than the one after a, 35 more than after c.
        (0, 0.5, (3, 4)),
        (1, 0.5, (1, 7)),
    ],
)
def test_what_is_lost_without_a_cut(place: int, s_per_byte: float, loss: tuple[float, float]) -> None:
    layers = chain(layer(1, 2, 10), layer(0.5, 0.5, 40), layer(2, 4, 5)).chains["trunk"]
    assert planner._loss(layers, [("a",), ("b",), ("c",)], place, s_per_byte) == pytest.approx(loss)


@pytest.mark.parametrize(
    ("batch", "num", "replicas"), [(4, (1, 2), [2, 2]), (3, (1, 2), [2]), (1, (1,), []), (8, (4, 5), [2])]
)
def test_each_micro_batch_of_each_replica_has_a_sample(batch: int, num: tuple[int, ...], replicas: list[int]) -> None:
    one = chain(layer(1, 1), layer(1, 1))
    made = list(planner._plans(whole(one.names), ranks(2), Ask(batch, num)))
    assert [each.replicas for each in made] == replicas
    assert all(each.samples >= 1 for each in made)
    # Three ranks hold no arrangement of two.
    assert not list(planner._plans(parse({"trunk": "0: a; 1"}, one.names), ranks(3), Ask(batch, num)))


@pytest.mark.parametrize(("num", "sizes"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 3, 6]), (7, [1, 7])])
def test_sizes_of_arrangements(num: int, sizes: list[int]) -> None:
    assert planner._divisors(num) == sizes


def test_a_size_that_nothing_can_be_cut_into_has_no_plan() -> None:
    assert planner.cheapest(chain(layer(1, 1)), ranks(2), Ask(4), 2) is None
    # Nor one whose ranks would be left without a sample.
    assert planner.cheapest(chain(layer(1, 1), layer(1, 1)), ranks(2), Ask(1, (2,)), 2) is None
    found = planner.table(chain(layer(1, 1)), ranks(2), Ask(4))
    assert [row.plan.name for row in found] == ["data-parallel"]


def test_what_fits_is_taken_although_it_is_slower() -> None:
    heavy = chain(*[layer(1, 1, 1, weight_bytes=600)] * 2)
    # Together on one rank, with a slow link between: the best without a limit, and it needs 1,200 bytes.
    slow = {"link": {"latency_us": 1e7, "gigabytes_per_s": 1}}
    free = planner.best(heavy, ranks(2, **slow, memory_gigabytes=1e-3), Ask(2))
    tight = planner.best(heavy, ranks(2, **slow, memory_gigabytes=1e-6), Ask(2))
    assert tight.plan.placement.num_ranks == 2 and tight.fits
    assert free.step_s <= tight.step_s
    assert max(tight.memory_bytes) <= 1000 < 1200


@given(st.floats(0, 9), st.floats(0, 9), st.integers(0, 50), st.integers(0, 50))
def test_seconds_of_passes_grow_evenly(fixed: float, each: float, few: int, more: int) -> None:
    made = LayerCost(forward_s=fixed, forward_sample_s=each, backward_s=2 * fixed, backward_sample_s=3 * each)
    assert made.passed_s(few + more) == pytest.approx(made.passed_s(few) + more * each)
    assert made.returned_s(few) == pytest.approx(2 * fixed + few * 3 * each)
    assert made.passed_s(0) == fixed


@given(st.dictionaries(st.sampled_from("abc"), st.builds(LayerCost, *[st.floats(0, 1e12)] * 11), min_size=1))
def test_profiles_are_read_as_they_were_written(layers: dict[str, LayerCost]) -> None:
    made = Profile({"hsi": layers, "trunk": layers}, base_bytes=7.0)
    again = profile.heard(json.loads(json.dumps(made.told())))
    assert again == made
    assert again.names == {"hsi": tuple(layers), "trunk": tuple(layers)}


@given(st.floats(0, 10), st.floats(0, 10), st.integers(1, 8), st.integers(0, 8))
def test_a_line_meets_the_larger_size_and_falls_nowhere(small_s: float, more_s: float, small: int, more: int) -> None:
    large, large_s = small + more, small_s + (more_s if more else 0)
    fixed, each = profile._line(small, large, small_s, large_s)
    assert fixed >= 0 and each >= 0
    assert fixed + large * each == pytest.approx(large_s)


def test_the_memory_of_this_process_is_told() -> None:
    before = profile.resident_bytes()
    assert before > 10e6
    # Pages of its own, which nothing that was freed before can serve.
    with mmap.mmap(-1, 64 << 20) as held:
        held.write(b"\1" * (64 << 20))
        assert profile.resident_bytes() - before > 32 << 20


def test_counts_of_ranks_add_up_to_those_of_the_run(tmp_path: Path) -> None:
    counter = Counter()
    for rank in (2, 0, 10, 1):
        counter.sent("hsi.norm3", "activation", 10 + rank)
        counter.received("all", "parameters", rank)
        counter.step()
        save(tmp_path, rank, counter.take())
    found = load_all(tmp_path)
    # By number, not by letters: rank 10 comes last.
    assert [each.num_sent for each in found] == [10, 11, 12, 20]
    total = sum(found, Traffic())
    assert (total.num_sent, total.num_received, total.steps) == (53, 13, 4)
    assert total.by_kind("received") == {"activation": 0, "gradient": 0, "all_reduce": 0, "parameters": 13}
    assert heard(json.loads(json.dumps(total.told()))) == total


@pytest.mark.parametrize(
    ("sizes", "numbers"),
    [((), 16), ((5,), 16), ((2, 3, 4), 16), ((1, 2, 1, 2, 1, 2, 1), 16)],
)
def test_forms_of_any_size_are_as_long(sizes: tuple[int, ...], numbers: int) -> None:
    import torch

    form = Form.of(torch.zeros(sizes, dtype=torch.float16))
    assert form.told().numel() == numbers
    assert Form.heard(form.told()) == form
    assert form.empty().shape == sizes


def test_clusters_of_the_folder_are_read_by_one_of_two_readers() -> None:
    read = 0
    for path in sorted(CLUSTERS.glob("**/*.toml")):
        try:
            load(Ranks, path)
        except ConfigError:
            assert load(cost.Cluster, path).ranks_per_node >= 1, path
        read += 1
    assert read


def test_names_of_plans_tell_how_often_the_arrangement_stands() -> None:
    one = chain(layer(1, 1), layer(1, 1))
    halves = parse({"trunk": "1: a; 0"}, one.names)
    assert Plan(halves, 3).name == '3 x trunk = "1: a; 0: b"'
    assert Plan(replace(halves, name="mine"), 2).name == "2 x mine"
    assert Plan(whole(one.names), 5).name == "data-parallel"
