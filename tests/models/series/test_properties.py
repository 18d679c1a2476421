"""What holds of networks of series whatever the weights: which dates and days can change which answer."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from landweave.models.table import build

B, C, K = 2, 3, 4
SEEDS, LENGTHS = st.integers(0, 10_000), st.integers(1, 9)


def network(name: str, seed: int, **arguments: object) -> nn.Module:
    torch.manual_seed(seed)
    small = {"lstm": {"width": 8, "depth": 2}, "ltae": {"width": 16, "heads": 4, "keys": 3, "hidden": 8}}
    sizes = small.get(name, {"width": 8, "depth": 2, "hidden": 16})
    return build(name, C, K, **{**sizes, **arguments}).eval()


def series(num_dates: int, share: float = 0.7) -> tuple[Tensor, Tensor, Tensor]:
    days = torch.sort(torch.rand(B, num_dates) * 360, dim=1).values
    return torch.randn(B, num_dates, C), torch.rand(B, num_dates) < share, days


def told(model: nn.Module, *inputs: Tensor) -> Tensor:
    with torch.inference_mode():
        scores: Tensor = model(*inputs)
    return scores


@settings(max_examples=20)
@given(seed=SEEDS, num_dates=LENGTHS)
def test_to_a_transformer_without_encoding_dates_are_a_set(seed: int, num_dates: int) -> None:
    model, (values, valid, days) = network("transformer", seed), series(num_dates)
    order = torch.randperm(num_dates)
    moved = told(model, values[:, order], valid[:, order], days[:, order])
    torch.testing.assert_close(moved, told(model, values, valid, days), rtol=1e-4, atol=1e-5)


@settings(max_examples=20)
@given(seed=SEEDS, num_dates=LENGTHS)
def test_to_a_network_of_days_the_place_of_a_date_is_nothing(seed: int, num_dates: int) -> None:
    for name, arguments in (("transformer", {"encoding": "days"}), ("ltae", {})):
        model, (values, valid, days) = network(name, seed, **arguments), series(num_dates)
        valid[:, 0] = True
        order = torch.randperm(num_dates)
        moved = told(model, values[:, order], valid[:, order], days[:, order])
        torch.testing.assert_close(moved, told(model, values, valid, days), rtol=1e-4, atol=1e-5)


@settings(max_examples=20)
@given(seed=SEEDS, num_dates=st.integers(2, 9), data=st.data())
def test_an_lstm_tells_a_date_from_those_before_it_alone(seed: int, num_dates: int, data: st.DataObject) -> None:
    model, (values, valid, days) = network("lstm", seed, per="date"), series(num_dates)
    upto = data.draw(st.integers(1, num_dates - 1))
    later = values.clone()
    later[:, upto:] += 3
    before, after = told(model, values, valid, days), told(model, later, valid, days)
    torch.testing.assert_close(after[:, :upto], before[:, :upto], rtol=1e-5, atol=1e-6)
    short = told(model, values[:, :upto], valid[:, :upto], days[:, :upto])
    torch.testing.assert_close(short, before[:, :upto], rtol=1e-5, atol=1e-6)


@settings(max_examples=20)
@given(seed=SEEDS, num_dates=LENGTHS)
def test_the_last_date_that_an_lstm_tells_is_its_series(seed: int, num_dates: int) -> None:
    inputs = series(num_dates)
    whole, dates = network("lstm", seed), network("lstm", seed, per="date")
    torch.testing.assert_close(told(whole, *inputs), told(dates, *inputs)[:, -1], rtol=1e-5, atol=1e-6)


@settings(max_examples=20)
@given(seed=SEEDS, num_dates=LENGTHS)
def test_a_date_twice_weighs_twice_but_says_nothing_new(seed: int, num_dates: int) -> None:
    """The mean over dates and attention over them are the same when every date stands twice."""
    for pool in ("query", "mean"):
        model, (values, valid, days) = network("transformer", seed, pool=pool), series(num_dates)
        twice = [torch.cat([one, one], 1) for one in (values, valid, days)]
        torch.testing.assert_close(told(model, *twice), told(model, values, valid, days), rtol=1e-4, atol=1e-5)
