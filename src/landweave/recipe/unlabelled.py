"""Recipes that learn from patches without their labels: what they share, and how they are carried out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from numpy.typing import NDArray
from pydantic import Field

from landweave.config import Config
from landweave.legend import LandClass, Legend
from landweave.models.card import Card
from landweave.models.cardtext import Task
from landweave.models.sight import Sight
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.provenance import fingerprint
from landweave.recipe import material as materials
from landweave.recipe.folder import CHECKPOINTS, begun, held, logged
from landweave.recipe.material import Material
from landweave.recipe.recipe import TrainRecipe
from landweave.train.feed import SourceFeed
from landweave.train.loader import Order
from landweave.train.log import Record
from landweave.train.loop import Course, Run, Standing
from landweave.train.optim import OptimiserTable
from landweave.train.precision import Precision, Wanted
from landweave.train.prepare import Prepare, View
from landweave.train.schedules import Schedule
from landweave.train.step import Step


class UnlabelledRecipe(Config):
    """What recipes that need no labels have in common."""

    archive: Path
    """The folder of patches to learn from, relative to where the command is run."""
    sensor: str | None = None
    """The sensor that the archive must be of; left away, any."""
    bands: tuple[str, ...] | None = None
    """Bands in the order in which the network takes them; left away, all of the archive."""
    optimiser: OptimiserTable = OptimiserTable()
    """How gradients become updates."""
    schedule: Schedule = Schedule()
    """How the learning rate goes over the run."""
    patience_epochs: int | None = Field(default=None, ge=1)
    """Epochs without a better figure on the validation part after which training stops; left away, all are trained."""
    precision: Wanted = "auto"
    """fp32, bf16, or auto: bf16 where the machine computes in it faster."""
    seed: int = Field(default=1, ge=0)
    """Decides first weights, order of samples and whatever is drawn for each."""
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    """Seconds between two checkpoints."""
    log_every_steps: int = Field(default=10, ge=1)
    """Updates between two lines of the log."""
    epochs: int = Field(default=30, ge=1)
    """How often every training sample is seen."""
    batch_global: int = Field(default=64, ge=2)
    """Samples of one update on all ranks together."""


@dataclass(frozen=True)
class Patches:
    """Patches with a class of our own each, as a source: what the archive says of their labels is not looked at.

    Attributes:
        material: Bands, statistics and parts.
        classes: One row a patch of the archive, 1 for its class; a row of zeros has none.
        partners: A second patch for each, whose bands follow its own; None for none. Then only pixels that are valid
            in both count.
    """

    material: Material
    classes: UInt8[np.ndarray, "n k"]
    partners: Int64[np.ndarray, " n"] | None = None

    def batch(self, indices: Int64[np.ndarray, " n"]) -> dict[str, NDArray[Any]]:
        """Bands, `valid` and classes of these patches."""
        found = self._arrays(indices)
        if self.partners is not None:
            second, valid = self._arrays(self.partners[indices]), found["valid"]
            found = {name: np.concatenate([array, second[name]], 1) for name, array in found.items()}
            found["valid"] = valid & second["valid"]
        return {**found, "classes": self.classes[indices]}

    def beside(self, partners: Int64[np.ndarray, " n"]) -> Patches:
        """The same with a second patch beside each, as bands that follow its own."""
        return replace(self, partners=partners)

    def _arrays(self, indices: Int64[np.ndarray, " n"]) -> dict[str, NDArray[Any]]:
        wanted = {*(view.key for view in self.material.views), "valid"}
        return {name: array for name, array in self.material.archive.batch(indices).items() if name in wanted}


def find(recipe: UnlabelledRecipe) -> Material:
    """What `recipe` learns from.

    Raises:
        LandweaveError: The archive does not do (see `material.find`).
    """
    return bands_of(open_archive(recipe.archive), recipe.bands, recipe.sensor)


def bands_of(
    archive: Archive, bands: tuple[str, ...] | None, sensor: str | None = None, sharpened: bool = False
) -> Material:
    """Bands, statistics and parts of an archive, whatever its labels are.

    Args:
        archive: The patches.
        bands: In the order in which a network takes them; None takes all.
        sensor: The sensor that the archive must be of; None takes any.
        sharpened: Whether coarser bands are taken as a sharpener made them.

    Raises:
        SensorError: The archive is of another sensor, or lacks a band, or a band has one value everywhere.
        ArchiveError: It has no data_super where that is asked for.
    """
    like = TrainRecipe(
        archive=archive.folder,
        task="pixels" if "mask" in archive.layout.targets else "patches",
        bands=bands,
        sensor=sensor,
        upsampling="super" if sharpened else "bilinear",
    )
    return materials.find(like, archive)


def feed(
    recipe: UnlabelledRecipe,
    source: Patches,
    parts: tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]],
    world: World,
    *,
    augment: bool,
) -> SourceFeed:
    """Batches of the patches of two parts, for training and validation, dealt out to the ranks of `world`."""
    material = source.material
    times = 1 if source.partners is None else 2
    prepare = Prepare(
        [_repeated(view, times) for view in material.views],
        [name for turn in range(times) for name in _numbered(material.bands, turn)],
        mean=material.mean * times,
        std=material.std * times,
        task="patches",
        device=world.device,
        augment=augment,
    )
    training, validation = (Order(part, recipe.batch_global, recipe.seed, world) for part in parts)
    return SourceFeed(source, training, validation, prepare)


def _repeated(view: View, times: int) -> View:
    """A view whose bands stand in it so many times."""
    bands = tuple(name for turn in range(times) for name in _numbered(view.bands, turn))
    return replace(view, bands=bands, scale=view.scale * times, offset=view.offset * times)


def _numbered(bands: tuple[str, ...], turn: int) -> tuple[str, ...]:
    return tuple(f"{name} of patch {turn}" for name in bands)


@dataclass(frozen=True)
class Plan:
    """A run of a recipe that needs no labels, with everything decided.

    Attributes:
        recipe: What was asked for.
        identity: What decides the weights.
        batches: Where its batches come from.
        monitor: The figure by which weights are judged.
    """

    recipe: UnlabelledRecipe
    identity: str
    batches: SourceFeed
    monitor: str


Finish = Callable[[Mapping[str, Any]], None]


def carry_out(
    plan: Plan, out: Path, world: World, make_step: Callable[[Precision], Step], finish: Finish
) -> Generator[Record]:
    """Train in `out`, going on where an earlier process stopped; at the end `finish` writes the card.

    Args:
        plan: What to do.
        out: The run's folder.
        world: The ranks that train together.
        make_step: Gives what learns, with first weights.
        finish: Takes the summary of the training once the networks hold their best weights; called on rank 0.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    world.agree("recipe or archive", plan.identity)
    with held(out, plan.identity, plan.recipe.model_dump(mode="json"), world):
        resume, chosen = begun(out / CHECKPOINTS, plan.identity, plan.recipe.precision, world)
        facts = {"identity": plan.identity, "precision": chosen}
        folder = out / CHECKPOINTS
        course = _course(plan)
        going = Run(make_step(chosen), plan.batches, course, world=world, folder=folder, identity=facts, resume=resume)
        yield from logged(going, out, world)
        if world.is_first:
            finish({**facts, **_summary(plan, going.standing)})


