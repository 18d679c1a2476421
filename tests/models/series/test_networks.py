"""What all networks of series promise: dates that are not valid leave no trace, whatever stands there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from landweave.models.table import SERIES, build

B, T, C, K = 6, 7, 3, 4
SMALL: dict[str, dict[str, Any]] = {
    "lstm": {"width": 8, "depth": 2},
    "transformer": {"width": 8, "depth": 2, "hidden": 16},
    "tempcnn": {"num_dates": T, "width": 8, "hidden": 16},
    "ltae": {"width": 16, "heads": 4, "keys": 3, "hidden": 8},
}
CASES = [
    *((name, {}) for name in SERIES),
    ("lstm", {"per": "date"}),
    ("transformer", {"per": "date"}),
    ("transformer", {"pool": "mean"}),
    ("transformer", {"encoding": "days"}),
]
# Networks that take dates as a list of any length.
RAGGED = [case for case in CASES if case[0] != "tempcnn"]


def made(name: str, arguments: dict[str, Any]) -> nn.Module:
    torch.manual_seed(1)
    return build(name, C, K, **{**SMALL[name], **arguments})


def series() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(2)
    valid = torch.rand(B, T) < 0.6
    valid[0], valid[1, 1:], valid[:, 3] = True, False, False
    valid[1, 0] = True
    return torch.randn(B, T, C), valid, torch.arange(T).float().expand(B, T) * 20


def told(network: nn.Module, *inputs: Tensor) -> Tensor:
    with torch.inference_mode():
        scores: Tensor = network.eval()(*inputs)
    return scores


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_what_is_not_valid_leaves_no_trace(name: str, arguments: dict[str, Any]) -> None:
    values, valid, days = series()
    network = made(name, arguments)
    expected = told(network, values, valid, days)
    assert expected.shape == ((B, T, K) if arguments.get("per") == "date" else (B, K))
    for thing in (5.0, float("nan"), float("inf")):
        spoilt = torch.where(valid[..., None], values, thing)
        found = told(network, spoilt, valid, days)
        where = valid if arguments.get("per") == "date" else slice(None)
        assert torch.equal(found[where], expected[where])
    moved = torch.where(valid, values[..., 0], values[..., 0] + 1)
    assert not torch.equal(told(network, values + 1, valid, days), expected)
    assert moved.shape == valid.shape


@pytest.mark.parametrize(("name", "arguments"), RAGGED)
def test_dates_added_at_the_end_as_not_valid_change_nothing(name: str, arguments: dict[str, Any]) -> None:
    values, valid, days = series()
    network = made(name, arguments)
    longer = torch.cat([values, torch.full((B, 3, C), 9.0)], 1)
    with_more = torch.cat([valid, torch.zeros(B, 3, dtype=torch.bool)], 1)
    found = told(network, longer, with_more, torch.cat([days, days[:, -1:].expand(B, 3)], 1))
    expected = told(network, values, valid, days)
    if arguments.get("per") == "date":
        found, expected = found[:, :T][valid], expected[valid]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments"), RAGGED)
def test_dates_between_that_are_not_valid_might_as_well_not_be_there(name: str, arguments: dict[str, Any]) -> None:
    values, _, days = series()
    network = made(name, arguments)
    valid = torch.ones(B, T, dtype=torch.bool)
    valid[:, 2:4] = False
    kept = [0, 1, 4, 5, 6]
    found = told(network, values, valid, days)
    expected = told(network, values[:, kept], valid[:, kept], days[:, kept])
    if arguments.get("per") == "date":
        found = found[:, kept]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_series_without_a_valid_date_is_told_and_learnt_without_nan(name: str, arguments: dict[str, Any]) -> None:
    values, valid, days = series()
    valid[2] = False
    network = made(name, arguments).train()
    scores = network(torch.where(valid[..., None], values, float("nan")), valid, days)
    assert scores.isfinite().all()
    scores.sum().backward()
    for weight in network.parameters():
        assert weight.grad is not None
        assert weight.grad.isfinite().all()


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_bf16_is_near(name: str, arguments: dict[str, Any]) -> None:
    inputs = series()
    network = made(name, arguments)
    expected = told(network, *inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = told(network, *inputs).float()
    assert (found - expected).abs().max() < 0.05 * (1 + expected.abs().max())


@pytest.mark.parametrize("name", SERIES)
def test_series_of_a_batch_do_not_see_each_other(name: str) -> None:
    values, valid, days = series()
    network = made(name, {})
    alone = told(network, values[2:3], valid[2:3], days[2:3])
    torch.testing.assert_close(alone[0], told(network, values, valid, days)[2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["transformer", "lstm", "tempcnn", "ltae"])
def test_order_counts_where_it_should(name: str) -> None:
    values, _, days = series()
    valid = torch.ones(B, T, dtype=torch.bool)
    network = made(name, {})
    backwards = told(network, values.flip(1), valid, days)
    is_same = torch.allclose(backwards, told(network, values, valid, days), atol=1e-5)
    assert is_same == (name == "transformer")
