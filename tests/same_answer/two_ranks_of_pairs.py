"""Ten steps of a generator and a discriminator on however many ranks run this, in double precision."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.recipe import paired_making as pairs

from landweave.parallel.world import World, make_world
from landweave.recipe import harmonize
from landweave.recipe.harmonize import HarmonizeRecipe, PairMaterial, find, make_feed
from landweave.train.adversarial import Adversarial

# Nine pairs in batches of four: in the last batch of an epoch one of two ranks has none and only fills up.
EPOCHS = 4
KINDS: dict[str, dict[str, Any]] = {
    "as published": {},
    "with options": {"average": 0.9, "losses": {"penalty": 2.0}, "batch_global": 6},
    "differences alone": {"losses": {"adversarial": 0}},
}


def steps(folder: Path, kind: str, world: World) -> dict[str, np.ndarray[Any, Any]]:
    """Mean losses of the global batches, and all weights after the last one, by name."""
    recipe = pairs.recipe(folder, **KINDS[kind])
    material = find(recipe)
    step = _wide_step(recipe, material, world)
    feed, told = make_feed(recipe, material, world), []
    for epoch in range(EPOCHS):
        for batch in feed.epoch(epoch, 0):
            views = [view.double() for view in batch.views]
            wide = replace(batch, views=views, target=batch.target.double(), weight=batch.weight.double())
            sums = {name: world.sum(value) for name, value in sorted(step.update(wide, 1.0).items())}
            told.append([float(sums[name] / sums[f"{name}_share"]) for name in sums if f"{name}_share" in sums])
    found = {f"{kind}/losses": np.array(told)}
    for name, network in step.networks.items():
        flat = torch.cat([value.flatten() for value in network.state_dict().values()])
        found[f"{kind}/{name}"] = flat.numpy()
    return found


def _wide_step(recipe: HarmonizeRecipe, material: PairMaterial, world: World) -> Adversarial:
    """The recipe's step in double precision, made so before replicas take hold of the weights."""
    plain = harmonize.networks
    harmonize.networks = lambda *wanted: tuple(network and network.double() for network in plain(*wanted))
    try:
        return harmonize.make_step(recipe, material, world, "fp32")
    finally:
        harmonize.networks = plain


def every(folder: Path, world: World) -> dict[str, np.ndarray[Any, Any]]:
    """Losses and weights of each kind."""
    return {name: values for kind in KINDS for name, values in steps(folder, kind, world).items()}


def main(folder: Path, out: Path) -> None:
    with make_world("cpu") as world:
        found = every(folder, world)
        if world.is_first:
            np.savez(out, **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
