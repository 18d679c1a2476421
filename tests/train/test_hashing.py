"""Central similarity by hand, patches without a cluster, and a step that learns codes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from landweave.legend import IGNORE
from landweave.models.patch.hashing import Hashing, centres
from landweave.parallel.world import World
from landweave.train.hashing import Coding, central_similarity
from landweave.train.optim import OptimiserTable
from landweave.train.prepare import Batch


def batch(num: int = 12, seed: int = 0) -> Batch:
    kinds = torch.arange(num) % 3
    noise = 0.1 * torch.randn(num, 2, 32, 32, generator=torch.Generator().manual_seed(seed))
    values = (kinds.float() - 1)[:, None, None, None] + noise
    return Batch(values, kinds, torch.ones(num), torch.arange(num), num)


def step(quantisation: float = 0.01) -> Coding:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Hashing(2, 3, bits=16, width=4)
    table = OptimiserTable(rate=1e-2)
    return Coding(network, table=table, quantisation=quantisation, world=World(), precision="fp32")


def test_by_hand() -> None:
    wanted = torch.tensor([[True, False]])
    found = central_similarity(torch.tensor([[0.0, math.log(3.0)]]), wanted, torch.tensor([0]), 2.0)
    # Probabilities 1/2 and 3/4 of bits that shall be 1 and 0; |2 p - 1| is 0 and 1/2.
    central = (math.log(2) + math.log(4)) / 2
    unsure = (math.log(math.cosh(1.0)) + math.log(math.cosh(0.5))) / 2
    assert float(found) == pytest.approx(central + 2 * unsure)


def test_sure_and_right_bits_cost_nothing() -> None:
    wanted = torch.from_numpy(centres(3, 16))
    scores = torch.where(wanted, 40.0, -40.0)
    torch.testing.assert_close(central_similarity(scores, wanted, torch.arange(3), 1.0), torch.zeros(3))


def test_patches_without_a_cluster_teach_nothing() -> None:
    learning, known = step(), batch(12)
    target = torch.where(torch.arange(12) < 6, known.target, IGNORE)
    some = Batch(known.values, target, known.weight, known.keys, 12)
    sums = learning.judge(some)
    assert float(sums["loss_share"]) == 6
    none = Batch(known.values, torch.full((12,), IGNORE), known.weight, known.keys, 12)
    before = [weight.detach().clone() for weight in learning.networks["main"].parameters()]
    table = learning.table.model_copy(update={"weight_decay": 0.0})
    still = Coding(learning.networks["main"], table=table, quantisation=0.0, world=World(), precision="fp32")  # type: ignore[arg-type]
    assert float(still.update(none, 1.0)["loss"]) == 0
    for weight, old in zip(learning.networks["main"].parameters(), before, strict=True):
        torch.testing.assert_close(weight, old)


def test_learning_brings_codes_to_their_centres() -> None:
    learning = step()
    for _ in range(60):
        learning.update(batch(), 1.0)
    figures = learning.figures(learning.judge(batch(seed=5)))
    assert figures["code_accuracy"] == 1
    with torch.inference_mode():
        told = (learning.networks["main"].eval()(batch(seed=5).values) > 0).numpy()
    wanted = centres(3, 16)[batch().target.numpy()]
    assert np.mean(told == wanted) > 0.9


@pytest.mark.parametrize("score", [-2.0, -0.3, 0.3, 2.0])
def test_the_second_term_draws_bits_away_from_the_middle(score: float) -> None:
    slopes = []
    for quantisation in (0.0, 1.0):
        scores = torch.tensor([[score]], requires_grad=True)
        central_similarity(scores, torch.tensor([[True]]), torch.tensor([0]), quantisation).sum().backward()
        assert scores.grad is not None
        slopes.append(float(scores.grad))
    # A descent goes against the slope: outwards.
    assert (slopes[1] - slopes[0]) * score < 0
