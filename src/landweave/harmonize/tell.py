"""What tells one sensor's values from another's: a generator, a regression, or published lines, behind one call."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32

from landweave.classical import regression
from landweave.errors import CardError
from landweave.harmonize.physical import compared
from landweave.harmonize.views import Sizes, Values
from landweave.jobs.worker import threads
from landweave.models.card import Card, load_card, load_parts
from landweave.models.pair.harmoniser import Harmoniser

Lines = tuple[tuple[float, float], ...]
"""Slope and offset for each band."""


@runtime_checkable
class Teller(Protocol):
    """Tells what the other sensor would see."""

    def tell(self, values: Values, valid: Bool[np.ndarray, "a b"]) -> Float32[np.ndarray, "k a b"]:
        """Physical values of the other sensor's bands on compared pixels; anything where not valid."""


class Learned:
    """A generator.

    Args:
        card: Its card.
        network: In evaluation mode.
        device: Where it computes.
    """

    def __init__(self, card: Card, network: torch.nn.Module, device: torch.device) -> None:
        moved = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.harmoniser, self.device = Harmoniser(card, moved).to(device).eval(), device

    def tell(self, values: Values, valid: Bool[np.ndarray, "a b"]) -> Float32[np.ndarray, "k a b"]:
        """What the generator tells; pixels that are not valid are the mean of their band to it."""
        views = {size: torch.from_numpy(view)[None].to(self.device) for size, view in values.items()}
        usable = None if valid.all() else torch.from_numpy(valid)[None].to(self.device)
        with torch.inference_mode():
            found: Float32[np.ndarray, "k a b"] = self.harmoniser(views, usable)[0].cpu().numpy()
        return found


class PerPixel:
    """A regression of each pixel by itself.

    Args:
        card: Its card.
        model: As classical/regression.py gives it.
    """

    def __init__(self, card: Card, model: regression.Regression) -> None:
        self._sizes, self._model = sizes_of(card), model
        self._sigma_px = float(card.arguments.get("spread_px", 0.0))

    def tell(self, values: Values, valid: Bool[np.ndarray, "a b"]) -> Float32[np.ndarray, "k a b"]:
        """What the regression tells of valid pixels, 0 elsewhere."""
        found = compared(values, valid, self._sizes, self._sigma_px)
        told = regression.predict(self._model, np.ascontiguousarray(found[:, valid].T), threads())
        out = np.zeros((told.shape[1], *valid.shape), np.float32)
        out[:, valid] = told.T
        return out


@dataclass(frozen=True)
class Published:
    """Means or point spread, and a line for each band.

    Attributes:
        sizes: The bands.
        lines: Slope and offset for each, from the finest to the coarsest.
        sigma_px: Standard deviation of the Gaussian; 0 for plain means.
    """

    sizes: Sizes
    lines: Lines
    sigma_px: float = 0.0

    def tell(self, values: Values, valid: Bool[np.ndarray, "a b"]) -> Float32[np.ndarray, "k a b"]:
        """Every band by its line."""
        slopes, offsets = (np.array(each, np.float32)[:, None, None] for each in zip(*self.lines, strict=True))
        return np.asarray(compared(values, valid, self.sizes, self.sigma_px) * slopes + offsets)


class Ensemble:
    """Several that tell the same: their mean, and how far they disagree.

    Args:
        members: At least one.
    """

    def __init__(self, members: Sequence[Teller]) -> None:
        self.members = tuple(members)

    def tell(self, values: Values, valid: Bool[np.ndarray, "a b"]) -> Float32[np.ndarray, "k a b"]:
        """The mean of all."""
        return self.tell_spread(values, valid)[0]

    def tell_spread(
        self, values: Values, valid: Bool[np.ndarray, "a b"]
    ) -> tuple[Float32[np.ndarray, "k a b"], Float32[np.ndarray, "k a b"]]:
        """The mean of all, and their standard deviation (of the sample) for each band; 0 for one member."""
        each = np.stack([member.tell(values, valid) for member in self.members])
        if len(each) == 1:
            return each[0], np.zeros_like(each[0])
        return each.mean(0, dtype=np.float32), each.std(0, ddof=1, dtype=np.float32)


def sizes_of(card: Card) -> Sizes:
    """The bands of a card by their pixel size, and the pixels of its output.

    Raises:
        CardError: The card has another task.
    """
    if card.output is None:
        raise CardError(
            f"a card of task {card.task}",
            "a card of task reflectance",
            "train one with a recipe of task harmonize, or fit one with landweave harmonize fit",
        )
    return Sizes.of(card.bands, card.output)


@functools.lru_cache(maxsize=8)
def ready(folder: Path, identity: str, device: str) -> Teller:
    """What a card tells with, loaded once a process.

    Raises:
        CardError: The card is damaged, of another task, or no longer the one with `identity`.
    """
    card, arrays = load_parts(folder)
    if card.identity != identity:
        raise CardError(
            f"{folder} with identity {card.identity[:12]}",
            f"the card that the job began with, {identity[:12]}",
            "use another folder for the new card, or put the old card back",
        )
    if card.is_classical:
        return PerPixel(card, regression.from_arrays(card.network, arrays))
    return Learned(*load_card(folder), torch.device(device))
