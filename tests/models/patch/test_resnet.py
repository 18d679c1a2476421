"""ResNet: torchvision's names and numbers of weights, any bands, patches of any size."""

from __future__ import annotations

import pytest
import torch

from landweave.errors import ConfigError
from landweave.models.patch.resnet import NativeStem, resnet18, resnet50
from landweave.models.table import build
from landweave.models.upsample import to_finest

# torchvision's documentation: 3 bands, 1000 classes.
COUNTS = {resnet18: 11_689_512, resnet50: 25_557_032}


@pytest.mark.parametrize("make", COUNTS, ids=lambda make: make.__name__)
def test_the_number_of_weights_is_torchvisions(make) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in make(3, 1000).parameters()) == COUNTS[make]


def test_the_names_of_weights_are_torchvisions() -> None:
    with torch.device("meta"):
        small, large = set(resnet18(3, 10).state_dict()), set(resnet50(3, 10).state_dict())
    for name in ("conv1.weight", "bn1.running_mean", "layer1.1.conv2.weight", "layer4.0.downsample.1.bias", "fc.bias"):
        assert name in small
        assert name in large
    # A first block that keeps its width has no downsample in ResNet-18, but one in ResNet-50.
    assert "layer1.0.downsample.0.weight" not in small
    assert {"layer1.0.downsample.0.weight", "layer3.5.conv3.weight", "layer4.2.bn3.num_batches_tracked"} <= large
    assert len(small) == 122
    assert len(large) == 320


@pytest.mark.parametrize("make", COUNTS, ids=lambda make: make.__name__)
def test_any_bands_and_any_size(make) -> None:
    network = make(12, 19).eval()
    with torch.inference_mode():
        assert network(torch.randn(2, 12, 60, 52)).shape == (2, 19)


def test_the_stride_stands_at_the_3x3_convolution() -> None:
    with torch.device("meta"):
        block = resnet50(3, 10).layer2[0]
    assert (block.conv1.stride, block.conv2.stride) == ((1, 1), (2, 2))


def test_it_learns() -> None:
    torch.manual_seed(0)
    network = resnet18(2, 2)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    values, labels = torch.randn(4, 2, 16, 16), torch.arange(4) % 2
    values[labels == 1] += 1
    losses = []
    for _ in range(6):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(values), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("make", COUNTS, ids=lambda make: make.__name__)
def test_narrower_networks_have_the_same_names(make) -> None:
    with torch.device("meta"):
        half, whole = make(4, 5, width=32, dropout=0.5), make(4, 5)
    assert list(half.state_dict()) == list(whole.state_dict())
    assert half.fc.in_features * 2 == whole.fc.in_features
    assert half.layer3[0].conv2.out_channels * 2 == whole.layer3[0].conv2.out_channels


def test_dropout_stands_before_the_last_layer() -> None:
    network = resnet18(2, 3, width=8, dropout=0.5).eval()
    seen = []
    network.fc.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    values = torch.randn(16, 2, 32, 32)
    network(values)
    network.dropout.train()
    network(values)
    whole, dropped = seen
    kept = (dropped == 2 * whole) & (whole > 0)
    assert ((dropped == 0) | kept).all()
    assert 0.4 < float(kept.sum() / (whole > 0).sum()) < 0.6


RATIOS = [1, 1, 2, 6, 2]


def test_a_native_stem_sees_the_pixels_of_every_size_as_they_are_stored() -> None:
    """Whatever stands between the stored pixels changes nothing, and each size has a convolution of its own."""
    torch.manual_seed(0)
    stem = NativeStem(RATIOS, 64).eval()
    assert {ratio: tuple(conv.weight.shape[:2]) for ratio, conv in stem.convs.items()} == {
        "1": (27, 2),
        "2": (25, 2),
        "6": (12, 1),
    }
    views = {10.0: torch.randn(2, 2, 36, 36), 20.0: torch.randn(2, 2, 18, 18), 60.0: torch.randn(2, 1, 6, 6)}
    whole = to_finest(views, repeats=True)[:, [0, 1, 2, 4, 3]]
    seen: dict[str, torch.Tensor] = {}
    for ratio, conv in stem.convs.items():
        conv.register_forward_pre_hook(lambda module, given, ratio=ratio: seen.update({ratio: given[0]}))
    assert stem(whole).shape == (2, 64, 18, 18)
    assert torch.equal(seen["1"], views[10.0])
    assert torch.equal(seen["2"], views[20.0])
    assert torch.equal(seen["6"], views[60.0])


@pytest.mark.parametrize("px", [36, 37, 60])
def test_a_network_with_a_native_stem_differs_in_the_stem_alone(px: int) -> None:
    plain, native = resnet18(5, 3, width=16), resnet18(5, 3, width=16, ratios=RATIOS).eval()
    assert native(torch.randn(2, 5, px, px)).shape == (2, 3)
    names = [{name for name in one.state_dict() if not name.startswith("conv1.")} for one in (plain, native)]
    assert names[0] == names[1]
    assert native.layer1[0].conv1.weight.shape == plain.layer1[0].conv1.weight.shape


@pytest.mark.parametrize("ratios", [[1, 2], [1, 1, 0, 6, 2]])
def test_ratios_that_are_none_of_the_bands_are_refused(ratios: list[int]) -> None:
    with pytest.raises(ConfigError) as refused:
        build("resnet18", 5, 3, ratios=ratios)
    assert str(ratios) in refused.value.given
    assert "numbers that make a network" in refused.value.expected
    assert "[arguments]" in refused.value.do


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    ends = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{end}": (width,) for end in ends}, f"{name}.num_batches_tracked": ()}


def torchvision_resnet50() -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision 0.20's resnet50(), written out from its documentation of the v1.5 network."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7), **norm_shapes("bn1", 64)}
    before = 64
    for layer, (count, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True), 1):
        for number in range(count):
            block = f"layer{layer}.{number}"
            kernels = [(width, before, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)]
            for place, kernel in enumerate(kernels, 1):
                shapes[f"{block}.conv{place}.weight"] = kernel
                shapes |= norm_shapes(f"{block}.bn{place}", kernel[0])
            if number == 0:
                shapes[f"{block}.downsample.0.weight"] = (4 * width, before, 1, 1)
                shapes |= norm_shapes(f"{block}.downsample.1", 4 * width)
            before = 4 * width
    return {**shapes, "fc.weight": (1000, 2048), "fc.bias": (1000,)}


def test_every_name_and_shape_of_resnet50_is_torchvisions() -> None:
    with torch.device("meta"):
        made = {name: tuple(tensor.shape) for name, tensor in resnet50(3, 1000).state_dict().items()}
    assert made == torchvision_resnet50()
    assert len(made) == 320


@pytest.mark.parametrize("make", [resnet18, resnet50])
def test_its_stages_one_after_the_other_are_the_network(make) -> None:
    network = make(4, 3, width=8).eval()
    values = torch.randn(2, 4, 32, 32)
    with torch.inference_mode():
        wanted = network(values)
        for _, layer in network.stages():
            values = layer(values)
        assert torch.equal(values, wanted)
    names = {f"{name}.{key}" for name, layer in network.stages() for key in layer.state_dict()}
    assert names == set(network.state_dict())
