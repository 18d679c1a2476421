"""Batches in an order that depends on (seed, epoch) and the global batch alone, read ahead by a thread."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, UInt8, UInt64
from numpy.typing import NDArray

from landweave.parallel.world import World
from landweave.train.draw import again, class_aware, order, sample_keys
from landweave.train.mixup import partners, shares

# Enough to bridge a page that must come from disk; each batch ahead costs its size in memory.
_DEPTH = 3
# Batch norm refuses a single value a channel, which a network that ends in one pixel would have.
_LEAST = 2

Arrays = Mapping[str, NDArray[Any]]


@runtime_checkable
class Source(Protocol):
    """Where samples come from: an archive, or arrays in memory."""

    def batch(self, indices: NDArray[np.int64]) -> Arrays:
        """Give the samples with these numbers: every array has one entry a sample, in that order."""


@dataclass(frozen=True)
class Mix:
    """Whom the samples of a part are blended with.

    Attributes:
        samples: Number of each one's partner in the source.
        keys: Of each partner.
        share: Of each sample in its pair.
    """

    samples: Int64[np.ndarray, " n"]
    keys: UInt64[np.ndarray, " n"]
    share: Float32[np.ndarray, " n"]


@dataclass(frozen=True)
class Part:
    """This rank's part of one global batch.

    Attributes:
        samples: Numbers of the samples in the source.
        keys: What everything random about each sample is drawn from.
        weight: 1, or 0 for a sample that only fills up.
        sizes: Samples of each micro-batch, one after the other; empty for one micro-batch of all.
        mix: Whom they are blended with, or None.
    """

    samples: Int64[np.ndarray, " n"]
    keys: UInt64[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]
    sizes: tuple[int, ...] = ()
    mix: Mix | None = None


@dataclass(frozen=True)
class Order:
    """How the samples of a part of the data are dealt out.

    Attributes:
        samples: Numbers of all samples.
        batch_global: Samples of one step on all ranks together, at first.
        seed: Decides order and keys.
        world: Whose share is dealt.
        grow: From which epochs (from 0) on the global batch is how many times as large.
        accumulate: Micro-batches that each global batch is cut into.
        mixup: Of Beta(mixup, mixup), from which the shares of mixed pairs are drawn; 0 mixes nothing.
        classes: 1 for each class of each sample, for class-aware sampling; None takes each sample once.
    """

    samples: Int64[np.ndarray, " n"]
    batch_global: int
    seed: int
    world: World
    grow: tuple[tuple[int, int], ...] = ()
    accumulate: int = 1
    mixup: float = 0.0
    classes: UInt8[np.ndarray, "n k"] | None = None

    def batch(self, epoch: int) -> int:
        """Samples of one step of an epoch on all ranks together."""
        return self.batch_global * max([1, *(times for begins, times in self.grow if begins <= epoch)])

    def num_steps(self, epoch: int) -> int:
        """How many global batches of an epoch hold every sample once."""
        return -(-len(self.samples) // self.batch(epoch))

    def epoch(self, epoch: int, start: int = 0) -> list[Part]:
        """This rank's parts of the global batches from `start` on: shuffled, every sample once over all ranks.

        A rank whose part of a micro-batch has fewer than two samples gets some again with weight 0, because batch norm
        needs two and every rank must take the step.
        """
        if self.classes is None:
            shuffled = order(self.seed, epoch, self.samples)
        else:
            shuffled = class_aware(self.seed, epoch, self.samples, self.classes)
        keys = again(sample_keys(self.seed, epoch, shuffled), shuffled)
        batch = self.batch(epoch)
        return [
            self._part(shuffled, keys, np.arange(step * batch, min((step + 1) * batch, len(shuffled))))
            for step in range(start, self.num_steps(epoch))
        ]

    def _part(self, samples: NDArray[np.int64], keys: NDArray[np.uint64], whole: NDArray[np.int64]) -> Part:
        # Micro-batches are parts of the global batch, so that the statistics of batch norm over ranks are the same on
        # any number of ranks.
        num = max(1, min(self.accumulate, len(whole) // _LEAST))
        pieces = [self._mine(piece) for piece in np.array_split(whole, num)]
        filled = np.concatenate([places for places, _ in pieces])
        weight = np.concatenate([weight for _, weight in pieces])
        sizes = tuple(len(places) for places, _ in pieces) if num > 1 else ()
        return Part(samples[filled], keys[filled], weight, sizes, self._mix(samples, keys, whole, filled))

    def _mine(self, whole: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Places of this rank's part, and their weights."""
        # Contiguous parts, so that all ranks together are the global batch in its own order.
        mine = np.array_split(whole, self.world.size)[self.world.rank]
        # Fillers stand at the end, so that "the first so many count" says everything.
        filled = np.concatenate([mine, np.resize(whole, max(0, _LEAST - len(mine)))])
        return filled, (np.arange(len(filled)) < len(mine)).astype(np.float32)

    def _mix(
        self, samples: NDArray[np.int64], keys: NDArray[np.uint64], whole: NDArray[np.int64], mine: NDArray[np.int64]
    ) -> Mix | None:
        if not self.mixup:
            return None
        # From the whole batch, whichever rank holds it: each rank reads the partners of its own samples.
        places = whole[partners(keys[mine], len(whole))]
        return Mix(samples[places], keys[places], shares(keys[mine], self.mixup))

    def once(self) -> list[Part]:
        """This rank's parts of all samples in their own order, none twice, for judging.

        A rank without samples gets one with weight 0, because every rank must take part in the sum.
        """
        mine = np.array_split(self.samples, self.world.size)[self.world.rank]
        if len(self.samples) > len(mine) == 0:
            filler = self.samples[:1]
            return [Part(filler, sample_keys(self.seed, 0, filler), np.zeros(1, np.float32))]
        per_rank = max(1, self.batch_global // self.world.size)
        pieces = [mine[first : first + per_rank] for first in range(0, len(mine), per_rank)]
        return [Part(piece, sample_keys(self.seed, 0, piece), np.ones(len(piece), np.float32)) for piece in pieces]


def read_ahead(source: Source, parts: Iterable[Part], depth: int = _DEPTH) -> Iterator[tuple[Part, Arrays]]:
    """Each part with its arrays, in order, while a thread reads the next `depth` ones.

    What goes wrong in the thread is raised here, where the part would have been given. Closing the generator ends the
    thread.
    """
    rest = iter(parts)
    # One thread: more would only compete with the network for the same cores, and reading is far faster than learning.
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        waiting = deque(thread.submit(_read, source, part) for part in itertools.islice(rest, depth))
        try:
            while waiting:
                got = waiting.popleft()
                # The next one is asked for before this one is given, so that the thread works during the step.
                waiting.extend(thread.submit(_read, source, part) for part in itertools.islice(rest, 1))
                yield got.result()
        finally:
            for left in waiting:
                left.cancel()


def _read(source: Source, part: Part) -> tuple[Part, Arrays]:
    wanted = part.samples if part.mix is None else np.concatenate([part.samples, part.mix.samples])
    return part, {name: _own(array) for name, array in source.batch(wanted).items()}


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """The array in memory: a view of a mapped file would be read only when the step needs it."""
    return array if array.flags.writeable else array.copy()
