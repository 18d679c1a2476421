"""Relativistic losses, averages and augmentations once more: tables by hand, and what holds for any images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from landweave.models.pair.output import Output
from landweave.parallel.world import World
from landweave.train.adversarial import STALLED, Adversarial, Parts, _follow, _steepness, relativistic
from landweave.train.diffaugment import Policy, augmented
from landweave.train.draw import uniform
from landweave.train.optim import OptimiserTable

FEW = settings(max_examples=30)
SEEDS = st.integers(0, 2**16)
OUTPUT = Output("mine", ("R",), 30.0, "reflectance", (0.1,), (0.5,), (30.0,))


def loss(winner: Tensor, loser: Tensor, weight: Tensor | None = None) -> float:
    """Mean over parts, as both networks learn from it."""
    weight = torch.ones(len(winner), 1, 1, 1) if weight is None else weight
    whole = weight.sum() * winner[0].numel()
    return float(relativistic(winner, loser, weight, whole, World()) / whole)


def told(seed: int, num: int = 3) -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    first, second = (3 * torch.randn(num, 1, 2, 2, generator=made, dtype=torch.float64) for _ in range(2))
    return first, second


@pytest.mark.parametrize(
    ("winner", "loser", "wanted"),
    [
        (0.0, 0.0, 2 * math.log(2)),
        (5.0, 5.0, 2 * math.log(2)),
        # Ahead by d, each half is log(1 + exp(- d)).
        (1.0, 0.0, 2 * math.log1p(math.exp(-1))),
        (0.0, 1.0, 2 * math.log1p(math.exp(1))),
        (-1.0, -4.0, 2 * math.log1p(math.exp(-3))),
        # Far ahead nothing is lost; far behind the loss is the distance, and does not overflow.
        (500.0, -500.0, 0.0),
        (-500.0, 500.0, 2000.0),
    ],
)
def test_all_parts_alike(winner: float, loser: float, wanted: float) -> None:
    first, second = (torch.full((2, 1, 3, 3), value) for value in (winner, loser))
    assert loss(first, second) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@FEW
@given(SEEDS, st.floats(-10, 10))
def test_only_differences_count(seed: int, more: float) -> None:
    first, second = told(seed)
    assert loss(first + more, second + more) == pytest.approx(loss(first, second), rel=1e-6)
    assert loss(-second, -first) == pytest.approx(loss(first, second), rel=1e-6)
    assert loss(first, second) > 0


@FEW
@given(SEEDS, st.permutations([0, 1, 2, 3]), st.floats(0.1, 5))
def test_order_and_one_factor_of_all_weights_do_not_count(seed: int, order: list[int], factor: float) -> None:
    (first, second), weight = told(seed, 4), torch.tensor([1.0, 0.5, 2.0, 0.0], dtype=torch.float64).view(4, 1, 1, 1)
    plain = loss(first, second, weight)
    assert loss(first[order], second[order], weight[order]) == pytest.approx(plain, rel=1e-6)
    assert loss(first, second, weight * factor) == pytest.approx(plain, rel=1e-6)
    # A weight of two is the sample twice.
    twice = [0, 2, 2]
    weights = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64).view(3, 1, 1, 1)
    once = torch.tensor([1.0, 0.0, 2.0, 0.0], dtype=torch.float64).view(4, 1, 1, 1)
    assert loss(first[twice], second[twice], weights) == pytest.approx(loss(first, second, once), rel=1e-6)


def test_gradients_push_both_sides_apart() -> None:
    first, second = (part.requires_grad_() for part in told(0))
    whole = torch.tensor(12.0)
    relativistic(first, second, torch.ones(3, 1, 1, 1), whole, World()).backward()  # type: ignore[no-untyped-call]
    assert first.grad is not None and second.grad is not None
    assert bool((first.grad < 0).all()) and bool((second.grad > 0).all())
    # Only differences count: a shift of all moves nothing.
    assert float(first.grad.sum() + second.grad.sum()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("stays", "wanted"), [(0.0, 5.0), (0.5, 3.0), (0.75, 2.0), (1.0, 1.0)])
def test_an_average_moves_by_what_does_not_stay(stays: float, wanted: float) -> None:
    average, network = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.constant_(average.weight, 1)
    nn.init.constant_(network.weight, 5)
    assert network.running_mean is not None and network.num_batches_tracked is not None
    network.running_mean.fill_(7)
    network.num_batches_tracked.fill_(3)
    _follow(average, network, stays)
    assert average.weight.tolist() == [wanted, wanted] and network.weight.tolist() == [5, 5]
    # Buffers are counted, not learnt: they are those of the network.
    assert average.running_mean is not None and average.running_mean.tolist() == [7, 7]
    assert average.num_batches_tracked is not None and int(average.num_batches_tracked) == 3


def test_the_slope_of_a_plane_is_the_same_everywhere() -> None:
    """A mean over 2 x 2 numbers of 3 a + 4 b: each of four pixels pulls with 3 / 4 and 4 / 4."""
    plane = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    images = torch.randn(3, 2, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    seen = (images * plane).sum(1, keepdim=True)
    each = 4 * (0.75**2 + 1**2)
    assert float(_steepness(seen, images, torch.ones(3))) == pytest.approx(3 * each)
    seen = (images * plane).sum(1, keepdim=True)
    assert float(_steepness(seen, images, torch.tensor([1.0, 0.0, 0.5]))) == pytest.approx(1.5 * each)


def alone() -> Adversarial:
    table = OptimiserTable.model_validate({"name": "sgd", "rate": 0.1, "momentum": 0, "weight_decay": 0})
    return Adversarial(
        nn.Conv2d(1, 1, 1), None, tables={"generator": table}, parts=Parts(adversarial=0), output=OUTPUT, world=World()
    )


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ({"discriminator": 0.0}, True),
        ({"discriminator": STALLED * 0.99}, True),
        ({"discriminator": STALLED}, False),
        ({"discriminator": 1.4}, False),
        ({"discriminator": math.nan}, False),
        ({"loss": 0.0, "adversarial": 0.0}, False),
        ({}, False),
    ],
)
def test_a_stall_is_a_discriminator_that_loses_nothing(losses: dict[str, float], told: bool) -> None:
    assert alone().is_stalled(losses) is told


def test_figures_of_nothing_counted_are_zero_and_no_error() -> None:
    made = alone()
    assert made.teller is made.networks["generator"] and set(made.optimisers) == {"generator"}
    nothing = torch.zeros(())
    sums = {"loss": nothing, "loss_share": nothing, "squares": torch.zeros(1), "angle": nothing}
    assert made.figures(sums) == {"loss": 0, "sam": 0, "rmse_R": 0}


def numbers(keys: Tensor, stream: int) -> list[float]:
    return [float(value) for value in uniform(keys.numpy().view(np.uint64), 256 + stream)]


def test_color_by_hand() -> None:
    keys = torch.tensor([3, -7])
    images = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = augmented(images, keys, ["color"])
    for place, (light, strength, contrast) in enumerate(zip(*(numbers(keys, n) for n in range(3)), strict=True)):
        one = images[place].numpy() + light - 0.5
        grey = one.mean(0)
        one = grey + 2 * strength * (one - grey)
        one = one.mean() + (0.5 + contrast) * (one - one.mean())
        np.testing.assert_allclose(found[place].numpy(), one, atol=1e-12)
    # Neither saturation nor contrast moves the mean.
    moved = (found - images).mean((1, 2, 3)).tolist()
    assert moved == pytest.approx([light - 0.5 for light in numbers(keys, 0)])


@pytest.mark.parametrize(("policy", "px"), [("translation", 1), ("translation", 4), ("cutout", 1)])
def test_images_that_are_too_small_stay(policy: Policy, px: int) -> None:
    images = torch.ones(5, 2, px, px)
    assert torch.equal(augmented(images, torch.arange(5), [policy]), images)


@pytest.mark.parametrize(("height", "width"), [(8, 24), (5, 16), (16, 4)])
def test_each_edge_moves_by_its_own_eighth(height: int, width: int) -> None:
    keys = torch.arange(40) * 7919 - 5
    images = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, 1, height, width).repeat(40, 1, 1, 1)
    found = augmented(images, keys, ["translation"])
    far = [round(edge / 8) for edge in (height, width)]
    moves = [
        [math.floor(value * (2 * most + 1)) - most for value in numbers(keys, axis)] for axis, most in enumerate(far)
    ]
    for place, (down, right) in enumerate(zip(*moves, strict=True)):
        wanted = torch.zeros(height, width)
        for row in range(max(0, -down), min(height, height - down)):
            for col in range(max(0, -right), min(width, width - right)):
                wanted[row, col] = images[0, 0, row + down, col + right]
        assert torch.equal(found[place, 0], wanted)
    # Every move there is comes up among forty.
    assert [{*move} for move in moves] == [set(range(-most, most + 1)) for most in far]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (7, 6), (2, 2)])
def test_a_hole_lies_in_all_bands_and_takes_what_the_image_holds_of_it(height: int, width: int) -> None:
    found = augmented(torch.ones(60, 3, height, width), torch.arange(60) * 104729, ["cutout"]) == 0
    assert torch.equal(found[:, 0], found[:, 1]) and torch.equal(found[:, 0], found[:, 2])
    for hole in found[:, 0]:
        rows, cols = hole.any(1), hole.any(0)
        assert torch.equal(hole, rows[:, None] & cols[None])
        assert int(rows.sum()) <= round(height / 2) and int(cols.sum()) <= round(width / 2)
    assert int(found[:, 0].sum((1, 2)).max()) == round(height / 2) * round(width / 2)


@FEW
@given(SEEDS, st.permutations(["color", "translation", "cutout"]), st.sampled_from([torch.float32, torch.float64]))
def test_real_and_fake_are_changed_alike(seed: int, policies: list[Policy], dtype: torch.dtype) -> None:
    """A discriminator sees the difference of both augmented as the augmentation of each says, whatever the order."""
    made = torch.Generator().manual_seed(seed)
    real = torch.randn(2, 2, 8, 8, generator=made, dtype=dtype)
    keys = torch.tensor([seed, -seed - 1])
    both = augmented(torch.cat([real, real]), torch.cat([keys, keys]), policies)
    assert torch.equal(both[:2], both[2:]) and both.dtype == dtype and both.shape == (4, 2, 8, 8)
    torch.testing.assert_close(both[:2], augmented(real, keys, policies))
