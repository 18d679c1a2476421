"""What a recipe finds in its archive: bands, statistics, classes and parts, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64, UInt8
from numpy.typing import NDArray

from landweave.errors import ArchiveError, LegendError
from landweave.legend import IGNORE, Legend
from landweave.models.card import Card
from landweave.models.cardtext import Task as CardTask
from landweave.models.sight import Sight
from landweave.models.table import PAIRS
from landweave.patches import layout as layouts
from landweave.patches.archive import Archive
from landweave.patches.layout import check_same_bands
from landweave.patches.sample import Split
from landweave.provenance import fingerprint
from landweave.recipe import asked, begin, pairs
from landweave.recipe.pairs import Beside
from landweave.recipe.recipe import Task, TrainRecipe
from landweave.sensors import Unit
from landweave.train.prepare import View

_AT_ONCE = 64


@dataclass(frozen=True)
class Material:
    """What there is to learn from.

    Attributes:
        archive: The patches.
        task: What is learnt of them.
        bands: In the order in which a model takes them.
        mean: Of each band over the training part.
        std: Of each band over the training part.
        views: How the archive stores the bands that are read.
        train: Numbers of the training samples.
        validation: Numbers of the validation samples; may be empty.
        beside: The other sensor's view of each patch, where the recipe learns from pairs.
    """

    archive: Archive
    task: Task
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    views: tuple[View, ...]
    train: Int64[np.ndarray, " n"]
    validation: Int64[np.ndarray, " m"]
    beside: Beside | None = None

    @property
    def legend(self) -> Legend:
        """The classes of its labels."""
        return self.archive.layout.legend

    @property
    def sensor(self) -> str:
        """Name of the sensor."""
        return self.archive.layout.sensor

    @property
    def unit(self) -> Unit:
        """Unit of the bands."""
        return self.archive.layout.unit

    @property
    def pixel_size_m(self) -> float:
        """The finest pixel size, which masks have."""
        return self.archive.layout.pixel_size_m

    @property
    def sharpener(self) -> str:
        """Identity of the sharpener that brought coarser bands to the finest pixels, "" where they are interpolated."""
        made = self.archive.layout.super
        return made.sharpener if made and made.key in {view.key for view in self.views} else ""

    @property
    def identity(self) -> str:
        """Fingerprint of what the archive holds, wherever it lies."""
        return identity_of(self.archive)

    def batch(self, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The arrays that are needed of these samples; `valid` on the finest pixels."""
        # Views that no band is taken from would be copied and sent for nothing.
        target = "mask" if self.task == "pixels" else "classes"
        wanted = {*(view.key for view in self.views), target, "valid"}
        if self.beside is not None:
            wanted.add(self.beside.paired.key)
        found = {name: array for name, array in self.archive.batch(indices).items() if name in wanted}
        return {**found, "valid": self.archive.layout.finest(found["valid"])}


def card_of(
    material: Material,
    network: str,
    arguments: Mapping[str, Any],
    *,
    task: CardTask,
    sight: Sight,
    training: Mapping[str, Any],
    legend: Legend | None = None,
    thresholds: Sequence[float] = (),
) -> Card:
    """The card of a model that learnt from `material`; without a legend it tells the classes of its labels."""
    return Card(
        network,
        arguments,
        material.sensor,
        material.bands,
        material.pixel_size_m,
        material.unit,
        material.mean,
        material.std,
        legend or material.legend,
        task,
        sight,
        training,
        thresholds=tuple(thresholds),
        sharpener=material.sharpener,
        second=material.beside.second if material.beside else None,
    )


def identity_of(archive: Archive) -> str:
    """Fingerprint of what an archive holds, wherever it lies."""
    manifest = archive.manifest
    shards = [(shard.name, shard.sha256) for shard in archive.shards]
    return fingerprint({"layout": manifest["layout"], "shards": shards, "index": manifest["index_sha256"]})


def find(recipe: TrainRecipe, archive: Archive) -> Material:
    """What `recipe` learns from.

    Raises:
        SensorError: The archive is of another sensor, or lacks a band, or a band has one value everywhere.
        LegendError: It has another legend, or one without a class that is given a weight.
        ArchiveError: It has no labels for the task, or no data_super where the recipe asks for it.
        CardError: The card to begin from does not fit.
        SplitError: It has no training part, or stops early without a validation part.
    """
    layout = archive.layout
    _check(recipe, archive)
    card = begin.card_of(recipe, archive)
    bands = recipe.bands or (card.bands if card else layout.bands)
    check_same_bands(layout, bands)
    statistics = archive.mean_and_std()
    asked.varying({name: statistics[name][1] for name in bands}, f"of {archive.folder}")
    stored = _stored(recipe, archive)
    # Masks have the finest pixel size, so that the finest view is read even where none of its bands is asked for.
    read = [view for view in stored if view is stored[0] or {band.name for band in view.bands} & set(bands)]
    views = tuple(
        View(
            view.key,
            view.pixel_size_m,
            tuple(band.name for band in view.bands),
            tuple(band.scale for band in view.bands),
            tuple(band.offset for band in view.bands),
        )
        for view in read
    )
    mean, std = zip(*(statistics[name] for name in bands), strict=True)
    if card is not None:
        # Weights that were learnt on values normalised so go on from values normalised so.
        mean, std = card.mean, card.std
    train, validation = begin.trained(recipe, archive), begin.kept(recipe, archive, _validation(recipe, archive))
    beside = pairs.find(recipe, archive)
    return Material(archive, recipe.task, tuple(bands), mean, std, views, train, validation, beside)


