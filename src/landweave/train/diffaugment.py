"""Differentiable augmentation: what a discriminator sees is changed alike for real and fake (Zhao et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from landweave.train.draw import uniform

Policy = Literal["color", "translation", "cutout"]
POLICIES: tuple[Policy, ...] = ("color", "translation", "cutout")
# Streams of numbers that nothing else draws from.
_STREAM = 256
# As published: an eighth of the edge at most; a square of half the edge.
_FARTHEST, _HOLE = 0.125, 0.5

Draw = Callable[[int], Float64[np.ndarray, " b"]]


def augmented(
    images: Float[Tensor, "b c h w"], keys: Int64[Tensor, " b"], policies: Sequence[Policy]
) -> Float[Tensor, "b c h w"]:
    """Images as a discriminator sees them: the same keys change real and fake in the same way.

    color: brightness moved by up to half a standard deviation, saturation (the distance of bands from their mean)
    times 0 to 2, contrast (the distance from the image's mean) times 0.5 to 1.5. translation: by up to an eighth of the
    edge, zeros behind. cutout: a square of half the edge becomes 0, the mean of normalised bands. Gradients flow
    through all of them. It depends on the keys alone, not on batch or ranks.

    Args:
        images: Normalised bands.
        keys: What everything random about each sample is drawn from.
        policies: Which changes are made, in this order.
    """
    plain = keys.cpu().numpy().view(np.uint64)
    for number, change in enumerate(map(_CHANGES.__getitem__, policies)):
        first = _STREAM + 8 * number
        images = change(images, lambda stream, first=first: uniform(plain, first + stream))  # type: ignore[misc]
    return images


def _color(images: Tensor, draw: Draw) -> Tensor:
    brightness, saturation, contrast = (_column(draw(stream), images) for stream in range(3))
    images = images + (brightness - 0.5)
    mean = images.mean(1, keepdim=True)
    images = (images - mean) * (2 * saturation) + mean
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def _translation(images: Tensor, draw: Draw) -> Tensor:
    edges = images.shape[-2:]
    most = [round(_FARTHEST * edge) for edge in edges]
    moves = [np.floor(draw(axis) * (2 * far + 1)).astype(int) - far for axis, far in enumerate(most)]
    padded = nn.functional.pad(images, (most[1], most[1], most[0], most[0]))
    pieces = [
        padded[i, :, most[0] + down : most[0] + down + edges[0], most[1] + right : most[1] + right + edges[1]]
        for i, (down, right) in enumerate(zip(*(move.tolist() for move in moves), strict=True))
    ]
    return torch.stack(pieces)


def _cutout(images: Tensor, draw: Draw) -> Tensor:
    inside = []
    for axis, edge in enumerate(images.shape[-2:]):
        hole = round(_HOLE * edge)
        # Its middle lies anywhere in the image, so that a hole may reach beyond it.
        begin = torch.from_numpy(np.floor(draw(axis) * (edge + 1 - hole % 2)).astype(np.int64) - hole // 2)
        places = torch.arange(edge)[None]
        inside.append((places >= begin[:, None]) & (places < begin[:, None] + hole))
    kept = ~(inside[0][:, :, None] & inside[1][:, None, :])
    return images * kept[:, None].to(images.device, images.dtype)


_CHANGES: dict[Policy, Callable[[Tensor, Draw], Tensor]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}


def _column(drawn: Float64[np.ndarray, " b"], like: Tensor) -> Float[Tensor, "b 1 1 1"]:
    return torch.from_numpy(drawn).to(like.device, like.dtype)[:, None, None, None]
