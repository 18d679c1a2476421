"""Numbers drawn from (seed, epoch, sample)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from landweave.train import draw
from landweave.train.draw import (
    SampleDropout,
    again,
    class_aware,
    dihedral,
    order,
    sample_keys,
    seed_dropout,
    step_seed,
    uniform,
)

KEYS = sample_keys(7, 0, np.arange(4000))


def test_splitmix64_gives_its_published_numbers() -> None:
    """First outputs for seed 1234567 of the reference program (splitmix64.c), whose state grows by a constant."""
    state = np.uint64(1234567)
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        states = np.array([state, state + golden, state + golden * np.uint64(2)], np.uint64)
    assert draw._mix(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_torch_and_numpy_mix_alike(values: list[int]) -> None:
    numbers = np.array(values, np.uint64)
    ours = draw._mix_torch(torch.from_numpy(numbers.view(np.int64))).numpy().view(np.uint64)
    assert (ours == draw._mix(numbers)).all()


def test_keys_are_all_different() -> None:
    epochs = [sample_keys(seed, epoch, np.arange(1000)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(np.unique(np.concatenate(epochs))) == 4000


def test_every_symmetry_is_drawn_equally_often() -> None:
    counts = np.bincount(dihedral(KEYS).astype(int), minlength=8)
    assert counts == pytest.approx([500] * 8, abs=100)


@given(st.integers(0, 2**70), st.integers(0, 1000), st.integers(1, 50))
def test_an_order_is_a_permutation(seed: int, epoch: int, num: int) -> None:
    assert sorted(order(seed, epoch, np.arange(num)).tolist()) == list(range(num))


def test_step_seeds_differ_by_step_and_rank() -> None:
    seeds = {step_seed(1, step, rank) for step in range(50) for rank in range(4)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)


def dropout(share: float = 0.25, layer: int = 0, channels: bool = False) -> SampleDropout:
    made = SampleDropout(share, layer, channels)
    made.keys = torch.from_numpy(KEYS[:64].view(np.int64))
    return made


@pytest.mark.parametrize("channels", [False, True])
def test_dropout_leaves_out_its_share_and_keeps_the_mean(channels: bool) -> None:
    x = torch.ones(64, 32, 6, 6)
    out = dropout(channels=channels)(x)
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert out.mean().item() == pytest.approx(1, abs=0.05)
    per_channel = (out == 0).flatten(2).float().mean(2)
    assert bool(((per_channel == 0) | (per_channel == 1)).all()) is channels


def test_dropout_belongs_to_the_sample_not_to_its_place_in_the_batch() -> None:
    x = torch.randn(64, 8, 5)
    layer, whole = dropout(), dropout()(x)
    some = torch.tensor([40, 3, 17])
    layer.keys = layer.keys[some]
    assert torch.equal(layer(x[some]), whole[some])


def test_layers_draw_differently() -> None:
    x = torch.ones(64, 100)
    masks = [dropout(layer=layer)(x) == 0 for layer in (0, 1)]
    assert (masks[0] & masks[1]).float().mean().item() == pytest.approx(0.25**2, abs=0.02)


def test_dropout_does_nothing_in_evaluation() -> None:
    x = torch.randn(64, 8)
    assert dropout().eval()(x) is x
    assert dropout(share=0.0)(x) is x


def test_dropout_layers_are_replaced_and_weights_keep_their_names() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Sequential(nn.Dropout2d(0.1), nn.Linear(4, 2)))
    names = list(network.state_dict())
    layers = seed_dropout(network)
    assert [(layer.share, layer.layer, layer.channels) for layer in layers] == [(0.5, 0, False), (0.1, 1, True)]
    assert not [module for module in network.modules() if isinstance(module, nn.Dropout | nn.Dropout2d)]
    assert list(network.state_dict()) == names


def test_uniform_numbers_are_even_and_streams_have_nothing_in_common() -> None:
    one, other = uniform(KEYS, 4), uniform(KEYS, 5)
    assert one.min() >= 0 and one.max() < 1
    assert np.histogram(one, 10, (0, 1))[0].std() < 40
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05


def test_class_aware_draws_go_round_the_samples_of_a_class() -> None:
    classes = np.zeros((40, 3), np.uint8)
    classes[:30, 0] = classes[30:, 1] = classes[35:, 2] = 1
    drawn = class_aware(3, 1, np.arange(100, 140), classes) - 100
    assert len(drawn) == 40
    counts = np.bincount(drawn, minlength=40)
    # 14, 13 and 13 draws: 30 samples share 14; those of the second and third class share 26.
    assert counts[:30].max() == 1 and counts[:30].sum() == 14
    assert counts[30:35].sum() + counts[35:].sum() == 26
    assert counts[30:35].max() <= 2
    assert (drawn == class_aware(3, 1, np.arange(100, 140), classes) - 100).all()
    assert (np.sort(drawn) != np.sort(class_aware(3, 2, np.arange(100, 140), classes) - 100)).any()


def test_samples_of_no_class_are_not_drawn() -> None:
    classes = np.array([[1, 0], [0, 0], [0, 1]], np.uint8)
    assert set(class_aware(0, 0, np.arange(3), classes).tolist()) == {0, 2}


@given(st.lists(st.integers(0, 5), max_size=20))
def test_keys_of_samples_that_come_again_are_their_own(samples: list[int]) -> None:
    numbers = np.array(samples, np.int64)
    plain = sample_keys(1, 1, numbers)
    made = again(plain, numbers)
    assert len(set(made.tolist())) == len(samples)
    firsts = [samples.index(number) for number in dict.fromkeys(samples)]
    assert (made[firsts] == plain[firsts]).all()
