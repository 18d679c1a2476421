"""When a run of two networks counts as stalled, and what its log says of both."""

from __future__ import annotations

import math

import pytest
import torch

from landweave.parallel.world import World
from landweave.train.adversarial import STALLED, Adversarial, Parts, relativistic
from landweave.train.loop import Watched


def step(stall_steps: int) -> Adversarial:
    """A step without networks: only what it tells of losses is asked for."""
    made = Adversarial.__new__(Adversarial)
    made.parts = Parts(stall_steps=stall_steps)
    return made


@pytest.mark.parametrize("ahead", [0.0, 1.0, 3.0, 4.0, 6.0])
def test_a_stall_begins_where_real_images_lead_by_about_four(ahead: float) -> None:
    """The discriminator's loss falls with its lead: 2 ln 2 without one, next to nothing from about four on."""
    real, fake = torch.full((2, 1, 3, 3), ahead), torch.zeros(2, 1, 3, 3)
    whole = torch.tensor(18.0)
    loss = float(relativistic(real, fake, torch.ones(2, 1, 1, 1), whole, World()) / whole)
    assert loss == pytest.approx(2 * math.log(1 + math.exp(-ahead)), rel=1e-5)
    assert step(5).is_stalled({"discriminator": loss}) is (ahead >= 4)
    assert (loss < STALLED) is (ahead >= 4)


def test_the_generator_pays_for_what_the_discriminator_gains() -> None:
    leads = [0.0, 1.0, 3.0, 6.0]
    paid = []
    for ahead in leads:
        real, fake = torch.full((1, 1, 2, 2), ahead), torch.zeros(1, 1, 2, 2)
        weight, whole = torch.ones(1, 1, 1, 1), torch.tensor(4.0)
        paid.append(float(relativistic(fake, real, weight, whole, World()) / whole))
    assert paid == sorted(paid)
    # Its slope stays where the discriminator's vanishes: twice the lead, by and large.
    assert paid[-1] == pytest.approx(2 * leads[-1], rel=1e-2)


def test_the_loop_watches_steps_that_tell_of_a_stall() -> None:
    assert isinstance(step(3), Watched)
    assert step(3).stall_steps == 3


def test_a_stall_says_what_to_do() -> None:
    told = step(3).remedy
    for word in ("discriminator.rate_by", "losses.differentiable", "losses.penalty", "losses.adversarial"):
        assert word in told


@pytest.mark.parametrize("losses", [{}, {"loss": 0.0}, {"loss": 0.0, "adversarial": 9.0}])
def test_without_a_discriminator_nothing_stalls(losses: dict[str, float]) -> None:
    assert not step(1).is_stalled(losses)


def test_a_loss_that_is_no_number_is_no_stall() -> None:
    """The loop stops for it on its own."""
    assert not step(1).is_stalled({"discriminator": math.nan})
