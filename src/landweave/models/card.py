"""A card: the weights of a fitted model and everything one must know to use them. One writer, one reader."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from landweave.atomic import aside
from landweave.errors import CardError, LandweaveError
from landweave.legend import LandClass, Legend
from landweave.models.cardtext import CardTable, Task
from landweave.models.pair.mgan import Generator
from landweave.models.pair.output import Output
from landweave.models.pair.second import Second
from landweave.models.patch.hashing import Hashing
from landweave.models.series.input import SeriesInput
from landweave.models.sight import Sight
from landweave.models.table import build
from landweave.provenance import fingerprint, versions
from landweave.sensors import Unit

FORMAT = 1
# Known here by name only: classical/ stands on the same floor and may not be imported.
CLASSICAL = ("forest", "linear", "neighbours", "svm")
"""Names of models whose arrays classical/store.py understands; all others are networks of models/table.py."""
_TEXT, _WEIGHTS = "card.json", "weights.safetensors"
_AGAIN = "copy the whole card folder again, or train again"


@dataclass(frozen=True)
class Card:
    """What one must know to use a set of weights.

    Attributes:
        network: Name in models/table.py, or one of `CLASSICAL`.
        arguments: What the network was built with, beside its bands and classes.
        sensor: Name of the sensor that it was fitted on.
        bands: The bands that it takes, in order.
        pixel_size_m: Pixel size that it was fitted on.
        unit: Unit of the values that it takes.
        mean: Mean of every band in the training part, for models.normalise.
        std: Standard deviation of every band in the training part.
        legend: Classes of its output, in order.
        task: Labels of pixels, one label a patch, several labels a patch; features without labels; binary codes;
            labels of series; or reflectance as another sensor would see it.
        sight: How far it sees.
        training: Summary of the training, for people: numbers and texts.
        weights_sha256: SHA-256 of the weights' file; the writer fills it in.
        thresholds: From which probability on each label is told, tuned on the validation part; empty for one half.
        sharpener: Identity of the sharpener whose data_super it takes; "" where coarser bands are interpolated.
        series: How it takes the dates of series; None for every other task.
        output: What it gives where it tells reflectance; None for every other task.
        second: What it takes of another sensor beside its own bands; None for all cards but those of pairs.
    """

    network: str
    arguments: Mapping[str, Any]
    sensor: str
    bands: tuple[str, ...]
    pixel_size_m: float
    unit: Unit
    mean: tuple[float, ...]
    std: tuple[float, ...]
    legend: Legend
    task: Task
    sight: Sight
    training: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    thresholds: tuple[float, ...] = ()
    sharpener: str = ""
    series: SeriesInput | None = None
    output: Output | None = None
    second: Second | None = None

    def __post_init__(self) -> None:
        # Here, so that a card that contradicts itself is never written either.
        _check(self)

    @property
    def identity(self) -> str:
        """SHA-256 of all that the card says, weights included: two cards with one identity predict the same."""
        return fingerprint(_values(self))

    @property
    def is_classical(self) -> bool:
        """True where classical/store.py rebuilds it, False where models/table.py does."""
        return self.network in CLASSICAL


def save_card(folder: Path, card: Card, model: nn.Module | Mapping[str, np.ndarray]) -> Card:
    """Write a card as a folder with card.json and weights.safetensors, aside and renamed.

    Args:
        folder: Where; an older card there is replaced as a whole.
        card: What to write; its `weights_sha256` is not looked at.
        model: A network, or the arrays of a classical model.

    Returns:
        The card with its `weights_sha256`. Equal cards and weights give equal bytes.
    """
    # In memory first: the checksum must stand in the text before the folder gets its name.
    weights = safetensors.numpy.save(_arrays(model))
    card = replace(card, weights_sha256=hashlib.sha256(weights).hexdigest())
    content = {"format": FORMAT, **_values(card), "identity": card.identity, "versions": versions()}
    with aside(folder) as temporary:
        temporary.mkdir()
        (temporary / _WEIGHTS).write_bytes(weights)
        (temporary / _TEXT).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return card


def load_card(folder: Path) -> tuple[Card, nn.Module]:
    """A card and its network, in evaluation mode on the CPU.

    Raises:
        CardError: The card is missing, damaged, of another program or version, or holds no network.
    """
    card, arrays = load_parts(folder)
    if card.is_classical:
        raise CardError(
            f"{folder}, a card of a {card.network}", "a card of a network", "use the card of a network here"
        )
    return card, _network(folder, card, arrays)


def load_parts(folder: Path) -> tuple[Card, dict[str, np.ndarray]]:
    """A card and its weights as arrays, of networks and classical models alike.

    Raises:
        CardError: The card is missing, damaged, or of another program or version.
    """
    # The text first: it is small, and says which weights to expect.
    card = _read_text(folder)
    weights = _read_bytes(folder, _WEIGHTS)
    if (found := hashlib.sha256(weights).hexdigest()) != card.weights_sha256:
        raise CardError(
            f"{folder / _WEIGHTS} of {len(weights)} bytes with SHA-256 {found[:12]}",
            f"the weights that {_TEXT} tells of, with SHA-256 {card.weights_sha256[:12]}",
            _AGAIN,
        )
    try:
        return card, safetensors.numpy.load(weights)
    except safetensors.SafetensorError as error:
        raise CardError(f"{folder / _WEIGHTS}: {error}", "weights in the safetensors format", _AGAIN) from error


def _arrays(model: nn.Module | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if not isinstance(model, nn.Module):
        return {name: np.ascontiguousarray(array) for name, array in model.items()}
    # A copy in row order: channels-last weights would otherwise be refused, and equal weights must give equal bytes.
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in model.state_dict().items()}


def _network(folder: Path, card: Card, arrays: Mapping[str, np.ndarray]) -> nn.Module:
    try:
        # Weights come from the file: making random ones first would cost time and disturb torch's generator.
        with torch.device("meta"):
            network = _fresh(card)
        state: dict[str, Tensor] = {name: torch.from_numpy(array) for name, array in arrays.items()}
        # Strictly: a missing or foreign name is a damaged card, never a default.
        network.load_state_dict(state, assign=True)
    except LandweaveError as error:
        raise CardError(
            f"{folder}: {error.given}", error.expected, "use a card of this version of landweave"
        ) from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise CardError(
            f"{folder}: {str(error)[:400]}", f"the weights of a {card.network} with {dict(card.arguments)}", _AGAIN
        ) from error
    return network.eval()


def _fresh(card: Card) -> nn.Module:
    # Codes are no classes: a recipe that learns labels must not find their network by name.
    if card.task == "codes":
        return Hashing(len(card.bands), len(card.legend), **card.arguments)
    if card.task == "reflectance":
        return Generator(len(card.bands), len(card.legend), **card.arguments)
    return build(card.network, len(card.bands), len(card.legend), **card.arguments)


def _values(card: Card) -> dict[str, Any]:
    """All that a card says, as it stands in its JSON; numbers are floats, so that reading gives what was written."""
    legend = card.legend
    classes = [asdict(entry) for entry in legend.classes]
    # Left away where there are none, so that cards from before they were known keep their identity.
    tuned = {"thresholds": [float(value) for value in card.thresholds]} if card.thresholds else {}
    sharpened = {"sharpener": card.sharpener} if card.sharpener else {}
    dated = {"series": _plain(asdict(card.series))} if card.series else {}
    told = {"output": card.output.to_json()} if card.output else {}
    paired = {"second": card.second.to_json()} if card.second else {}
    return {
        "network": card.network,
        "arguments": _plain(card.arguments),
        "sensor": card.sensor,
        "bands": list(card.bands),
        "pixel_size_m": float(card.pixel_size_m),
        "unit": card.unit,
        "mean": [float(value) for value in card.mean],
        "std": [float(value) for value in card.std],
        "legend": {"name": legend.name, "source": legend.source, "classes": classes},
        "task": card.task,
        "sight": {"stride": card.sight.stride, "reach_px": card.sight.reach_px},
        "training": _plain(card.training),
        "weights_sha256": card.weights_sha256,
        **tuned,
        **sharpened,
        **dated,
        **told,
        **paired,
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    # There and back: numpy's numbers become Python's, tuples become lists, keys become texts.
    plain: dict[str, Any] = json.loads(json.dumps(dict(values), default=lambda value: value.item()))
    return plain


def _read_bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise CardError(
            f"{folder / name}: {error.strerror}",
            f"a card: a folder with {_TEXT} and {_WEIGHTS}",
            "give the folder that landweave train wrote, for example run/card",
        ) from error


def _read_text(folder: Path) -> Card:
    try:
        values = json.loads(_read_bytes(folder, _TEXT))
        table = CardTable.model_validate(values)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{folder / _TEXT}: {error}", "a whole JSON file in UTF-8", _AGAIN) from error
    except ValidationError as error:
        raise CardError(
            f"{folder / _TEXT}: {_first(error)}",
            f"a card of landweave, format {FORMAT}",
            "give a card that this version of landweave wrote",
        ) from error
    card = _card(table, folder)
    if card.identity != table.identity:
        raise CardError(
            f"{folder / _TEXT}, changed after it was written",
            f"the content with identity {table.identity[:12]}; this one has {card.identity[:12]}",
            "copy the whole card folder again; a card is not edited by hand",
        )
    return card


def _first(error: ValidationError) -> str:
    detail = error.errors()[0]
    return f"{'.'.join(str(part) for part in detail['loc']) or 'the file'}: {detail['msg']}"


def _card(table: CardTable, folder: Path) -> Card:
    # Checked again as values: a text can have all its keys and still contradict itself.
    apart = {"format", "legend", "sight", "series", "output", "second", "identity", "versions"}
    inner = table.model_dump(exclude=apart)
    try:
        classes = tuple(LandClass(**entry.model_dump()) for entry in table.legend.classes)
        legend = Legend(table.legend.name, table.legend.source, classes)
        sight, series = Sight(table.sight.stride, table.sight.reach_px), table.series.made() if table.series else None
        output = table.output.made() if table.output else None
        second = table.second.made() if table.second else None
        return Card(**inner, legend=legend, sight=sight, series=series, output=output, second=second)
    except LandweaveError as error:
        raise CardError(f"{folder / _TEXT}: {error.given}", error.expected, error.do) from error


def _check(card: Card) -> None:
    num = len(card.bands)
    if not num or len(set(card.bands)) != num or len(card.mean) != num or len(card.std) != num:
        raise CardError(
            f"bands {list(card.bands)} with {len(card.mean)} means and {len(card.std)} standard deviations",
            "at least one band, each once, with one mean and one standard deviation",
            _AGAIN,
        )
    if not all(map(math.isfinite, (*card.mean, *card.std))) or min(card.std) <= 0 or not card.pixel_size_m > 0:
        raise CardError(
            f"means {list(card.mean)}, standard deviations {list(card.std)}, pixel size {card.pixel_size_m} m",
            "finite numbers, standard deviations and pixel size above 0",
            "look for constant or empty bands in the training part",
        )
    if card.thresholds and (
        len(card.thresholds) != len(card.legend) or not all(0 <= value <= 1 for value in card.thresholds)
    ):
        raise CardError(
            f"thresholds {list(card.thresholds)} for {len(card.legend)} classes",
            "one for each class, from 0 to 1",
            _AGAIN,
        )
    if (card.task == "series") != (card.series is not None):
        raise CardError(
            f"task {card.task} with {card.series}", "how dates are taken for task series, and for no other", _AGAIN
        )
    output = card.output
    if (card.task == "reflectance") != (output is not None) or (output and len(output.input_sizes_m) != num):
        raise CardError(
            f"task {card.task} with {output}",
            "what comes out for task reflectance, with a pixel size for each band taken, and for no other task",
            _AGAIN,
        )
    if card.sight.stride < 1 or (card.sight.reach_px or 0) < 0:
        raise CardError(f"{card.sight}", "a stride of at least 1 and a reach of at least 0", _AGAIN)
