"""Dates inside networks: blanked, averaged, and told as waves."""

from __future__ import annotations

import math

import torch

from landweave.models.series.dates import known, mean, usable, waves


def test_what_is_not_valid_is_zero_even_where_it_is_no_number() -> None:
    values = torch.tensor([[[1.0], [math.nan], [math.inf]]])
    assert known(values, torch.tensor([[True, False, False]])).flatten().tolist() == [1, 0, 0]


def test_the_mean_is_of_valid_dates_and_zero_without_any() -> None:
    x = torch.tensor([[[1.0], [3.0], [math.nan]], [[5.0], [6.0], [7.0]]])
    valid = torch.tensor([[True, True, False], [False, False, False]])
    assert mean(x, valid).flatten().tolist() == [2, 0]


def test_a_series_without_valid_dates_is_looked_at_on_its_first() -> None:
    valid = torch.tensor([[True, False], [False, False]])
    assert usable(valid).tolist() == [[True, False], [True, False]]


def test_waves_are_sines_and_cosines_of_ever_longer_periods() -> None:
    found = waves(torch.tensor([[0.0, 100.0]]), 5)
    assert found.shape == (1, 2, 5)
    assert found[0, 0].tolist() == [0, 1, 0, 1, 0]
    expected = [f(100 / 1000 ** (i / 3)) for i in range(3) for f in (math.sin, math.cos)][:5]
    torch.testing.assert_close(found[0, 1], torch.tensor(expected), rtol=1e-4, atol=1e-5)
