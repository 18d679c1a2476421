"""LSTM: the same numbers as torch's own stack of layers, over the valid dates alone."""

from __future__ import annotations

import torch
from torch import nn

from landweave.models.series.lstm import LSTM


def reference(network: LSTM) -> nn.LSTM:
    """One nn.LSTM of all layers with the same weights."""
    whole = nn.LSTM(3, 8, num_layers=2, batch_first=True)
    for number, layer in enumerate(network.layers):
        for name, weight in layer.named_parameters():
            whole.get_parameter(name.replace("_l0", f"_l{number}")).data.copy_(weight)
    return whole


def test_it_is_torchs_lstm() -> None:
    torch.manual_seed(0)
    network = LSTM(3, 4, width=8, depth=2).eval()
    values, valid = torch.randn(5, 9, 3), torch.ones(5, 9, dtype=torch.bool)
    valid[1, 4:], valid[2, ::2], valid[3] = False, False, False
    whole = reference(network)
    with torch.inference_mode():
        found = network(values, valid, torch.zeros(5, 9))
        for one, kept, scores in zip(values, valid, found, strict=True):
            state = whole(one[kept][None])[0][0, -1] if kept.any() else torch.zeros(8)
            torch.testing.assert_close(scores, network.head(state), rtol=1e-5, atol=1e-6)


def test_a_date_that_is_not_valid_repeats_what_was_told_before() -> None:
    torch.manual_seed(0)
    network = LSTM(3, 4, width=8, depth=1, per="date").eval()
    valid = torch.tensor([[False, True, False, False, True, True]])
    with torch.inference_mode():
        scores = network(torch.randn(1, 6, 3), valid, torch.zeros(1, 6))[0]
    assert torch.equal(scores[0], network.head.bias)
    assert torch.equal(scores[2], scores[1])
    assert torch.equal(scores[3], scores[1])
    assert not torch.equal(scores[4], scores[1])
