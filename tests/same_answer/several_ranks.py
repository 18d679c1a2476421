"""Losses of ten steps of ResNet-50 and of a network without batch norm, on however many ranks run this."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from tests.recipe import making

from landweave.models import table
from landweave.parallel.norm import norm_over_ranks
from landweave.parallel.world import World, make_world
from landweave.patches.archive import open_archive
from landweave.recipe import material as materials
from landweave.recipe.run import make_feed
from landweave.train.step import Supervised

STEPS = 10
KINDS = {
    "resnet50 over ranks": ("resnet50", {"width": 8, "dropout": 0.5}, True),
    "resnet50 each rank": ("resnet50", {"width": 8, "dropout": 0.5}, False),
    "without batch norm": ("pixel", {}, False),
}


def losses(folder: Path, kind: str, world: World) -> list[float]:
    """Mean losses of the global batches, in double precision.

    In single precision the gradient of a fresh ResNet-50 is right to 2 % only, whatever computes it: channels that are
    nearly constant over a small batch are divided by next to nothing, layer after layer.
    """
    name, arguments, over = KINDS[kind]
    task = "pixels" if name == "pixel" else "multilabel"
    recipe = making.recipe(
        folder, network=name, arguments=arguments, task=task, batch_global=8, mixup=0.2, norm_over_ranks=over
    )
    found = materials.find(recipe, open_archive(folder))
    torch.manual_seed(1)
    network = table.build(name, len(found.bands), len(found.legend), **arguments).double()
    step = Supervised(
        norm_over_ranks(network, world) if over else network,
        table=recipe.optimiser, task=task, num_classes=len(found.legend), world=world,
    )  # fmt: skip
    feed, told = make_feed(recipe, found, world), []
    # What each rank normalises by itself differs from the first step on: one epoch shows it.
    for epoch in range(1 if name == "resnet50" and not over else 2):
        for batch in feed.epoch(epoch, 0):
            sums = step.update(replace(batch, values=batch.values.double()), 1.0)
            total, share = (world.sum(sums[key]) for key in ("loss", "loss_share"))
            told.append(float(total / share))
    return told


def every(folder: Path, world: World) -> dict[str, list[float]]:
    """Losses by kind."""
    return {kind: losses(folder, kind, world) for kind in KINDS}


def main(folder: Path, out: Path) -> None:
    with make_world("cpu") as world:
        told = every(folder, world)
        if world.is_first:
            out.write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
