"""Run by torchrun: train the recipes of test_training on these ranks."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.recipe import making
from tests.same_answer.test_training import RECIPES

from landweave.parallel.world import make_world


def main(folder: Path, out: Path) -> None:
    with make_world("cpu") as world:
        for name, changed in RECIPES.items():
            making.train(making.recipe(folder, **changed), out / name, world)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
