"""What recipes of pairs find in an archive: the other sensor's view, beside the one that every recipe takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from landweave.errors import ArchiveError, CardError, ConfigError, SensorError
from landweave.models.card import load_parts
from landweave.models.pair.second import Second
from landweave.models.table import PAIRS
from landweave.patches.archive import Archive
from landweave.patches.layout import Paired
from landweave.recipe.recipe import TrainRecipe
from landweave.train.pairs import PreparePair
from landweave.train.prepare import Prepare, View

if TYPE_CHECKING:
    from landweave.recipe.material import Material

SUMMARY, FLAT = "summary", "flat"
"""Features of patches for classical models: mean and deviation of each band, or all numbers of all views."""


@dataclass(frozen=True)
class Beside:
    """The other view of an archive of pairs.

    Attributes:
        paired: How the archive stores it.
        mean: Of each band over the training part.
        std: Of each band over the training part.
        ratio: How many of the finest pixels one of its pixels is wide.
    """

    paired: Paired
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ratio: int

    @property
    def view(self) -> View:
        """How its bands stand in the archive."""
        stored = self.paired
        names = tuple(band.name for band in stored.bands)
        encoding = tuple(stored.scale.tolist()), tuple(stored.offset.tolist())
        return View(stored.key, stored.pixel_size_m, names, *encoding)

    @property
    def second(self) -> Second:
        """What a card tells of it."""
        stored = self.paired
        names = tuple(band.name for band in stored.bands)
        return Second(stored.sensor, names, stored.pixel_size_m, stored.bands[0].unit, self.mean, self.std)


def takes_pairs(recipe: TrainRecipe) -> bool:
    """Whether a recipe learns from both views: a network of pairs, or a classical model on all numbers of a patch."""
    return recipe.network in PAIRS or recipe.arguments.get("features") == FLAT


def find(recipe: TrainRecipe, archive: Archive) -> Beside | None:
    """The other view that `recipe` takes; None where it takes one alone.

    Raises:
        ArchiveError: A network of pairs, and an archive of one sensor.
        ConfigError: The recipe asks for what networks of pairs have not.
        SensorError: A band has one value in the whole training part.
    """
    stored = archive.layout.pair
    if not takes_pairs(recipe) or (stored is None and recipe.network not in PAIRS):
        return None
    if stored is None:
        raise ArchiveError(
            f"the archive {archive.folder} of {archive.layout.sensor} alone for the network {recipe.network}",
            "an archive of pairs: patches that two sensors see",
            "cut it with landweave patch --beside SENSOR, or choose a network of one view",
        )
    _check(recipe)
    statistics = archive.mean_and_std()
    names = [band.name for band in stored.bands]
    if flat := [name for name in names if not statistics[name][1] > 0]:
        raise SensorError(
            f"band {', '.join(flat)} of {stored.sensor} with one value in the whole training part of {archive.folder}",
            "bands that vary",
            "check the scenes, or cut the archive without these bands: --set beside_bands=[...]",
        )
    mean, std = zip(*(statistics[name] for name in names), strict=True)
    if recipe.start is not None:
        # Weights that were learnt on values normalised so go on from values normalised so.
        mean, std = _as_begun(recipe.start, names)
    return Beside(stored, mean, std, archive.layout.patch_px // stored.px)


def _as_begun(start: Path, names: list[str]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    second = load_parts(start)[0].second
    if second is None or list(second.bands) != names:
        raise CardError(
            f"bands {', '.join(names)} of the other sensor, to begin from the card {start}",
            f"{', '.join(second.bands) if second else 'no other sensor'}, as the card has them",
            "give another card with start, or leave it away",
        )
    return second.mean, second.std


def _check(recipe: TrainRecipe) -> None:
    if recipe.network in PAIRS and recipe.task == "pixels":
        raise ConfigError(
            f"network {recipe.network} with task {recipe.task}",
            'task "patches" or "multilabel"',
            "mend task in the recipe",
        )


def arguments(told: dict[str, Any], beside: Beside, patch_px: int) -> dict[str, Any]:
    """What a network of pairs is built with: what the recipe says, and what the archive decides."""
    paired = beside.paired
    return {**told, "num_second": len(paired.bands), "patch_px": patch_px, "second_px": paired.px}


def prepare(first: Prepare, material: Material, *, device: torch.device, augment: bool) -> PreparePair:
    """Batches of both views."""
    beside = material.beside
    assert beside is not None, "a recipe of one view"
    second = Prepare(
        [beside.view],
        beside.view.bands,
        mean=beside.mean,
        std=beside.std,
        task="patches",
        device=device,
        channels_last=False,
        augment=augment,
    )
    return PreparePair(first, second, beside.ratio)
