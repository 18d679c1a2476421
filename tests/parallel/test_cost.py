"""The cost of steps: algebra by hand, a ring against its own simulation, and fits that find what made the numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landweave.config import check, load
from landweave.errors import ConfigError
from landweave.parallel import cost
from landweave.parallel.cost import Cluster, Costs, Link, Load, Table, Timed, Unknown

COSTS = Costs(
    per_step_s=0.01,
    per_sample_s=0.002,
    input_per_sample_s=0.0001,
    within=Link(5e-6, 1e-11),
    between=Link(2e-5, 1e-10),
    overlap=0.5,
    ranks_per_node=4,
)
LOAD = Load(samples=16, num_bytes=1e8, messages=4)


def ring(num_ranks: int, num_bytes: float, link: Link) -> float:
    """Time of an all-reduce, step by step: 1/n of the bytes is passed on, n - 1 times to add, n - 1 to spread."""
    clock = 0.0
    for _ in range(2 * (num_ranks - 1)):
        clock += link.latency_s + num_bytes / num_ranks * link.s_per_byte
    return clock


@given(st.integers(1, 64), st.floats(0, 1e9), st.floats(0, 1e-3), st.floats(0, 1e-8))
def test_a_ring_takes_what_its_steps_take(
    num_ranks: int, num_bytes: float, latency_s: float, s_per_byte: float
) -> None:
    link = Link(latency_s, s_per_byte)
    costs = Costs(within=link, between=link)
    assert cost.all_reduce_s(Load(1, num_bytes), num_ranks, costs) == pytest.approx(ring(num_ranks, num_bytes, link))


def test_one_rank_talks_to_nobody() -> None:
    alone = cost.predict(COSTS, LOAD, 1)
    assert (alone.hidden_s, alone.exposed_s, alone.input_s) == (0, 0, 0)
    assert alone.total_s == alone.compute_s == pytest.approx(0.01 + 16 * 0.002)


def test_the_slowest_link_of_the_ring_counts() -> None:
    within, between = (cost.predict(COSTS, LOAD, num) for num in (4, 5))
    assert within.hidden_s + within.exposed_s == pytest.approx(6 * 4 * 5e-6 + 1.5 * 1e-3)
    assert between.hidden_s + between.exposed_s == pytest.approx(8 * 4 * 2e-5 + 1.6 * 1e-2)


def test_only_the_backward_pass_hides_communication() -> None:
    slow = replace(COSTS, between=Link(0, 1e-7), overlap=1.0)
    step = cost.predict(slow, LOAD, 8)
    assert step.hidden_s == pytest.approx(step.compute_s * 2 / 3)
    assert step.exposed_s == pytest.approx(1.75 * 10 - step.hidden_s)


def test_input_that_is_slower_than_the_rest_is_waited_for() -> None:
    step = cost.predict(replace(COSTS, input_per_sample_s=1.0), LOAD, 1)
    assert step.total_s == pytest.approx(16)
    assert step.input_s == pytest.approx(16 - step.compute_s)


@given(st.integers(1, 6), st.floats(1, 64), st.floats(0, 1))
def test_more_ranks_never_make_a_step_shorter(doublings: int, samples: float, overlap: float) -> None:
    costs, load = replace(COSTS, overlap=overlap), replace(LOAD, samples=samples)
    times = [cost.predict(costs, load, 2**power).total_s for power in range(doublings + 1)]
    assert times == sorted(times)
    assert 0 < cost.efficiency(costs, load, 2**doublings) <= 1


ALL: tuple[Unknown, ...] = (
    "per_step_s",
    "per_sample_s",
    "within.latency_s",
    "within.s_per_byte",
    "between.latency_s",
    "between.s_per_byte",
)
small = st.floats(1e-4, 1e-2)


@settings(deadline=None, max_examples=30)
@given(small, small, st.floats(1e-6, 1e-4), st.floats(1e-11, 1e-9), st.floats(1e-6, 1e-4), st.floats(1e-11, 1e-9))
def test_a_fit_finds_the_costs_that_made_the_times(
    step: float, sample: float, near: float, near_byte: float, far: float, far_byte: float
) -> None:
    truth = Costs(step, sample, 0, Link(near, near_byte), Link(far, far_byte), overlap=0.0, ranks_per_node=4)
    loads = [Load(samples, size, 1) for samples in (1, 8, 64) for size in (4.0, 1e6, 1e8)]
    timed = [Timed(num, load, cost.predict(truth, load, num).total_s) for load in loads for num in (1, 2, 4, 8, 16)]
    found = cost.fit(timed, ALL, Costs(ranks_per_node=4))
    for row in timed:
        assert cost.predict(found, row.load, row.num_ranks).total_s == pytest.approx(row.seconds, rel=1e-4)


def test_what_is_given_is_not_fitted() -> None:
    truth = replace(COSTS, input_per_sample_s=0.0)
    timed = [Timed(num, LOAD, cost.predict(truth, LOAD, num).total_s) for num in (1, 8)]
    wrong = replace(truth, per_sample_s=9.0, between=Link(2e-5, 9.0))
    found = cost.fit(timed, ("per_sample_s", "between.s_per_byte"), wrong)
    assert found.per_sample_s == pytest.approx(0.002)
    assert found.between == Link(2e-5, pytest.approx(1e-10))
    assert found.within == truth.within


def test_costs_are_never_negative() -> None:
    """Times that fall faster than 1/N would need a link that gives time back."""
    timed = [Timed(num, Load(1 / num, 1 / num), seconds) for num, seconds in ((1, 10.0), (2, 4.0))]
    found = cost.fit(timed, ("per_sample_s", "between.s_per_byte"), Costs())
    assert found.between.s_per_byte == 0
    assert 8 < found.per_sample_s < 10


def test_too_few_times_are_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        cost.fit([Timed(1, LOAD, 1.0)], ("per_step_s", "per_sample_s"), Costs())
    assert "1 measured steps for 2 unknown" in refused.value.given
    assert "at least as many" in refused.value.expected
    assert "more batch sizes" in refused.value.do


CLUSTER = {
    "name": "two machines",
    "ranks_per_node": 4,
    "within": {"latency_us": 5, "gigabytes_per_s": 100},
    "between": {"latency_us": 20, "gigabytes_per_s": 10},
}


def test_a_cluster_brings_its_links_and_its_speed() -> None:
    moved = cost.on_cluster(COSTS, check(Cluster, CLUSTER, "test"))
    assert moved.within == Link(pytest.approx(5e-6), pytest.approx(1e-11))
    assert moved.between == Link(pytest.approx(2e-5), pytest.approx(1e-10))
    assert (moved.per_step_s, moved.per_sample_s, moved.ranks_per_node) == (0.01, 0.002, 4)
    faster = cost.on_cluster(COSTS, check(Cluster, {**CLUSTER, "samples_per_s": 250}, "test"))
    assert (faster.per_step_s, faster.per_sample_s) == (0, 0.004)


@pytest.mark.parametrize(
    ("changed", "given"),
    [({"ranks_per_node": 0}, "ranks_per_node = 0"), ({"withn": {}}, "unknown key withn"), ({"within": {}}, "missing")],
)
def test_a_cluster_that_cannot_be_is_refused(changed: dict[str, object], given: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check(Cluster, {**CLUSTER, **changed}, "cluster.toml")
    assert given in refused.value.given


CLUSTERS = sorted((Path(__file__).parents[2] / "recipes" / "clusters").glob("*.toml"))


@pytest.mark.parametrize("path", CLUSTERS, ids=lambda path: path.stem)
def test_a_cluster_in_the_folder_can_be_predicted_for(path: Path) -> None:
    cluster = load(Cluster, path)
    moved = cost.on_cluster(COSTS, cluster)
    shares = [cost.efficiency(moved, LOAD, nodes * cluster.ranks_per_node) for nodes in cluster.nodes]
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] <= 1


def test_a_table_made_by_the_model_is_predicted_to_the_end() -> None:
    ranks = (4, 8, 16, 32)
    seconds = tuple(round(100 / num + 0.5 * 2 * (num - 1) / num**2 * (num > 4), 6) for num in ranks)
    rows = cost.predict_table(Table("made", ranks, seconds, 4))
    assert [row.num_ranks for row in rows] == [16, 32]
    for row in rows:
        assert row.predicted_s == pytest.approx(row.published_s, rel=1e-4)
        assert row.is_right and row.may_be_right
        assert row.lowest_s <= row.predicted_s <= row.highest_s
