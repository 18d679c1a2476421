"""A recipe carried out: the one place where data set, model, step and loop meet. It ends with a card."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landweave.errors import ConfigError
from landweave.jobs.run import Progress
from landweave.models import table
from landweave.models.card import CLASSICAL, save_card
from landweave.models.sight import Sight, find_sight
from landweave.parallel import traffic
from landweave.parallel.norm import norm_over_ranks
from landweave.parallel.pipeline import Seat, take_seat
from landweave.parallel.planner import Ask
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.provenance import fingerprint
from landweave.recipe import begin, classical, pairs, placing
from landweave.recipe import material as materials
from landweave.recipe.folder import CARD, CHECKPOINTS, begun, held, logged
from landweave.recipe.material import Material
from landweave.recipe.placing import How, Wanted
from landweave.recipe.recipe import TrainRecipe
from landweave.train import checkpoint
from landweave.train.feed import SourceFeed
from landweave.train.loader import Order
from landweave.train.log import Record
from landweave.train.loop import Course, Run
from landweave.train.placed import Placed
from landweave.train.precision import Precision, choose
from landweave.train.prepare import Prepare
from landweave.train.step import Supervised


def run(recipe: TrainRecipe, out: Path, world: World) -> Generator[Record | Progress]:
    """Train as `recipe` says and write `out`/card; goes on where an earlier process stopped.

    On one CPU process with the same threads and versions of libraries, weights and log (but for seconds) are bit for
    bit those of a run that was never stopped.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    if recipe.network in CLASSICAL and world.size > 1:
        raise ConfigError(
            f"network {recipe.network} on {world.size} ranks",
            "one process: its fit cannot be shared, it uses all cores by threads",
            "start landweave train without torchrun",
        )
    material = materials.find(recipe, open_archive(recipe.archive))
    if recipe.network not in CLASSICAL:
        # Before the folder belongs to this recipe: one that makes no network is mended and run again there.
        with torch.device("meta"):
            _fresh(recipe, material)
    # Before any file is touched: ranks that learn different things must not share a folder.
    world.agree("placement", f"{recipe.placement} {recipe.pipeline}")
    seat = _seat(recipe, material, world) if recipe.placement else None
    # Ranks of one arrangement see the same samples.
    share = seat.peers if seat else world
    identity = _identity(recipe, material, share)
    world.agree("recipe or archive", identity)
    with held(out, identity, recipe.model_dump(mode="json"), world):
        if recipe.network in CLASSICAL:
            yield from classical.fit(recipe, material, out, identity)
        else:
            yield from _train(recipe, material, out, (world, seat), identity)


def _seat(recipe: TrainRecipe, material: Material, world: World) -> Seat:
    """This rank's place where the recipe's network is placed."""
    assert recipe.placement is not None
    ask = Ask(recipe.samples_per_step(world.size), (recipe.accumulate,), recipe.pipeline)
    how = How(recipe.scaled_optimiser(1), choose(recipe.precision, world.device), world.device)
    batch = next(iter(make_feed(recipe, material, World(device=world.device)).epoch(0, 0)))
    wanted = Wanted(recipe.placement, ask, recipe.cluster)
    return take_seat(placing.find(wanted, _network(recipe, material), batch, how, world), world)


def _identity(recipe: TrainRecipe, material: Material, world: World) -> str:
    """What decides the weights: not where the archive lies, when checkpoints come, or how many ranks share the work."""
    idle = {
        "archive",
        "start",
        "only",
        "placement",
        "pipeline",
        "cluster",
        "checkpoint_every_s",
        "checkpoint_every_steps",
    }
    told = recipe.model_dump(mode="json", exclude=idle)
    told |= begin.identity(recipe, material.archive)
    return fingerprint({**told, "archive": material.identity, "samples": recipe.samples_per_step(world.size)})


def _train(
    recipe: TrainRecipe, material: Material, out: Path, ranks: tuple[World, Seat | None], identity: str
) -> Generator[Record]:
    world, seat = ranks
    resume, chosen = begun(out / CHECKPOINTS, identity, recipe.precision, world)
    step = make_step(recipe, material, world, chosen, seat)
    facts = {"identity": identity, "precision": chosen}
    feed, course = make_feed(recipe, material, seat.peers if seat else world), _course(recipe)
    going = Run(step, feed, course, world=world, folder=out / CHECKPOINTS, identity=facts, resume=resume)
    yield from logged(going, out, world)
    # Now the network holds its best weights.
    thresholds = step.thresholds(feed.judged()) if recipe.thresholds == "tuned" and len(material.validation) else ()
    network = _together(step, recipe, material) if isinstance(step, Placed) else step.networks["main"]
    if isinstance(step, Placed):
        traffic.save(out, world.rank, step.pipeline.counter.take())
    if world.is_first:
        summary = {**facts, **_summary(recipe, material, going)}
        card = materials.card_of(
            material,
            recipe.network,
            materials.arguments(recipe, material),
            task=recipe.task,
            # A network of pairs tells of whole patches.
            sight=Sight(1, None) if material.beside else find_sight(network, len(material.bands)),
            training=summary,
            thresholds=thresholds,
        )
        save_card(out / CARD, card, network)


