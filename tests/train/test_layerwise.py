"""LARS and LAMB: the papers' arithmetic in NumPy, somebody else's program, resumed bit for bit, and that they learn."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pytorch_optimizer
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import Optimizer

from landweave.train import checkpoint, lamb, lars
from landweave.train.lamb import Lamb, Moments
from landweave.train.lars import Lars
from landweave.train.optim import OptimiserTable, build

SHAPES = [(4, 3, 3, 3), (5, 4), (7,)]
STEPS = 6


def tensors(seed: int, scale: float = 1.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def zeros() -> list[torch.Tensor]:
    return [torch.zeros(shape, dtype=torch.float64) for shape in SHAPES]


def numpy_lamb(x: Any, g: Any, m: Any, v: Any, step: int, rate: float, decay: float) -> tuple[Any, Any, Any]:
    """Algorithm 2 of You et al. 2020 as printed, for one layer."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    r = (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-6)
    u = r + decay * x
    return x - rate * np.sqrt((x**2).sum()) / np.sqrt((u**2).sum()) * u, m, v


def numpy_lars(w: Any, g: Any, v: Any, rate: float, decay: float) -> tuple[Any, Any]:
    """Algorithm 1 of You et al. 2017 as printed, for one layer, with its trust coefficient of 0.001."""
    local = 0.001 * np.sqrt((w**2).sum()) / (np.sqrt((g**2).sum()) + decay * np.sqrt((w**2).sum()))
    v = 0.9 * v + rate * local * (g + decay * w)
    return w - v, v


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lamb_is_the_papers_algorithm(decay: float) -> None:
    weights, moments = tensors(0), Moments(zeros(), zeros())
    wanted = [(weight.numpy(), np.zeros(weight.shape), np.zeros(weight.shape)) for weight in weights]
    for step in range(1, STEPS + 1):
        gradients, rate = tensors(step), 0.01 * step
        weights, moments = lamb.update(weights, gradients, moments, step, rate=rate, decay=decay)
        wanted = [
            numpy_lamb(x, g.numpy(), m, v, step, rate, decay) for (x, m, v), g in zip(wanted, gradients, strict=True)
        ]
    for made, (x, m, v) in zip(zip(weights, *moments, strict=True), wanted, strict=True):
        for one, other in zip(made, (x, m, v), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lars_is_the_papers_algorithm(decay: float) -> None:
    weights, velocities = tensors(0), zeros()
    wanted = [(weight.numpy(), np.zeros(weight.shape)) for weight in weights]
    for step in range(1, STEPS + 1):
        gradients, rate = tensors(step), 0.5 * step
        weights, velocities = lars.update(weights, gradients, velocities, rate=rate, decay=decay)
        wanted = [numpy_lars(w, g.numpy(), v, rate, decay) for (w, v), g in zip(wanted, gradients, strict=True)]
    for made, (w, v) in zip(zip(weights, velocities, strict=True), wanted, strict=True):
        np.testing.assert_allclose(made[0], w, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(made[1], v, rtol=1e-12, atol=1e-15)


def stepped(weights: list[torch.Tensor], optimiser: Optimizer) -> list[torch.Tensor]:
    for step in range(1, STEPS + 1):
        for weight, gradient in zip(weights, tensors(step), strict=True):
            weight.grad = gradient
        optimiser.step()
    return [weight.detach() for weight in weights]


def parameters() -> list[nn.Parameter]:
    # Norms below 10, where the other program cuts them.
    return [nn.Parameter(weight) for weight in tensors(0, scale=0.5)]


def test_lamb_is_an_independent_program() -> None:
    """pytorch-optimizer follows the paper's first version, which does not free means of their bias, and adds its eps to
    a norm as well: so with 1e-12 both are the same."""
    theirs, mine = parameters(), parameters()
    # Without adam_debias it divides the rate by what a mean lacks after the first updates.
    told = {"weight_decay": 0.1, "weight_decouple": False, "eps": 1e-12, "adam_debias": True}
    other = pytorch_optimizer.Lamb(theirs, lr=0.02, **told)
    wanted = stepped(theirs, other)
    weights, moments = [weight.detach().clone() for weight in mine], Moments(zeros(), zeros())
    for step in range(1, STEPS + 1):
        weights, moments = lamb.update(
            weights, tensors(step), moments, step, rate=0.02, decay=0.1, eps=1e-12, debias=False
        )
    for one, two in zip(weights, wanted, strict=True):
        assert torch.allclose(one, two, rtol=1e-9, atol=0)


def test_lars_is_an_independent_program() -> None:
    """At one rate, because theirs stands outside the velocity; it leaves tensors of one dimension to plain SGD."""
    theirs, mine = parameters(), parameters()
    other = pytorch_optimizer.LARS(theirs, lr=2.0, weight_decay=0.1)
    groups = [{"params": mine[:2], "weight_decay": 0.1}, {"params": mine[2:], "adapt": False}]
    for one, two in zip(stepped(mine, Lars(groups, 2.0)), stepped(theirs, other), strict=True):
        assert torch.allclose(one, two, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rule", ["lamb", "lars"])
def test_a_rule_leaves_what_it_is_given_as_it_is(rule: str) -> None:
    weights, gradients, before = tensors(0), tensors(1), (tensors(0), tensors(1))
    memory = [zeros(), zeros()]
    if rule == "lamb":
        lamb.update(weights, gradients, Moments(*memory), 1, rate=0.1, decay=0.1)
    else:
        lars.update(weights, gradients, memory[0], rate=0.1, decay=0.1)
    for now, then in zip((weights, gradients, *memory), (*before, zeros(), zeros()), strict=True):
        assert all(torch.equal(one, other) for one, other in zip(now, then, strict=True))


@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_an_update_of_lamb_is_as_long_as_the_weights_whatever_the_gradient(scale: float, seed: int) -> None:
    """The promise behind large batches: |step| = rate * |weights| for every layer."""
    weights = tensors(seed)
    new, _ = lamb.update(
        weights, tensors(seed + 1, scale), Moments(zeros(), zeros()), 1, rate=0.01, decay=0.01, eps=1e-12
    )
    for old, fresh in zip(weights, new, strict=True):
        assert float((fresh - old).norm()) == pytest.approx(0.01 * float(old.norm()), rel=1e-6)


@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_a_first_update_of_lars_is_a_share_of_the_weights_whatever_the_gradient(scale: float, seed: int) -> None:
    weights = tensors(seed)
    new, _ = lars.update(weights, tensors(seed + 1, scale), zeros(), rate=3.0)
    for old, fresh in zip(weights, new, strict=True):
        assert float((fresh - old).norm()) == pytest.approx(3e-3 * float(old.norm()), rel=1e-6)


@pytest.mark.parametrize("adapt", [True, False])
def test_weights_that_start_at_0_move(adapt: bool) -> None:
    moved, _ = lamb.update(zeros(), tensors(1), Moments(zeros(), zeros()), 1, rate=0.1, adapt=adapt)
    other, _ = lars.update(zeros(), tensors(1), zeros(), rate=0.1, adapt=adapt)
    assert all(float(weight.abs().min()) > 0 for weight in (*moved, *other))


def test_without_adapting_they_are_adam_and_sgd() -> None:
    plain, ours = parameters(), parameters()
    wanted = stepped(plain, torch.optim.Adam(plain, lr=0.01, eps=1e-6))
    made = stepped(ours, Lamb([{"params": ours, "adapt": False}], 0.01))
    for one, other in zip(made, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-9)
    plain, ours = parameters(), parameters()
    wanted = stepped(plain, torch.optim.SGD(plain, lr=0.01, momentum=0.9, weight_decay=0.1))
    made = stepped(ours, Lars([{"params": ours, "adapt": False, "weight_decay": 0.1}], 0.01))
    for one, other in zip(made, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-12)


def network() -> nn.Module:
    torch.manual_seed(3)
    made = nn.Sequential(nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(made, nn.Linear(8, 2)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def learn(made: nn.Module, optimiser: Optimizer, steps: range) -> list[float]:
    losses = []
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        labels = torch.randint(0, 2, (32,), generator=generator)
        values = torch.randn(32, 2, 8, 8, generator=generator) + labels[:, None, None, None]
        loss = nn.functional.cross_entropy(made(values.contiguous(memory_format=torch.channels_last)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


TABLES: dict[str, Callable[[nn.Module], Optimizer]] = {
    "lamb": lambda made: build(OptimiserTable(name="lamb", rate=0.03), made),
    "lars": lambda made: build(OptimiserTable(name="lars", rate=20.0), made),
}


@pytest.mark.parametrize("name", TABLES)
def test_they_converge(name: str) -> None:
    made = network()
    losses = learn(made, TABLES[name](made), range(60))
    assert np.mean(losses[-5:]) < 0.4 * np.mean(losses[:5])


@pytest.mark.parametrize("name", TABLES)
def test_resumed_from_a_checkpoint_they_go_on_bit_for_bit(name: str) -> None:
    whole, begun = network(), network()
    learn(whole, TABLES[name](whole), range(8))
    first = TABLES[name](begun)
    learn(begun, first, range(3))
    saved = checkpoint.optimiser_tensors({"main": first})
    again = copy.deepcopy(begun)
    second = TABLES[name](again)
    checkpoint.put_optimisers({"main": second}, saved)
    learn(again, second, range(3, 8))
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_weights_without_a_gradient_are_left_alone() -> None:
    for make in (Lamb, Lars):
        weights = parameters()
        weights[0].grad = tensors(1)[0]
        before = [weight.detach().clone() for weight in weights]
        make(weights, 0.1).step()
        moved = [not torch.equal(now, then) for now, then in zip(weights, before, strict=True)]
        assert moved == [True, False, False]
        make(parameters(), 0.1).step()
