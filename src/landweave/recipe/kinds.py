"""Recipes of every kind behind one door: what a recipe file asks for decides what it is and what carries it out."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path

from landweave.config import check, override, read_toml
from landweave.jobs.run import Progress
from landweave.parallel.world import World
from landweave.recipe import run as supervised
from landweave.recipe import sharpen
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.sharpen import SharpenRecipe
from landweave.train.log import Record

Recipe = TrainRecipe | SharpenRecipe


def load_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in a TOML file, with `overrides` ("epochs=3") applied; task = "sharpen" makes it one of a sharpener.

    Raises:
        ConfigError: The file is missing or no TOML, or a key or value does not fit.
    """
    values = override(read_toml(path), overrides)
    if values.get("task") == "sharpen":
        return check(SharpenRecipe, values, str(path))
    return check(TrainRecipe, values, str(path))


def run(recipe: Recipe, out: Path, world: World) -> Generator[Record | Progress]:
    """Carry out a recipe and write `out`/card; goes on where an earlier process stopped.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    if isinstance(recipe, SharpenRecipe):
        return sharpen.run(recipe, out, world)
    return supervised.run(recipe, out, world)
