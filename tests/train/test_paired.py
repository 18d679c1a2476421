"""Batches of pairs: physical values normalised on both sides, views that turn together, and what is not valid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from landweave.models.pair.output import Output
from landweave.parallel.world import World
from landweave.train.feed import SourceFeed
from landweave.train.loader import Order, Part
from landweave.train.paired import PairBatch, PreparePairs
from landweave.train.prepare import View

FINE = View("data_10m", 10.0, ("B02", "B03"), (0.5, 1.0), (1.0, -1.0))
HALF = View("data_20m", 20.0, ("B11",), (1.0,), (0.0,))
TARGET = View("target_30m", 30.0, ("R", "G", "N"), (0.1, 0.1, 0.1), (-1.0, -1.0, -1.0))
OUTPUT = Output("mine", ("N", "R"), 30.0, "reflectance", (2.0, 3.0), (4.0, 5.0), (10.0, 20.0))


class Memory:
    """Pairs in memory."""

    def __init__(self, num: int, px: int = 4) -> None:
        rng = np.random.default_rng(0)
        self.arrays: dict[str, np.ndarray[Any, Any]] = {
            "data_10m": rng.integers(0, 1000, (num, 2, 3 * px, 3 * px), np.uint16),
            "data_20m": rng.integers(0, 1000, (num, 1, 3 * px // 2, 3 * px // 2), np.uint16),
            "target_30m": rng.integers(0, 1000, (num, 3, px, px), np.uint16),
            "valid": rng.random((num, px, px)) > 0.2,
        }

    def batch(self, indices: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, np.ndarray[Any, Any]]:
        return {name: array[indices] for name, array in self.arrays.items()}


def prepare(augment: bool = False) -> PreparePairs:
    return PreparePairs(
        (FINE, HALF), TARGET, OUTPUT, bands=("B03", "B11"), mean=(10.0, 20.0), std=(2.0, 4.0),
        device=torch.device("cpu"), augment=augment,
    )  # fmt: skip


def batches(memory: Memory, augment: bool = False) -> list[PairBatch]:
    order = Order(np.arange(len(memory.arrays["valid"])), 3, 1, World())
    return list(SourceFeed(memory, order, order, prepare(augment)).epoch(0, 0))


def test_bands_are_chosen_decoded_and_normalised() -> None:
    memory = Memory(2)
    memory.arrays["valid"][:] = True
    part = Part(np.arange(2), np.arange(2, dtype=np.uint64), np.ones(2, np.float32))
    found = prepare()(part, memory.batch(part.samples), training=False)
    arrays = memory.arrays
    np.testing.assert_allclose(found.views[0][:, 0], (arrays["data_10m"][:, 1] - 1.0 - 10) / 2)
    np.testing.assert_allclose(found.views[1][:, 0], (arrays["data_20m"][:, 0] - 20.0) / 4)
    told = np.stack(
        [(arrays["target_30m"][:, band] * 0.1 - 1 - mean) / std for band, mean, std in ((2, 2, 4), (0, 3, 5))], 1
    )
    np.testing.assert_allclose(found.target, told, atol=1e-5)
    assert (found.weight.tolist(), found.keys.tolist()) == ([1, 1], [0, 1])
    assert found.valid.all()


def test_what_is_not_valid_is_zero_on_both_sides() -> None:
    for batch in batches(Memory(5)):
        out = ~batch.valid
        assert not batch.target.movedim(1, -1)[out].any()
        assert not batch.views[0].movedim(1, -1)[out.repeat_interleave(3, 1).repeat_interleave(3, 2)].any()


def test_views_target_and_valid_turn_together() -> None:
    """A pair that shows the same on every pixel shows the same after it was turned."""
    memory = Memory(9, px=4)
    rows = np.arange(4)[:, None] * 40 + np.arange(4) * 3
    memory.arrays["target_30m"][:] = rows
    memory.arrays["data_10m"][:] = rows.repeat(3, 0).repeat(3, 1)
    memory.arrays["valid"][:] = True
    memory.arrays["valid"][:, 0, 1] = False
    seen = set()
    for batch in batches(memory, augment=True):
        means = torch.nn.functional.avg_pool2d(batch.views[0], 3)[:, 0] * 2 + 10 + 1
        told = (batch.target[:, 1] * 5 + 3 + 1) * 10
        torch.testing.assert_close(means[batch.valid], told[batch.valid], rtol=1e-4, atol=1e-3)
        assert int((~batch.valid).sum()) == len(batch.valid)
        seen |= {tuple(one.flatten().tolist()) for one in batch.valid}
    assert len(seen) > 2


def test_the_last_batch_is_filled_with_what_does_not_count() -> None:
    last = batches(Memory(4))[-1]
    assert last.weight.tolist() == [1, 0]
    assert not last.counted[1].any()
    assert float(last.counted.sum()) == float(last.valid[0].sum())


@pytest.mark.parametrize("bands", [("B03",), ("B02", "B03", "B11")])
def test_a_band_too_few_or_too_many_fits_its_statistics(bands: tuple[str, ...]) -> None:
    sizes = tuple(10.0 if name != "B11" else 20.0 for name in bands)
    output = Output("mine", ("N",), 30.0, "reflectance", (0.0,), (1.0,), sizes)
    views = (FINE, HALF) if "B11" in bands else (FINE,)
    made = PreparePairs(views, TARGET, output, bands=bands, mean=(0.0,) * len(bands), std=(1.0,) * len(bands),
                        device=torch.device("cpu"), augment=False)  # fmt: skip
    part = Part(np.arange(2), np.arange(2, dtype=np.uint64), np.ones(2, np.float32))
    assert [view.shape[1] for view in made(part, Memory(2).batch(part.samples), training=False).views] == [
        sum(name in view.bands for name in bands) for view in views
    ]
