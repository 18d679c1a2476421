"""Run by torchrun: train the recipes of test_training on these ranks, then find that they disagree on another."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.recipe import making
from tests.same_answer.test_training import RECIPES

from landweave.errors import ConfigError
from landweave.parallel.world import make_world
from landweave.recipe import folder as folders


def main(folder: Path, out: Path) -> None:
    with make_world("cpu") as world:
        for name, changed in RECIPES.items():
            making.train(making.recipe(folder, **changed), out / name, world)
        try:
            making.train(making.recipe(folder, seed=world.rank), out / "disagree", world)
        except ConfigError as error:
            (out / f"refused-{world.rank}").write_text(str(error))
        # As on machines of which one computes in bf16 faster.
        folders.choose = lambda wanted, device: ("fp32", "bf16")[world.rank]
        try:
            making.train(making.recipe(folder), out / "machines", world)
        except ConfigError as error:
            (out / f"machines-{world.rank}").write_text(str(error))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
