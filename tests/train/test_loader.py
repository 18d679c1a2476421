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
        assert len(parts) == order.num_steps(0)
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


def test_batches_grow_at_their_epochs() -> None:
    order = Order(SAMPLES, 3, 0, World(), grow=((1, 2), (3, 4)))
    assert [order.batch(epoch) for epoch in range(5)] == [3, 6, 6, 12, 12]
    assert [order.num_steps(epoch) for epoch in range(4)] == [6, 3, 3, 2]
    for epoch in range(4):
        parts = order.epoch(epoch)
        assert len(parts) == order.num_steps(epoch)
        assert sorted(flat(counted(part) for part in parts)) == SAMPLES.tolist()
    # The order of samples is that of the epoch, however they are cut into batches.
    plain = Order(SAMPLES, 3, 0, World())
    assert flat(map(counted, order.epoch(3))) == flat(map(counted, plain.epoch(3)))


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 23), st.integers(1, 4))
def test_micro_batches_are_parts_of_the_global_batch_on_any_ranks(size: int, batch: int, num: int, micro: int) -> None:
    def pieces(part: Part) -> list[list[int]]:
        """What counts of each micro-batch."""
        ends = list(itertools.accumulate(part.sizes or (len(part.samples),), initial=0))
        assert ends[-1] == len(part.samples)
        every = [slice(first, end) for first, end in itertools.pairwise(ends)]
        assert all(place.stop - place.start >= 2 for place in every)
        # What fills up stands at the end.
        assert all((np.diff(part.weight[place]) <= 0).all() for place in every)
        return [part.samples[place][part.weight[place] > 0].tolist() for place in every]

    samples = np.arange(num)
    alone = [pieces(part) for part in Order(samples, batch, 1, World(), accumulate=micro).epoch(0)]
    ranks = [Order(samples, batch, 1, World(rank, size), accumulate=micro).epoch(0) for rank in range(size)]
    for one, parts in zip(alone, zip(*ranks, strict=True), strict=True):
        assert [flat(same) for same in zip(*map(pieces, parts), strict=True)] == one
    plain = Order(samples, batch, 1, World()).epoch(0)
    assert [flat(one) for one in alone] == [counted(part) for part in plain]


@given(st.integers(1, 4), st.integers(2, 9), st.integers(2, 23))
def test_partners_come_from_the_global_batch_and_do_not_depend_on_ranks(size: int, batch: int, num: int) -> None:
    def pairs(orders: list[Order]) -> dict[int, tuple[int, int, float]]:
        """Partner, its key and the own share of every sample."""
        found = {}
        for step in zip(*(order.epoch(2) for order in orders), strict=True):
            whole = set(flat(counted(part) for part in step))
            for part in step:
                assert part.mix is not None
                assert set(part.mix.samples.tolist()) <= whole
                for sample, weight, *mixed in zip(
                    part.samples, part.weight, part.mix.samples, part.mix.keys, part.mix.share, strict=True
                ):
                    if weight:
                        found[int(sample)] = (int(mixed[0]), int(mixed[1]), float(mixed[2]))
        return found

    samples = np.arange(num)
    one = pairs([Order(samples, batch, 1, World(), mixup=0.3)])
    assert pairs([Order(samples, batch, 1, World(rank, size), mixup=0.3) for rank in range(size)]) == one
    assert len(one) == num
    keys = {
        int(s): int(k)
        for p in Order(samples, batch, 1, World()).epoch(2)
        for s, k in zip(p.samples, p.keys, strict=True)
    }
    assert all(key == keys[partner] for partner, key, _ in one.values())


def test_judging_neither_mixes_nor_cuts() -> None:
    order = Order(SAMPLES, 6, 1, World(), accumulate=3, mixup=0.2, classes=np.ones((17, 1), np.uint8))
    assert all(part.mix is None and part.sizes == () for part in order.once())
    assert flat(map(counted, order.once())) == SAMPLES.tolist()


CLASSES = np.zeros((17, 3), np.uint8)
CLASSES[:12, 0] = CLASSES[12:16, 1] = CLASSES[16, 2] = 1


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_classes_are_asked_for_equally_often_on_any_ranks(size: int) -> None:
    ranks = [Order(SAMPLES, 5, 1, World(rank, size), classes=CLASSES).epoch(0) for rank in range(size)]
    drawn = flat(flat(map(counted, step)) for step in zip(*ranks, strict=True))
    assert drawn == flat(map(counted, Order(SAMPLES, 5, 1, World(), classes=CLASSES).epoch(0)))
    # 17 draws of three classes in turn.
    assert CLASSES[np.array(drawn) - 100].sum(0).tolist() == [6, 6, 5]


def test_a_sample_that_comes_several_times_has_a_key_for_each() -> None:
    part = Order(SAMPLES, 17, 1, World(), classes=CLASSES).epoch(0)[0]
    assert len(set(part.keys.tolist())) == 17
    assert (part.samples == 116).sum() == 5


def test_reading_brings_the_partners_after_the_samples() -> None:
    parts = Order(SAMPLES, 5, 1, World(), mixup=0.2).epoch(0)
    for part, arrays in read_ahead(Numbers(), parts):
        assert part.mix is not None
        assert arrays["number"].tolist() == [*part.samples, *part.mix.samples]
