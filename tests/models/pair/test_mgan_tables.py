"""MGAN in numbers: weights counted by hand, what each number of the discriminator sees, and areas that add up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from landweave.errors import ConfigError, GridError
from landweave.models.pair.mgan import Discriminator, Generator, OnOutputPixels, glorot, on_output


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(
    ("num_bands", "width", "depth", "told"),
    [
        # 4 x 4 kernels; the first and the last with biases, the others with two numbers a channel of their norms.
        (6, 64, 3, (6 * 64 * 16 + 64) + 64 * 128 * 16 + 256 + 128 * 256 * 16 + 512 + 256 * 512 * 16 + 1024 + 8193),
        (2, 2, 1, (2 * 2 * 16 + 2) + 2 * 4 * 16 + 8 + 4 * 16 + 1),
        (1, 4, 2, (1 * 4 * 16 + 4) + 4 * 8 * 16 + 16 + 8 * 16 * 16 + 32 + 16 * 16 + 1),
        # From the fourth on there are eight times as many channels, and no more.
        (1, 1, 5, 17 + 32 + 4 + 128 + 8 + 512 + 16 + 1024 + 16 + 1024 + 16 + 129),
    ],
)
def test_weights_of_the_discriminator(num_bands: int, width: int, depth: int, told: int) -> None:
    assert count(Discriminator(num_bands, width, depth)) == told


@pytest.mark.parametrize(("depth", "sees"), [(1, 16), (2, 34), (3, 70)])
def test_each_number_sees_a_part_of_the_image(depth: int, sees: int) -> None:
    """Isola et al. 2017 name 16 x 16 and 70 x 70; instance norms see all, and are left out here."""
    made = Discriminator(1, 1, depth)
    plain = nn.Sequential(*(nn.Identity() if isinstance(one, nn.InstanceNorm2d) else one for one in made.layers))
    image = torch.rand(1, 1, 96, 96).requires_grad_()
    told = plain(image)
    middle = told.shape[-1] // 2
    told[0, 0, middle, middle].backward()
    assert image.grad is not None
    for edge in (1, 2):
        places = (image.grad[0, 0] != 0).any(2 - edge).nonzero().flatten()
        assert int(places[-1] - places[0]) + 1 == sees


@pytest.mark.parametrize(
    ("px", "depth", "edge"), [(128, 3, 14), (64, 3, 6), (32, 3, 2), (24, 3, 1), (16, 1, 6), (16, 2, 2), (32, 2, 6)]
)
def test_how_many_parts_are_judged(px: int, depth: int, edge: int) -> None:
    with torch.inference_mode():
        assert Discriminator(1, 1, depth)(torch.zeros(2, 1, px, px)).shape == (2, 1, edge, edge)


@pytest.mark.parametrize(
    ("sizes_m", "output_m", "ratios"),
    [
        ((10, 20), 30, (Fraction(3), Fraction(3, 2))),
        ((30,), 30, (Fraction(1),)),
        ((15, 30), 30, (Fraction(2), Fraction(1))),
        ((10, 20, 60), 60, (Fraction(6), Fraction(3), Fraction(1))),
        ((12,), 30, (Fraction(5, 2),)),
        ((0.5,), 2, (Fraction(4),)),
    ],
)
def test_ratios_of_pixel_sizes(sizes_m: Sequence[float], output_m: float, ratios: tuple[Fraction, ...]) -> None:
    num = len(sizes_m)
    made = Generator(num, num, input_sizes_m=sizes_m, output_size_m=output_m, width=4, depth=1).eval()
    assert made.ratios == ratios and made.counts == (1,) * num
    # Two output pixels of ground at least, so that every view has whole pixels.
    views = [torch.zeros(1, 1, *[int(4 * ratio)] * 2) for ratio in ratios]
    with torch.inference_mode():
        assert made(*views).shape == (1, num, 4, 4)


@pytest.mark.parametrize(
    ("sizes_m", "output_m", "given"),
    [
        ((60.0,), 30.0, "bands of 60 m for an output of 30 m"),
        ((30.0,), 10.0, "bands of 30 m for an output of 10 m"),
        ((29.9,), 30.0, "bands of 29.9 m for an output of 30 m"),
        ((17.0,), 30.0, "bands of 17 m for an output of 30 m"),
    ],
)
def test_pixel_sizes_that_do_not_go_into_the_output(sizes_m: Sequence[float], output_m: float, given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Generator(1, 1, input_sizes_m=sizes_m, output_size_m=output_m)
    assert caught.value.given == given
    assert "small whole numbers" in caught.value.expected and "leave these bands away" in caught.value.do


@pytest.mark.parametrize(
    ("sizes_m", "width", "channels"),
    [
        ((10, 10, 10, 10, 20, 20), 64, [43, 21]),
        ((10, 20), 4, [2, 2]),
        ((10, 10, 10, 20), 4, [3, 1]),
        ((10,), 8, [8]),
        # However narrow, every pixel size enters.
        ((10, 20, 20, 20, 20, 20, 20), 2, [1, 1]),
        ((10, 20, 60), 1, [1, 1, 1]),
    ],
)
def test_channels_enter_as_bands_do(sizes_m: Sequence[float], width: int, channels: list[int]) -> None:
    num = len(sizes_m)
    made = Generator(num, num, input_sizes_m=sizes_m, output_size_m=max(30, *sizes_m, 0), width=width, depth=1)
    entering = []
    for entry, ratio in zip(made.entries, made.ratios, strict=True):
        assert isinstance(entry, nn.Sequential) and isinstance(entry[0], nn.Conv2d)
        entering.append(entry[0].out_channels // ratio.denominator**2)
    assert entering == channels


def test_weights_of_the_generator() -> None:
    """Two bands of 30 m, width 3, one halving: entry 3 x 3, down and up 4 x 4, head 3 x 3 and 1 x 1, with biases."""
    made = Generator(2, 2, input_sizes_m=[30, 30], width=3, depth=1)
    entry, down, up = 2 * 3 * 9 + 3, 3 * 6 * 16 + 6, 6 * 3 * 16 + 3
    assert count(made) == entry + down + up + (6 * 3 * 9 + 3) + (3 * 2 + 2)
    # Without a halving nothing is joined.
    assert count(Generator(2, 2, input_sizes_m=[30, 30], width=3, depth=0)) == entry + (3 * 3 * 9 + 3) + (3 * 2 + 2)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("residual", [True, False])
def test_a_generator_is_its_addition_and_its_input(depth: int, residual: bool) -> None:
    torch.manual_seed(0)
    sizes = [10.0, 20.0]
    made = Generator(2, 2, input_sizes_m=sizes, width=4, depth=depth, residual=residual).eval()
    views = torch.rand(2, 1, 12, 12), torch.rand(2, 1, 6, 6)
    with torch.inference_mode():
        told = made(*views)
        made.residual = not residual
        other = made(*views)
        means = on_output(views, made.ratios)
    torch.testing.assert_close(told - other, means if residual else -means, rtol=1e-4, atol=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 2**16), st.integers(1, 3), st.floats(-2, 2))
def test_areas_keep_sums_and_what_is_even(seed: int, edge: int, value: float) -> None:
    made = torch.Generator().manual_seed(seed)
    px = 2 * edge
    views = [torch.rand(1, 2, 3 * px, 3 * px, generator=made), torch.rand(1, 1, 3 * edge, 3 * edge, generator=made)]
    ratios = [Fraction(3), Fraction(3, 2)]
    found = on_output(views, ratios)
    assert found.shape == (1, 3, px, px)
    wanted = torch.cat([view.mean((2, 3)) for view in views], 1)
    torch.testing.assert_close(found.mean((2, 3)), wanted)
    even = on_output([torch.full_like(view, value) for view in views], ratios)
    torch.testing.assert_close(even, torch.full_like(even, value))


def test_on_output_pixels_repeats_what_it_is_given() -> None:
    """Views made of values on output pixels have their means where ratios are whole."""
    torch.manual_seed(0)
    made = Generator(3, 3, input_sizes_m=[10, 10, 30], width=4, depth=1).eval()
    last = made.head[2]
    assert isinstance(last, nn.Conv2d)
    nn.init.zeros_(last.weight)
    values = torch.rand(2, 3, 4, 6)
    with torch.inference_mode():
        torch.testing.assert_close(OnOutputPixels(made)(values), values)


@pytest.mark.parametrize(
    "shapes",
    [
        ((12, 12),),
        ((12, 12), (6, 6), (6, 6)),
        ((12, 12), (6, 5)),
        ((12, 13), (6, 6)),
        ((9, 9), (4, 4)),
        ((3, 3), (2, 2)),
    ],
)
def test_what_is_not_one_ground_is_refused_with_what_to_do(shapes: tuple[tuple[int, int], ...]) -> None:
    made = Generator(2, 2, input_sizes_m=[10, 20], width=4, depth=1)
    with pytest.raises(GridError) as caught:
        made(*(torch.zeros(1, 1, *shape) for shape in shapes))
    assert str(shapes[0]) in caught.value.given and "10, 20 m" in caught.value.expected
    assert "even number of output pixels" in caught.value.do


def test_glorot_leaves_what_is_no_convolution() -> None:
    norm, layer = nn.InstanceNorm2d(3, affine=True), nn.Conv2d(2, 3, 3)
    nn.init.constant_(norm.weight, 5)
    for module in (norm, layer):
        glorot(module)
    assert norm.weight is not None and norm.weight.tolist() == [5, 5, 5]
    assert layer.bias is not None and not layer.bias.any()
    # Uniform within sqrt(6 / (what comes in + what goes out)).
    assert 0 < float(layer.weight.detach().abs().max()) <= (6 / (2 * 9 + 3 * 9)) ** 0.5
