"""What a card of pairs takes of the other sensor: written, read, and refused where it contradicts itself."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landweave.errors import CardError
from landweave.legend import LandClass, Legend
from landweave.models.card import Card, load_parts, save_card
from landweave.models.pair.second import CardSecond, Second
from landweave.models.sight import Sight

GOOD: dict[str, Any] = {
    "sensor": "airborne-48",
    "bands": ("H01", "H02"),
    "pixel_size_m": 1.0,
    "unit": "radiance",
    "mean": (500.0, 700.0),
    "std": (10.0, 20.0),
}
LEGEND = Legend("two", "here", (LandClass(1, "one", "#000000"), LandClass(2, "two", "#ffffff")))
SEEN = ("B02",), 10.0, "reflectance", (0.1,), (0.2,)
CARD = Card(
    "svm", {"features": "flat"}, "sentinel-2-l2a", *SEEN, LEGEND, "patches", Sight(1, None), second=Second(**GOOD)
)


def test_there_and_back_is_the_same() -> None:
    made = Second(**GOOD)
    assert CardSecond.model_validate(json.loads(json.dumps(made.to_json()))).made() == made


def test_a_card_keeps_it(tmp_path: Path) -> None:
    save_card(tmp_path / "card", CARD, {"weights": np.zeros(2)})
    found, _ = load_parts(tmp_path / "card")
    assert found.second == CARD.second
    assert found.identity == load_parts(tmp_path / "card")[0].identity


def test_it_is_part_of_what_a_card_is() -> None:
    plain = dataclasses.replace(CARD, second=None)
    other = dataclasses.replace(CARD, second=Second(**{**GOOD, "mean": (500.0, 701.0)}))
    assert len({CARD.identity, plain.identity, other.identity}) == 3


def test_cards_without_it_do_not_speak_of_it(tmp_path: Path) -> None:
    save_card(tmp_path / "card", dataclasses.replace(CARD, second=None), {"weights": np.zeros(2)})
    assert "second" not in json.loads((tmp_path / "card" / "card.json").read_text())


@pytest.mark.parametrize(
    "changed",
    [
        {"bands": ()},
        {"bands": ("H01", "H01")},
        {"bands": ("H01",)},
        {"mean": (500.0,)},
        {"mean": (500.0, math.nan)},
        {"std": (10.0, 0.0)},
        {"std": (10.0, -1.0)},
        {"std": (10.0, math.inf)},
        {"pixel_size_m": 0.0},
    ],
)
def test_what_contradicts_itself_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(CardError) as caught:
        Second(**{**GOOD, **changed})
    assert "airborne-48" in caught.value.given
    assert "each once" in caught.value.expected
    assert "copy the whole card folder" in caught.value.do


def test_a_card_changed_by_hand_is_refused(tmp_path: Path) -> None:
    save_card(tmp_path / "card", CARD, {"weights": np.zeros(2)})
    path = tmp_path / "card" / "card.json"
    path.write_text(path.read_text().replace("700.0", "800.0"))
    with pytest.raises(CardError) as caught:
        load_parts(tmp_path / "card")
    assert "changed after it was written" in caught.value.given
    assert caught.value.expected
    assert "not edited by hand" in caught.value.do
