"""TwoBranch cut anywhere: what comes before and after a cut is the network, and sizes follow from rounding alone."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from landweave.errors import ConfigError
from landweave.models.pair import branches
from landweave.models.pair.branches import ConvReLU, DenseReLU, TwoBranch
from landweave.parallel.placement import baseline, cuts, optimized, parse
from landweave.parallel.stages import stages_of, views_of

POOLS = {"hsi": 3, "rgb": 4}
LAST = {"hsi": 512, "rgb": 512}


def tiny(**values: Any) -> TwoBranch:
    torch.manual_seed(0)
    return TwoBranch(3, 4, **{"num_second": 6, "patch_px": 8, "width": 1 / 32, **values}).eval()


def views(seed: int = 1, num: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 3, 8, 8, generator=generator), torch.randn(num, 6, 8, 8, generator=generator)


@pytest.mark.parametrize("chain", ["hsi", "rgb"])
def test_a_branch_cut_behind_any_layer_goes_on_as_if_it_were_not(chain: str) -> None:
    network = tiny()
    layers = stages_of(network).branches[chain]
    values = views_of(network, views())[chain]
    with torch.inference_mode():
        whole = reduce(lambda given, layer: layer.module(given), layers, values)
        for place in range(1, len(layers)):
            before = reduce(lambda given, layer: layer.module(given), layers[:place], values)
            # What arrives at another rank is a copy of its own.
            after = reduce(lambda given, layer: layer.module(given), layers[place:], before.clone())
            assert torch.equal(after, whole), layers[place].name


@pytest.mark.parametrize("chain", ["hsi", "rgb"])
def test_what_is_handed_over_is_not_changed_by_who_takes_it(chain: str) -> None:
    network = tiny()
    values = views_of(network, views())[chain]
    with torch.inference_mode():
        for name, layer in network.branches()[chain]:
            given = values.clone()
            values = layer(given)
            if name != "cube":
                # Rectifiers work in place, on what their own convolution made.
                again = layer(given)
                assert torch.equal(values, again), name


@settings(max_examples=8)
@given(st.sampled_from(["hsi", "rgb"]), st.integers(1, 60), st.integers(1, 40), st.booleans())
def test_sizes_are_halved_and_rounded(branch: str, bands: int, px: int, ceiling: bool) -> None:
    pools: int = POOLS[branch]

    def left(size: int) -> int:
        # Halved several times and rounded each time is divided once and rounded.
        return math.ceil(size / 2**pools) if ceiling else size // int(2**pools)

    told: dict[str, Any] = {"num_second": bands} if branch == "hsi" else {}
    told |= {"patch_px": px, "use": branch, "width": 1 / 8, "ceiling": ceiling}
    with torch.device("meta"):
        try:
            network = TwoBranch(bands if branch == "rgb" else 3, 4, **told).eval()
        except ConfigError:
            assert min(left(bands), left(px)) == 0
            return
        values = reduce(lambda one, layer: layer[1](one), network.branches()[branch], torch.empty(1, bands, px, px))
    assert min(left(bands), left(px)) >= 1
    assert values.shape == (1, LAST[branch] // 8 * left(bands) * left(px) ** 2)
    assert network.dense1.in_features == values.shape[1]


@pytest.mark.parametrize(
    ("filters", "width", "scaled"), [(8, 1.0, 8), (2, 0.125, 1), (2, 0.01, 1), (512, 0.25, 128), (1000, 0.5, 500)]
)
def test_filters_by_width_are_at_least_one(filters: int, width: float, scaled: int) -> None:
    assert branches._scaled(filters, width) == scaled


@pytest.mark.parametrize("use", ["both", "hsi", "rgb"])
def test_scores_begin_near_not_knowing(use: str) -> None:
    scores = tiny(use=use)(*views(num=8))
    # The loss of not knowing one of four classes is the logarithm of four.
    loss = nn.functional.cross_entropy(scores, torch.arange(8) % 4)
    assert loss.item() == pytest.approx(math.log(4), abs=0.05)


def test_biases_begin_at_zero_and_variances_of_weights_at_two_over_their_inputs() -> None:
    torch.manual_seed(1)
    network = TwoBranch(3, 4, num_second=6, patch_px=4, width=0.25)
    for name, module in network.named_modules():
        if isinstance(module, ConvReLU | DenseReLU):
            fan_in = module.weight[0].numel()
            assert module.bias is not None and not module.bias.any(), name
            if module.weight.numel() > 5000:
                assert module.weight.var().item() * fan_in / 2 == pytest.approx(1, abs=0.1), name
    assert network.dense3.weight.std().item() == pytest.approx(0.01, rel=0.2)


def test_layers_with_a_rectifier_give_nothing_below_zero() -> None:
    conv, dense = ConvReLU(1, 2), DenseReLU(3, 5)
    cube, row = torch.randn(2, 1, 4, 3, 3), torch.randn(2, 3)
    for module, values, plain in (
        (conv, cube, nn.functional.conv3d(cube, conv.weight, conv.bias, padding=1)),
        (dense, row, row @ dense.weight.T + dense.bias),
    ):
        made = module(values)
        torch.testing.assert_close(made, plain.clamp(min=0))
        assert (made == 0).any()


def test_dropout_lies_before_the_dense_layers_and_is_off_in_use() -> None:
    network = tiny(dropout=0.9)
    given = views()
    with torch.inference_mode():
        assert torch.equal(network(*given), network(*given))
    assert [name for name, _ in network.trunk()] == ["dropout", "dense1", "dense2", "dense3"]
    network.train()
    torch.manual_seed(0)
    first = network(*given)
    assert not torch.equal(first, network(*given))


@pytest.mark.parametrize("use", ["hsi", "rgb"])
def test_a_branch_alone_is_no_arrangement_for_two(use: str) -> None:
    names = stages_of(tiny(use=use)).names
    assert list(names) == [use, "trunk"]
    assert baseline(names).lines == {use: "0", "trunk": "1"}
    last = {"hsi": "norm3", "rgb": "norm4"}[use]
    assert [cut.name for cut in cuts(optimized(names))] == [f"{use}.{last}"]


@pytest.mark.parametrize("pool", ["pool1", "norm2", "conv5"])
def test_weights_do_not_tell_where_the_network_is_cut(pool: str) -> None:
    network = tiny()
    names = stages_of(network).names
    made = parse({"hsi": f"0: ..{pool}; 1", "rgb": f"0: ..{pool}; 1", "trunk": "1"}, names)
    chains = {chain: dict(layers) for chain, layers in stages_of(network).chains.items()}
    on_ranks = [
        {
            id(weight)
            for run in made.of_rank(rank)
            for layer in run.layers
            for weight in chains[run.chain][layer].parameters()
        }
        for rank in range(2)
    ]
    # Every weight stands on exactly one rank, under the name that it has in one process.
    assert not on_ranks[0] & on_ranks[1]
    assert on_ranks[0] | on_ranks[1] == {id(weight) for weight in network.parameters()}
    again = tiny()
    again.load_state_dict(network.state_dict(), strict=True)
    with torch.inference_mode():
        assert torch.equal(again(*views()), network(*views()))


def test_joined_activations_come_in_the_order_of_the_branches() -> None:
    network = tiny()
    one, other = torch.zeros(2, 3), torch.ones(2, 2)
    assert network.merge([one, other]).tolist() == [[0, 0, 0, 1, 1]] * 2
    assert network.merge([other]).shape == (2, 2)


@pytest.mark.parametrize("second_px", [4, 8, 16])
def test_views_of_other_sizes_meet_in_the_trunk(second_px: int) -> None:
    network = tiny(second_px=second_px)
    scores = network(torch.randn(2, 3, 8, 8), torch.randn(2, 6, second_px, second_px))
    assert scores.shape == (2, 4)
    scores.sum().backward()
    learnt = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert learnt == {name for name, _ in network.named_parameters()}
