"""Recipes of every kind behind one door: what a recipe file asks for decides what it is and what carries it out."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import cast

from landweave.config import Config, check, override, read_toml
from landweave.jobs.run import Progress
from landweave.parallel.world import World
from landweave.recipe import contrast, harmonize, hash, series, sharpen
from landweave.recipe import run as supervised
from landweave.recipe.contrast import ContrastRecipe
from landweave.recipe.harmonize import HarmonizeRecipe
from landweave.recipe.hash import HashRecipe
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.series import SeriesRecipe
from landweave.recipe.sharpen import SharpenRecipe
from landweave.train.log import Record

Recipe = TrainRecipe | SharpenRecipe | ContrastRecipe | HashRecipe | SeriesRecipe | HarmonizeRecipe
# By what stands under task in the file; everything else is a recipe of labels.
_KINDS: dict[str, type[Config]] = {
    "sharpen": SharpenRecipe,
    "contrast": ContrastRecipe,
    "hash": HashRecipe,
    "series": SeriesRecipe,
    "harmonize": HarmonizeRecipe,
}


def load_recipe(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in a TOML file, with `overrides` ("epochs=3") applied; its task tells its kind.

    Raises:
        ConfigError: The file is missing or no TOML, or a key or value does not fit.
    """
    values = override(read_toml(path), overrides)
    task = values.get("task")
    kind: type[Config] = _KINDS.get(task, TrainRecipe) if isinstance(task, str) else TrainRecipe
    return cast(Recipe, check(kind, values, str(path)))


def run(recipe: Recipe, out: Path, world: World) -> Generator[Record | Progress]:
    """Carry out a recipe and write `out`/card; goes on where an earlier process stopped.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    if isinstance(recipe, SharpenRecipe):
        return sharpen.run(recipe, out, world)
    if isinstance(recipe, ContrastRecipe):
        return contrast.run(recipe, out, world)
    if isinstance(recipe, HashRecipe):
        return hash.run(recipe, out, world)
    if isinstance(recipe, SeriesRecipe):
        return series.run(recipe, out, world)
    if isinstance(recipe, HarmonizeRecipe):
        return harmonize.run(recipe, out, world)
    return supervised.run(recipe, out, world)
