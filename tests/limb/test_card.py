"""Cards of classifiers: there and back, the same bytes, and cards of other microwindows, units, kinds and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.limb.making import clouds

from landweave.errors import CardError
from landweave.limb.bayes import OUTPUT, fit
from landweave.limb.card import LimbCard, load_card, save_card
from landweave.provenance import file_sha256

TEMPERATURE, LABEL = clouds(120)
MODEL = fit(TEMPERATURE, LABEL, bins=4)
CARD = LimbCard("bayes", {"bins": 4}, OUTPUT, TEMPERATURE.mean(0), {"spectra": 120})


def test_there_and_back_and_the_same_bytes(tmp_path: Path) -> None:
    saved = save_card(tmp_path / "a", CARD, MODEL)
    save_card(tmp_path / "b", CARD, MODEL)
    for name in ("card.json", "weights.safetensors"):
        assert file_sha256(tmp_path / "a" / name) == file_sha256(tmp_path / "b" / name)
    card, model = load_card(tmp_path / "a")
    assert card.identity == saved.identity
    assert (card.title, card.classes, card.training) == ("Bayesian, fitted here", OUTPUT, {"spectra": 120})
    np.testing.assert_array_equal(card.mean, CARD.mean)
    np.testing.assert_array_equal(model.predict(TEMPERATURE)[0], MODEL.predict(TEMPERATURE)[0])
    told = json.loads((tmp_path / "a" / "card.json").read_text("utf-8"))
    assert (len(told["microwindows"]), told["pairs"], told["unit"]) == (142, 10_011, "nW/(cm2 sr cm-1)")
    assert told["microwindows"][139] == [819.0, 821.0]


def shifted(card: LimbCard) -> LimbCard:
    windows = list(card.microwindows)
    windows[60] = (941.5, 942.5)
    return replace(card, microwindows=tuple(windows))


@pytest.mark.parametrize(
    ("change", "given", "expected", "do"),
    [
        (shifted, "that differ from index 60 on", "the 142 microwindows of docs/methods", "mean something else"),
        (
            lambda card: replace(card, microwindows=card.microwindows[:137]),
            "a card of 137 microwindows that differ from index 137 on",
            "the 142 microwindows",
            "train again",
        ),
        (lambda card: replace(card, unit="W/(m2 sr cm-1)"), "in W/(m2 sr cm-1)", "nW/(cm2 sr cm-1)", "in this unit"),
        (lambda card: replace(card, method="bays"), "a card of bays", "bayes (did you mean", "of this version"),
        (lambda card: replace(card, classes=("ice",)), "that tells ice", "nat_small", "train again"),
    ],
)
def test_models_that_do_not_fit_are_refused(
    tmp_path: Path, change: Callable[[LimbCard], LimbCard], given: str, expected: str, do: str
) -> None:
    save_card(tmp_path / "card", change(CARD), MODEL)
    with pytest.raises(CardError) as refused:
        load_card(tmp_path / "card")
    assert given in refused.value.given
    assert expected in refused.value.expected
    assert do in refused.value.do


def _text(folder: Path, **changes: Any) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


@pytest.mark.parametrize(
    ("damage", "given"),
    [
        (lambda folder: (folder / "card.json").unlink(), "No such file"),
        (lambda folder: (folder / "card.json").write_text("{"), "Expecting"),
        (lambda folder: _text(folder, kind="map"), "no card of a classifier of limb spectra"),
        (lambda folder: _text(folder, format=2), "no card of a classifier of limb spectra"),
        (lambda folder: _text(folder, arguments={"bins": 5}), "changed after it was written"),
        (lambda folder: _text(folder, microwindows=None), "not iterable"),
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"torn"), "of 4 bytes"),
    ],
)
def test_damaged_cards_are_told(tmp_path: Path, damage: Callable[[Path], Any], given: str) -> None:
    save_card(tmp_path / "card", CARD, MODEL)
    damage(tmp_path / "card")
    with pytest.raises(CardError) as refused:
        load_card(tmp_path / "card")
    assert given in refused.value.given
    assert refused.value.expected and refused.value.do
