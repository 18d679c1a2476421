"""A card made ready: a network in two precisions, a forest and a linear model, behind one call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.mapping.places import LEGEND, make_card

from landweave.classical import store
from landweave.errors import CardError
from landweave.mapping import predictor
from landweave.mapping.predictor import Classical, Network, ready
from landweave.models.card import load_card, save_card
from landweave.models.sight import Sight


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 0.5, (4, 48, 32)).astype(np.float32)


@pytest.fixture
def valid() -> np.ndarray:
    mask = np.ones((48, 32), bool)
    mask[:5, :7] = False
    return mask


def test_fp32_is_the_network_of_the_card(tmp_path: Path, values: np.ndarray, valid: np.ndarray) -> None:
    card = make_card(tmp_path / "card")
    scores = ready(tmp_path / "card", card.identity, "fp32", "cpu").scores(values, valid)
    network = load_card(tmp_path / "card")[1]
    normalised = np.where(valid, (values - np.float32(0.2)) / np.float32(0.1), np.float32(0))
    with torch.inference_mode():
        expected = network(torch.from_numpy(normalised)[None])[0]
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def test_bf16_is_near(tmp_path: Path, values: np.ndarray, valid: np.ndarray) -> None:
    card = make_card(tmp_path / "card")
    exact, rough = (ready(tmp_path / "card", card.identity, p, "cpu").scores(values, valid) for p in ("fp32", "bf16"))
    assert rough.dtype == torch.bfloat16
    assert exact.std() > 0.1
    assert (rough.float() - exact).abs().mean() < 0.05 * exact.std()
    same = (rough.argmax(0) == exact.argmax(0)).float().mean()
    assert same > 0.95


def test_what_is_not_valid_does_not_matter(tmp_path: Path, values: np.ndarray, valid: np.ndarray) -> None:
    card = make_card(tmp_path / "card")
    made = ready(tmp_path / "card", card.identity, "fp32", "cpu")
    strange = np.where(valid, values, np.float32(7))
    assert torch.equal(made.scores(values, valid), made.scores(strange, valid))


def test_loaded_once_and_forgotten_when_there_are_many(tmp_path: Path) -> None:
    cards = [make_card(tmp_path / f"card{n}", "pixel", seed=n) for n in range(6)]
    first = ready(tmp_path / "card0", cards[0].identity, "fp32", "cpu")
    assert ready(tmp_path / "card0", cards[0].identity, "fp32", "cpu") is first
    for number, card in enumerate(cards):
        ready(tmp_path / f"card{number}", card.identity, "fp32", "cpu")
    assert len(predictor._READY) <= 4
    assert ready(tmp_path / "card0", cards[0].identity, "fp32", "cpu") is not first


def test_a_card_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    old = make_card(tmp_path / "card", "pixel")
    new = make_card(tmp_path / "card", "pixel", seed=1)
    assert old.identity != new.identity
    with pytest.raises(CardError) as caught:
        ready(tmp_path / "card", old.identity, "fp32", "cpu")
    assert new.identity[:12] in caught.value.given
    assert old.identity[:12] in caught.value.expected
    assert "another folder" in caught.value.do


@pytest.mark.parametrize(("name", "window_px"), [("linear", 1), ("forest", 1), ("forest", 5)])
def test_classical_cards_predict_as_their_model(
    tmp_path: Path, values: np.ndarray, valid: np.ndarray, name: str, window_px: int
) -> None:
    from landweave.classical.neighbourhood import features

    x = features(values, np.ones_like(valid), window_px).reshape(-1, values[0].size).T.copy()
    y = (np.digitize(values[0].ravel(), [0.1, 0.2, 0.3, 0.4])).astype(np.uint8)
    model = store.fit(name, x, y, len(LEGEND), seed=1)
    template = make_card(tmp_path / "template", "pixel")
    changes = {"network": name, "arguments": {"window_px": window_px}, "sight": Sight(1, window_px // 2)}
    card = save_card(tmp_path / "card", type(template)(**{**vars(template), **changes}), model.to_arrays())
    made = ready(tmp_path / "card", card.identity, "fp32", "cpu")
    assert isinstance(made, Classical)
    found = torch.softmax(made.scores(values, valid), 0).numpy()
    expected = store.predict_map(model, values, valid, window_px)
    np.testing.assert_allclose(found[:, valid], expected[:, valid], atol=1e-6)


def test_networks_and_classical_models_are_told_apart(tmp_path: Path) -> None:
    card = make_card(tmp_path / "card")
    assert isinstance(ready(tmp_path / "card", card.identity, "fp32", "cpu"), Network)
