"""What landweave plan writes of a profile that is known: cells, lines, JSON, a picture that other libraries read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.parallel.planning import branched, layer, ranks

from landweave.config import check
from landweave.errors import ConfigError
from landweave.models.card import CLASSICAL
from landweave.parallel import planner
from landweave.parallel.placement import Placement, baseline, optimized, parse, resolve, whole
from landweave.parallel.profile import Profile
from landweave.parallel.program import Plan
from landweave.parallel.timeline import play
from landweave.recipe import plan
from landweave.recipe.plan import PlanJob, Planned
from landweave.recipe.recipe import TrainRecipe

NETWORK = branched(
    hsi={
        "conv1": layer(0.004, 0.008, 600_000, kept_bytes=1.2e6, weight_bytes=1500),
        "pool1": layer(0.0001, 0.0001, 64, gradient_bytes=0),
        "conv2": layer(1, 2, 512, weight_bytes=2e6),
    },
    rgb={"conv1": layer(0.001, 0.002, 30), "pool1": layer(0, 0, 8), "conv2": layer(0.2, 0.4, 64)},
    trunk={"dense1": layer(0.5, 1, 1000, weight_bytes=3.5e9), "dense2": layer(0.1, 0.1, 20)},
)
ON = ranks(3, memory_gigabytes=8)
PLANS = [
    Plan(optimized(NETWORK.names), batch=12, num_micro=2),
    Plan(baseline(NETWORK.names), batch=12, num_micro=2),
    Plan(whole(NETWORK.names), 3, 12),
    Plan(parse({"hsi": "0: ..pool1; 1", "rgb": "1", "trunk": "1: dense1; 2"}, NETWORK.names), batch=12),
]
PLANNED = Planned(NETWORK, tuple(planner.estimate(each, NETWORK, ON) for each in PLANS), ON)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0 ms"),
        (1e-6, "0.001 ms"),
        (0.001234, "1.23 ms"),
        (0.25, "250 ms"),
        (1.0, "1 s"),
        (1.5, "1.5 s"),
        (123.4, "123 s"),
    ],
)
def test_seconds_are_told_in_three_digits(seconds: float, told: str) -> None:
    assert plan._seconds(seconds) == told


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1536, "1.54 kB"),
        (1e6, "1 MB"),
        (51_200_000 * 4, "205 MB"),
        (1e9, "1 GB"),
        (2.345e12, "2.34e+03 GB"),
    ],
)
def test_bytes_are_told_in_powers_of_a_thousand(size: float, told: str) -> None:
    assert plan._bytes(size) == told


def test_each_layer_has_a_line_of_its_costs() -> None:
    text = plan.lines(PLANNED)
    names = [f"{chain}.{name}" for chain, layers in NETWORK.names.items() for name in layers]
    assert [line.split()[0] for line in text[1 : 1 + len(names)]] == names
    # Forward, backward, gives, keeps, weights: of one sample.
    assert text[1].split() == ["hsi.conv1", "4", "ms", "8", "ms", "600", "kB", "1.2", "MB", "1.5", "kB"]
    assert text[7].split() == ["trunk.dense1", "500", "ms", "1", "s", "1", "kB", "0", "B", "3.5", "GB"]
    assert text[1 + len(names)].startswith("(seconds and bytes of one sample")


def test_plans_stand_in_columns_under_their_heads() -> None:
    text = plan.lines(PLANNED)
    begin = next(index for index, line in enumerate(text) if line == "predicted for test")
    head, rows = text[begin + 1], text[begin + 2 : begin + 2 + len(PLANNED.rows)]
    assert head.split("  ")[-1] == "plan"
    place = head.index("  plan") + 2
    for line, row in zip(rows, PLANNED.rows, strict=True):
        assert line[place:] == row.plan.name
        assert f"{round(100 * row.bubble)}%" in line
    assert text[begin + 2 + len(rows)] == ""


def test_replicas_tell_what_the_first_of_them_does() -> None:
    halves = parse({"hsi": "0", "rgb": "0", "trunk": "1"}, NETWORK.names)
    row = planner.estimate(Plan(halves, 2, 8), NETWORK, ranks(4))
    assert (len(row.sent_bytes), len(row.memory_bytes)) == (4, 4)
    seconds, waiting, micro, sent, memory, name = plan._cells(row)
    assert (len(sent.split()), len(memory.split())) == (2, 2)
    assert micro == "1"
    assert waiting.endswith("%")
    assert seconds.endswith(" s")
    assert name.startswith("2 x hsi")


def test_plans_that_do_not_fit_say_so() -> None:
    small = ranks(3, memory_gigabytes=[8, 8, 0.1])
    rows = [planner.estimate(each, NETWORK, small) for each in PLANS]
    full = [row for row in rows if not row.fits]
    # Rank 2 holds the dense layers in all of them.
    assert len(full) == 3
    assert all(plan._cells(row)[-1].endswith("  (does not fit the memory)") for row in full)
    assert not any("fit" in plan._cells(row)[-1] for row in rows if row.fits)


@pytest.mark.parametrize("num", [1, 4])
@pytest.mark.parametrize("make", [baseline, optimized])
def test_what_a_recipe_is_told_to_say_is_toml_and_the_same_placement(make: Any, num: int) -> None:
    made: Placement = make(NETWORK.names)
    first, *rest = plan.recipe_lines(Plan(made, batch=12, num_micro=num))
    assert first == "best, as a recipe says it:"
    told = tomllib.loads("\n".join(rest))
    assert told.get("accumulate", 1) == num
    assert resolve(told["placement"], NETWORK.names).runs == made.runs


def test_data_parallelism_needs_no_placement() -> None:
    (told,) = plan.recipe_lines(Plan(whole(NETWORK.names), 3, 12))
    assert "leave placement away" in told
    assert "share the batch" in told


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ({"hsi": "0", "rgb": "1", "trunk": "2"}, ["hsi", "rgb", "trunk"]),
        ({"hsi": "0: conv1; 1", "rgb": "1", "trunk": "1"}, ["hsi", "hsi, rgb, trunk"]),
        ({"hsi": "0", "rgb": "0", "trunk": "0: dense1; 1"}, ["hsi, rgb, trunk", "trunk"]),
    ],
)
def test_what_ranks_hold_in_words(lines: dict[str, str], held: list[str]) -> None:
    made = Plan(parse(lines, NETWORK.names), replicas=2, batch=4)
    # The second replica holds what the first does.
    assert [plan.holding(made, rank) for rank in range(made.num_ranks)] == held * 2


def test_the_picture_is_svg_of_every_span() -> None:
    drawn = plan.picture(PLANNED)
    root = ElementTree.fromstring(drawn)
    assert root.tag.endswith("svg")
    best = PLANNED.rows[0]
    played = play(best.plan, NETWORK, ON)
    # Bars alone have a white edge.
    boxes = [each for each in root.iter() if "stroke: #ffffff" in each.get("style", "")]
    assert len(boxes) == len(played.spans)
    assert f"{plan._seconds(best.step_s)} a step, predicted" in drawn
    assert all(f"rank {rank}" in drawn for rank in range(3))


def job(tmp_path: Path, **values: Any) -> PlanJob:
    return check(PlanJob, {"recipe": tmp_path / "r.toml", "cluster": tmp_path / "c.toml", **values}, "options")


def test_three_files_say_the_same(tmp_path: Path) -> None:
    plan.write(tmp_path, PLANNED, job(tmp_path))
    told = json.loads((tmp_path / plan.RESULT).read_text())
    assert told["configuration"]["recipe"].endswith("r.toml")
    assert len(told["plans"]) == len(PLANNED.rows)
    for row, each in zip(PLANNED.rows, told["plans"], strict=True):
        assert each["step_s"] == row.step_s
        assert each["memory_bytes"] == list(row.memory_bytes)
        # A plan can be made again from what stands there, and takes as long.
        again = Plan(
            parse(each["placement"], NETWORK.names),
            each["replicas"],
            each["batch"],
            each["micro_batches"],
            each["schedule"],
        )
        assert planner.estimate(again, NETWORK, ON).step_s == row.step_s
    assert (tmp_path / plan.TABLE).read_text().splitlines() == plan.lines(PLANNED)
    assert (tmp_path / plan.FIGURE).read_text() == plan.picture(PLANNED)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    plan.write(tmp_path, PLANNED, job(tmp_path))
    assert {name: (tmp_path / name).read_bytes() for name in (plan.TABLE, plan.FIGURE)} == {
        name: before[name] for name in (plan.TABLE, plan.FIGURE)
    }


def test_a_profile_is_kept_where_it_is_of_the_same(tmp_path: Path) -> None:
    path = tmp_path / plan.PROFILE
    path.write_text(json.dumps({"identity": "one", **NETWORK.told()}))
    assert plan._kept(path, "one") == Profile(NETWORK.chains)
    assert plan._kept(path, "other") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"identity": "one"}',
        '{"identity": "one", "chains": {"trunk": {"a": {"speed": 1}}}, "base_bytes": 0}',
        '{"identity": "one", "chains": {"trunk": {"a": {}}}}',
    ],
)
def test_a_damaged_profile_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / plan.PROFILE
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        plan._kept(path, "one")
    assert "profile.json" in caught.value.given
    assert "landweave plan wrote" in caught.value.expected
    assert "plan again" in caught.value.do


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"repeats": 0}, ("repeats = 0", "greater than or equal to 1")),
        ({"schedule": "pipedream"}, ("schedule", "gpipe")),
        ({"micro_batch": (1,)}, ("unknown key micro_batch", "micro_batches")),
    ],
)
def test_jobs_that_cannot_be(tmp_path: Path, values: dict[str, Any], words: tuple[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        job(tmp_path, **values)
    assert words[0] in caught.value.given
    assert words[1] in caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize("network", sorted(CLASSICAL))
def test_classical_models_are_not_split(network: str) -> None:
    recipe = TrainRecipe.model_construct(network=network)
    with pytest.raises(ConfigError) as caught:
        plan.refuse_classical(recipe)
    assert f"network {network}, whose fit" in caught.value.given
    assert "two_branch" in caught.value.expected
    assert "another recipe" in caught.value.do
    plan.refuse_classical(TrainRecipe.model_construct(network="two_branch"))


@pytest.mark.parametrize(
    ("placement", "lines"),
    [
        (None, []),
        ("auto", []),
        ("baseline", [{"hsi": "0", "rgb": "1", "trunk": "2"}]),
        ({"hsi": "0", "rgb": "0", "trunk": "0"}, [{"hsi": "0", "rgb": "0", "trunk": "0"}]),
    ],
)
def test_what_the_recipe_itself_says_is_reckoned_too(placement: Any, lines: list[dict[str, str]]) -> None:
    recipe = TrainRecipe.model_construct(placement=placement)
    assert [made.lines for made in plan._asked(recipe, NETWORK, ON)] == lines


def test_a_placement_of_another_number_of_ranks_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        plan._asked(TrainRecipe.model_construct(placement="baseline"), NETWORK, ranks(4))
    assert "on 3 ranks, started on 4" in caught.value.given
    assert "a multiple" in caught.value.expected
    assert "start 3 ranks" in caught.value.do


@pytest.mark.parametrize(("device", "is_gpu"), [("cpu", False), ("cuda", True)])
def test_a_device_that_is_named_is_taken(device: str, is_gpu: bool) -> None:
    assert plan._has_gpu(device) is is_gpu
