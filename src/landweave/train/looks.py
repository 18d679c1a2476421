"""Two looks at each patch: cut, turned and lit differently, drawn from the keys of samples alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn

from landweave.config import Config
from landweave.train.draw import uniform

# Streams of numbers that nothing else draws from; each look has as many of them as this.
_FIRST_STREAM, _STREAMS = 64, 64


class LooksTable(Config):
    """How two looks at one patch differ."""

    crop: float = Field(default=0.3, gt=0, le=1)
    """Least share of the patch's area that a look shows; each look draws its own between this and 1."""
    brightness: float = Field(default=0.2, ge=0)
    """By how much all bands together are moved, in standard deviations, at most."""
    contrast: float = Field(default=0.2, ge=0, lt=1)
    """By which share all bands together are stretched or squeezed, at most."""
    bands: float = Field(default=0.05, ge=0)
    """By how much each band is moved by itself, in standard deviations, at most: colours tell soils apart."""
    turn: bool = True
    """Whether a look is one of the eight symmetries of the square."""


def look(
    values: Float[Tensor, "b c h w"], keys: Int64[Tensor, " b"], number: int, table: LooksTable
) -> Float[Tensor, "b c h w"]:
    """One look at each sample: a part of it as large as the whole, turned, and lit differently.

    It depends on the sample's key and on `number` alone, neither on the batch nor on ranks.

    Args:
        values: Normalised bands.
        keys: What everything random about each sample is drawn from.
        number: Which look: 0 or 1.
        table: How looks differ.
    """
    draw = _drawing(keys, _FIRST_STREAM + _STREAMS * number)
    places = nn.functional.affine_grid(_places(draw, table).to(values.device), list(values.shape), align_corners=False)
    # Reflected at the edges, though no look reaches beyond them but by rounding.
    seen = nn.functional.grid_sample(values, places, "bilinear", "reflection", align_corners=False)
    stretch = 1 + table.contrast * draw(4)
    common = table.brightness * draw(5)
    own = table.bands * torch.stack([draw(8 + band) for band in range(values.shape[1])], 1)
    moved = (common[:, None] + own).to(values.device)[:, :, None, None]
    return seen * stretch.to(values.device)[:, None, None, None] + moved


def _drawing(keys: Int64[Tensor, " b"], first: int) -> Callable[[int], Float[Tensor, " b"]]:
    """Numbers from -1 to 1, one a sample, by the number of a stream."""
    plain = keys.cpu().numpy().view(np.uint64)
    return lambda stream: torch.from_numpy(2 * uniform(plain, first + stream) - 1).float()


def _places(draw: Callable[[int], Float[Tensor, " b"]], table: LooksTable) -> Float[Tensor, "b 2 3"]:
    """Where each look lies in its sample, as affine maps of (-1, 1) x (-1, 1)."""
    edge = torch.sqrt(table.crop + (1 - table.crop) * (draw(0) + 1) / 2)
    quarter = ((draw(3) + 1) * 4).long().clamp(max=7) if table.turn else torch.zeros_like(edge).long()
    angle = (quarter % 4).float() * (math.pi / 2)
    mirror = torch.where(quarter >= 4, -1.0, 1.0)
    across, along = torch.cos(angle) * edge, torch.sin(angle) * edge
    places = torch.stack(
        [across * mirror, -along, (1 - edge) * draw(1), along * mirror, across, (1 - edge) * draw(2)], 1
    )
    return places.view(-1, 2, 3)
