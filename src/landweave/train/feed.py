"""Batches of a source, prepared on the device, as the loop asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from landweave.train.loader import Arrays, Order, Part, Source, read_ahead


@dataclass(frozen=True)
class SourceFeed:
    """Training and validation samples of one source.

    Attributes:
        source: Gives arrays.
        training: How training samples are dealt out.
        validation: How validation samples are.
        prepare: Makes batches of arrays.
    """

    source: Source
    training: Order
    validation: Order
    prepare: Callable[[Part, Arrays, bool], Any]

    def num_steps(self, epoch: int) -> int:
        """Updates of an epoch."""
        return self.training.num_steps(epoch)

    def num_samples(self, epoch: int, step: int) -> int:
        """How many samples all ranks have seen after `step` updates of an epoch."""
        return min(step * self.training.batch(epoch), len(self.training.samples))

    def epoch(self, epoch: int, start: int) -> Iterator[Any]:
        """This rank's parts of the batches of an epoch, from step `start` of it on, augmented."""
        yield from self._batches(self.training.epoch(epoch, start), training=True)

    def judged(self) -> Iterator[Any]:
        """This rank's part of the validation samples."""
        yield from self._batches(self.validation.once(), training=False)

    def _batches(self, parts: list[Part], training: bool) -> Iterator[Any]:
        with closing(read_ahead(self.source, parts)) as ready:  # type: ignore[type-var]
            for part, arrays in ready:
                yield self.prepare(part, arrays, training)
