"""L-TAE: attention head by head, as its paper writes it down."""

from __future__ import annotations

import math

import torch

from landweave.models.series.dates import waves
from landweave.models.series.ltae import LTAE


def test_every_head_gathers_its_channels_by_its_own_query() -> None:
    torch.manual_seed(0)
    network = LTAE(3, 4, width=12, heads=3, keys=5, hidden=6).eval()
    values, days = torch.randn(2, 7, 3), torch.rand(2, 7) * 300
    valid = torch.ones(2, 7, dtype=torch.bool)
    with torch.inference_mode():
        x = network.norm(network.input(values)) + waves(days, 4).repeat(1, 1, 3)
        gathered = []
        for head in range(3):
            key = network.keys(x)[..., 5 * head : 5 * head + 5]
            share = (key @ network.queries[head] / math.sqrt(5)).softmax(1)
            gathered.append((share[..., None] * x[..., 4 * head : 4 * head + 4]).sum(1))
        expected = network.head(network.last(network.dense(torch.cat(gathered, 1))))
        torch.testing.assert_close(network(values, valid, days), expected, rtol=1e-5, atol=1e-6)
