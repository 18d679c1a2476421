"""NT-Xent by hand, fillers that count for nothing, and a step that learns."""

from __future__ import annotations

import math

import pytest
import torch

from landweave.models.table import build
from landweave.parallel.world import World
from landweave.train.contrast import Contrast, Projected, nt_xent
from landweave.train.looks import LooksTable
from landweave.train.optim import OptimiserTable
from landweave.train.prepare import Batch


def batch(num: int = 8, fillers: int = 0, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    levels = torch.arange(num).float()[:, None, None, None] - num / 2
    values = levels + 0.1 * torch.randn(num, 2, 32, 32, generator=generator)
    weight = (torch.arange(num) < num - fillers).float()
    return Batch(values, torch.full((num,), 255), weight, torch.arange(num) * 7919, num - fillers)


def step(seed: int = 0) -> Contrast:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Projected(build("resnet18", 2, 1, width=4), 32, 8)
    table = OptimiserTable(rate=1e-2)
    looks = LooksTable(brightness=0.05, contrast=0.05)
    return Contrast(network, table=table, looks=looks, temperature=0.2, world=World(), precision="fp32")


def test_by_hand() -> None:
    # Two patches whose looks are alike and at right angles to each other's: cosines 1 and 0.
    directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    total, found = nt_xent(directions, torch.ones(2), 0.5)
    # Of three others one has e**2, two have e**0.
    assert float(total) == pytest.approx(4 * math.log((math.exp(2) + 2) / math.exp(2)))
    assert float(found) == 4


def test_looks_that_find_another_are_not_counted() -> None:
    directions = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]])
    total, found = nt_xent(directions, torch.ones(2), 1.0)
    # The second patch's looks find each other (0.96); the first one's do not, being at right angles.
    assert float(found) == 2
    # The first look's partner is at right angles to it; the others have cosines 0.8 and 0.6.
    first = math.log(math.exp(0.8) + math.exp(0.0) + math.exp(0.6))
    assert float(total) > first


def test_fillers_count_neither_as_looks_nor_as_others() -> None:
    generator = torch.Generator().manual_seed(3)
    directions = torch.nn.functional.normalize(torch.randn(6, 5, generator=generator), dim=1)
    kept = directions[[0, 1, 3, 4]]
    with_filler = nt_xent(directions, torch.tensor([1.0, 1.0, 0.0]), 0.3)
    without = nt_xent(kept, torch.ones(2), 0.3)
    for mine, theirs in zip(with_filler, without, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_learning_draws_looks_together() -> None:
    learning = step()
    before = learning.figures(learning.judge(batch()))
    for _ in range(15):
        sums = learning.update(batch(), 1.0)
        assert float(sums["loss_share"]) == 16
    after = learning.figures(learning.judge(batch()))
    assert after["loss"] < 0.7 * before["loss"]
    assert after["found"] > 0.9


def test_the_same_batch_is_judged_the_same() -> None:
    one, other = (step().judge(batch(fillers=2)) for _ in range(2))
    assert float(one["loss_share"]) == 12
    for name, value in one.items():
        torch.testing.assert_close(value, other[name])


def test_long_gradients_are_cut() -> None:
    learning = step()
    learning.table = learning.table.model_copy(update={"clip_norm": 1e-6, "name": "sgd"})
    before = [weight.detach().clone() for weight in learning.networks["main"].parameters()]
    learning.update(batch(), 1.0)
    gradients = [weight.grad for weight in learning.networks["main"].parameters() if weight.grad is not None]
    assert torch.stack([gradient.norm() for gradient in gradients]).norm() <= 1.1e-6
    assert len(before) >= len(gradients)
