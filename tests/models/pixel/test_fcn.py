"""FCN: any size of grid, weights by torchvision's names, three scales, and tiles that equal the whole."""

from __future__ import annotations

import pytest
import torch
from tests.models.tiled import largest_difference

from landweave.models.patch.resnet import resnet50
from landweave.models.pixel.fcn import FCN
from landweave.models.sight import find_sight


@pytest.mark.parametrize("shape", [(32, 32), (50, 70), (1, 1), (128, 128)])
def test_scores_stand_on_the_grid_of_the_input(shape: tuple[int, int]) -> None:
    assert FCN(5, 3, width=4).eval()(torch.randn(2, 5, *shape)).shape == (2, 3, *shape)


def test_the_trunk_takes_the_weights_of_a_resnet() -> None:
    trunk = {name for name in resnet50(3, 10).state_dict() if not name.startswith("fc.")}
    own = {name for name in FCN(3, 2).state_dict() if not name.startswith("heads.")}
    assert own == trunk
    left = FCN(3, 2).load_state_dict(resnet50(3, 10).state_dict(), strict=False)
    assert set(left.missing_keys) == {f"heads.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")}
    assert set(left.unexpected_keys) == {"fc.weight", "fc.bias"}


def test_every_scale_has_its_say() -> None:
    network = FCN(2, 2, width=4).eval()
    network(torch.randn(1, 2, 64, 64)).square().sum().backward()
    assert all(head.weight.grad is not None and head.weight.grad.abs().sum() > 0 for head in network.heads)


def test_first_scores_are_small() -> None:
    torch.manual_seed(0)
    assert FCN(3, 2, width=16)(torch.randn(4, 3, 64, 64)).abs().max() < 20


@pytest.mark.parametrize(("margin_px", "is_equal"), [(256, True), (160, False)])
def test_tiles_with_the_margin_equal_the_whole(margin_px: int, is_equal: bool) -> None:
    network = FCN(1, 2, width=4)
    assert find_sight(network, 1).margin_px == 256
    assert (largest_difference(network, (32, 832), 32, margin_px, 32) < 1e-12) is is_equal


def test_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    network, values = FCN(1, 2, width=4, dropout=0.5), torch.randn(2, 1, 64, 64)
    assert not torch.equal(network(values), network(values))
    network.eval()
    torch.testing.assert_close(network(values), network(values), rtol=0, atol=0)
