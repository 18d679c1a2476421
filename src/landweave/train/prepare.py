"""From stored numbers to what a network takes, on the device and on whole batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from numpy.typing import NDArray
from torch import Tensor

from landweave.legend import IGNORE
from landweave.models.normalise import Normalise
from landweave.models.upsample import to_finest
from landweave.train.draw import dihedral
from landweave.train.loader import Arrays, Part

Task = Literal["pixels", "patches", "multilabel"]


@dataclass(frozen=True)
class View:
    """How the bands of one pixel size stand in a source.

    Attributes:
        key: Name of the array, of shape (n, bands, height, width).
        pixel_size_m: Edge of a pixel.
        bands: Names in the order of the array.
        scale: Physical value of one step of the stored number, for each band.
        offset: Physical value of the stored number 0, for each band.
    """

    key: str
    pixel_size_m: float
    bands: tuple[str, ...]
    scale: tuple[float, ...]
    offset: tuple[float, ...]


@dataclass(frozen=True)
class Batch:
    """What a step takes.

    Attributes:
        values: Normalised bands at the finest pixel size.
        target: Class indices of pixels (b h w) or patches (b), or 0 and 1 of several labels (b k); IGNORE if unknown.
        weight: Of each sample; 0 leaves it out.
        keys: What everything random about each sample is drawn from.
        num_samples: How many count; the others have weight 0, and stand at the end of their micro-batch.
        sizes: Samples of each micro-batch and how many of them count; empty for one micro-batch of all.
        second: Target of each sample's partner where samples are mixed, else None.
        share: Of each sample's own target where samples are mixed.
        beside: Normalised bands of another sensor that sees the same land, on its own pixels; None for none.
    """

    values: Float[Tensor, "b c h w"]
    target: Shaped[Tensor, "b ..."]
    weight: Float[Tensor, " b"]
    keys: Int64[Tensor, " b"]
    num_samples: int
    sizes: tuple[tuple[int, int], ...] = ()
    second: Shaped[Tensor, "b ..."] | None = None
    share: Float[Tensor, " b"] | None = None
    beside: Float[Tensor, "b c2 h2 w2"] | None = None

    @property
    def views(self) -> tuple[Float[Tensor, "b _ _ _"], ...]:
        """What a network takes: the bands of one sensor, or of two."""
        return (self.values,) if self.beside is None else (self.values, self.beside)

    def micro_batches(self) -> Iterator[Batch]:
        """The micro-batches, one after the other."""
        if not self.sizes:
            yield self
            return
        places = itertools.accumulate((size for size, _ in self.sizes), initial=0)
        for first, (size, counting) in zip(places, self.sizes, strict=False):
            mine = slice(first, first + size)
            second, share, beside = (
                None if one is None else one[mine] for one in (self.second, self.share, self.beside)
            )
            parts = self.values[mine], self.target[mine], self.weight[mine], self.keys[mine]
            yield Batch(*parts, counting, (), second, share, beside)

    def targets(self) -> list[tuple[Shaped[Tensor, "b ..."], Float[Tensor, " b"]]]:
        """Every target with the weight of each sample in it: one, or two where samples are mixed."""
        if self.second is None or self.share is None:
            return [(self.target, self.weight)]
        return [(self.target, self.weight * self.share), (self.second, self.weight * (1 - self.share))]


class Prepare:
    """Decodes, brings to the finest pixel size, normalises and augments.

    Args:
        views: How the source stores the bands.
        bands: Names in the order in which the network takes them.
        mean: Of each of `bands`, in its unit.
        std: Of each of `bands`.
        task: Which target is made.
        device: Where.
        channels_last: Whether the values' channels stand last in memory.
        augment: Whether training turns and mirrors patches (the eight symmetries of the square).
        repeats: Whether coarse pixels are repeated, not interpolated.
    """

    def __init__(
        self,
        views: Sequence[View],
        bands: Sequence[str],
        *,
        mean: Sequence[float],
        std: Sequence[float],
        task: Task,
        device: torch.device,
        channels_last: bool = True,
        augment: bool = False,
        repeats: bool = False,
    ) -> None:
        # The stacked bands come in this order; the finest view first is also the one that needs no upsampling.
        self.views = tuple(sorted(views, key=lambda view: view.pixel_size_m))
        self.task, self.device, self.augment, self.repeats = task, device, augment, repeats
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        stacked = [band for view in self.views for band in view.bands]
        self._rows = [stacked.index(band) for band in bands]
        self._in_order = self._rows == list(range(len(stacked)))
        self._normalise = Normalise(mean, std).to(device)
        self._scale = {view.key: _column(view.scale, device) for view in views}
        self._offset = {view.key: _column(view.offset, device) for view in views}

    def __call__(self, part: Part, arrays: Arrays, training: bool) -> Batch:
        """The batch of `part`, whose samples (and after them their partners) are `arrays`; training augments."""
        mix = part.mix
        keys = part.keys if mix is None else np.concatenate([part.keys, mix.keys])
        # Turned while they are small integers: less to move than normalised values of all bands.
        turns = dihedral(keys) if training and self.augment else None
        valid = self._turned(arrays["valid"], turns) != 0 if "valid" in arrays else None
        values = self._normalise(self._values(arrays, turns), valid)
        target, second, share = self._target(arrays, valid, turns), None, None
        if mix is not None:
            share = self._send(mix.share)
            # Blended after normalising: what is not valid is the mean, and takes nothing from its partner's place.
            values = torch.lerp(*reversed(values.chunk(2)), share.view(-1, 1, 1, 1))  # type: ignore[call-overload]
            target, second = target.chunk(2)
        fillers = part.weight == 0
        return Batch(
            values.to(memory_format=self.format),
            _unknown(target, fillers),
            self._send(part.weight),
            self._send(part.keys.view(np.int64)),
            int((~fillers).sum()),
            _counted(part),
            second,
            share,
        )

    def _values(self, arrays: Arrays, turns: NDArray[np.uint64] | None) -> Float[Tensor, "b c h w"]:
        physical: dict[float, Tensor] = {}
        for view in self.views:
            numbers = self._turned(arrays[view.key], turns).float()
            values = torch.addcmul(self._offset[view.key], numbers, self._scale[view.key])
            # Bands that a network brought to the finest pixels are a view of their own.
            finer = physical.get(view.pixel_size_m)
            physical[view.pixel_size_m] = values if finer is None else torch.cat([finer, values], 1)
        stacked = to_finest(physical, self.repeats)
        return stacked if self._in_order else stacked[:, self._rows]

    def _target(
        self, arrays: Arrays, valid: Tensor | None, turns: NDArray[np.uint64] | None
    ) -> Shaped[Tensor, "b ..."]:
        if self.task == "pixels":
            mask = self._turned(arrays["mask"], turns)
            return mask if valid is None else torch.where(valid, mask, IGNORE)
        classes = self._send(arrays["classes"])
        return classes if self.task == "multilabel" else single_label(classes)

    def _turned(self, array: NDArray[Any], turns: NDArray[np.uint64] | None) -> Tensor:
        sent = self._send(array)
        if turns is None:
            return sent
        # torch moves 16-bit integers only as signed ones; the bits stay the same.
        moved = sent.view(torch.int16) if sent.dtype == torch.uint16 else sent
        return torch.stack([turn(one, int(how)) for one, how in zip(moved, turns, strict=True)]).view(sent.dtype)

    def _send(self, array: NDArray[Any]) -> Tensor:
        # Pinned memory lets the copy go on while the device still computes the step before.
        sent = torch.from_numpy(array)
        return sent.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else sent


def turn(x: Shaped[Tensor, "... h w"], how: int) -> Shaped[Tensor, "... h2 w2"]:
    """x turned by how % 4 quarter turns, then mirrored left to right when how is 4 or more (a view, no copy).

    A patch that is no square only takes half turns: a quarter turn is left away.
    """
    quarters = how % 4 if x.shape[-1] == x.shape[-2] else how % 4 // 2 * 2
    x = torch.rot90(x, quarters, (-2, -1)) if quarters else x
    return x.flip(-1) if how >= 4 else x


def single_label(classes: Shaped[Tensor, "b k"]) -> Int64[Tensor, " b"]:
    """Index of the one label of each sample; IGNORE where it has none or several."""
    present = classes == 1
    return torch.where(present.sum(1) == 1, present.int().argmax(1), IGNORE)


def _unknown(target: Shaped[Tensor, "b ..."], fillers: NDArray[np.bool_]) -> Shaped[Tensor, "b ..."]:
    # Judging counts places, not weights: what only fills up must have no label either.
    if not fillers.any():
        return target
    target = target.clone()
    target[torch.from_numpy(fillers)] = IGNORE
    return target


def _counted(part: Part) -> tuple[tuple[int, int], ...]:
    """Samples of each micro-batch, and how many of them count."""
    ends = itertools.pairwise(itertools.accumulate(part.sizes, initial=0))
    return tuple((end - first, int((part.weight[first:end] > 0).sum())) for first, end in ends)


def _column(values: Sequence[float], device: torch.device) -> Float[Tensor, "c 1 1"]:
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]