def _stored(recipe: TrainRecipe, archive: Archive) -> tuple[layouts.View, ...]:
    """The views that hold every band once."""
    layout = archive.layout
    if recipe.upsampling == "bilinear":
        return layout.views
    if layout.super is None:
        raise ArchiveError(
            f"the archive {archive.folder} without data_super for upsampling = super",
            "an archive whose coarser bands a network brought to the finest pixels",
            "cut it again with --super CARD into another folder, or set upsampling to bilinear",
        )
    return layout.views[0], layout.super


def _check(recipe: TrainRecipe, archive: Archive) -> None:
    layout = archive.layout
    where = f"the archive {archive.folder}"
    asked.same("sensor", recipe.sensor, layout.sensor, where)
    asked.same("legend", recipe.legend, layout.legend.name, where, LegendError)
    target = "mask" if recipe.task == "pixels" else "classes"
    if target not in layout.targets:
        raise ArchiveError(
            f"the archive {archive.folder} with {' and '.join(layout.targets)} for the task {recipe.task}",
            f"an archive with {target}",
            "set task to pixels for masks, to patches or multilabel for labels of patches",
        )
    asked.weighted(recipe.loss.class_weights, layout.legend, "loss.class_weights")


def _validation(recipe: TrainRecipe, archive: Archive) -> NDArray[np.int64]:
    is_there, key = bool(archive.manifest["splits"].get("validation", 0)), "stopping.patience_epochs"
    do = "cut the archive with a validation part"
    asked.judged(recipe.stopping.patience_epochs, is_there, key, str(archive.folder), do)
    return archive.part("validation") if is_there else np.zeros(0, np.int64)


def class_weights(recipe: TrainRecipe, material: Material) -> torch.Tensor | None:
    """The weight of each class, or None where all are 1.

    "balanced" for one class a place: n / (k * n_c) (King and Zeng 2001); for several labels a patch: how many lack the
    label for each that has it. A class that the training part has nowhere gets 1.
    """
    told = recipe.loss.class_weights
    if told == "none":
        return None
    if told == "balanced":
        return torch.from_numpy(_balanced(material)).float()
    return torch.tensor([told.get(name, 1.0) for name in material.legend.names])


def _balanced(material: Material) -> Float64[np.ndarray, " k"]:
    counts, total = count_classes(material)
    if material.task != "multilabel":
        return asked.balanced(counts)
    above = total - counts
    return np.asarray(np.divide(above, counts, out=np.ones_like(above), where=(counts > 0) & (above > 0)))


def count_classes(material: Material) -> tuple[Float64[np.ndarray, " k"], float]:
    """Pixels or patches of each class in the training part, and how many there are in all."""
    num_classes = len(material.legend)
    counts, total = np.zeros(num_classes), 0.0
    for arrays in _pieces(material, "train"):
        if material.task == "pixels":
            known = arrays["mask"][arrays["valid"] != 0]
            found = np.bincount(known[known != IGNORE], minlength=num_classes).astype(float)
        else:
            found = (arrays["classes"] == 1).sum(0).astype(float)
        counts += found
        total += found.sum() if material.task != "multilabel" else len(arrays["classes"])
    return counts, total


def _pieces(material: Material, split: Split) -> Iterator[dict[str, NDArray[Any]]]:
    samples = material.train if split == "train" else material.validation
    for first in range(0, len(samples), _AT_ONCE):
        yield material.batch(samples[first : first + _AT_ONCE])


def labels(material: Material) -> UInt8[np.ndarray, "n k"]:
    """1 for each class that each training sample has."""
    return np.concatenate([np.array(arrays["classes"] == 1, np.uint8) for arrays in _pieces(material, "train")])


def arguments(recipe: TrainRecipe, material: Material) -> dict[str, Any]:
    """What the network is built with: stem = "native" becomes the ratio of each band's pixels to the finest.

    Networks of pairs are told how large and how many-banded the views are.
    """
    told = dict(recipe.arguments)
    if recipe.network in PAIRS and material.beside is not None:
        return pairs.arguments(told, material.beside, material.archive.layout.patch_px)
    if told.get("stem") != "native":
        return told
    sizes = {band: view.pixel_size_m for view in material.views for band in view.bands}
    finest = min(view.pixel_size_m for view in material.views)
    del told["stem"]
    return {**told, "ratios": [round(sizes[band] / finest) for band in material.bands]}
