"""SegNet: the published number of weights, maxima put back where they stood, and tiles that equal the whole."""

from __future__ import annotations

import pytest
import torch
from tests.models.tiled import largest_difference

from landweave.models.pixel.segnet import SegNet, _put
from landweave.models.sight import find_sight


def test_the_default_arguments_make_the_published_network() -> None:
    # Lunga et al. 2019, Table II.
    assert sum(parameter.numel() for parameter in SegNet(3, 1).parameters()) == 29_443_073


@pytest.mark.parametrize(("shape", "counts"), [((32, 32), (2, 2, 3, 3, 3)), ((50, 70), (1, 2)), ((1, 1), (1,))])
def test_scores_stand_on_the_grid_of_the_input(shape: tuple[int, int], counts: tuple[int, ...]) -> None:
    network = SegNet(2, 5, width=4, counts=counts).eval()
    assert network(torch.randn(3, 2, *shape)).shape == (3, 5, *shape)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_are_put_where_the_maxima_stood(dtype: torch.dtype) -> None:
    values = torch.randn(2, 3, 6, 8).to(dtype)
    pooled, places = torch.nn.functional.max_pool2d(values, 2, return_indices=True)
    expected = torch.nn.functional.max_unpool2d(pooled, places, 2)
    torch.testing.assert_close(_put(pooled, places), expected, rtol=0, atol=0)


def test_what_is_not_known_spreads_to_all_four_pixels() -> None:
    values = torch.zeros(1, 1, 4, 4)
    values[0, 0, 0, 0] = torch.nan
    pooled, places = torch.nn.functional.max_pool2d(values, 2, return_indices=True)
    assert _put(pooled, places).isnan().nonzero()[:, 2:].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize(("margin_px", "is_equal"), [(192, True), (96, False)])
def test_tiles_with_the_margin_equal_the_whole(margin_px: int, is_equal: bool) -> None:
    network = SegNet(1, 2, width=4)
    assert find_sight(network, 1).margin_px == 192
    assert (largest_difference(network, (32, 640), 32, margin_px, 32) < 1e-12) is is_equal


@pytest.mark.parametrize("counts", [(), (0, 1), (1, 1, 1, 1, 1, 1)])
def test_scales_that_make_no_network_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="counts"):
        SegNet(3, 2, counts=counts)


def test_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    network, values = SegNet(1, 2, width=8, counts=(1, 1), dropout=0.5), torch.randn(2, 1, 16, 16)
    assert not torch.equal(network(values), network(values))
    network.eval()
    torch.testing.assert_close(network(values), network(values), rtol=0, atol=0)
