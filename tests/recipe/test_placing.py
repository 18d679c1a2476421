"""What a recipe's placement comes to on its ranks: named, written out, planned, and what is refused before a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.parallel import splitting
from torch import Tensor

from landweave.errors import ConfigError
from landweave.parallel.planner import Ask
from landweave.parallel.stages import stages_of
from landweave.parallel.world import World
from landweave.recipe import placing
from landweave.recipe.placing import How, Wanted
from landweave.train.optim import OptimiserTable
from landweave.train.prepare import Batch

HOW = How(OptimiserTable(name="adam"), "fp32", torch.device("cpu"))
CLUSTER = """\
name = "far apart"
ranks = {ranks}
memory_gigabytes = {memory}
link = {{latency_us = 0, gigabytes_per_s = {link}}}
"""


class Pretended(World):
    """The first of several ranks, of which the others say the same as it does."""

    def sum(self, value: Tensor) -> Tensor:
        return value[self.rank].expand(self.size) if value.dim() else value * self.size

    def spread(self, tensors: list[Tensor]) -> None:
        """Nobody needs what is spread."""


class Elsewhere(Pretended):
    """The same, but the others are on other machines."""

    def sum(self, value: Tensor) -> Tensor:
        return value


def batch(num: int = 4) -> Batch:
    views = splitting.views(num)
    keys = torch.arange(num)
    return Batch(views["hsi"], keys % 4, torch.ones(num), keys, num, beside=views["rgb"])


def find(world: World, wanted: Wanted) -> dict[str, str]:
    network = splitting.TwoViews()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = placing.find(wanted, network, batch(), HOW, world)
    # Trying the layers moves weights, but not these.
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    return made.lines


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    return tmp_path / "cluster.toml"


def test_a_placement_by_its_name_and_by_its_lines() -> None:
    lines = {"hsi": "0", "rgb": "1", "trunk": "2"}
    assert find(Pretended(0, 3), Wanted("baseline", Ask(4))) == lines
    assert find(Pretended(0, 6), Wanted(lines, Ask(4))) == lines


def test_auto_keeps_a_network_together_where_links_are_slow(cluster: Path) -> None:
    # Weights of some kB against activations of some hundred bytes a sample, and compute that is nothing beside both.
    cluster.write_text(CLUSTER.format(ranks=2, memory=64, link=1e-9))
    found = find(Pretended(0, 2), Wanted("auto", Ask(4), cluster))
    assert set(found) == {"hsi", "rgb", "trunk"}
    whole = {"hsi": "0", "rgb": "0", "trunk": "0"}
    assert found != whole
    # Gradients of a rank that has the whole network would be thousands of bytes; over the cut go fewer.
    cluster.write_text(CLUSTER.format(ranks=1, memory=64, link=1e-9))
    assert find(World(), Wanted("auto", Ask(4), cluster)) == whole


def test_auto_on_this_machine() -> None:
    assert find(Pretended(0, 2), Wanted("auto", Ask(4)))["trunk"]


@pytest.mark.parametrize(
    ("wanted", "size", "says"),
    [
        (Wanted("optimised", Ask(4)), 3, ("placement optimised", "optimized (did you mean that?)", "name one")),
        (Wanted("baseline", Ask(4)), 2, ("on 3 ranks, started on 2", "a multiple", "start 3 ranks")),
        (Wanted({"hsi": "0: ..conv9; 1", "rgb": "1", "trunk": "1"}, Ask(4)), 2, ("layer conv9", "conv", "plan lists")),
    ],
)
def test_placements_that_do_not_fit_network_or_ranks(wanted: Wanted, size: int, says: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as raised:
        find(Pretended(0, size), wanted)
    for text, part in zip(says, (raised.value.given, raised.value.expected, raised.value.do), strict=True):
        assert text in part


def test_memory_that_a_placement_does_not_fit(cluster: Path) -> None:
    cluster.write_text(CLUSTER.format(ranks=3, memory=0.001, link=1))
    for placement, given in (("baseline", "placement baseline, by which rank 0 needs"), ("auto", "no placement fits")):
        with pytest.raises(ConfigError) as raised:
            find(Pretended(0, 3), Wanted(placement, Ask(4), cluster))
        assert given in raised.value.given
        assert raised.value.expected.startswith(("at most 0.00 GB", "ranks with as much"))
        assert "micro-batches" in raised.value.do


def test_a_cluster_of_other_ranks(cluster: Path) -> None:
    cluster.write_text(CLUSTER.format(ranks=3, memory=64, link=1))
    with pytest.raises(ConfigError, match="2 ranks for far apart, which has 3"):
        find(Pretended(0, 2), Wanted("auto", Ask(4), cluster))


def test_ranks_of_several_machines_must_be_described() -> None:
    with pytest.raises(ConfigError) as raised:
        placing.here(Elsewhere(0, 2))
    assert "2 ranks of several machines" in raised.value.given
    assert "memory and links" in raised.value.expected
    assert 'cluster = "cluster.toml"' in raised.value.do


def test_ranks_of_this_machine_share_its_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "num_cores", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    alone, three = placing.here(World()), placing.here(Pretended(0, 3))
    assert [group for group, _, _ in alone.groups()] == [(0,)]
    assert list(three.groups()) == [((0, 1, 2), 2, 1)]
    assert three.memory_bytes(0) == pytest.approx(alone.memory_bytes(0) / 3, rel=0.2)


@pytest.mark.parametrize(
    ("ask", "ranks", "sizes"),
    [
        (Ask(40), 3, (13, 40)),
        (Ask(40, (4, 1)), 3, (3, 40)),
        (Ask(40, (4,)), 2, (5, 10)),
        (Ask(2), 4, (2, 2)),
        (Ask(1), 1, (2, 2)),
    ],
)
def test_sizes_to_try(ask: Ask, ranks: int, sizes: tuple[int, int]) -> None:
    assert placing.sizes_of(ask, ranks) == sizes


def test_a_batch_that_is_smaller_than_what_is_tried() -> None:
    found = placing.take(splitting.TwoViews(), batch(3), (2, 8), 1, HOW)
    assert found.names == stages_of(splitting.TwoViews()).names
    assert found.chains["hsi"]["conv1"].out_bytes == 4 * 4 * 16


def test_text_of_the_first_rank() -> None:
    assert placing.spread_text("größer", World()) == "größer"
    assert placing.spread_text("", Pretended(0, 2)) == ""
