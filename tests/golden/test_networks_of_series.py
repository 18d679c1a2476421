"""Sizes of the networks of series, by formulas written down from the papers, at the sizes that the papers tell."""

from __future__ import annotations

import pytest
from torch import nn

from landweave.models.table import build


def num_weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(("bands", "classes"), [(10, 10), (10, 9), (4, 3)])
def test_the_lstm_of_multi_year_maps(bands: int, classes: int) -> None:
    # Sedona et al. 2022: 4 layers of 128. A layer has four gates, each with weights of what comes in, weights of the
    # state before, and the two biases that cuDNN's form of the cell has: 4 (in h + h h + 2 h).
    h = 128
    first, later = 4 * (bands * h + h * h + 2 * h), 4 * (h * h + h * h + 2 * h)
    expected = first + 3 * later + h * classes + classes
    assert num_weights(build("lstm", bands, classes)) == expected
    if (bands, classes) == (10, 10):
        assert expected == 469_258


@pytest.mark.parametrize(("bands", "classes"), [(10, 9), (4, 3)])
def test_the_transformer_of_sliding_spans(bands: int, classes: int) -> None:
    # Sedona et al. 2023: 5 layers, width 128; the paper does not tell the width between the linear layers (here 256).
    # A layer: four products of attention, of which only the last has a bias, two linear layers, two normalisations.
    d, f = 128, 256
    layer = 4 * d * d + d + (d * f + f) + (f * d + d) + 2 * 2 * d
    expected = (bands * d + d) + 5 * layer + 2 * d + (d * classes + classes)
    assert num_weights(build("transformer", bands, classes)) == expected
    if (bands, classes) == (10, 9):
        assert expected == 663_305
    # Heads share the width; neither they nor how a series becomes one cost weights.
    for arguments in ({"heads": 4}, {"pool": "mean"}, {"encoding": "days"}, {"per": "date"}):
        assert num_weights(build("transformer", bands, classes, **arguments)) == expected


def test_the_tempcnn() -> None:
    # Pelletier et al. 2019, section 3.3: three convolutions of 64 channels over 5 dates, a linear layer of 256. Biases
    # stand in the batch norms right behind (two numbers a channel).
    bands, classes, dates = 10, 9, 33
    expected = 5 * 64 * (bands + 64 + 64) + 3 * 2 * 64 + (64 * dates * 256 + 2 * 256) + 256 * classes + classes
    assert num_weights(build("tempcnn", bands, classes, num_dates=dates)) == expected == 588_041


def test_the_ltae() -> None:
    # Garnot and Landrieu 2020, section 4: width 256, 16 heads with queries and keys of 8, then 128. Biases without
    # effect are left away.
    bands, classes, d, keys, inner = 10, 9, 256, 16 * 8, 128
    attention = keys + d * keys
    behind = d * inner + 2 * inner + 2 * inner
    expected = (bands * d + d + d) + attention + behind + inner * classes + classes
    assert num_weights(build("ltae", bands, classes)) == expected == 70_409
