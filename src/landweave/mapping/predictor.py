"""A card made ready to predict, once a process: a torch network or a classical model, behind one call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor, nn

from landweave.classical import store
from landweave.errors import CardError
from landweave.jobs.worker import give_back_memory, threads
from landweave.models.card import Card, load_card, load_parts
from landweave.models.fuse import fuse
from landweave.models.normalise import Normalise
from landweave.models.sight import Sight

Precision = Literal["fp32", "bf16"]
_TINY = 1e-30


@runtime_checkable
class Predictor(Protocol):
    """What tells the classes of pixels."""

    @property
    def card(self) -> Card:
        """What it was made from."""

    def scores(self, values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"]) -> Float[Tensor, "k h w"]:
        """Scores of every class, whose softmax are the probabilities; anything where not valid."""


class Network:
    """A torch network.

    In fp32 it is the card's network as it was trained. In bf16 its batch norms are folded into the convolutions and
    weights and activations are bf16. Channels stand last in memory, which convolutions are fastest with, but where the
    network sees single pixels in fp32: there nothing is gained by moving them.

    Args:
        card: Its card.
        network: In evaluation mode.
        precision: What it computes in.
        device: Where it computes.
    """

    def __init__(self, card: Card, network: nn.Module, precision: Precision, device: torch.device) -> None:
        self.card = card
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._device = device
        is_moved = precision == "bf16" or card.sight != Sight(1, 0)
        self._format = torch.channels_last if is_moved else torch.contiguous_format
        ready = fuse(network) if precision == "bf16" else network
        self.network = ready.to(device, self.dtype, memory_format=self._format)  # type: ignore[call-overload]
        self._normalise = Normalise(card.mean, card.std).to(device)

    def scores(self, values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"]) -> Float[Tensor, "k h w"]:
        """Scores of every class."""
        batch = torch.from_numpy(values)[None]
        usable = None if valid.all() else torch.from_numpy(valid)[None]
        here = None if usable is None else usable.to(self._device)
        with torch.inference_mode():
            # No name for what is in between: it would live as long as the network runs.
            scores: Tensor = self.network(
                self._normalise(batch.to(self._device), here).to(self.dtype, memory_format=self._format)
            )
        return scores[0]


class Classical:
    """A classical model, pixel by pixel or with a neighbourhood.

    Args:
        card: Its card.
        model: As classical/store.py gives it.
    """

    def __init__(self, card: Card, model: store.Model) -> None:
        self.card = card
        self._model = model
        self._window_px = int(card.arguments.get("window_px", 1))

    def scores(self, values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"]) -> Float[Tensor, "k h w"]:
        """Logarithms of the probabilities of every class."""
        found = store.predict_map(self._model, values, valid, self._window_px, threads())
        return torch.from_numpy(found).clamp_min_(_TINY).log_()


_READY: OrderedDict[tuple[Path, str, str, str], Predictor] = OrderedDict()
_LOADING = threading.Lock()
# A card in two precisions, twice: a job that goes from card to card must not gather all their weights.
_MOST_READY = 4


def ready(folder: Path, identity: str, precision: Precision, device: str) -> Predictor:
    """The predictor of a card, loaded once a process.

    Raises:
        CardError: The card is damaged, or no longer the one with `identity`.
    """
    key = (folder, identity, precision, device)
    with _LOADING:
        if key not in _READY:
            _READY[key] = _load(folder, identity, precision, torch.device(device))
            if len(_READY) > _MOST_READY:
                _READY.popitem(last=False)
        _READY.move_to_end(key)
        return _READY[key]


def _load(folder: Path, identity: str, precision: Precision, device: torch.device) -> Predictor:
    card, arrays = load_parts(folder)
    if card.identity != identity:
        raise CardError(
            f"{folder} with identity {card.identity[:12]}",
            f"the card that the job began with, {identity[:12]}",
            "map with the new card into another folder, or put the old card back",
        )
    if card.is_classical:
        return Classical(card, store.from_arrays(card.network, arrays))
    del arrays
    made = Network(*load_card(folder), precision, device)
    give_back_memory()
    return made
