"""The adversarial step: losses worked out by hand, who learns from what, and what is told of it."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from landweave.models.pair.mgan import Discriminator, Generator
from landweave.models.pair.output import Output
from landweave.parallel.world import World
from landweave.train.adversarial import STALLED, Adversarial, Parts, relativistic
from landweave.train.optim import OptimiserTable
from landweave.train.paired import PairBatch

OUTPUT = Output("mine", ("R", "N"), 30.0, "reflectance", (0.1, 0.2), (0.5, 0.25), (30.0, 30.0))
SGD = {"name": "sgd", "rate": 0.1, "momentum": 0, "weight_decay": 0}


def step(rate_by: float = 1.0, clip_norm: float = 0.0, dropout: float = 0.0, **parts: Any) -> Adversarial:
    torch.manual_seed(0)
    table = OptimiserTable.model_validate({**SGD, "clip_norm": clip_norm})
    told = Parts(**parts)
    judge = Discriminator(2, 2, 2) if told.adversarial else None
    generator = Generator(2, 2, input_sizes_m=[30.0, 30.0], width=2, depth=1, dropout=dropout)
    tables = {"generator": table, "discriminator": table.model_copy(update={"rate": 0.1 * rate_by})}
    return Adversarial(generator, judge, tables=tables, parts=told, output=OUTPUT, world=World())


def batch(num: int = 3, px: int = 16, weight: list[float] | None = None) -> PairBatch:
    made = torch.Generator().manual_seed(1)
    view, target = (torch.randn(num, 2, px, px, generator=made) for _ in range(2))
    valid = torch.rand(num, px, px, generator=made) > 0.2
    return PairBatch([view], target * valid[:, None], valid, torch.tensor(weight or [1.0] * num), torch.arange(num))


def weights(network: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


def same(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


def test_relativistic_losses_by_hand() -> None:
    real, fake = (
        torch.tensor(values).view(2, 1, 1, 2) for values in ([[2.0, 1.0], [0.0, 3.0]], [[0.5, -1.0], [1.0, 0.0]])
    )
    weight, whole = torch.ones(2, 1, 1, 1), torch.tensor(4.0)
    found = relativistic(real, fake, weight, whole, World()) / whole

    def logistic(x: Tensor) -> Tensor:
        return 1 / (1 + torch.exp(-x))

    # Equation 3: - E log D(Y, Y') - E log(1 - D(Y', Y)).
    wanted = -(torch.log(logistic(real - fake.mean())).mean() + torch.log(1 - logistic(fake - real.mean())).mean())
    torch.testing.assert_close(found, wanted)
    # Equation 4, the same with both exchanged.
    swapped = -(torch.log(1 - logistic(real - fake.mean())).mean() + torch.log(logistic(fake - real.mean())).mean())
    torch.testing.assert_close(relativistic(fake, real, weight, whole, World()) / whole, swapped)


def test_where_neither_is_ahead_the_loss_is_two_ln_two() -> None:
    nothing = torch.zeros(3, 1, 2, 2)
    found = relativistic(nothing, nothing, torch.ones(3, 1, 1, 1), torch.tensor(12.0), World())
    assert float(found) / 12 == pytest.approx(2 * math.log(2))


def test_what_has_no_weight_is_not_compared() -> None:
    real, fake = torch.randn(2, 3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    weight = torch.tensor([1.0, 1.0, 0.0]).view(3, 1, 1, 1)
    found = relativistic(real, fake, weight, torch.tensor(8.0), World())
    torch.testing.assert_close(found, relativistic(real[:2], fake[:2], weight[:2], torch.tensor(8.0), World()))


def test_both_networks_learn_and_all_losses_are_told() -> None:
    made = step(penalty=1.0)
    before = {name: weights(network) for name, network in made.networks.items()}
    sums = made.update(batch(), 1.0)
    assert {name for name in sums if not name.endswith("_share")} == {"loss", "adversarial", "discriminator", "penalty"}
    assert all(f"{name}_share" in sums for name in sums if not name.endswith("_share"))
    assert not any(same(weights(network), before[name]) for name, network in made.networks.items())


def test_the_generator_alone_learns_the_mean_difference_of_valid_pixels() -> None:
    made, data = step(adversarial=0.0, absolute=2.0), batch()
    other = copy.deepcopy(made.networks["generator"])
    sums = made.update(data, 0.5)
    inside = data.valid[:, None].expand(-1, 2, -1, -1)
    loss = (other(*data.views) - data.target).abs()[inside].mean()
    assert float(sums["loss"] / sums["loss_share"]) == pytest.approx(float(loss.detach()), rel=1e-5)
    (2 * loss).backward()  # type: ignore[no-untyped-call]
    for mine, plain in zip(made.networks["generator"].parameters(), other.parameters(), strict=True):
        assert plain.grad is not None
        torch.testing.assert_close(mine, plain - 0.05 * plain.grad)


def test_the_discriminator_learns_equation_three_from_images_as_they_are() -> None:
    """Without augmentation: real and made images, zero where not valid, in one update of its own."""
    made, data = step(), batch()
    generator, judge = copy.deepcopy(made.networks["generator"]), copy.deepcopy(made.networks["discriminator"])
    sums = made.update(data, 1.0)
    with torch.no_grad():
        fake = generator(*data.views) * data.valid[:, None]
    real, told = judge(torch.cat([data.target, fake])).chunk(2)
    loss = -nn.functional.logsigmoid(real - told.mean()).mean() - nn.functional.logsigmoid(real.mean() - told).mean()
    assert float(sums["discriminator"] / sums["discriminator_share"]) == pytest.approx(float(loss.detach()), rel=1e-4)
    loss.backward()  # type: ignore[no-untyped-call]
    for mine, plain in zip(made.networks["discriminator"].parameters(), judge.parameters(), strict=True):
        assert plain.grad is not None
        torch.testing.assert_close(mine, plain - 0.1 * plain.grad, rtol=1e-4, atol=1e-6)


def test_the_generator_does_not_move_the_discriminator() -> None:
    made = step(rate_by=1e-30)
    before = weights(made.networks["discriminator"])
    made.update(batch(), 1.0)
    for weight, was in zip(weights(made.networks["discriminator"]), before, strict=True):
        torch.testing.assert_close(weight, was, rtol=0, atol=1e-20)
    assert all(weight.requires_grad for weight in made.networks["discriminator"].parameters())


def test_what_is_not_valid_or_only_fills_up_changes_nothing() -> None:
    one, other, data = step(penalty=1.0), step(penalty=1.0), batch(weight=[1, 1, 0])
    odd = torch.where(data.valid[:, None], data.target, 7.0)
    odd[2] = 9.0
    first = one.update(data, 1.0)
    second = other.update(replace(data, target=odd), 1.0)
    for name in first:
        torch.testing.assert_close(first[name], second[name])
    for name, network in one.networks.items():
        for mine, theirs in zip(network.parameters(), other.networks[name].parameters(), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_the_penalty_is_the_squared_slope_at_real_images() -> None:
    made, data = step(penalty=3.0), batch()
    judge = copy.deepcopy(made.networks["discriminator"])
    sums = made.update(data, 1.0)
    images = data.target.clone().requires_grad_()
    fake = torch.zeros_like(images)
    judge(torch.cat([images, fake]))[:3].mean((1, 2, 3)).sum().backward()
    assert images.grad is not None
    wanted = (images.grad * data.valid[:, None]).square().sum((1, 2, 3)).mean()
    assert float(sums["penalty"] / sums["penalty_share"]) == pytest.approx(float(wanted), rel=1e-3)


def test_the_average_follows_and_is_what_tells() -> None:
    made = step(average=0.75)
    first = weights(made.networks["generator"])
    assert made.teller is made.networks["average"]
    made.update(batch(), 1.0)
    moved = weights(made.networks["generator"])
    for mine, before, after in zip(weights(made.teller), first, moved, strict=True):
        torch.testing.assert_close(mine, 0.75 * before + 0.25 * after)
    assert set(made.optimisers) == {"generator", "discriminator"}


def test_long_gradients_are_cut() -> None:
    made = step(clip_norm=1e-6)
    before = {name: weights(network) for name, network in made.networks.items()}
    made.update(batch(), 1.0)
    for name, network in made.networks.items():
        moved = [float((a - b).norm()) for a, b in zip(weights(network), before[name], strict=True)]
        assert 0 < sum(value**2 for value in moved) ** 0.5 <= 1.2e-7


def test_dropout_belongs_to_the_sample() -> None:
    one, other, data = step(dropout=0.5, adversarial=0.0), step(dropout=0.5, adversarial=0.0), batch(4)
    whole = one.update(data, 1e-30)["loss"]
    halves = [
        PairBatch([data.views[0][part]], data.target[part], data.valid[part], data.weight[part], data.keys[part])
        for part in (slice(0, 2), slice(2, 4))
    ]
    assert float(sum(other.update(half, 1e-30)["loss"] for half in halves)) == pytest.approx(float(whole), rel=1e-5)


def test_figures_by_hand() -> None:
    made, data = step(adversarial=0.0), batch()
    made.networks["generator"].requires_grad_(False).eval()
    nn.init.zeros_(made.networks["generator"].head[2].weight)
    # It then tells its input: one standard deviation too much in the first band, right in the second.
    shifted = data.target + torch.tensor([1.0, 0.0])[:, None, None]
    figures = made.figures(made.judge(replace(data, views=[shifted])))
    assert figures["loss"] == pytest.approx(0.5)
    assert figures["rmse_R"] == pytest.approx(0.5)
    assert figures["rmse_N"] == pytest.approx(0, abs=1e-6)
    physical = [
        values * torch.tensor([0.5, 0.25])[:, None, None] + torch.tensor([0.1, 0.2])[:, None, None]
        for values in (shifted, data.target)
    ]
    angle = torch.atan2(physical[0][:, 1], physical[0][:, 0]) - torch.atan2(physical[1][:, 1], physical[1][:, 0])
    angle = torch.minimum(angle.abs(), 2 * math.pi - angle.abs())
    assert figures["sam"] == pytest.approx(float(angle[data.valid].mean()), rel=1e-3)


def test_sums_of_batches_are_those_of_the_whole() -> None:
    made, data = step(), batch(4)
    parts = [
        made.judge(
            PairBatch([data.views[0][part]], data.target[part], data.valid[part], data.weight[part], data.keys[part])
        )
        for part in (slice(0, 1), slice(1, 4))
    ]
    for name, value in made.judge(data).items():
        torch.testing.assert_close(parts[0][name] + parts[1][name], value)


def test_a_discriminator_without_loss_means_a_stall() -> None:
    made = step(stall_steps=7)
    assert made.stall_steps == 7
    assert made.is_stalled({"discriminator": STALLED / 2, "loss": 1.0})
    assert not made.is_stalled({"discriminator": 1.4})
    assert not made.is_stalled({"loss": 0.0})
    assert "penalty" in made.remedy
