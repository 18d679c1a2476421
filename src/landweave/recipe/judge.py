"""How right a network is on patches of an archive: the confusion matrix of labels of pixels or patches."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from landweave.errors import CardError
from landweave.metrics.confusion import Confusion
from landweave.models.card import load_parts
from landweave.parallel.world import World
from landweave.patches.archive import Archive
from landweave.recipe import material as materials
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import make_feed, make_step

_AT_ONCE = 16


def judge(card: Path, archive: Archive, samples: Int64[np.ndarray, " n"]) -> Confusion:
    """The confusion matrix of a card on some patches, in fp32 on the CPU, as training judges its validation part.

    Args:
        card: Folder of the card of a network.
        archive: Where the patches are.
        samples: Their numbers; none give a matrix of zeros.

    Raises:
        CardError: The card is damaged, tells several labels a patch, or does not fit the archive.
        SensorError: The archive lacks a band.
        ArchiveError: It has no labels for the card's task.
    """
    told, _ = load_parts(card)
    if told.task not in {"pixels", "patches"}:
        raise CardError(f"{card}, a card of task {told.task}", "a card that tells one label", "judge another card")
    recipe = TrainRecipe(
        archive=archive.folder,
        network=told.network,
        arguments=dict(told.arguments),
        task=told.task,
        bands=told.bands,
        upsampling="super" if told.sharpener else "bilinear",
        batch_global=_AT_ONCE,
        start=card,
    )
    material = dataclasses.replace(materials.find(recipe, archive), validation=samples)
    step = make_step(recipe, material, World(), "fp32")
    total = Confusion.zero(len(material.legend))
    for batch in make_feed(recipe, material, World()).judged():
        total += Confusion(step.judge(batch)["confusion"].cpu().numpy())
    return total
