"""The card of a classifier of limb spectra: its arrays and all that one must know. One writer, one reader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float32

from landweave.atomic import aside
from landweave.config import nearest
from landweave.errors import CardError
from landweave.limb.methods import METHODS, Classifier, from_arrays
from landweave.provenance import fingerprint, versions
from landweave.spectra.brightness import UNIT
from landweave.spectra.microwindows import CLASSES, MICROWINDOWS

FORMAT = 1
_TEXT, _WEIGHTS, _KIND = "card.json", "weights.safetensors", "limb"
_MEAN = "mean temperature"
_AGAIN = "copy the whole card folder again, or train again"
_OURS = tuple((window.lower_per_cm, window.upper_per_cm) for window in MICROWINDOWS)


@dataclass(frozen=True, eq=False)
class LimbCard:
    """What one must know to use a classifier.

    Attributes:
        method: Its name, as in `METHODS`.
        arguments: What it was fitted with.
        classes: Names of what it tells, in order.
        mean: Mean brightness temperature of every microwindow in training, K, by which masked ones are filled.
        training: Summary of the training, for people.
        microwindows: Lower and upper edge of each, in cm-1, in order; every pair of them is a feature.
        unit: Unit of the radiances that it takes.
        weights_sha256: SHA-256 of the arrays' file; the writer fills it in.
    """

    method: str
    arguments: Mapping[str, Any]
    classes: tuple[str, ...]
    mean: Float32[np.ndarray, " l"]
    training: Mapping[str, Any] = field(default_factory=dict)
    microwindows: tuple[tuple[float, float], ...] = _OURS
    unit: str = UNIT
    weights_sha256: str = ""

    @property
    def identity(self) -> str:
        """SHA-256 of all that the card says, arrays included: two cards with one identity predict the same."""
        return fingerprint(_values(self))

    @property
    def title(self) -> str:
        """How it is called in tables."""
        return METHODS[self.method].title


def save_card(folder: Path, card: LimbCard, classifier: Classifier) -> LimbCard:
    """Write a card as a folder with card.json and weights.safetensors, aside and renamed.

    Returns:
        The card with its `weights_sha256`. Equal cards give equal bytes.
    """
    arrays = {_MEAN: card.mean, **classifier.to_arrays()}
    weights = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    card = replace(card, weights_sha256=hashlib.sha256(weights).hexdigest())
    content = {"format": FORMAT, "kind": _KIND, **_values(card), "identity": card.identity, "versions": versions()}
    with aside(folder) as temporary:
        temporary.mkdir()
        (temporary / _WEIGHTS).write_bytes(weights)
        (temporary / _TEXT).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return card


def load_card(folder: Path) -> tuple[LimbCard, Classifier]:
    """A card and its classifier.

    Raises:
        CardError: The card is missing, damaged, of another kind, or of other microwindows or another unit.
    """
    told = _text(folder)
    weights = _bytes(folder, _WEIGHTS)
    if (found := hashlib.sha256(weights).hexdigest()) != told.get("weights_sha256"):
        raise CardError(
            f"{folder / _WEIGHTS} of {len(weights)} bytes with SHA-256 {found[:12]}",
            f"the arrays that {_TEXT} tells of, with SHA-256 {str(told.get('weights_sha256'))[:12]}",
            _AGAIN,
        )
    try:
        arrays = safetensors.numpy.load(weights)
        card = _card(told, arrays.pop(_MEAN))
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CardError(f"{folder}: {error}", f"a card of format {FORMAT}", _AGAIN) from error
    if card.identity != told.get("identity"):
        raise CardError(
            f"{folder / _TEXT}, changed after it was written",
            f"the content with identity {str(told.get('identity'))[:12]}",
            "copy the whole card folder again; a card is not edited by hand",
        )
    _check(folder, card)
    return card, from_arrays(card.method, arrays)


def _values(card: LimbCard) -> dict[str, Any]:
    """All that a card says, as it stands in its JSON."""
    values = {
        "method": card.method,
        "arguments": dict(card.arguments),
        "classes": list(card.classes),
        "training": dict(card.training),
        "microwindows": [list(edges) for edges in card.microwindows],
        "pairs": len(card.microwindows) * (len(card.microwindows) - 1) // 2,
        "unit": card.unit,
        "weights_sha256": card.weights_sha256,
    }
    # There and back: numpy's numbers become Python's, tuples become lists.
    plain: dict[str, Any] = json.loads(json.dumps(values, default=lambda value: value.item()))
    return plain


def _card(told: Mapping[str, Any], mean: Float32[np.ndarray, " l"]) -> LimbCard:
    windows = tuple((float(low), float(high)) for low, high in told["microwindows"])
    names = ("method", "arguments", "training", "unit", "weights_sha256")
    return LimbCard(
        **{name: told[name] for name in names}, classes=tuple(told["classes"]), microwindows=windows, mean=mean
    )


def _check(folder: Path, card: LimbCard) -> None:
    if card.method not in METHODS:
        raise CardError(
            f"{folder}, a card of {card.method}", nearest(card.method, METHODS), "use a card of this version"
        )
    if card.unit != UNIT:
        raise CardError(f"{folder}, a card of radiance in {card.unit}", UNIT, "train again on spectra in this unit")
    if card.microwindows != _OURS or card.mean.shape != (len(_OURS),):
        places = (place for place, (one, two) in enumerate(zip(card.microwindows, _OURS, strict=False)) if one != two)
        other = next(places, min(len(card.microwindows), len(_OURS)))
        raise CardError(
            f"{folder}, a card of {len(card.microwindows)} microwindows that differ from index {other} on",
            f"the {len(_OURS)} microwindows of docs/methods/limb_spectra.md",
            "train again on spectra of these microwindows: differences of others mean something else",
        )
    if card.classes != METHODS[card.method].classes:
        raise CardError(
            f"{folder}, a card that tells {', '.join(card.classes)}", f"{', '.join(CLASSES)} and their kin", _AGAIN
        )


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise CardError(
            f"{folder / name}: {error.strerror}",
            f"a card: a folder with {_TEXT} and {_WEIGHTS}",
            "give the folder that landweave limb train wrote, for example run/card",
        ) from error


def _text(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads(_bytes(folder, _TEXT))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{folder / _TEXT}: {error}", "a whole JSON file in UTF-8", _AGAIN) from error
    if not isinstance(told, dict) or (told.get("kind"), told.get("format")) != (_KIND, FORMAT):
        raise CardError(
            f"{folder / _TEXT}, which is no card of a classifier of limb spectra",
            f"a card that landweave limb train wrote, format {FORMAT}",
            "cards of maps are used by landweave map",
        )
    return told
