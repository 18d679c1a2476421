"""A recipe that teaches networks to bring coarse bands to the finest pixels, on the user's own scenes or on arrays."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from landweave.datasets.wald import Land, pairs
from landweave.jobs.run import Progress
from landweave.models.pair.dsen2 import DSen2
from landweave.models.pair.sharpener import Sharpener, View, name_of, save_sharpener
from landweave.parallel.world import World
from landweave.provenance import fingerprint
from landweave.recipe.folder import CARD, CHECKPOINTS, begun, held, logged
from landweave.recipe.lands import LandChoice, Lands, plan
from landweave.train.log import Record
from landweave.train.loop import Course, Run
from landweave.train.optim import OptimiserTable
from landweave.train.precision import Wanted
from landweave.train.schedules import Schedule
from landweave.train.sharpen import SharpenFeed, Sharpening, order_of


class SharpenRecipe(LandChoice):
    """A training run that ends with a sharpener: networks that bring coarse bands to the finest pixels."""

    task: Literal["sharpen"]
    """Says that this is a recipe of a sharpener."""
    width: int = Field(default=128, ge=1)
    """Channels inside each network."""
    depth: int = Field(default=6, ge=0)
    """Residual blocks of each network; 6 of 128 channels are the paper's DSen2, 32 of 256 its VDSen2."""
    sigma_px: float | None = Field(default=None, ge=0)
    """Width of the Gaussian that blurs bands before they are made coarser, in pixels; left away, 1 / ratio."""
    patch_px: int = Field(default=36, ge=1)
    """Edge of a training sample in pixels of the bands to sharpen."""
    optimiser: OptimiserTable = OptimiserTable(name="adam", rate=5e-4, weight_decay=0.0)
    """How gradients become updates."""
    schedule: Schedule = Schedule()
    """How the learning rate goes over the run."""
    epochs: int = Field(default=60, ge=1)
    """How often every training sample is seen."""
    patience_epochs: int | None = Field(default=None, ge=1)
    """Epochs without a lower loss on the validation land after which training stops; left away, all are trained."""
    batch_global: int = Field(default=16, ge=1)
    """Samples of one update on all ranks together."""
    augment: Literal["none", "dihedral"] = "dihedral"
    """none, or dihedral: each sample in one of the eight symmetries of the square, drawn anew in each epoch."""
    precision: Wanted = "auto"
    """fp32, bf16, or auto: bf16 where the machine computes in it faster."""
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    """Seconds between two checkpoints."""
    log_every_steps: int = Field(default=10, ge=1)
    """Updates between two lines of the log."""


def run(recipe: SharpenRecipe, out: Path, world: World) -> Generator[Record | Progress]:
    """Train a network for each coarse pixel size and write `out`/card; goes on where an earlier process stopped.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    found = plan(recipe)
    told = recipe.model_dump(mode="json", exclude={"scenes", "checkpoint_every_s"})
    places = [[place.scene.id, repr(place.window), place.part] for place in found.places]
    identity = fingerprint({**told, "bands": list(found.bands.values()), "places": places})
    world.agree("recipe or scenes", identity)
    with held(out, identity, recipe.model_dump(mode="json"), world):
        land: dict[str, list[Land]] = {"train": [], "validation": []}
        for part, piece in found.read():
            land[part].append(piece)
            yield Progress("read", sum(map(len, land.values())), len(found.places), "pieces of land")
        lands = Lands(found.sensor, found.unit, found.bands, land["train"], land["validation"], identity)
        yield from fit(recipe, lands, out, world)


def fit(recipe: SharpenRecipe, lands: Lands, out: Path, world: World) -> Generator[Record]:
    """Train a network for each coarse pixel size on land in memory and write `out`/card.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    views = lands.views()
    sharpener = Sharpener(lands.sensor, lands.unit, views, recipe.width, recipe.depth)
    networks, training = nn.ModuleDict(), {}
    for last in range(2, len(views) + 1):
        name = name_of(views[last - 1].pixel_size_m)
        networks[name], training[name] = yield from _fit_view(recipe, lands, views[:last], out, world)
    if world.is_first:
        save_sharpener(out / CARD, replace(sharpener, training={"land": lands.identity, **training}), networks)


def _fit_view(
    recipe: SharpenRecipe, lands: Lands, views: tuple[View, ...], out: Path, world: World
) -> Generator[Record, None, tuple[nn.Module, dict[str, Any]]]:
    """The network for the last of `views`, and how its training went."""
    name, num_bands = name_of(views[-1].pixel_size_m), sum(len(view.bands) for view in views)
    identity = f"{lands.identity}/{name}"
    resume, chosen = begun(out / CHECKPOINTS / name, identity, recipe.precision, world)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network: nn.Module = DSen2(num_bands, len(views[-1].bands), recipe.width, recipe.depth)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    step = Sharpening(network, table=recipe.optimiser, view=views[-1], world=world, precision=chosen)
    course = Course(
        recipe.epochs,
        recipe.schedule,
        recipe.seed,
        "loss",
        recipe.patience_epochs,
        recipe.log_every_steps,
        recipe.checkpoint_every_s,
    )
    facts = {"identity": identity, "precision": chosen}
    feed = _feed(recipe, lands, views, world)
    going = Run(step, feed, course, world=world, folder=out / CHECKPOINTS / name, identity=facts, resume=resume)
    yield from logged(going, out / name, world)
    standing = going.standing
    return network, {
        "num_train": len(feed.training.samples),
        "num_validation": len(feed.validation.samples),
        "epochs": standing.epoch,
        "best_epoch": standing.best_epoch,
        "precision": chosen,
        "validation": standing.best_figures,
    }


def _feed(recipe: SharpenRecipe, lands: Lands, views: tuple[View, ...], world: World) -> SharpenFeed:
    coarse_m = views[-1].pixel_size_m
    source = pairs(lands.train, coarse_m, recipe.patch_px, sigma_px=recipe.sigma_px)
    # Judged on land without overlap, so that every pixel counts once; without such land, on none.
    judging = (
        pairs(lands.validation, coarse_m, recipe.patch_px, recipe.patch_px, recipe.sigma_px)
        if lands.validation
        else source.first(0)
    )
    training, validation = (order_of(len(part), recipe.batch_global, recipe.seed, world) for part in (source, judging))
    return SharpenFeed(source, judging, training, validation, views, world.device, recipe.augment == "dihedral")
