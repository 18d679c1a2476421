"""A recipe that learns what another sensor would see: by differences alone, or against a discriminator (MGAN)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from landweave.config import Config, nearest
from landweave.errors import ArchiveError, ConfigError, SensorError
from landweave.models.card import Card, save_card
from landweave.models.pair import mgan
from landweave.models.pair.output import Output
from landweave.models.sight import find_sight
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.patches.layout import Paired, check_same_bands
from landweave.patches.layout import View as Stored
from landweave.provenance import fingerprint
from landweave.recipe import unlabelled
from landweave.recipe.folder import CARD
from landweave.recipe.material import identity_of
from landweave.recipe.unlabelled import Plan, UnlabelledRecipe
from landweave.train.adversarial import Adversarial, Parts
from landweave.train.diffaugment import POLICIES, Policy
from landweave.train.feed import SourceFeed
from landweave.train.loader import Order
from landweave.train.log import Record
from landweave.train.optim import OptimiserTable
from landweave.train.paired import PreparePairs
from landweave.train.precision import Precision
from landweave.train.prepare import View


class GeneratorTable(Config):
    """The network that tells what the other sensor would see."""

    width: int = Field(default=64, ge=1)
    """Channels at the output's pixels; they double at each coarser scale up to eight times as many."""
    depth: int = Field(default=4, ge=0)
    """How often the grid is halved; a patch of the output must be a multiple of 2 to this power."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the channels that training leaves out."""
    residual: bool = True
    """Whether it tells what is added to the input's means over the output's pixels; published without."""


class DiscriminatorTable(Config):
    """The network that tells measured images from those of the generator."""

    width: int = Field(default=64, ge=1)
    """Channels of its first convolution; they double at each further one up to eight times as many."""
    depth: int = Field(default=3, ge=1)
    """How often the grid is halved; with 3 it judges parts of 70 x 70 pixels."""
    rate_by: float = Field(default=1.0, gt=0)
    """Its learning rate as a multiple of the generator's."""


class LossesTable(Config):
    """What is made small."""

    absolute: float = Field(default=100.0, ge=0)
    """Weight of the mean absolute difference, in standard deviations of the bands."""
    adversarial: float = Field(default=1.0, ge=0)
    """Weight of the generator's relativistic loss; 0 trains without a discriminator."""
    penalty: float = Field(default=0.0, ge=0)
    """Weight of the discriminator's squared gradient at measured images (R1); 1 to 10 are usual, 0 is as published."""
    differentiable: tuple[Policy, ...] = POLICIES
    """What is changed, alike, in measured and made images before the discriminator sees them: color, translation,
    cutout."""


class HarmonizeRecipe(UnlabelledRecipe):
    """A training run on pairs of scenes that ends with a card of reflectance."""

    task: Literal["harmonize"]
    """Says that this is a recipe of this kind."""
    target_sensor: str | None = None
    """The sensor that the archive's pairs must have on the other side; left away, any."""
    target_bands: tuple[str, ...] | None = None
    """Bands of the other sensor, in the order of the output; left away, all of the archive."""
    like: str = ""
    """Name of the sensor that maps are given; left away, the other sensor's, with "-like" for its product's part."""
    generator: GeneratorTable = GeneratorTable()
    """The network that tells what the other sensor would see."""
    discriminator: DiscriminatorTable = DiscriminatorTable()
    """The network that tells measured images from made ones."""
    losses: LossesTable = LossesTable()
    """What is made small."""
    average: float = Field(default=0.0, ge=0, lt=1)
    """Share of a moving average of the generator that stays at each update; the average is then judged and kept. 0.999
    is usual, 0 keeps none."""
    optimiser: OptimiserTable = OptimiserTable(
        name="adam", rate=1e-4, weight_decay=0.0, scaling="linear", base_batch=16
    )
    """How gradients become updates, of both networks."""
    batch_global: int = Field(default=16, ge=1)
    """Pairs of one update on all ranks together."""
    batch_per_rank: int | None = Field(default=None, ge=1)
    """Pairs of one update on each rank, instead of batch_global: the global batch then grows with the ranks."""
    epochs: int = Field(default=100, ge=1)
    """How often every training pair is seen."""
    augment: Literal["none", "dihedral"] = "dihedral"
    """none, or dihedral: each pair in one of the eight symmetries of the square, drawn anew in each epoch."""
    stall_steps: int = Field(default=200, ge=1)
    """Updates with a discriminator that tells everything apart after which training is stopped."""

    def samples_per_step(self, num_ranks: int) -> int:
        """Pairs of one update on all ranks together."""
        return self.batch_global if self.batch_per_rank is None else self.batch_per_rank * num_ranks


