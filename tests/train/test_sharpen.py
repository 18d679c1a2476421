"""Learning to sharpen: batches of Wald's protocol, and a step worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from landweave.models.pair.dsen2 import DSen2
from landweave.models.pair.sharpener import View
from landweave.parallel.world import World
from landweave.train.loader import Part
from landweave.train.optim import OptimiserTable
from landweave.train.sharpen import SharpenBatch, SharpenFeed, Sharpening, order_of

VIEWS = (View(10.0, ("B02",), (0.2,), (0.1,)), View(20.0, ("B05", "B06"), (0.3, 0.4), (0.1, 0.2)))


class Memory:
    """Samples of 8 x 8 target pixels in memory."""

    def __init__(self, num: int) -> None:
        rng = np.random.default_rng(0)
        self.arrays = {
            "data_10m": rng.random((num, 1, 8, 8), np.float32),
            "data_20m": rng.random((num, 2, 4, 4), np.float32),
            "target": rng.random((num, 2, 8, 8), np.float32),
        }

    def batch(self, indices: NDArray[np.int64]) -> Mapping[str, NDArray[np.float32]]:
        return {name: array[indices] for name, array in self.arrays.items()}


def feed(augment: bool = True, num: int = 5, batch: int = 2) -> SharpenFeed:
    orders = (order_of(size, batch, 1, World()) for size in (num, 3))
    return SharpenFeed(Memory(num), Memory(3), *orders, VIEWS, torch.device("cpu"), augment)


def test_an_epoch_is_every_sample_once() -> None:
    found = feed()
    batches = list(found.epoch(0, 0))
    assert [len(batch.target) for batch in batches] == [2, 2, 2]
    assert [batch.weight.tolist() for batch in batches] == [[1, 1], [1, 1], [1, 0]]
    assert found.num_steps(0) == 3
    assert [found.num_samples(0, step) for step in range(4)] == [0, 2, 4, 5]


def test_it_goes_on_where_it_stopped() -> None:
    whole, rest = list(feed().epoch(2, 0)), list(feed().epoch(2, 1))
    assert len(rest) == 2
    for one, other in zip(whole[1:], rest, strict=True):
        assert torch.equal(one.values, other.values)
        assert torch.equal(one.target, other.target)


def test_values_are_normalised_and_on_the_finest_pixels() -> None:
    memory = Memory(3)
    batch = next(iter(feed().judged()))
    assert batch.values.shape == (2, 3, 8, 8)
    np.testing.assert_allclose(batch.values[:, :1], (memory.arrays["data_10m"][:2] - 0.2) / 0.1, rtol=1e-5, atol=1e-5)
    wanted = (memory.arrays["target"][:2] - np.array([0.3, 0.4])[:, None, None]) / np.array([0.1, 0.2])[:, None, None]
    np.testing.assert_allclose(batch.target, wanted, rtol=1e-5, atol=1e-5)
    # The corner of an interpolated band is that of the coarse pixel.
    np.testing.assert_allclose(
        batch.values[:, 2, 0, 0], (memory.arrays["data_20m"][:2, 1, 0, 0] - 0.4) / 0.2, rtol=1e-5
    )


def test_input_and_target_turn_together() -> None:
    plain, turned = (
        torch.cat([torch.cat([b.values, b.target], 1) for b in feed(augment, num=4, batch=4).epoch(0, 0)])
        for augment in (False, True)
    )
    symmetries = [torch.rot90(plain, k, (2, 3)) for k in range(4)]
    symmetries += [one.flip(-1) for one in symmetries]
    found = [[torch.allclose(one[i], turned[i], atol=1e-6) for one in symmetries].index(True) for i in range(4)]
    assert len(set(found)) > 1


def batch_of(values: torch.Tensor, target: torch.Tensor, weight: list[float]) -> SharpenBatch:
    return SharpenBatch(values, target, torch.tensor(weight))


def step(network: nn.Module | None = None, rate: float = 0.5, **table: object) -> Sharpening:
    sgd = OptimiserTable.model_validate({"name": "sgd", "rate": rate, "momentum": 0, "weight_decay": 0, **table})
    made = network or DSen2(3, 2, width=4, depth=1)
    return Sharpening(made, table=sgd, view=VIEWS[1], world=World(), precision="fp32")


def random_batch(weight: list[float]) -> SharpenBatch:
    generator = torch.Generator().manual_seed(3)
    shape = len(weight), 3, 8, 8
    values = torch.rand(shape, generator=generator)
    return batch_of(values, torch.rand(shape, generator=generator)[:, :2], weight)


def test_the_loss_is_the_mean_absolute_difference() -> None:
    batch = random_batch([1, 1])
    sums = step().update(batch, 1.0)
    wanted = (batch.values[:, 1:] - batch.target).abs()
    assert float(sums["loss"] / sums["loss_share"]) == pytest.approx(float(wanted.mean()), rel=1e-5)


def test_an_update_is_that_of_the_mean() -> None:
    torch.manual_seed(0)
    mine = DSen2(3, 2, width=4, depth=1)
    nn.init.normal_(mine.tail.weight)
    other = DSen2(3, 2, width=4, depth=1)
    other.load_state_dict(mine.state_dict())
    batch = random_batch([1, 1])
    step(mine).update(batch, 0.1)
    (other(batch.values) - batch.target).abs().mean().backward()  # type: ignore[no-untyped-call]
    for one, two in zip(mine.parameters(), other.parameters(), strict=True):
        assert two.grad is not None
        torch.testing.assert_close(one, two - 0.05 * two.grad)


def test_what_only_fills_up_does_not_count() -> None:
    full, part = step(), step()
    part.networks["main"].load_state_dict(full.networks["main"].state_dict())
    both = random_batch([1, 0])
    first = batch_of(both.values[:1], both.target[:1], [1])
    sums, wanted = part.update(both, 1.0), full.update(first, 1.0)
    assert sums["loss"] == pytest.approx(float(wanted["loss"]))
    assert sums["loss_share"] == wanted["loss_share"] == 128
    for one, two in zip(*(each.networks["main"].parameters() for each in (full, part)), strict=True):
        torch.testing.assert_close(one, two)


def test_figures_by_hand() -> None:
    made = step()
    values = torch.zeros(1, 3, 8, 8)
    target = torch.stack([torch.full((8, 8), 2.0), torch.full((8, 8), -1.0)])[None]
    # A fresh network interpolates: differences of 2 and 1 standard deviations.
    figures = made.figures(made.judge(batch_of(values, target, [1])))
    assert figures["loss"] == pytest.approx(1.5)
    assert figures["rmse_B05"] == pytest.approx(0.2)
    assert figures["rmse_B06"] == pytest.approx(0.2)
    assert figures["rmse_by_bilinear"] == pytest.approx(1.0)


def test_sums_of_batches_are_those_of_the_whole() -> None:
    made, batch = step(), random_batch([1, 1, 1])
    whole = made.judge(batch)
    halves = [
        made.judge(batch_of(batch.values[part], batch.target[part], [1] * n))
        for part, n in ((slice(0, 1), 1), (slice(1, 3), 2))
    ]
    for name in whole:
        torch.testing.assert_close(halves[0][name] + halves[1][name], whole[name])


def test_long_gradients_are_cut() -> None:
    made = step(rate=1.0, clip_norm=1e-6)
    before = [weight.clone() for weight in made.networks["main"].parameters()]
    made.update(random_batch([1, 1]), 1.0)
    moved = [float((a - b).detach().norm()) for a, b in zip(made.networks["main"].parameters(), before, strict=True)]
    assert 0 < sum(value**2 for value in moved) ** 0.5 <= 1.1e-6


def test_parts_without_samples_are_not_judged() -> None:
    empty = order_of(0, 2, 1, World())
    assert empty.once() == []
    assert isinstance(order_of(2, 2, 1, World()).once()[0], Part)
