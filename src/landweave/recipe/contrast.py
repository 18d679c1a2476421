"""A recipe that learns an encoder from patches alone, without labels (SimCLR, Chen et al. 2020)."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import scipy.spatial
import torch
from jaxtyping import Int64
from pydantic import Field
from torch import nn

from landweave.models import table
from landweave.models.card import save_card
from landweave.models.encode import check_encoder, features
from landweave.parallel.world import World
from landweave.patches.archive import Archive
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
from landweave.train.contrast import Contrast, Pairs, Projected
from landweave.train.draw import sample_keys
from landweave.train.log import Record
from landweave.train.looks import LooksTable
from landweave.train.optim import OptimiserTable
from landweave.train.precision import Precision


class ContrastRecipe(UnlabelledRecipe):
    """A training run that ends with an encoder: features of patches, learnt without labels."""

    task: Literal["contrast"]
    """Says that this is a recipe of an encoder."""
    network: str = "resnet18"
    """Name of a network that can be an encoder: resnet18, resnet50, unet."""
    arguments: dict[str, Any] = Field(default_factory=lambda: {"width": 32})
    """What the network takes beside bands."""
    pairs: Pairs = "same"
    """same: both looks are at one patch (SimCLR); near: the second is at a neighbour in the same scene, so that
    features tell what neighbours share: soil, season, sensor, kind of land (as in Tile2Vec, Jean et al. 2019)."""
    neighbours: int = Field(default=8, ge=1)
    """Of how many nearest patches of the same scene and part the neighbour is one; drawn once for each patch."""
    looks: LooksTable = LooksTable()
    """How two looks at one patch differ."""
    temperature: float = Field(default=0.2, gt=0)
    """By which likeness is divided: lower looks harder at the most alike of the other patches."""
    projection: int = Field(default=64, ge=2)
    """Numbers in which looks are compared; they are not kept."""
    optimiser: OptimiserTable = OptimiserTable(rate=1e-3, weight_decay=1e-4)
    """How gradients become updates."""
    batch_global: int = Field(default=128, ge=2)
    """Patches of one update on all ranks together; each is compared with all others on its rank."""


def run(recipe: ContrastRecipe, out: Path, world: World) -> Generator[Record]:
    """Learn features of the archive's patches and write `out`/card; goes on where an earlier process stopped.

    Raises:
        LandweaveError: Something that the user can mend; what was trained so far is kept.
    """
    material = find(recipe)
    # Nothing is known of any patch.
    source = Patches(material, np.zeros((len(material.archive), 1), np.uint8))
    if recipe.pairs == "near":
        source = source.beside(neighbours(material.archive, recipe.neighbours, recipe.seed))
    batches = feed(recipe, source, (material.train, material.validation), world, augment=False)
    network = _network(recipe, material)

    def make_step(chosen: Precision) -> Contrast:
        return Contrast(
            network,
            table=recipe.optimiser,
            looks=recipe.looks,
            temperature=recipe.temperature,
            world=world,
            precision=chosen,
            pairs=recipe.pairs,
        )

    def finish(training: Any) -> None:
        anything = numbered("none", "learnt without labels", "any", 1)
        card = card_of(material, recipe.network, recipe.arguments, task="features", legend=anything, training=training)
        save_card(out / CARD, card, network.encoder)

    plan = Plan(recipe, identity_of(recipe, material), batches, "loss")
    return carry_out(plan, out, world, make_step, finish)


def _network(recipe: ContrastRecipe, material: Material) -> Projected:
    """The encoder with its head and first weights from the recipe's seed; torch's generator is left as it is."""
    num_bands, patch_px = len(material.bands), material.archive.layout.patch_px
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        encoder = table.build(recipe.network, num_bands, 1, **recipe.arguments)
        check_encoder(encoder, recipe.network)
        with torch.inference_mode():
            num_features = features(encoder.eval(), torch.zeros(1, num_bands, patch_px, patch_px)).shape[1]
        network: nn.Module = Projected(encoder, num_features, recipe.projection)
    return cast(Projected, network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]


def neighbours(archive: Archive, num: int, seed: int) -> Int64[np.ndarray, " n"]:
    """For each patch one of its `num` nearest of its scene and part, drawn from the seed; itself where it is alone.

    Distances are between centres, in the units of the patches' CRS.
    """
    index = archive.table()
    centres = np.stack([(index["left"] + index["right"]) / 2, (index["bottom"] + index["top"]) / 2], 1)
    found = np.arange(len(index))
    for _, rows in index.reset_index(drop=True).groupby(["scene", "crs", "split"], sort=True):
        here = rows.index.to_numpy()
        if len(here) > 1:
            near = scipy.spatial.KDTree(centres[here]).query(centres[here], min(num, len(here) - 1) + 1)[1][:, 1:]
            drawn = sample_keys(seed, 0, here) % np.uint64(near.shape[1])
            found[here] = here[np.take_along_axis(near, drawn.astype(np.int64)[:, None], 1)[:, 0]]
    return found
