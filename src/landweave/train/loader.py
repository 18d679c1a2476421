"""Batches in an order that depends on (seed, epoch) and the global batch alone, read ahead by a thread."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64, UInt64
from numpy.typing import NDArray

from landweave.parallel.world import World
from landweave.train.draw import order, sample_keys

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
class Part:
    """This rank's part of one global batch.

    Attributes:
        samples: Numbers of the samples in the source.
        keys: What everything random about each sample is drawn from.
        weight: 1, or 0 for a sample that only fills up.
    """

    samples: Int64[np.ndarray, " n"]
    keys: UInt64[np.ndarray, " n"]
    weight: Float32[np.ndarray, " n"]


@dataclass(frozen=True)
class Order:
    """How the samples of a part of the data are dealt out.

    Attributes:
        samples: Numbers of all samples.
        batch_global: Samples of one step on all ranks together.
        seed: Decides order and keys.
        world: Whose share is dealt.
    """

    samples: Int64[np.ndarray, " n"]
    batch_global: int
    seed: int
    world: World

    @property
    def steps_per_epoch(self) -> int:
        """How many global batches hold every sample once."""
        return -(-len(self.samples) // self.batch_global)

    def epoch(self, epoch: int, start: int = 0) -> list[Part]:
        """This rank's parts of the global batches from `start` on: shuffled, every sample once over all ranks.

        A rank whose part of the last global batch has fewer than two samples gets some again with weight 0, because
        batch norm needs two and every rank must take the step.
        """
        shuffled = order(self.seed, epoch, self.samples)
        keys = sample_keys(self.seed, epoch, shuffled)
        return [self._part(shuffled, keys, step) for step in range(start, self.steps_per_epoch)]

    def _part(self, samples: NDArray[np.int64], keys: NDArray[np.uint64], step: int) -> Part:
        whole = np.arange(step * self.batch_global, min((step + 1) * self.batch_global, len(samples)))
        # Contiguous parts, so that all ranks together are the global batch in its own order.
        mine = np.array_split(whole, self.world.size)[self.world.rank]
        # Fillers stand at the end, so that "the first so many count" says everything.
        filled = np.concatenate([mine, np.resize(whole, max(0, _LEAST - len(mine)))])
        weight = (np.arange(len(filled)) < len(mine)).astype(np.float32)
        return Part(samples[filled], keys[filled], weight)

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
    return part, {name: _own(array) for name, array in source.batch(part.samples).items()}


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """The array in memory: a view of a mapped file would be read only when the step needs it."""
    return array if array.flags.writeable else array.copy()
