"""Run on three ranks: recipes whose network is placed, trained to the end, stopped, and gone on with elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.recipe import making

from landweave.errors import ConfigError
from landweave.parallel.world import World, make_world
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import run

FIRST = {"trunk": "0: ..layer2.0; 1: layer2.1..layer3.1; 2"}
OTHER = {"trunk": "1: ..relu; 2: maxpool..layer4.0; 0"}
STOPS = 4
# Links over which gradients of all weights would take longer than activations of few samples.
FAR_APART = """\
name = "far apart"
ranks = 3
memory_gigabytes = 64
link = {latency_us = 0, gigabytes_per_s = 1e-6}
"""


def recipe(folder: Path, **changed: Any) -> TrainRecipe:
    """A small ResNet of several labels a patch, with dropout, that learns from two micro-batches a step."""
    how: dict[str, Any] = {"network": "resnet18", "arguments": {"width": 2, "dropout": 0.5}, "task": "multilabel"}
    how |= {"batch_global": 6, "accumulate": 2, "optimiser": {"name": "adam", "rate": 0.01, "clip_norm": 1.0}}
    return making.recipe(folder, **{**how, "thresholds": "tuned", "checkpoint_every_steps": 2, **changed})


def refused(out: Path, name: str, recipe: TrainRecipe, world: World) -> None:
    try:
        making.train(recipe, out / name, world)
    except ConfigError as error:
        (out / f"{name}-{world.rank}").write_text(str(error))


def main(folder: Path, out: Path) -> None:
    with make_world("cpu") as world:
        making.train(recipe(folder, placement=FIRST), out / "placed", world)
        (out / f"cluster-{world.rank}.toml").write_text(FAR_APART)
        auto = recipe(folder, placement="auto", cluster=out / f"cluster-{world.rank}.toml")
        making.train(auto, out / "auto", world)
        # Begun on one process, and by another placement; gone on with on one process.
        making.train(recipe(folder, placement=OTHER, pipeline="gpipe"), out / "begun alone", world)
        making.stop_after(run(recipe(folder, placement=FIRST), out / "begun placed", world), STOPS)
        world.wait()
        making.stop_after(run(recipe(folder, placement=FIRST), out / "moved", world), STOPS)
        world.wait()
        making.train(recipe(folder, placement=OTHER), out / "moved", world)
        refused(out, "disagree", recipe(folder, placement=(FIRST, OTHER)[world.rank % 2]), world)
        refused(out, "missing", recipe(folder, placement={"trunk": "0: ..layer9; 1; 2"}), world)
        refused(out, "too many", recipe(folder, placement={"trunk": "0: ..bn1; 1: relu; 2: maxpool; 3"}), world)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
