"""Networks as chains of layers: which can be split, and into what."""

from __future__ import annotations

import pytest
import torch
from tests.parallel import splitting
from torch import Tensor, nn

from landweave.errors import ConfigError
from landweave.models.pair.branches import TwoBranch
from landweave.parallel.stages import TRUNK, Branched, Layer, Staged, stages_of, views_of


def test_branches_and_trunk_are_chains_by_name() -> None:
    found = stages_of(splitting.TwoViews())
    assert list(found.chains) == ["hsi", "rgb", TRUNK]
    assert found.entries == ("hsi", "rgb")
    assert found.names["rgb"] == ("conv1", "norm1", "flatten")
    assert found.names[TRUNK] == ("dropout", "dense1", "dense2")
    assert found.merge is not None


def test_stages_are_one_chain() -> None:
    found = stages_of(splitting.Chain())
    assert list(found.chains) == [TRUNK]
    assert found.entries == (TRUNK,)
    assert found.merge is None


def test_the_layers_are_the_network() -> None:
    network, views = splitting.TwoViews().eval(), splitting.views(3)
    found, joined = stages_of(network), []
    for name, view in views.items():
        joined.append(passed(found.branches[name], view))
    assert found.merge is not None
    assert torch.equal(passed(found.trunk, found.merge(joined)), network(*views.values()))


def passed(layers: tuple[Layer, ...], values: Tensor) -> Tensor:
    for layer in layers:
        values = layer.module(values)
    return values


def test_a_network_that_does_not_say_its_layers_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        stages_of(nn.Linear(2, 2))
    assert "Linear" in refused.value.given
    assert "stages()" in refused.value.expected
    assert "leave the placement away" in refused.value.do


def test_weights_outside_of_all_layers_are_refused() -> None:
    network = splitting.Chain()
    network.extra = nn.Linear(2, 2)
    assert isinstance(network, Staged) and not isinstance(network, Branched)
    with pytest.raises(ConfigError) as refused:
        stages_of(network)
    assert "extra.weight, extra.bias" in refused.value.given
    assert "all weights in the layers" in refused.value.expected
    assert "leave the placement away" in refused.value.do


def test_each_chain_takes_its_view() -> None:
    one, other = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    # Branches take views in order, unless the network says otherwise; one chain takes the one view.
    assert views_of(splitting.TwoViews(), (one, other)) == {"hsi": one, "rgb": other}
    assert views_of(splitting.Chain(), (one,)) == {TRUNK: one}
    sees = TwoBranch(3, 4, num_second=8, patch_px=8, second_px=8, width=0.1)
    assert views_of(sees, (one, other)) == {"hsi": other, "rgb": one}
    alone = TwoBranch(3, 4, num_second=8, patch_px=8, second_px=8, width=0.1, use="hsi")
    assert views_of(alone, (one, other)) == {"hsi": other}