def _together(step: Placed, recipe: TrainRecipe, material: Material) -> nn.Module:
    """The whole network on the first rank; elsewhere one without meaning."""
    weights = step.gathered(checkpoint.network_tensors(step.networks))
    network = _fresh(recipe, material)
    if step.world.is_first:
        checkpoint.put_networks({"main": network}, weights, Path(CARD))
    return network


def make_step(
    recipe: TrainRecipe, material: Material, world: World, chosen: Precision, seat: Seat | None = None
) -> Supervised:
    """The step of `recipe` on the ranks of `world`: a network with first weights, its loss and its optimiser.

    With a `seat` it holds that rank's part of the network alone.
    """
    network, share = _network(recipe, material, chosen), seat.peers if seat else world
    if recipe.norm_over_ranks:
        network = norm_over_ranks(network, share)
    how: dict[str, Any] = {
        "table": recipe.scaled_optimiser(share.size),
        "task": recipe.task,
        "num_classes": len(material.legend),
        "precision": chosen,
        "class_weights": materials.class_weights(recipe, material),
        "form": recipe.loss.form,
    }
    if seat:
        return Placed(network, seat, schedule=recipe.pipeline, **how)
    compiled = "inductor" if recipe.compile else None
    return Supervised(network, world=world, compression=recipe.compression, compiled=compiled, **how)


def _network(recipe: TrainRecipe, material: Material, chosen: Precision = "fp32") -> nn.Module:
    """The network of the card to begin from, or one with first weights from the recipe's seed.

    torch's generator is left as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = begin.network_of(recipe, materials.arguments(recipe, material)) or _fresh(recipe, material)
    if recipe.network not in table.PAIRS:
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
    # With channels last oneDNN's bf16 gradients of narrow 3D convolutions are wrong, some of them NaN (torch 2.13).
    form = torch.channels_last_3d if chosen == "fp32" else torch.contiguous_format
    return network.to(memory_format=form)  # type: ignore[call-overload, no-any-return]


def _fresh(recipe: TrainRecipe, material: Material) -> nn.Module:
    arguments = materials.arguments(recipe, material)
    return table.build(recipe.network, len(material.bands), len(material.legend), **arguments)


def make_feed(recipe: TrainRecipe, material: Material, world: World) -> SourceFeed:
    """Batches of the training and validation parts, dealt out to the ranks of `world`."""
    augment = recipe.augment == "dihedral"
    first = Prepare(
        material.views,
        material.bands,
        mean=material.mean,
        std=material.std,
        task=recipe.task,
        device=world.device,
        channels_last=material.beside is None,
        augment=augment,
        repeats="ratios" in materials.arguments(recipe, material),
    )
    prepare = pairs.prepare(first, material, device=world.device, augment=augment) if material.beside else first
    batch = recipe.samples_per_step(world.size)
    classes = materials.labels(material) if recipe.sampling == "class_aware" else None
    training = Order(
        material.train, batch, recipe.seed, world, recipe.grow_batch, recipe.accumulate, recipe.mixup, classes
    )
    # Judged as little at once as is learnt at once, so that memory which holds training holds judging.
    validation = Order(material.validation, max(1, batch // recipe.accumulate), recipe.seed, world)
    return SourceFeed(material, training, validation, prepare)


def _course(recipe: TrainRecipe) -> Course:
    return Course(
        recipe.epochs,
        recipe.schedule,
        recipe.seed,
        recipe.monitor,
        recipe.stopping.patience_epochs,
        recipe.log_every_steps,
        recipe.checkpoint_every_s,
        recipe.checkpoint_every_steps,
    )


def _summary(recipe: TrainRecipe, material: Material, going: Run) -> dict[str, Any]:
    standing = going.standing
    return {
        "archive": material.identity,
        "num_train": len(material.train),
        "num_validation": len(material.validation),
        "epochs": standing.epoch,
        "steps": standing.step,
        "best_epoch": standing.best_epoch,
        "monitor": recipe.monitor,
        "validation": standing.best_figures,
    }
