"""Published patches on separate land: the blocks that they lie on, and the part of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import shapely
from odc.geo.geobox import GeoBox
from pydantic import Field

from landweave.config import Config
from landweave.errors import SplitError
from landweave.patches.extract import plane
from landweave.patches.sample import Split
from landweave.patches.split import Fractions, Place, apart, deal


class BlocksJob(Config):
    """How published patches are dealt to parts."""

    split: Literal["published", "blocks"] | None = None
    """"blocks": on separate land with a gap; "published": as the authors of the data set drew it. Left away, blocks
    wherever patches have a place on Earth."""
    block_m: float = Field(default=12_000, gt=0)
    """Edge of a block, on which all patches are for one part."""
    gap_m: float = Field(default=1_200, gt=0)
    """Least distance between parts; patches that come nearer are left away and counted."""
    fractions: Fractions = (0.6, 0.2, 0.2)
    """Shares of the blocks for training, validation and test."""
    seed: int = 0
    """Decides which block goes where."""
    sharpener: Path | None = None
    """A card that landweave train wrote from a recipe with task = "sharpen": the coarser bands are then stored on the
    finest pixels too, as data_super."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """Where a patch went.

    Attributes:
        block: The land that decided it.
        split: Its part.
        keep: False where it lies too near to another part.
    """

    block: str
    split: Split
    keep: bool


def deal_blocks(job: BlocksJob, grids: Sequence[GeoBox]) -> list[Dealt]:
    """The block and part of each patch, by the block that its middle lies on.

    Args:
        job: How.
        grids: Where each patch lies.

    Raises:
        SplitError: There is no patch, or fewer blocks than parts.
    """
    blocks = [block_of(grid, job.block_m) for grid in grids]
    if not grids:
        raise SplitError("no patch", "at least one for each part", "check the folder and the lists to leave away")
    dealt = deal(blocks, job.fractions, job.seed)
    places = [
        Place(plane(grid), shapely.box(*grid.boundingbox.bbox), dealt[block])
        for grid, block in zip(grids, blocks, strict=True)
    ]
    kept = apart(places, job.gap_m).tolist()
    return [Dealt(block, dealt[block], keep) for block, keep in zip(blocks, kept, strict=True)]


def block_of(grid: GeoBox, edge_m: float) -> str:
    """The name of the block that the middle of a patch lies on."""
    box = grid.boundingbox
    # By the middle, so that a patch on a border has one block.
    col, row = ((low + high) / 2 // edge_m for low, high in ((box.left, box.right), (box.bottom, box.top)))
    return f"{plane(grid)}/{row:.0f}_{col:.0f}"
