"""Cards of series made ready: networks and classical models behind one call, spans of one series, cards refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.mapping.places import make_card
from tests.series.networks import make_pixels, make_series_card

from landweave.errors import CardError, SeriesError
from landweave.legend import IGNORE
from landweave.models.card import load_card
from landweave.models.series.input import SeriesInput
from landweave.series.predict import load, ready, told
from landweave.train.dated import dated

SPANS = [slice(start, start + 5) for start in range(8)]
REGULAR = SeriesInput(5, how="linear", limit_days=40, days_of_year=(10, 80, 150, 220, 290))


@pytest.mark.parametrize("network", ["transformer", "lstm", "ltae", "tempcnn"])
def test_scores_are_those_of_the_network_on_normalised_values(tmp_path: Path, network: str) -> None:
    card = make_series_card(tmp_path, network)
    values, valid, days = make_pixels(50, 5)
    found = load(tmp_path).scores(values, valid, np.broadcast_to(days, (50, 5)))
    clean, there, since = (torch.from_numpy(one) for one in dated(card.series, values, valid, np.tile(days, (50, 1))))  # type: ignore[arg-type]
    scaled = torch.where(there[..., None], (clean - 0.2) / 0.1, 0.0)
    with torch.inference_mode():
        assert torch.allclose(found, load_card(tmp_path)[1](scaled, there, since), atol=1e-5)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("network", ["transformer", "lstm", "forest"])
@torch.inference_mode()
def test_each_span_is_that_span_alone(tmp_path: Path, network: str) -> None:
    make_series_card(tmp_path, network)
    predictor = load(tmp_path)
    # From October on, so that spans begin in two years.
    values, valid, days = make_pixels(60, 12)
    days = days + 280
    found = list(predictor.each(values, valid, days, SPANS))
    for span, scores in zip(SPANS, found, strict=True):
        alone = predictor.scores(values[:, span], valid[:, span], np.broadcast_to(days[span], (60, 5)))
        assert torch.allclose(scores, alone, atol=1e-5)


def test_classical_models_take_dates_filled_in(tmp_path: Path) -> None:
    make_series_card(tmp_path, "forest", taken=REGULAR)
    values, valid, days = make_pixels(40, 15)
    scores = load(tmp_path).scores(values, valid, np.broadcast_to(days, (40, 15)))
    assert scores.exp().sum(1).numpy() == pytest.approx(np.ones(40), abs=1e-4)
    regular = dated(REGULAR, values, valid, np.broadcast_to(days, (40, 15)))
    one = next(load(tmp_path).each(regular.values, regular.valid, np.array([10, 80, 150, 220, 290]), [slice(0, 5)]))
    assert one.shape == (40, 6)


def test_a_forest_wants_as_many_dates_as_it_was_fitted_on(tmp_path: Path) -> None:
    make_series_card(tmp_path, "forest")
    values, valid, days = make_pixels(40, 6)
    with pytest.raises(SeriesError) as raised:
        load(tmp_path).scores(values, valid, np.broadcast_to(days, (40, 6)))
    assert "6 dates" in raised.value.given
    assert "5 dates" in raised.value.expected
    assert raised.value.do


def test_a_card_of_dates_tells_the_mean_of_them(tmp_path: Path) -> None:
    make_series_card(tmp_path, taken=SeriesInput(5, "date"), arguments={"per": "date"})
    values, valid, days = make_pixels(30, 5)
    assert load(tmp_path).scores(values, valid, np.broadcast_to(days, (30, 5))).shape == (30, 6)


def test_bf16_flips_few_labels(tmp_path: Path) -> None:
    make_series_card(tmp_path)
    values, valid, days = make_pixels(400, 5)
    every = np.broadcast_to(days, valid.shape)
    exact, rough = (load(tmp_path, precision).scores(values, valid, every) for precision in ("fp32", "bf16"))  # type: ignore[arg-type]
    assert rough.dtype == torch.float32
    flips = (exact.argmax(1) != rough.argmax(1)).float().mean()
    assert 0 <= flips < 0.1


def test_labels_and_probabilities_in_bytes() -> None:
    scores = torch.tensor([[0.0, 2.0, 0.0], [9.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    labels, top = told(scores, np.array([True, True, False]))
    assert labels.tolist() == [1, 0, IGNORE]
    assert top.tolist() == [round(255 * np.exp(2) / (2 + np.exp(2))), 255, 0]


def test_a_card_is_loaded_once_and_refused_when_it_changed(tmp_path: Path) -> None:
    card = make_series_card(tmp_path / "card")
    one = ready(tmp_path / "card", card.identity, "fp32", "cpu")
    assert ready(tmp_path / "card", card.identity, "fp32", "cpu") is one
    make_series_card(tmp_path / "other", seed=5)
    with pytest.raises(CardError) as raised:
        ready(tmp_path / "other", card.identity, "fp32", "cpu")
    assert card.identity[:12] in raised.value.expected
    assert raised.value.do


def test_a_card_of_another_task_is_refused(tmp_path: Path) -> None:
    make_card(tmp_path, "pixel")
    with pytest.raises(CardError) as raised:
        load(tmp_path)
    assert "task pixels" in raised.value.given
    assert "series" in raised.value.expected
    assert raised.value.do
