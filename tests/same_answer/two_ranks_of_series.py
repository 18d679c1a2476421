"""Run by torchrun: train the recipes of test_series_training on these ranks."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.recipe.series_making import recipe
from tests.same_answer.test_series_training import RECIPES

from landweave.parallel.world import make_world
from landweave.recipe.series import run


def main(samples: Path, out: Path) -> None:
    with make_world("cpu") as world:
        for name, changed in RECIPES.items():
            list(run(recipe(samples, name, **changed), out / name, world))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
