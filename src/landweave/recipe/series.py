"""A recipe that learns the labels of series of single pixels: a network by the common loop, or a classical model."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from landweave.classical import store
from landweave.config import Config, nearest
from landweave.datasets.points import join, open_points
from landweave.errors import ConfigError
from landweave.jobs.run import Progress
from landweave.models import table
from landweave.models.card import CLASSICAL, Card, save_card
from landweave.models.series.input import Per
from landweave.models.sight import Sight
from landweave.parallel.norm import norm_over_ranks
from landweave.parallel.world import World
from landweave.provenance import fingerprint
from landweave.recipe import points as materials
from landweave.recipe.folder import CARD, CHECKPOINTS, begun, held, logged
from landweave.recipe.points import SeriesMaterial
from landweave.train.dated import features
from landweave.train.feed import SourceFeed
from landweave.train.loader import Order
from landweave.train.log import EpochRecord, Log, Record
from landweave.train.loop import Course, Run
from landweave.train.losses import Form
from landweave.train.optim import OptimiserTable
from landweave.train.precision import Precision, Wanted
from landweave.train.schedules import Schedule
from landweave.train.series import PrepareSeries, SeriesSource, SupervisedSeries
from landweave.train.step import confusion_counts, confusion_figures


class DatesTable(Config):
    """On which days of the year series are taken."""

    how: Literal["linear", "nearest"] = "linear"
    """How values come to a day: from a line between the valid dates before and after, or from the nearest."""
    limit_days: int = Field(default=60, ge=0)
    """How far from a day a valid date may lie; beyond it the day is not valid."""
    per_year: int = Field(default=20, ge=1)
    """Days a year, evenly between the first and the last valid date of the training part."""
    days: tuple[int, ...] | None = None
    """The days themselves, from the first of January (0) of the year in which a series begins, instead of per_year."""


class SeriesRecipe(Config):
    """A training run that ends with a card of series."""

    task: Literal["series"] = "series"
    """Says that this is a recipe of series."""
    samples: Path
    """The samples.h5 to learn from, relative to where the command is run."""
    also: tuple[Path, ...] = ()
    """More samples to learn from, such as those of reviewed units; alike in sensor, bands, unit and legend."""
    network: str = "lstm"
    """lstm, transformer, tempcnn or ltae; or forest, linear, neighbours or svm for a classical baseline."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What the network takes beside bands and classes (docs/methods/series_networks.md lists them)."""
    per: Per = "series"
    """series: one label a series; date: one label a date (lstm and transformer)."""
    years: tuple[int, ...] | None = None
    """Years whose samples are learnt from; left away, all."""
    per_class: int | None = Field(default=None, ge=1)
    """At most so many training samples of each class, drawn by the seed; left away, all."""
    dates: DatesTable | None = None
    """Days on which series are taken; left away, dates are taken as they come."""
    sensor: str | None = None
    """The sensor that the samples must be of; left away, any."""
    legend: str | None = None
    """The legend that the samples must have; left away, any."""
    bands: tuple[str, ...] | None = None
    """Bands in the order in which the model takes them; left away, all of the samples."""
    class_weights: Literal["none", "balanced"] | dict[str, float] = "none"
    """none; balanced (each class counts as if it were as frequent as the others); or a weight for classes by name."""
    splice: float = Field(default=0.0, ge=0, le=1)
    """Share of the training series that go on as another sample's from some date on, as spans over a change do."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each label that is spread over all classes."""
    optimiser: OptimiserTable = OptimiserTable(name="adam", weight_decay=0.0)
    """How gradients become updates."""
    schedule: Schedule = Schedule()
    """How the learning rate goes over the run."""
    epochs: int = Field(default=100, ge=1)
    """How often every training sample is seen."""
    batch_global: int = Field(default=256, ge=1)
    """Samples of one update on all ranks together."""
    monitor: Literal["loss", "overall_accuracy", "macro_f1", "mean_iou", "kappa"] = "overall_accuracy"
    """Figure of the validation part by which weights are judged."""
    patience_epochs: int | None = Field(default=None, ge=1)
    """Epochs without a better figure after which training stops; left away, all are trained."""
    norm_over_ranks: bool = False
    """Whether batch norm (of tempcnn and ltae) takes the samples of all ranks together."""
    precision: Wanted = "auto"
    """fp32, bf16, or auto: bf16 where the machine computes in it faster."""
    seed: int = Field(default=1, ge=0)
    """Decides first weights, order of samples and dropout."""
    checkpoint_every_s: float = Field(default=60.0, ge=0)
    """Seconds between two checkpoints."""
    log_every_steps: int = Field(default=10, ge=1)
    """Updates between two lines of the log."""