@dataclass(frozen=True)
class PairMaterial:
    """What there is to learn from, as a source of samples.

    Attributes:
        archive: The pairs.
        bands: Of the input, from the finest pixels to the coarsest.
        mean: Of each of `bands` over the training part.
        std: Of each of `bands` over the training part.
        views: How the archive stores the bands that are read.
        target: How it stores those of the other sensor.
        output: What is told.
        train: Numbers of the training pairs.
        validation: Numbers of the validation pairs; may be empty.
    """

    archive: Archive
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    views: tuple[View, ...]
    target: View
    output: Output
    train: Int64[np.ndarray, " n"]
    validation: Int64[np.ndarray, " m"]

    def batch(self, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The arrays that are needed of these pairs."""
        wanted = {*(view.key for view in self.views), self.target.key, "valid"}
        return {name: array for name, array in self.archive.batch(indices).items() if name in wanted}


def find(recipe: HarmonizeRecipe) -> PairMaterial:
    """What `recipe` learns from.

    Raises:
        ArchiveError: The archive holds no pairs.
        SensorError: It is of other sensors, lacks a band, or a band has one value everywhere.
        ConfigError: Its patches are too small for the networks.
        SplitError: It has no training part, or stops early without a validation part.
    """
    archive = open_archive(recipe.archive)
    pair = _pair(recipe, archive)
    layout = archive.layout
    check_same_bands(layout, recipe.bands or ())
    # In the layout's order, which rises in pixel size, as the entries of the network do.
    bands = tuple(name for name in layout.bands if recipe.bands is None or name in recipe.bands)
    statistics = archive.mean_and_std()
    names = tuple(band.name for band in pair.bands)
    told = recipe.target_bands or names
    for name in told:
        if name not in names:
            raise SensorError(f"target band {name}", nearest(name, names), "name bands that the pairs hold")
    if flat := [name for name in (*bands, *told) if not statistics[name][1] > 0]:
        raise SensorError(
            f"band {', '.join(flat)} with one value in the whole training part of {archive.folder}",
            "bands that vary",
            "check the scenes, or leave it away in bands or target_bands",
        )
    read = [view for view in layout.views if {band.name for band in view.bands} & set(bands)]
    sizes = {band.name: view.pixel_size_m for view in read for band in view.bands}
    mean, std = zip(*(statistics[name] for name in bands), strict=True)
    target_mean, target_std = zip(*(statistics[name] for name in told), strict=True)
    like = recipe.like or _like(pair.sensor)
    unit, input_sizes = pair.bands[0].unit, tuple(sizes[name] for name in bands)
    output = Output(like, told, pair.pixel_size_m, unit, target_mean, target_std, input_sizes)
    # Judged only where there is something to judge; early stopping needs it.
    validation = archive.part("validation") if _judges(recipe, archive) else np.zeros(0, np.int64)
    views = tuple(_view(view) for view in read)
    return PairMaterial(archive, bands, mean, std, views, _view(pair), output, archive.part("train"), validation)


def _judges(recipe: HarmonizeRecipe, archive: Archive) -> bool:
    return recipe.patience_epochs is not None or bool(archive.manifest["splits"].get("validation", 0))


def _pair(recipe: HarmonizeRecipe, archive: Archive) -> Paired:
    layout = archive.layout
    if layout.pair is None:
        raise ArchiveError(
            f"the archive {archive.folder} of {layout.sensor} alone",
            "an archive of pairs, which holds what another sensor saw of the same land",
            "make one with landweave harmonize pairs",
        )
    for word, found, wanted in (
        ("sensor", layout.sensor, recipe.sensor),
        ("target_sensor", layout.pair.sensor, recipe.target_sensor),
    ):
        if wanted not in (None, found):
            raise SensorError(
                f"the archive {archive.folder} with {word} {found}",
                f"{word} {wanted}, as the recipe says",
                f"give the archive of these sensors, or change {word} in the recipe and train anew",
            )
    step = max(2**recipe.generator.depth, 2 ** (recipe.discriminator.depth + 2) if recipe.losses.adversarial else 1)
    if layout.pair.px % 2**recipe.generator.depth or layout.pair.px < step:
        raise ConfigError(
            f"patches of {layout.pair.px} pixels of {layout.pair.pixel_size_m:g} m",
            f"at least {step}, a multiple of {2**recipe.generator.depth}",
            "set generator.depth and discriminator.depth lower, or cut larger patches",
        )
    return layout.pair


def _like(sensor: str) -> str:
    """The name landsat-8-like for landsat-8-c2l2: no band of the result was measured by that sensor."""
    return f"{sensor.rsplit('-', 1)[0]}-like"


def _view(view: Stored) -> View:
    bands = view.bands
    return View(
        view.key,
        view.pixel_size_m,
        tuple(band.name for band in bands),
        tuple(band.scale for band in bands),
        tuple(band.offset for band in bands),
    )


def run(recipe: HarmonizeRecipe, out: Path, world: World) -> Generator[Record]:
    """Train as `recipe` says and write `out`/card; goes on where an earlier process stopped.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    material = find(recipe)
    # Before the folder belongs to this recipe: one that makes no network is mended and run again there.
    with torch.device("meta"):
        networks(recipe, material)
    plan = Plan(recipe, _identity(recipe, material, world), make_feed(recipe, material, world), "loss")
    made: list[Adversarial] = []

    def make(chosen: Precision) -> Adversarial:
        made.append(make_step(recipe, material, world, chosen))
        return made[0]

    def finish(training: Mapping[str, Any]) -> None:
        teller = made[0].teller
        save_card(out / CARD, card_of(recipe, material, teller, training), teller)

    yield from unlabelled.carry_out(plan, out, world, make, finish)


def _identity(recipe: HarmonizeRecipe, material: PairMaterial, world: World) -> str:
    told = recipe.model_dump(mode="json", exclude={"archive", "checkpoint_every_s", "log_every_steps"})
    samples = recipe.samples_per_step(world.size)
    return fingerprint({**told, "archive": identity_of(material.archive), "samples": samples})


def make_feed(recipe: HarmonizeRecipe, material: PairMaterial, world: World) -> SourceFeed:
    """Batches of the training and validation pairs, dealt out to the ranks of `world`."""
    prepare = PreparePairs(
        material.views,
        material.target,
        material.output,
        bands=material.bands,
        mean=material.mean,
        std=material.std,
        device=world.device,
        augment=recipe.augment == "dihedral",
    )
    batch = recipe.samples_per_step(world.size)
    training, validation = (Order(part, batch, recipe.seed, world) for part in (material.train, material.validation))
    return SourceFeed(material, training, validation, prepare)


def networks(recipe: HarmonizeRecipe, material: PairMaterial) -> tuple[mgan.Generator, mgan.Discriminator | None]:
    """Generator and discriminator with first weights, from torch's global generator; None where nothing is told apart.

    Raises:
        ConfigError: The numbers make no network.
    """
    num = len(material.output.bands)
    generator = mgan.Generator(len(material.bands), num, **_arguments(recipe, material))
    if not recipe.losses.adversarial:
        return generator, None
    return generator, mgan.Discriminator(num, recipe.discriminator.width, recipe.discriminator.depth)


def _arguments(recipe: HarmonizeRecipe, material: PairMaterial) -> dict[str, Any]:
    output = material.output
    sizes = {"input_sizes_m": list(output.input_sizes_m), "output_size_m": output.pixel_size_m}
    return {**sizes, **recipe.generator.model_dump()}


def make_step(recipe: HarmonizeRecipe, material: PairMaterial, world: World, chosen: Precision) -> Adversarial:
    """The step of `recipe` on the ranks of `world`: both networks with first weights, losses and optimisers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        generator, discriminator = (_last(network) for network in networks(recipe, material))
    table, losses = recipe.optimiser.scaled(recipe.samples_per_step(world.size)), recipe.losses
    slower = table.model_copy(update={"rate": table.rate * recipe.discriminator.rate_by})
    assert generator is not None
    return Adversarial(
        generator,
        discriminator,
        tables={"generator": table, "discriminator": slower},
        parts=Parts(
            losses.absolute,
            losses.adversarial,
            losses.penalty,
            recipe.average,
            losses.differentiable,
            recipe.stall_steps,
        ),
        output=material.output,
        world=world,
        precision=chosen,
    )


def _last(network: nn.Module | None) -> nn.Module | None:
    return network and network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def card_of(recipe: HarmonizeRecipe, material: PairMaterial, network: nn.Module, training: Mapping[str, Any]) -> Card:
    """The card of a generator that learnt from `material`; its sight counts in pixels of the output."""
    assert isinstance(network, mgan.Generator)
    layout, output = material.archive.layout, material.output
    facts = {"archive": identity_of(material.archive), "patch_px": material.archive.layout.valid_px}
    return Card(
        "mgan",
        _arguments(recipe, material),
        layout.sensor,
        material.bands,
        layout.pixel_size_m,
        layout.unit,
        material.mean,
        material.std,
        output.legend,
        "reflectance",
        find_sight(mgan.OnOutputPixels(network), len(material.bands)),
        {**facts, **training},
        output=output,
    )
