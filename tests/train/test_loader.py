"""The order of samples: each once an epoch, whatever the number of ranks; read ahead by a thread."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import ArchiveError
from landweave.parallel.world import World
from landweave.train.loader import Order, Part, read_ahead

SAMPLES = np.arange(100, 117)


class Numbers:
    """A source whose arrays are the numbers of the samples; remembers what was asked for."""

    def __init__(self, broken: int | None = None) -> None:
        self.asked: list[int] = []
        self.broken = broken

    def batch(self, indices: np.ndarray[Any, Any]) -> Mapping[str, np.ndarray[Any, Any]]:
        if self.broken in indices:
            raise ArchiveError("a shard", "a whole one", "cut it again")
        self.asked.extend(indices.tolist())
        return {"number": indices.copy()}


def orders(size: int, batch: int = 5, samples: np.ndarray[Any, Any] = SAMPLES, seed: int = 3) -> list[Order]:
    return [Order(samples, batch, seed, World(rank, size)) for rank in range(size)]


def counted(part: Part) -> list[int]:
    return part.samples[part.weight > 0].tolist()


def flat(parts: Iterable[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(parts))


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 23), st.integers(0, 5))
def test_every_sample_once_an_epoch_in_the_same_global_batches(size: int, batch: int, num: int, epoch: int) -> None:
    samples = np.arange(50, 50 + num)
    one = [counted(part) for part in orders(1, batch, samples)[0].epoch(epoch)]
    ranks = [[counted(part) for part in order.epoch(epoch)] for order in orders(size, batch, samples)]
    together = [flat(parts) for parts in zip(*ranks, strict=True)]
    assert together == one
    assert sorted(flat(one)) == samples.tolist()


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 23))
def test_every_rank_has_two_samples_at_least_in_every_step(size: int, batch: int, num: int) -> None:
    for order in orders(size, batch, np.arange(num)):
        parts = order.epoch(0)
        assert len(parts) == order.steps_per_epoch
        assert all(len(part.samples) >= 2 for part in parts)
        assert all(len(part.samples) == len(part.keys) == len(part.weight) for part in parts)


@given(st.integers(1, 5), st.integers(1, 40))
def test_judging_takes_each_sample_once(size: int, num: int) -> None:
    samples = np.arange(num)
    taken = [counted(part) for order in orders(size, 8, samples) for part in order.once()]
    assert flat(taken) == samples.tolist()


def test_the_order_depends_on_seed_and_epoch() -> None:
    seen = {
        tuple(flat(counted(part) for part in orders(1, seed=seed)[0].epoch(epoch)))
        for seed in (1, 2)
        for epoch in (0, 1, 2)
    }
    assert len(seen) == 6


def test_an_epoch_from_its_middle_is_the_rest_of_it() -> None:
    order = orders(1)[0]
    whole, rest = order.epoch(2), order.epoch(2, start=2)
    assert len(rest) == len(whole) - 2 > 0
    for mine, other in zip(whole[2:], rest, strict=True):
        assert (mine.samples == other.samples).all()
        assert (mine.keys == other.keys).all()


def test_keys_belong_to_samples_not_to_places() -> None:
    def by_sample(order: Order, epoch: int) -> dict[int, int]:
        return {int(s): int(k) for p in order.epoch(epoch) for s, k in zip(p.samples, p.keys, strict=True)}

    one, of_other_batch = by_sample(orders(1)[0], 0), by_sample(orders(1, batch=3)[0], 0)
    assert one == of_other_batch
    assert one != by_sample(orders(1)[0], 1)


def test_parts_come_in_order_with_their_arrays() -> None:
    parts, source = orders(1)[0].epoch(0), Numbers()
    for wanted, (part, arrays) in zip(parts, read_ahead(source, parts), strict=True):
        assert part is wanted
        assert (arrays["number"] == part.samples).all()


def test_an_error_in_the_thread_comes_where_its_part_would_have_come() -> None:
    parts = orders(1)[0].epoch(0)
    ready = read_ahead(Numbers(broken=int(parts[2].samples[0])), parts)
    assert [next(ready)[0] for _ in range(2)] == parts[:2]
    with pytest.raises(ArchiveError):
        next(ready)


def test_an_error_that_nobody_foresaw_does_not_hang() -> None:
    class Odd(Numbers):
        def batch(self, indices: np.ndarray[Any, Any]) -> Mapping[str, np.ndarray[Any, Any]]:
            raise IndexError("odd")

    with pytest.raises(IndexError):
        next(read_ahead(Odd(), orders(1)[0].epoch(0)))


def test_closing_ends_the_thread_and_it_reads_no_further_than_told() -> None:
    source, parts = Numbers(), Order(np.arange(1000), 10, 0, World()).epoch(0)
    with closing(read_ahead(source, parts, depth=2)) as ready:  # type: ignore[type-var]
        next(ready)
        time.sleep(0.1)
        assert len(source.asked) <= 10 * (1 + 2 + 1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_views_of_files_are_read_by_the_thread() -> None:
    class Mapped(Numbers):
        def batch(self, indices: np.ndarray[Any, Any]) -> Mapping[str, np.ndarray[Any, Any]]:
            view = np.zeros(3)
            view.flags.writeable = False
            return {"view": view}

    assert all(arrays["view"].flags.writeable for _, arrays in read_ahead(Mapped(), orders(1)[0].epoch(0)))
