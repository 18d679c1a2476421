"""MGAN: shapes as published, what each pixel sees, first weights, and numbers that make no network."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from landweave.errors import ConfigError, GridError
from landweave.models.pair.mgan import Discriminator, Generator, OnOutputPixels, on_output
from landweave.models.sight import find_sight

PAPER = [10.0] * 4 + [20.0] * 2


def generator(**changed: Any) -> Generator:
    torch.manual_seed(0)
    return Generator(6, 6, **{"input_sizes_m": PAPER, "width": 4, "depth": 2, **changed}).eval()


def land(px: int, num: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(1)
    return torch.rand(num, 4, 3 * px, 3 * px, generator=made), torch.rand(
        num, 2, 3 * px // 2, 3 * px // 2, generator=made
    )


def test_shapes_are_those_of_the_paper() -> None:
    with torch.inference_mode():
        assert generator()(torch.zeros(1, 4, 384, 384), torch.zeros(1, 2, 192, 192)).shape == (1, 6, 128, 128)
        # A number for each part of 70 x 70 pixels, as pix2pix has them.
        assert Discriminator(6, 4)(torch.zeros(2, 6, 128, 128)).shape == (2, 1, 14, 14)


def test_three_bands_of_one_pixel_size_do_too() -> None:
    made = Generator(3, 3, input_sizes_m=[10.0] * 3, width=4, depth=1)
    assert made(torch.zeros(2, 3, 24, 24)).shape == (2, 3, 8, 8)
    assert len(made.entries) == 1


def test_a_residual_generator_that_tells_nothing_gives_means_over_areas() -> None:
    made, (fine, half) = generator(), land(8)
    nn.init.zeros_(made.head[2].weight)
    told = made(fine, half)
    torch.testing.assert_close(told[:, :4], nn.functional.avg_pool2d(fine, 3))
    # Of 20 m pixels one and a half lie along an edge of 30 m: weights of 4, 2, 2 and 1 ninths.
    wanted = (4 * half[0, 0, 0, 0] + 2 * half[0, 0, 0, 1] + 2 * half[0, 0, 1, 0] + half[0, 0, 1, 1]) / 9
    torch.testing.assert_close(told[0, 4, 0, 0], wanted)
    torch.testing.assert_close(told.mean((2, 3))[:, 4:], half.mean((2, 3)))


@pytest.mark.parametrize(("depth", "reach"), [(0, 3), (1, 5), (2, 9)])
def test_sight_counts_in_output_pixels(depth: int, reach: int) -> None:
    found = find_sight(OnOutputPixels(generator(depth=depth)), 6)
    # Pixels of 20 m begin with those of 30 m only at every second one.
    assert (found.stride, found.reach_px) == (max(2**depth, 2), reach)


def test_nothing_inside_depends_on_the_patch() -> None:
    """No instance norm: what is far away changes nothing."""
    made, (fine, half) = generator(), land(32)
    with torch.inference_mode():
        before = made(fine, half)
        fine[..., -12:] += 5
        after = made(fine, half)
    assert torch.equal(before[..., :16], after[..., :16])
    assert not torch.equal(before, after)


def test_a_grid_of_any_even_size_is_cut_back() -> None:
    made, (fine, half) = generator(depth=3), land(10)
    assert made(fine, half).shape == (1, 6, 10, 10)


def test_weights_are_drawn_as_glorot_says() -> None:
    made = generator(width=16)
    layer = made.encoder[1][0]
    bound = math.sqrt(6 / (layer.in_channels * 16 + layer.out_channels * 16))
    assert 0.95 * bound < float(layer.weight.detach().abs().max()) <= bound
    biases = [value for name, value in made.named_parameters() if name.endswith("bias")]
    assert biases
    assert not any(value.any() for value in biases)


def test_convolutions_after_an_instance_norm_have_a_spectral_norm_of_one() -> None:
    torch.manual_seed(0)
    made = Discriminator(6, 4, 2)
    layers = list(made.layers)
    normed = [here for before, here in zip(layers, layers[2:], strict=False) if isinstance(before, nn.InstanceNorm2d)]
    assert len(normed) == 2
    with torch.no_grad():
        # One step of the power iteration comes with each use of the weights.
        norms = [
            [float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) for _ in range(99)][-1] for layer in normed
        ]
    assert norms == pytest.approx([1, 1], rel=1e-3)
    assert not nn.utils.parametrize.is_parametrized(layers[0])
    # The first has no norm behind it, as in pix2pix.
    assert not isinstance(layers[1], nn.InstanceNorm2d)


def test_every_weight_learns() -> None:
    made, judge = generator().train(), Discriminator(6, 4, 2)
    judge(made(*land(16, 2))).square().mean().backward()
    for network in (made, judge):
        assert all(weight.grad is not None and bool(weight.grad.any()) for weight in network.parameters())


def test_on_output_leaves_bands_of_the_output_as_they_are() -> None:
    made = Generator(1, 1, input_sizes_m=[30.0], width=2, depth=1)
    view = torch.rand(1, 1, 4, 4)
    assert torch.equal(on_output([view], made.ratios), view)


@pytest.mark.parametrize(
    ("changed", "given"),
    [
        ({"input_sizes_m": [10.0] * 5}, "of 6 bands"),
        ({"input_sizes_m": [20.0] * 2 + [10.0] * 4}, "20.0, 20.0, 10.0"),
        ({"input_sizes_m": [10.0] * 5 + [60.0]}, "60 m for an output of 30 m"),
        ({"input_sizes_m": [10.0] * 5 + [29.7]}, "29.7 m"),
    ],
)
def test_numbers_that_make_no_network_are_refused(changed: dict[str, Any], given: str) -> None:
    with pytest.raises(ConfigError) as told:
        generator(**changed)
    assert given in told.value.given
    assert all((told.value.expected, told.value.do))


def test_residuals_need_as_many_bands_on_both_sides() -> None:
    with pytest.raises(ConfigError) as told:
        Generator(2, 3, input_sizes_m=[10.0, 10.0])
    assert "2 bands to 3" in told.value.given
    assert "residual" in told.value.do
    assert Generator(2, 3, input_sizes_m=[10.0, 10.0], width=2, residual=False)(torch.zeros(1, 2, 48, 48)).shape[1] == 3


@pytest.mark.parametrize("shapes", [((24, 24), (14, 14)), ((25, 24), (12, 12)), ((27, 27), (13, 13)), ((24, 24),)])
def test_views_of_other_ground_are_refused(shapes: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(GridError) as told:
        generator()(*(torch.zeros(1, num, *shape) for num, shape in zip((4, 2), shapes, strict=False)))
    assert str(shapes[0]) in told.value.given
    assert "10, 20 m" in told.value.expected
