"""Batches of series and the step that learns them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from landweave.legend import IGNORE
from landweave.models.table import build
from landweave.parallel.world import World
from landweave.train.dated import Dated
from landweave.train.draw import SampleDropout
from landweave.train.loader import Order, Part
from landweave.train.optim import OptimiserTable
from landweave.train.series import PrepareSeries, SeriesBatch, SeriesSource, SupervisedSeries


def source(per_date: bool = False) -> SeriesSource:
    generator = np.random.default_rng(0)
    valid = generator.random((10, 5)) < 0.7
    values = np.where(valid[..., None], generator.random((10, 5, 2), np.float32), np.float32(0))
    target = generator.integers(0, 3, (10, 5) if per_date else 10).astype(np.uint8)
    days = np.broadcast_to(np.arange(5, dtype=np.float32), (10, 5))
    return SeriesSource(Dated(values, valid, days), target)


PREPARE = PrepareSeries([0.5, 0.5], [0.25, 0.5], torch.device("cpu"))


def batch(per_date: bool = False, part: Part | None = None) -> SeriesBatch:
    whole = part or Order(np.arange(10), 10, 1, World()).epoch(0)[0]
    return PREPARE(whole, source(per_date).batch(whole.samples), training=True)


def step(per: str = "series") -> SupervisedSeries:
    torch.manual_seed(0)
    network = build("transformer", 2, 3, width=8, depth=1, hidden=16, dropout=0.5, per=per)
    return SupervisedSeries(
        network, table=OptimiserTable(name="adam", rate=0.01), task="patches", num_classes=3, world=World()
    )


def test_values_are_normalised_where_valid_and_zero_elsewhere() -> None:
    made, whole = batch(), source()
    order = Order(np.arange(10), 10, 1, World()).epoch(0)[0].samples
    expected = (whole.dated.values[order] - 0.5) / np.array([0.25, 0.5])
    expected[~whole.dated.valid[order]] = 0
    np.testing.assert_allclose(made.values.numpy(), expected, rtol=1e-6)
    assert made.num_samples == 10
    assert list(made.micro_batches()) == [made]


def test_what_only_fills_up_has_no_label() -> None:
    part = Part(np.array([3, 0]), np.array([1, 2], np.uint64), np.array([1, 0], np.float32))
    for per_date in (False, True):
        made = batch(per_date, part)
        assert made.num_samples == 1
        assert (made.target[1] == IGNORE).all()
        assert (made.target[0] != IGNORE).all()
        assert (source(per_date).target != IGNORE).all()


@pytest.mark.parametrize("per", ["series", "date"])
def test_the_loss_is_cross_entropy_over_what_has_a_label(per: str) -> None:
    made, learner = batch(per == "date"), step(per)
    made.target.view(-1)[:3] = IGNORE
    sums = learner.judge(made)
    with torch.no_grad():
        scores = learner.networks["main"].eval()(made.values, made.valid, made.days)
    expected = nn.functional.cross_entropy(
        scores.flatten(0, -2), made.target.flatten().long(), ignore_index=IGNORE, reduction="sum"
    )
    assert float(sums["loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert int(sums["confusion"].sum()) == int(sums["loss_share"]) == made.target.numel() - 3


@pytest.mark.parametrize("per", ["series", "date"])
def test_it_learns_and_its_dropout_comes_from_the_keys_of_samples(per: str) -> None:
    learner, made = step(per), batch(per == "date")
    assert sum(isinstance(module, SampleDropout) for module in learner.networks["main"].modules()) == 3
    losses = [float(learner.update(made, 1.0)["loss"]) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]
