"""The recipes in recipes/ work, and what contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.recipe import making

from landweave.classical import store
from landweave.config import check, load
from landweave.errors import ConfigError
from landweave.models import table
from landweave.models.card import CLASSICAL
from landweave.recipe.recipe import TrainRecipe

# Clusters, sharpeners, encoders and series are described there too; tests of their own read them.
OTHERS = ("cluster-", "sharpen-", "contrast", "multi-year-", "sliding-", "series-", "pairs-", "s2-to-", "limb-")
RECIPES = sorted(
    path for path in (Path(__file__).parents[2] / "recipes").glob("*.toml") if not path.stem.startswith(OTHERS)
)


def test_there_are_recipes() -> None:
    names = {path.stem for path in RECIPES}
    assert {"demo-unet", "demo-forest", "demo-linear", "bigearthnet-resnet50", "amazon-unet", "csmask-unet"} <= names
    assert {f"buildings-{name}" for name in ("unet", "fcn", "segnet", "deeplab")} <= names
    assert {"sat6-adam", "sat6-lamb-8k", "sat6-lamb-16k", "sat6-lamb-32k", "sat6-lamb-65k"} <= names


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_in_the_folder_fits(path: Path) -> None:
    recipe = load(TrainRecipe, path)
    assert path.read_text().startswith("# ")
    if recipe.network in CLASSICAL:
        assert recipe.network in store.known()
    else:
        table.build(recipe.network, 3, 4, **recipe.arguments)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return making.cut(tmp_path_factory.mktemp("archive")).folder


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_in_the_folder_trains(path: Path, archive: Path, tmp_path: Path) -> None:
    told = load(TrainRecipe, path).model_dump(exclude_unset=True)
    changed = {"archive": archive, "epochs": 1, "batch_global": 6, "precision": "fp32"}
    # The archive of the tests is of one sensor and legend; narrow networks are as good to see that a recipe works.
    changed |= {"legend": None, "sensor": None}
    if told["network"] not in {*CLASSICAL, "pixel"}:
        changed |= {"arguments": {**told.get("arguments", {}), "width": 8}}
    making.train(check(TrainRecipe, {**told, **changed}, "test"), tmp_path / "run")
    assert (tmp_path / "run" / "card" / "card.json").is_file()


def test_networks_of_series_are_refused() -> None:
    with pytest.raises(ConfigError, match='task = "series"'):
        check(TrainRecipe, {"archive": "a", "network": "lstm"}, "test")


def test_the_global_batch_does_not_depend_on_the_ranks_unless_asked_to() -> None:
    assert TrainRecipe(archive=Path("a")).samples_per_step(1) == 32
    assert [TrainRecipe(archive=Path("a"), batch_global=20).samples_per_step(n) for n in (1, 4)] == [20, 20]
    assert [TrainRecipe(archive=Path("a"), batch_per_rank=20).samples_per_step(n) for n in (1, 4)] == [20, 80]


def test_the_rate_follows_the_global_batch_where_it_is_told_to() -> None:
    values = {"archive": "a", "batch_per_rank": 64, "optimiser": {"rate": 0.1, "scaling": "linear"}}
    recipe = check(TrainRecipe, values, "test")
    assert [recipe.scaled_optimiser(ranks).rate for ranks in (1, 4, 8)] == pytest.approx([0.025, 0.1, 0.2])
    # What stands in the recipe stays, so that the run's folder says what was asked for.
    assert recipe.optimiser.rate == 0.1


@pytest.mark.parametrize(
    ("task", "told", "monitor"),
    [("pixels", "auto", "overall_accuracy"), ("multilabel", "auto", "micro_f1"), ("pixels", "loss", "loss")],
)
def test_the_figure_that_is_watched(task: str, told: str, monitor: str) -> None:
    values = {"archive": "a", "task": task, "stopping": {"monitor": told}}
    assert check(TrainRecipe, values, "test").monitor == monitor


CONTRADICTIONS = [
    ({"batch_global": 4, "batch_per_rank": 2}, "not both"),
    ({"stopping": {"monitor": "micro_f1"}}, "task multilabel"),
    ({"task": "multilabel", "stopping": {"monitor": "kappa"}}, "micro_f1"),
    ({"loss": {"class_weights": "even"}}, "balanced"),
    ({"loss": {"smothing": 0.1}}, "smoothing"),
    ({"augment": "flip"}, "dihedral"),
    ({"loss": {"name": "asymmetric"}}, "task multilabel"),
    ({"thresholds": "tuned", "task": "patches"}, "task multilabel"),
    ({"sampling": "class_aware"}, "task patches or multilabel"),
    ({"grow_batch": [[3, 0]]}, "from 1 on"),
    ({"bands": ["B02", "B02"]}, "once each"),
    ({"optimiser": {"rate": float("inf")}}, "finite"),
    ({"loss": {"class_weights": {"water": float("nan")}}}, "finite"),
    ({"compression": "fp16"}, "powersgd"),
    ({"optimiser": {"name": "lamd"}}, "lamb"),
    ({"seed": -1}, "greater than or equal to 0"),
]


@pytest.mark.parametrize(("changed", "expected"), CONTRADICTIONS, ids=lambda value: str(value)[:40])
def test_what_contradicts_itself_is_refused(changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check(TrainRecipe, {"archive": "a", **changed}, "recipe.toml")
    assert "recipe.toml" in refused.value.given
    assert expected in refused.value.expected
    assert "mend" in refused.value.do
