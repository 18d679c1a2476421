"""A recipe that learns binary codes of patches from clusters (Yuan et al. 2020)."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pyarrow
import pyarrow.parquet
import torch
from jaxtyping import Int64
from pydantic import Field

from landweave.atomic import aside
from landweave.errors import CardError, ConfigError, SampleError
from landweave.models.card import load_card, save_card
from landweave.models.patch.hashing import MAX_BITS, Hashing
from landweave.parallel.world import World
from landweave.patches.archive import Archive
from landweave.provenance import file_sha256
from landweave.recipe.folder import CARD
from landweave.recipe.material import Material
from landweave.recipe.unlabelled import (
    Patches,
    Plan,
    UnlabelledRecipe,
    card_of,
    carry_out,
    feed,
    find,
    identity_of,
    numbered,
)
from landweave.train.hashing import Coding
from landweave.train.log import Record
from landweave.train.optim import OptimiserTable
from landweave.train.precision import Precision


class HashRecipe(UnlabelledRecipe):
    """A training run that ends with a network of binary codes."""

    task: Literal["hash"]
    """Says that this is a recipe of codes."""
    labels: Path
    """Parquet with the columns id (of a patch) and cluster (a whole number from 0); patches it lacks teach nothing."""
    bits: int = Field(default=48, ge=1, le=MAX_BITS)
    """Length of a code."""
    width: int = Field(default=32, ge=1)
    """Channels of the ResNet-18's first stage."""
    start: Path | None = None
    """Card of a resnet18 of that width to begin from; with none, or one of another network, from nothing."""
    body: Literal["kept", "learnt"] = "kept"
    """Whether the convolutions of the card to begin from stay as they are: the features are then those that were
    clustered, and few patches suffice. Without such a card they are learnt."""
    quantisation: float = Field(default=1e-2, ge=0)
    """Weight of the term that draws bits to 0 and 1."""
    augment: Literal["auto", "none", "dihedral"] = "auto"
    """none; dihedral: each sample in one of the eight symmetries of the square, drawn anew in each epoch; auto: none
    where the body is kept, whose features were clustered unturned."""
    optimiser: OptimiserTable = OptimiserTable(rate=1e-3, weight_decay=1e-4)
    """How gradients become updates."""


def run(recipe: HashRecipe, out: Path, world: World) -> Generator[Record]:
    """Learn codes from clusters and write `out`/card; goes on where an earlier process stopped.

    Raises:
        SampleError: The labels are no such table, or fewer than two clusters have a training patch.
        LandweaveError: Something else that the user can mend; what was trained so far is kept.
    """
    material = find(recipe)
    clusters = read_clusters(recipe.labels, material.archive)
    num = int(clusters.max(initial=-1)) + 1
    classes = np.zeros((len(clusters), max(num, 1)), np.uint8)
    classes[clusters >= 0, clusters[clusters >= 0]] = 1
    train, validation = (part[clusters[part] >= 0] for part in (material.train, material.validation))
    if len(np.unique(clusters[train])) < 2:
        raise SampleError(
            f"{recipe.labels} with {len(np.unique(clusters[train]))} clusters among {len(train)} training patches",
            "at least two",
            "cluster the training part, into more clusters",
        )
    network, is_begun = _network(recipe, material, num)
    keeps = is_begun and recipe.body == "kept"
    turns = recipe.augment == "dihedral" or (recipe.augment == "auto" and not keeps)
    batches = feed(recipe, Patches(material, classes), (train, validation), world, augment=turns)

    def make_step(chosen: Precision) -> Coding:
        return Coding(
            network,
            table=recipe.optimiser,
            quantisation=recipe.quantisation,
            world=world,
            precision=chosen,
            keeps_body=keeps,
        )

    def finish(training: Any) -> None:
        legend = numbered("clusters", f"{num} clusters of {len(train)} patches", "cluster", num)
        arguments = {"bits": recipe.bits, "width": recipe.width}
        save_card(
            out / CARD, card_of(material, "hashing", arguments, task="codes", legend=legend, training=training), network
        )

    identity = identity_of(recipe, material, labels=file_sha256(recipe.labels), start=_begun(recipe))
    return carry_out(Plan(recipe, identity, batches, "code_accuracy"), out, world, make_step, finish)


def write_clusters(path: Path, ids: list[str], clusters: Int64[np.ndarray, " n"]) -> None:
    """Write clusters of patches as `read_clusters` reads them; the same give the same bytes."""
    with aside(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.table({"id": ids, "cluster": clusters}), temporary)


def read_clusters(path: Path, archive: Archive) -> Int64[np.ndarray, " n"]:
    """The cluster of every patch of an archive, -1 where the table at `path` has none.

    Raises:
        SampleError: The file is missing or no such table, or none of its patches is in the archive.
    """
    try:
        table = pyarrow.parquet.read_table(path, columns=["id", "cluster"])
        told = dict(zip(table["id"].to_pylist(), table["cluster"].cast(pyarrow.int64()).to_pylist(), strict=True))
    except (OSError, pyarrow.ArrowException) as error:
        raise SampleError(
            f"{path}: {str(error)[:200]}",
            "a Parquet file with the columns id and cluster",
            "give the clusters.parquet of a gallery, or write one like it",
        ) from error
    found = np.array([told.get(name, -1) for name in archive.ids()], np.int64)
    if not (found >= 0).any():
        raise SampleError(
            f"{path}, none of whose {len(told)} patches is in {archive.folder}",
            "clusters of this archive's patches",
            "give the archive that was clustered",
        )
    return found


def _begun(recipe: HashRecipe) -> str:
    return "" if recipe.start is None else load_card(recipe.start)[0].identity


def _network(recipe: HashRecipe, material: Material, num_clusters: int) -> tuple[Hashing, bool]:
    """The network with first weights from the recipe's seed, and whether its body is the card's.

    torch's generator is left as it is.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            network = Hashing(len(material.bands), num_clusters, bits=recipe.bits, width=recipe.width)
        except ValueError as error:
            raise ConfigError(
                f"bits = {recipe.bits} for {num_clusters} clusters: {error}", "longer codes", "raise bits"
            ) from error
    is_begun = recipe.start is not None and _begin(network, recipe, material)
    return cast(Hashing, network.to(memory_format=torch.channels_last)), is_begun  # type: ignore[call-overload]


def _begin(network: Hashing, recipe: HashRecipe, material: Material) -> bool:
    assert recipe.start is not None
    card, encoder = load_card(recipe.start)
    if card.network != "resnet18" or card.arguments.get("width", 64) != recipe.width:
        return False
    if card.bands != material.bands or (card.mean, card.std) != (material.mean, material.std):
        raise CardError(
            f"{recipe.start} with bands {', '.join(card.bands)}",
            f"an encoder of {', '.join(material.bands)}, normalised by this archive",
            "begin from an encoder that was trained on this archive, or leave start away",
        )
    body = {name: value for name, value in encoder.state_dict().items() if not name.startswith("fc.")}
    network.body.load_state_dict(body)
    return True
