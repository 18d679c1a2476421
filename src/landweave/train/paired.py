"""Batches of pairs: what one sensor saw, at its own pixel sizes, and what another saw of the same land."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from landweave.models.normalise import Normalise
from landweave.models.pair.harmoniser import NormaliseViews, Sizes
from landweave.models.pair.output import Output
from landweave.train.draw import dihedral
from landweave.train.loader import Arrays, Part
from landweave.train.prepare import View, turn


@dataclass(frozen=True)
class PairBatch:
    """What a step on pairs takes.

    Attributes:
        views: Normalised bands of the input, from the finest pixels to the coarsest; 0 where not valid.
        target: Normalised bands of the other sensor; 0 where not valid.
        valid: Where the target counts.
        weight: Of each sample; 0 leaves it out.
        keys: What everything random about each sample is drawn from.
    """

    views: Sequence[Float[Tensor, "b _ _ _"]]
    target: Float[Tensor, "b k h w"]
    valid: Bool[Tensor, "b h w"]
    weight: Float[Tensor, " b"]
    keys: Int64[Tensor, " b"]

    @property
    def counted(self) -> Float[Tensor, "b 1 h w"]:
        """How much each pixel counts."""
        return (self.valid * self.weight[:, None, None])[:, None]


class PreparePairs:
    """Decodes, normalises and turns pairs.

    Args:
        views: How the source stores the input's bands, from the finest pixels to the coarsest.
        target: How it stores those of the other sensor.
        output: What is told of them; its bands are taken from `target` in its order.
        bands: The input's bands in the order in which the card has them: rising in pixel size.
        mean: Of each of `bands`.
        std: Of each of `bands`.
        device: Where.
        augment: Whether training turns and mirrors pairs (the eight symmetries of the square).
    """

    def __init__(
        self,
        views: Sequence[View],
        target: View,
        output: Output,
        *,
        bands: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        augment: bool,
    ) -> None:
        self.views, self.target, self.device, self.augment = tuple(views), target, device, augment
        self._normalise = NormaliseViews(Sizes.of(output), mean, std).to(device)
        self._normalise_target = Normalise(output.mean, output.std).to(device)
        wanted = {view.key: [name for name in bands if name in view.bands] for view in views}
        wanted[target.key] = list(output.bands)
        self._rows = {view.key: [view.bands.index(name) for name in wanted[view.key]] for view in (*views, target)}

    def __call__(self, part: Part, arrays: Arrays, training: bool) -> PairBatch:
        """The batch of `part`, whose samples are `arrays`; training turns them."""
        turns = dihedral(part.keys) if training and self.augment else None
        valid = self._turned(torch.from_numpy(arrays["valid"]).to(self.device) != 0, turns)
        views = {view.pixel_size_m: self._physical(view, arrays, turns) for view in self.views}
        usable = None if valid.all() else valid
        each = self._normalise(views, usable)
        return PairBatch(
            [view.contiguous(memory_format=torch.channels_last) for view in each],
            self._normalise_target(self._physical(self.target, arrays, turns), usable),
            valid,
            torch.from_numpy(part.weight).to(self.device),
            torch.from_numpy(part.keys.view(np.int64)).to(self.device),
        )

    def _physical(self, view: View, arrays: Arrays, turns: NDArray[np.uint64] | None) -> Float[Tensor, "b c h w"]:
        rows = self._rows[view.key]
        scale, offset = (
            torch.tensor([values[row] for row in rows], device=self.device)[:, None, None]
            for values in (view.scale, view.offset)
        )
        numbers = torch.from_numpy(arrays[view.key]).to(self.device).float()[:, rows]
        return torch.addcmul(offset, self._turned(numbers, turns), scale)

    def _turned(self, batch: Tensor, turns: NDArray[np.uint64] | None) -> Tensor:
        if turns is None:
            return batch
        return torch.stack([turn(one, int(how)) for one, how in zip(batch, turns, strict=True)])
