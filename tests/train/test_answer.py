"""What a card tells of series: the network itself in batches, classical models, and what does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landweave.errors import CardError, SeriesError
from landweave.legend import LandClass, Legend
from landweave.models.card import Card, save_card
from landweave.models.series.input import SeriesInput
from landweave.models.sight import Sight
from landweave.models.table import build
from landweave.train import answer
from landweave.train.answer import Answer

LEGEND = Legend("two", "here", (LandClass(1, "a", "#000001"), LandClass(2, "b", "#000002")))
CARD = Card(
    network="lstm",
    arguments={"width": 8, "depth": 1, "per": "series"},
    sensor="sentinel-2-l2a",
    bands=("B04", "B08"),
    pixel_size_m=10.0,
    unit="reflectance",
    mean=(0.1, 0.2),
    std=(0.5, 0.4),
    legend=LEGEND,
    task="series",
    sight=Sight(1, 0),
    series=SeriesInput(5),
)


def series(num: int = 7, num_dates: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    valid = generator.random((num, num_dates)) < 0.7
    days = 18000 + np.broadcast_to(np.arange(num_dates) * 30, (num, num_dates))
    return generator.random((num, num_dates, 2), np.float32), valid, days


def saved(folder: Path, **changes: Any) -> tuple[Path, torch.nn.Module]:
    card = replace(CARD, **changes)
    torch.manual_seed(0)
    network = build(card.network, 2, 2, **card.arguments).eval()
    save_card(folder / "card", card, network)
    return folder / "card", network


def test_it_is_the_network_on_normalised_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "_AT_ONCE", 3)
    folder, network = saved(tmp_path)
    values, valid, days = series()
    spoilt = np.where(valid[..., None], values, np.float32(np.nan))
    found = Answer(folder).scores(spoilt, valid, days)
    scaled = (torch.from_numpy(values) - torch.tensor(CARD.mean)) / torch.tensor(CARD.std)
    with torch.no_grad():
        expected = network(scaled.float(), torch.from_numpy(valid), torch.zeros(7, 5))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert Answer(folder).scores(values[:0], valid[:0], days[:0]).shape == (0, 2)


def test_labels_of_dates(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path, arguments={"width": 8, "depth": 1, "per": "date"}, series=SeriesInput(5, "date"))
    assert Answer(folder).scores(*series(num_dates=9)).shape == (7, 9, 2)


def test_bf16_is_near(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path)
    exact, near = (Answer(folder, precision).scores(*series()) for precision in ("fp32", "bf16"))
    assert near.dtype == torch.float32
    torch.testing.assert_close(near, exact, rtol=0.05, atol=0.05)


def test_a_tempcnn_takes_as_many_dates_as_it_learnt(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path, network="tempcnn", arguments={"num_dates": 5, "width": 4, "hidden": 4})
    assert Answer(folder).scores(*series()).shape == (7, 2)
    with pytest.raises(SeriesError) as caught:
        Answer(folder).scores(*series(num_dates=6))
    assert all((caught.value.given, caught.value.expected, caught.value.do))
    assert "6 dates" in caught.value.given


def test_other_bands_are_refused(tmp_path: Path) -> None:
    values, valid, days = series()
    with pytest.raises(SeriesError) as caught:
        Answer(saved(tmp_path)[0]).scores(values[..., :1], valid, days)
    assert all((caught.value.given, caught.value.expected, caught.value.do))


def test_cards_of_other_tasks_are_refused(tmp_path: Path) -> None:
    card = replace(CARD, network="pixel", arguments={}, task="pixels", series=None)
    save_card(tmp_path / "card", card, build("pixel", 2, 2))
    with pytest.raises(CardError) as caught:
        Answer(tmp_path / "card")
    assert "pixels" in caught.value.given
    assert all((caught.value.given, caught.value.expected, caught.value.do))
