"""The demo: stages that go on where they were stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from landweave import demo
from landweave.atomic import locked
from landweave.cli.demo import closing
from landweave.config import load
from landweave.demo import Stage
from landweave.errors import OutputError
from landweave.jobs.run import Progress
from landweave.patches.plan import PatchJob
from landweave.recipe.recipe import TrainRecipe
from landweave.simulate.world import load_world

IDENTITY = {"world": "demo-1", "version": "0.1.0"}


class Stopped(BaseException):
    """Stands for a kill."""


def make_stages(ran: list[str], stop_in: str = "") -> list[Stage]:
    def work(name: str) -> Iterator[Progress]:
        ran.append(name)
        yield Progress("work", 0, 1, "things")
        if name == stop_in:
            raise Stopped
        yield Progress("work", 1, 1, "things")

    return [Stage(name, lambda name=name: work(name)) for name in ("first", "second work", "third")]  # type: ignore[misc]


def test_stages_run_one_after_the_other(tmp_path: Path) -> None:
    ran: list[str] = []
    records = list(demo.perform(make_stages(ran), tmp_path, IDENTITY))
    assert ran == ["first", "second work", "third"]
    assert [(record.phase, record.done) for record in records] == [
        ("first: work", 0),
        ("first: work", 1),
        ("second work", 0),
        ("second work", 1),
        ("third: work", 0),
        ("third: work", 1),
    ]
    assert list(demo.seconds_of(tmp_path)) == ["first", "second work", "third"]


def test_a_demo_that_was_stopped_goes_on_with_the_stage_it_was_in(tmp_path: Path) -> None:
    ran: list[str] = []
    with pytest.raises(Stopped):
        list(demo.perform(make_stages(ran, "second work"), tmp_path, IDENTITY))
    records = list(demo.perform(make_stages(ran), tmp_path, IDENTITY))
    assert ran == ["first", "second work", "second work", "third"]
    assert records[0] == Progress("first", 1, 1, "done before")


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError) as caught:
        list(demo.perform(make_stages([]), tmp_path, IDENTITY))
    assert "which holds thesis.txt" in caught.value.given
    assert "an empty folder" in caught.value.expected
    assert "-o" in caught.value.do


def test_a_demo_that_was_stopped_in_its_first_stage_goes_on(tmp_path: Path) -> None:
    (tmp_path / demo.WORLD).mkdir()
    list(demo.perform(make_stages([]), tmp_path, IDENTITY))
    assert (tmp_path / demo.STAGES).is_file()


def test_another_world_is_refused(tmp_path: Path) -> None:
    list(demo.perform(make_stages([]), tmp_path, IDENTITY))
    with pytest.raises(OutputError) as error:
        list(demo.perform(make_stages([]), tmp_path, {**IDENTITY, "world": "default-1"}))
    assert "demo-1" in error.value.given
    assert "default-1" in error.value.expected
    assert "-o" in error.value.do


@pytest.mark.parametrize("content", ["{torn", "[]", json.dumps({"format": 1})])
def test_a_damaged_list_of_stages_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / demo.STAGES).write_text(content)
    with pytest.raises(OutputError) as error:
        list(demo.perform(make_stages([]), tmp_path, IDENTITY))
    assert demo.STAGES in error.value.given
    assert "stages" in error.value.expected
    assert "remove" in error.value.do


def test_two_demos_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(OutputError, match="another landweave process"):
        list(demo.perform(make_stages([]), tmp_path, IDENTITY))


RECIPES = {
    "linear": {"arguments": {"num_samples": 500}},
    "forest": {"arguments": {"num_samples": 500, "num_trees": 3}},
    "unet": {"arguments": {"width": 4, "depth": 2}, "epochs": 1},
}


def make_demo(folder: Path) -> demo.Demo:
    world = load_world("demo-1", height_px=300, width_px=300)
    return demo.Demo(folder, world, PatchJob(patch_px=48, block_patches=1, gap_px=12), RECIPES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    phases = [record.phase for record in make_demo(folder).records()]
    assert phases[0].startswith("simulate")
    assert phases[-1] == "report"
    return folder


def test_a_small_demo_leaves_a_summary(folder: Path) -> None:
    summary = demo.read_summary(folder)
    overall = summary["overall_accuracy"]
    assert 0 <= overall["low"] <= overall["value"] <= overall["high"] <= 1
    assert set(summary["baselines"]) == {"linear", "forest"}
    assert summary["mpx_per_s"] > 0
    assert summary["seconds"]["total"] > summary["seconds"]["train unet"] > 0
    assert "torch" in summary["versions"]


def test_a_small_demo_leaves_a_report_of_all_of_it(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    for shown in (
        "Simulated: ",
        "Random forest",
        "Linear model",
        "Producer\u2019s accuracy",
        "Where they differ",
        "Mpx/s",
    ):
        assert shown in text
    assert "Not shown" not in text
    assert "map/map.tif" in text


def test_a_demo_that_is_done_does_nothing_again(folder: Path) -> None:
    before = (folder / "map" / "map.tif").stat().st_mtime_ns
    records = list(make_demo(folder).records())
    assert {record.unit for record in records} == {"done before"}
    assert (folder / "map" / "map.tif").stat().st_mtime_ns == before


def test_the_last_lines_say_where_to_look_and_what_to_try(folder: Path) -> None:
    lines = "\n".join(closing(folder, demo.read_summary(folder)))
    for shown in ("overall accuracy", "report.html", "summary.json", "what to try next", "landweave map --card"):
        assert shown in lines


@pytest.mark.parametrize("network", ["unet", "forest", "linear"])
def test_recipes_beside_the_package_are_those_of_the_demo(network: str) -> None:
    path = Path(__file__).parents[1] / "recipes" / f"demo-{network}.toml"
    told = load(TrainRecipe, path)
    wanted = TrainRecipe(archive=told.archive, network=network, **demo.RECIPES[network])
    assert told.model_copy(update={"sensor": None, "legend": None}) == wanted


def test_a_missing_summary_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as error:
        demo.read_summary(tmp_path)
    assert "summary.json" in error.value.given
    assert "summary" in error.value.expected
    assert "again" in error.value.do
