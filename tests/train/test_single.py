"""What steps of one network share: the mean over the whole batch, the rate, the norm of gradients, and the mode."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from landweave.parallel.world import World
from landweave.train.optim import OptimiserTable
from landweave.train.single import Single
from landweave.train.step import Step, Sums


@dataclass(frozen=True)
class Pairs:
    """Numbers and what is to be told from them."""

    values: Tensor
    target: Tensor
    weight: Tensor


class Fitting(Single):
    """Half the squared difference."""

    def judge(self, batch: Pairs) -> Sums:
        return {"loss": self._loss(self.networks["main"].eval(), batch).detach(), "loss_share": self._share(batch)}

    def figures(self, sums: Sums) -> dict[str, float]:
        return {"loss": float(sums["loss"] / sums["loss_share"])}

    def _share(self, batch: Pairs) -> Tensor:
        return batch.weight.sum()

    def _loss(self, network: nn.Module, batch: Pairs) -> Tensor:
        return (batch.weight * (network(batch.values[:, None])[:, 0] - batch.target) ** 2 / 2).sum()


def line(slope: float = 0.0) -> nn.Module:
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(slope)
    return network


def fitting(network: nn.Module, **table: float) -> Fitting:
    values = {"name": "sgd", "rate": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, **table}
    return Fitting(network, table=OptimiserTable.model_validate(values), world=World(), precision="fp32")


def pairs(weight: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Pairs:
    values = torch.tensor([1.0, 2.0, 3.0])
    return Pairs(values, 2 * values, torch.tensor(weight))


def slope(step: Fitting) -> float:
    return float(next(step.networks["main"].parameters()).detach())


def test_it_is_a_step() -> None:
    assert isinstance(fitting(line()), Step)


def test_an_update_by_hand() -> None:
    step = fitting(line())
    sums = step.update(pairs(), 1.0)
    # Squares of 2, 4 and 6, halved; the gradient of their mean is -(1 * 2 + 2 * 4 + 3 * 6) / 3.
    assert float(sums["loss"]) == pytest.approx(28.0)
    assert float(sums["loss_share"]) == 3
    assert slope(step) == pytest.approx(0.1 * 28 / 3)


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_the_rate_follows_the_factor(factor: float) -> None:
    step = fitting(line())
    step.update(pairs(), factor)
    assert slope(step) == pytest.approx(factor * 0.1 * 28 / 3)


def test_what_has_no_weight_teaches_nothing() -> None:
    alone, beside = fitting(line()), fitting(line())
    alone.update(Pairs(torch.tensor([1.0]), torch.tensor([2.0]), torch.ones(1)), 1.0)
    beside.update(pairs((1.0, 0.0, 0.0)), 1.0)
    assert slope(alone) == slope(beside) == pytest.approx(0.2)


def test_a_batch_without_any_weight_changes_nothing() -> None:
    step = fitting(line(0.5))
    sums = step.update(pairs((0.0, 0.0, 0.0)), 1.0)
    assert float(sums["loss"]) == float(sums["loss_share"]) == 0
    assert slope(step) == 0.5


@pytest.mark.parametrize("norm", [1e-3, 1.0, 100.0])
def test_gradients_are_no_longer_than_asked(norm: float) -> None:
    step = fitting(line(), clip_norm=norm)
    step.update(pairs(), 1.0)
    assert slope(step) == pytest.approx(0.1 * min(norm, 28 / 3), rel=1e-4)


def test_the_loss_that_is_given_holds_no_graph() -> None:
    sums = fitting(line()).update(pairs(), 1.0)
    assert not sums["loss"].requires_grad


def test_it_learns_in_training_mode_and_judges_in_the_other() -> None:
    network = nn.Sequential(line(), nn.Dropout(0.5))
    step = Fitting(network, table=OptimiserTable(), world=World(), precision="fp32")
    step.judge(pairs())
    assert not network.training
    step.update(pairs(), 1.0)
    assert network.training


def test_it_comes_to_the_answer() -> None:
    step = fitting(line(-3.0))
    for _ in range(60):
        sums = step.update(pairs(), 1.0)
    assert slope(step) == pytest.approx(2.0, abs=1e-4)
    assert math.isclose(step.figures(sums)["loss"], 0.0, abs_tol=1e-6)