def run(recipe: SeriesRecipe, out: Path, world: World) -> Generator[Record | Progress]:
    """Learn the labels of series and write `out`/card; goes on where an earlier process stopped.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    _check(recipe, world)
    points = open_points(recipe.samples)
    if recipe.also:
        points = join([points, *map(open_points, recipe.also)])
    material = materials.find(recipe, points)
    if recipe.network not in CLASSICAL:
        # Before the folder belongs to this recipe: one that makes no network is mended and run again there.
        with torch.device("meta"):
            _fresh(recipe, material)
    told = recipe.model_dump(mode="json", exclude={"samples", "also", "checkpoint_every_s", "log_every_steps"})
    identity = fingerprint({**told, "material": material.identity})
    world.agree("recipe or samples", identity)
    with held(out, identity, recipe.model_dump(mode="json"), world):
        if recipe.network in CLASSICAL:
            yield from _fit(recipe, material, out, identity)
        else:
            yield from _train(recipe, material, out, world, identity)


def _check(recipe: SeriesRecipe, world: World) -> None:
    known = (*table.SERIES, *CLASSICAL)
    if recipe.network not in known:
        raise ConfigError(
            f"network {recipe.network} for task series", nearest(recipe.network, known), "name a network of series"
        )
    if recipe.network in CLASSICAL and (world.size > 1 or recipe.per == "date"):
        given = f"on {world.size} ranks" if world.size > 1 else "with per = date"
        raise ConfigError(
            f"network {recipe.network} {given}",
            "one process and one label a series",
            "take a network, or change that",
        )


def arguments(recipe: SeriesRecipe, material: SeriesMaterial) -> dict[str, Any]:
    """What the network is built with: what the recipe says, what is told, and how many dates where that is fixed."""
    told = {**recipe.arguments, "per": recipe.per}
    return {"num_dates": material.taken.num_dates, **told} if recipe.network == "tempcnn" else told


def _fresh(recipe: SeriesRecipe, material: SeriesMaterial) -> nn.Module:
    points = material.points
    return table.build(recipe.network, len(points.bands), len(points.legend), **arguments(recipe, material))


def make_step(recipe: SeriesRecipe, material: SeriesMaterial, world: World, chosen: Precision) -> SupervisedSeries:
    """The step of `recipe` on the ranks of `world`: a network with first weights, its loss and its optimiser."""
    # torch's generator is left as it is.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = _fresh(recipe, material)
    return SupervisedSeries(
        norm_over_ranks(network, world) if recipe.norm_over_ranks else network,
        table=recipe.optimiser,
        task="patches",
        num_classes=len(material.points.legend),
        world=world,
        precision=chosen,
        class_weights=materials.class_weights(recipe.class_weights, material),
        form=Form(smoothing=recipe.smoothing),
    )


def make_feed(recipe: SeriesRecipe, material: SeriesMaterial, world: World) -> SourceFeed:
    """Batches of the training and validation parts, dealt out to the ranks of `world`."""
    # A partner has an even share of the dates.
    mixup = 1.0 if recipe.splice else 0.0
    training = Order(material.train, recipe.batch_global, recipe.seed, world, mixup=mixup)
    validation = Order(material.validation, recipe.batch_global, recipe.seed, world)
    prepare = PrepareSeries(material.mean, material.std, world.device, recipe.splice)
    return SourceFeed(SeriesSource(material.dated, material.target), training, validation, prepare)


def _train(recipe: SeriesRecipe, material: SeriesMaterial, out: Path, world: World, identity: str) -> Generator[Record]:
    resume, chosen = begun(out / CHECKPOINTS, identity, recipe.precision, world)
    step, feed = make_step(recipe, material, world, chosen), make_feed(recipe, material, world)
    course = Course(
        recipe.epochs,
        recipe.schedule,
        recipe.seed,
        recipe.monitor,
        recipe.patience_epochs,
        recipe.log_every_steps,
        recipe.checkpoint_every_s,
    )
    facts = {"identity": identity, "precision": chosen}
    going = Run(step, feed, course, world=world, folder=out / CHECKPOINTS, identity=facts, resume=resume)
    yield from logged(going, out, world)
    if world.is_first:
        standing = going.standing
        ended = {
            "epochs": standing.epoch,
            "steps": standing.step,
            "best_epoch": standing.best_epoch,
            "monitor": recipe.monitor,
            "validation": standing.best_figures,
        }
        card = _card(recipe, material, arguments(recipe, material), {**facts, **ended})
        save_card(out / CARD, card, step.networks["main"])


def _fit(recipe: SeriesRecipe, material: SeriesMaterial, out: Path, identity: str) -> Generator[Progress | EpochRecord]:
    points, train, num_threads = material.points, material.train, torch.get_num_threads()
    if isinstance(recipe.class_weights, dict) or recipe.class_weights != "none":
        raise ConfigError(
            f"class_weights with network {recipe.network}",
            'class_weights = "none"',
            "draw equally many samples of each class with per_class, or take a network",
        )
    x = features(material.taken, points.values, points.valid, points.days)
    y, num = material.target, len(points.legend)
    yield Progress("fit", 0, 1, "models", {"samples": len(train)})
    model = store.fit(
        recipe.network, x[train], y[train], num, seed=recipe.seed, num_threads=num_threads, **recipe.arguments
    )
    yield Progress("fit", 1, 1, "models", {"samples": len(train)})
    figures: dict[str, float] = {}
    if len(material.validation):
        told = torch.from_numpy(model.predict_probabilities(x[material.validation], num_threads))
        figures = confusion_figures(confusion_counts(told, torch.from_numpy(y[material.validation]), num))
    # The same record as of a network, so that reports show baselines beside it.
    ended = EpochRecord(1, 1, 1, {}, figures, is_best=bool(figures), seconds=0.0)
    with Log(out) as log:
        log.write(ended)
    card = _card(recipe, material, recipe.arguments, {"identity": identity, "validation": figures})
    save_card(out / CARD, card, model.to_arrays())
    yield ended


def _card(recipe: SeriesRecipe, material: SeriesMaterial, built: dict[str, Any], training: dict[str, Any]) -> Card:
    points = material.points
    counts = dict(zip(points.legend.names, materials.count_classes(material).tolist(), strict=True))
    found = {
        "samples": points.identity,
        "num_train": len(material.train),
        "num_validation": len(material.validation),
        "years": np.unique(points.year[material.train]).tolist(),
        "classes": counts,
    }
    return Card(
        recipe.network,
        built,
        points.sensor,
        points.bands,
        points.pixel_size_m,
        material.unit,
        material.mean,
        material.std,
        points.legend,
        "series",
        # Each pixel by itself.
        Sight(1, 0),
        {**found, **training},
        series=material.taken,
    )
