"""U-Net: the published number of weights, any size of grid, and tiles that equal the whole."""

from __future__ import annotations

import pytest
import torch

from landweave.models.pixel.unet import UNet, beside
from landweave.tiling import Tiling


def num_weights(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_default_arguments_make_the_published_network() -> None:
    # Lunga et al. 2019, Table II.
    assert num_weights(UNet(3, 1)) == 13_395_329


@pytest.mark.parametrize(("shape", "depth"), [((16, 16), 4), ((50, 70), 4), ((1, 1), 3), ((33, 8), 1)])
def test_scores_stand_on_the_grid_of_the_input(shape: tuple[int, int], depth: int) -> None:
    network = UNet(2, 5, width=4, depth=depth).eval()
    assert network(torch.randn(3, 2, *shape)).shape == (3, 5, *shape)


def test_a_grid_is_extended_by_zeros() -> None:
    network = UNet(2, 3, width=4, depth=2).eval()
    values = torch.randn(1, 2, 10, 7)
    extended = torch.zeros(1, 2, 12, 8)
    extended[..., :10, :7] = values
    torch.testing.assert_close(network(values), network(extended)[..., :10, :7])


def test_channels_last_and_bfloat16_give_nearly_the_same() -> None:
    torch.manual_seed(0)
    network = UNet(3, 4, width=8, depth=3).eval()
    values = torch.randn(2, 3, 32, 32)
    exact = network(values)
    network = network.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        fast = network(values.to(memory_format=torch.channels_last)).float()
    assert (fast - exact).abs().max() < 0.05 * exact.abs().max()


def test_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    network = UNet(1, 2, width=16, depth=1, dropout=0.5)
    values = torch.randn(1, 1, 8, 8)
    assert not torch.equal(network(values), network(values))
    network.eval()
    torch.testing.assert_close(network(values), network(values), rtol=0, atol=0)


@pytest.mark.parametrize(("margin_px", "is_equal"), [(96, True), (80, False)])
def test_tiles_with_the_margin_equal_the_whole(margin_px: int, is_equal: bool) -> None:
    torch.manual_seed(0)
    network = UNet(1, 2, width=4).double().eval()
    for module in network.modules():
        # Larger weights let what is far away count, so that a margin that is too narrow shows.
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=0.3)
    values = torch.randn(1, 1, 48, 250, dtype=torch.float64)
    tiling = Tiling((48, 250), 32, margin_px, 16)
    padded = torch.nn.functional.pad(values, (0, 6))
    with torch.inference_mode():
        whole = network(values)
        tiled = torch.zeros_like(whole)
        for tile in tiling:
            rows, cols = tile.seen.slices
            scores = network(padded[..., rows, cols])
            inner = tile.core.inside(tile.seen).slices
            tiled[(..., *tile.core.slices)] = scores[(..., *inner)]
    assert len(tiling) > 4
    assert bool((tiled - whole).abs().max() < 1e-12 * whole.abs().max()) is is_equal


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scales_are_joined_alike_with_and_without_gradients(order: torch.memory_format, dtype: torch.dtype) -> None:
    skip, coarse = torch.randn(2, 3, 8, 12), torch.randn(2, 5, 4, 6)
    skip, coarse = (part.to(dtype).contiguous(memory_format=order) for part in (skip, coarse))
    plain = beside(skip, coarse)
    with torch.inference_mode():
        direct = beside(skip, coarse)
    assert plain.shape == (2, 8, 8, 12)
    assert torch.equal(plain, direct)
    assert direct.is_contiguous(memory_format=order)
    # Each coarse pixel stands in its four.
    assert torch.equal(direct[:, 3:, 1::2, ::2], coarse)