def _course(plan: Plan) -> Course:
    recipe = plan.recipe
    return Course(
        recipe.epochs,
        recipe.schedule,
        recipe.seed,
        plan.monitor,
        recipe.patience_epochs,
        recipe.log_every_steps,
        recipe.checkpoint_every_s,
    )


def _summary(plan: Plan, standing: Standing) -> dict[str, Any]:
    return {
        "num_train": len(plan.batches.training.samples),
        "num_validation": len(plan.batches.validation.samples),
        "epochs": standing.epoch,
        "best_epoch": standing.best_epoch,
        "monitor": plan.monitor,
        "validation": standing.best_figures,
    }


def identity_of(recipe: UnlabelledRecipe, material: Material, **more: Any) -> str:
    """What decides the weights: not where the archive lies, nor when checkpoints come."""
    told = recipe.model_dump(mode="json", exclude={"archive", "checkpoint_every_s", "log_every_steps"})
    return fingerprint({**told, "archive": material.identity, **more})


def card_of(
    material: Material,
    network: str,
    arguments: Mapping[str, Any],
    *,
    task: Task,
    legend: Legend,
    training: Mapping[str, Any],
) -> Card:
    """The card of a network that sees whole patches."""
    size = {"patch_px": material.archive.layout.patch_px, "archive": material.identity}
    # The mean over the patch sees everything.
    everywhere = Sight(1, None)
    return materials.card_of(
        material, network, arguments, task=task, sight=everywhere, training={**size, **training}, legend=legend
    )


def numbered(name: str, source: str, word: str, num: int) -> Legend:
    """A legend of `num` classes that have numbers for names."""
    shades = [f"#{round(40 + 175 * place / max(num - 1, 1)):02x}8080" for place in range(num)]
    return Legend(name, source, tuple(LandClass(i + 1, f"{word} {i}", shade) for i, shade in enumerate(shades)))
