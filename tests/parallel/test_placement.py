"""Placements: what lines of a recipe say, what is sent for them, and what they may not say."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import ConfigError
from landweave.parallel import placement
from landweave.parallel.placement import Cut, Names, Placement, Run, cuts

NAMES: Names = {
    "hsi": ("cube", "conv1", "pool1", "norm1", "conv2", "flatten"),
    "rgb": ("cube", "conv1", "pool1", "conv2", "flatten"),
    "trunk": ("dropout", "dense1", "dense2"),
}
CHAIN: Names = {"trunk": ("a", "b", "c", "d")}


def test_baseline_puts_each_branch_and_the_trunk_on_a_rank_of_its_own() -> None:
    made = placement.baseline(NAMES)
    assert made.lines == {"hsi": "0", "rgb": "1", "trunk": "2"}
    assert (made.name, made.num_ranks, made.order) == ("baseline", 3, (0, 1, 2))
    assert cuts(made) == (Cut("hsi", "flatten", 0, 2), Cut("rgb", "flatten", 1, 2))


def test_optimized_hands_the_last_block_of_each_branch_over() -> None:
    made = placement.optimized(NAMES)
    assert made.lines == {
        "hsi": "0: cube..norm1; 2: conv2..flatten",
        "rgb": "1: cube..pool1; 2: conv2..flatten",
        "trunk": "2",
    }
    assert [cut.name for cut in cuts(made)] == ["hsi.norm1", "rgb.pool1"]
    assert made.of_rank(2) == (
        Run(2, "hsi", ("conv2", "flatten")),
        Run(2, "rgb", ("conv2", "flatten")),
        Run(2, "trunk", NAMES["trunk"]),
    )


def test_the_whole_network_on_one_rank_has_no_cut() -> None:
    made = placement.whole(NAMES)
    assert (cuts(made), made.num_ranks, made.order) == ((), 1, (0,))


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("0", [(0, "abcd")]),
        (" 0 : a..b ; 1 : c..d ", [(0, "ab"), (1, "cd")]),
        ("0: ..b; 1: c..", [(0, "ab"), (1, "cd")]),
        ("0: ..b; 1", [(0, "ab"), (1, "cd")]),
        ("0: a; 1: ..c; 2", [(0, "a"), (1, "bc"), (2, "d")]),
        ("1: ..c; 0: d", [(1, "abc"), (0, "d")]),
        ("0: a; 0: b..d", [(0, "abcd")]),
    ],
)
def test_what_a_line_says(line: str, runs: list[tuple[int, str]]) -> None:
    made = placement.parse({"trunk": line}, CHAIN)
    assert made.runs == tuple(Run(rank, "trunk", tuple(layers)) for rank, layers in runs)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ({"trunk": "0", "lidar": "1"}, ("placement of lidar", "one of trunk", "name the network's branches")),
        ({}, ("without trunk", "a line for each of trunk", 'trunk = "0"')),
        ({"trunk": "0: ..e; 1"}, ("layer e in the placement of trunk", "one of a, b, c, d", "landweave plan lists")),
        ({"trunk": "first"}, ("rank 'first'", "a whole number from 0 on", 'write for example "0"')),
        ({"trunk": "-1"}, ("rank '-1'", "a whole number", 'write for example "0"')),
        ({"trunk": ""}, ("rank ''", "a whole number", 'write for example "0"')),
        ({"trunk": "0: a..b"}, ('trunk = "0: a..b"', "every layer once and in order: a, b, c, d", "where the one")),
        ({"trunk": "0: a..c; 1: b..d"}, ("placement trunk", "every layer once", "let each run begin")),
        ({"trunk": "0: c..d; 1: a..b"}, ("placement trunk", "every layer once", "let each run begin")),
        ({"trunk": "0: c..a; 1: b..d"}, ("placement trunk", "every layer once", "let each run begin")),
        ({"trunk": "0: ..b; 2"}, ("without a layer for rank 1", "layers for each rank", "number the ranks")),
        ({"trunk": "0: a; 1: b; 0: c..d"}, ("ranks 0, 1 wait for one", "never come back", "give each rank layers")),
    ],
)
def test_lines_that_say_no_placement(lines: dict[str, str], says: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigError) as raised:
        placement.parse(lines, CHAIN)
    for text, part in zip(says, (raised.value.given, raised.value.expected, raised.value.do), strict=True):
        assert text in part


def test_ranks_of_two_branches_that_wait_for_one_another() -> None:
    lines = {"hsi": "0: ..conv1; 1", "rgb": "1: ..conv1; 0", "trunk": "2"}
    with pytest.raises(ConfigError, match="ranks 0, 1, 2 wait for one another"):
        placement.parse(lines, NAMES)


def test_a_rank_may_hold_a_branch_and_the_trunk_that_waits_for_another() -> None:
    made = placement.parse({"hsi": "0", "rgb": "1", "trunk": "0"}, NAMES)
    assert made.order == (1, 0)
    assert [(cut.source, cut.target) for cut in cuts(made)] == [(1, 0)]


@pytest.mark.parametrize(
    ("told", "names", "says"),
    [
        ("optimised", NAMES, ("placement optimised", "optimized (did you mean that?)", "name one, or write a line")),
        ("baseline", CHAIN, ("baseline for a network without branches", "with branches", 'trunk = "0: ..a; 1"')),
        ("optimized", CHAIN, ("optimized for a network without", "with branches", "write for example")),
        (
            "optimized",
            {"hsi": ("conv1", "flatten"), "trunk": ("dense",)},
            ("branch hsi without a pool or norm", "blocks that a pool or norm ends", 'hsi = "0: conv1; 2"'),
        ),
    ],
)
def test_named_placements_that_do_not_fit(told: str, names: Names, says: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigError) as raised:
        placement.resolve(told, names)
    for text, part in zip(says, (raised.value.given, raised.value.expected, raised.value.do), strict=True):
        assert text in part


def test_names_and_lines_lead_to_the_same() -> None:
    for name in placement.NAMED:
        made = placement.resolve(name, NAMES)
        assert placement.resolve(made.lines, NAMES).runs == made.runs
        assert str(made).startswith(f'{name} (hsi = "0')


@pytest.mark.parametrize(("size", "times"), [(3, 1), (6, 2), (9, 3)])
def test_replicas_of_the_whole_arrangement(size: int, times: int) -> None:
    assert placement.num_replicas(placement.baseline(NAMES), size) == times


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_ranks_that_are_no_multiple(size: int) -> None:
    with pytest.raises(ConfigError) as raised:
        placement.num_replicas(placement.baseline(NAMES), size)
    assert f"on 3 ranks, started on {size}" in raised.value.given
    assert "a multiple" in raised.value.expected
    assert "start 3 ranks" in raised.value.do


def every(names: Names, num_ranks: int) -> list[Placement]:
    """All assignments of layers to ranks that are placements, by trying all that there are."""
    layers = [(chain, layer) for chain, told in names.items() for layer in told]
    found = []
    for ranks in itertools.product(range(num_ranks), repeat=len(layers)):
        lines: dict[str, list[str]] = {chain: [] for chain in names}
        for (chain, layer), rank in zip(layers, ranks, strict=True):
            lines[chain].append(f"{rank}: {layer}")
        try:
            found.append(placement.parse({chain: "; ".join(told) for chain, told in lines.items()}, names))
        except ConfigError:
            continue
    return found


def test_a_chain_is_cut_in_as_many_ways_as_there_are() -> None:
    # Two cuts at three places, and the ranks of the three runs in any order.
    assert len({made for made in every(CHAIN, 3) if made.num_ranks == 3}) == 3 * 6


@given(st.data())
def test_lines_are_read_as_they_were_written(data: st.DataObject) -> None:
    lines = {}
    for chain, layers in NAMES.items():
        ends = sorted(data.draw(st.sets(st.integers(1, len(layers) - 1), max_size=2)))
        pieces = itertools.pairwise([0, *ends, len(layers)])
        lines[chain] = "; ".join(
            f"{data.draw(st.integers(0, 2))}: {layers[begin]}..{layers[stop - 1]}" for begin, stop in pieces
        )
    try:
        made = placement.parse(lines, NAMES)
    except ConfigError:
        return
    assert placement.parse(made.lines, NAMES).runs == made.runs
    # Every cut leads from a rank to one that stands behind it.
    place = {rank: index for index, rank in enumerate(made.order)}
    assert all(place[cut.source] < place[cut.target] for cut in cuts(made))
    assert len({cut.name for cut in cuts(made)}) == len(cuts(made))
    together = [(run.chain, layer) for run in made.runs for layer in run.layers]
    assert together == [(chain, layer) for chain, layers in NAMES.items() for layer in layers]
