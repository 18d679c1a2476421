"""A card of series made ready to predict, once a process: labels and probabilities of pixels, span by span."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int64, UInt8
from torch import Tensor, nn

from landweave.classical import store
from landweave.errors import CardError
from landweave.jobs.worker import give_back_memory, threads
from landweave.legend import IGNORE
from landweave.mapping.predictor import Precision
from landweave.models.card import Card, load_card, load_parts
from landweave.models.series.dates import normalised
from landweave.models.series.input import SeriesInput
from landweave.series.change import SURE
from landweave.series.slide import slide
from landweave.train.dated import beginnings, dated, features

BATCH_PX = 512
"""Pixels at once: few enough that what a layer gives stays near the processor, enough to keep it busy."""
_TINY = 1e-30


@dataclass(frozen=True)
class SeriesPredictor:
    """A card of series with its network or classical model, on a device.

    Attributes:
        card: What it was made from.
        model: A network in evaluation mode, or a classical model.
        precision: What networks compute in.
        device: Where they compute.
    """

    card: Card
    model: Any
    precision: Precision
    device: torch.device

    @property
    def taken(self) -> SeriesInput:
        """How the card takes dates."""
        assert self.card.series is not None, "a card of another task"
        return self.card.series

    @cached_property
    def _statistics(self) -> tuple[Tensor, Tensor]:
        mean, std = (torch.tensor(one, device=self.device) for one in (self.card.mean, self.card.std))
        return mean, std

    @property
    def _dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def scores(
        self, values: Float32[np.ndarray, "n t c"], valid: Bool[np.ndarray, "n t"], days: Int[np.ndarray, "n t"]
    ) -> Float[Tensor, "n k"]:
        """Scores of every class, whose softmax are the probabilities, of whole series as the card takes them.

        Args:
            values: Physical values; what is not valid is never looked at.
            valid: Which dates are valid.
            days: Since the first of January 1970, never falling.

        Raises:
            SeriesError: Dates do not fit the card.
        """
        if self.card.is_classical:
            x = features(self.taken, values, valid, days)
            found = self.model.predict_probabilities(x, threads())
            return torch.from_numpy(found).clamp_min_(_TINY).log_()
        return next(self._network(*dated(self.taken, values, valid, days), [slice(None)]))

    def each(
        self,
        values: Float32[np.ndarray, "n t c"],
        valid: Bool[np.ndarray, "n t"],
        days: Int64[np.ndarray, " t"],
        spans: Sequence[slice],
    ) -> Iterator[Float[Tensor, "n k"]]:
        """Scores of every span of the same dates, sharing what spans have in common.

        Args:
            values: Physical values of all dates, on the dates that the card takes.
            valid: Which are valid.
            days: Since the first of January 1970, the same for all pixels.
            spans: Runs of dates.
        """
        every = np.broadcast_to(days, valid.shape)
        if self.card.is_classical:
            yield from (self._alone(values[:, span], valid[:, span], every[:, span]) for span in spans)
            return
        # Days count from the January of the year in which a span begins.
        starts = [int(beginnings(days[None, span])[0]) for span in spans]
        if len(set(starts)) == 1 or self._is_blind:
            yield from self._network(values, valid, (every - starts[0]).astype(np.float32), spans)
            return
        for span, start in zip(spans, starts, strict=True):
            yield from self._network(values, valid, (every - start).astype(np.float32), [span])

    @property
    def _is_blind(self) -> bool:
        """Whether days tell the network nothing."""
        return getattr(self.model, "encoding", "days") == "none"

    def _alone(
        self, values: Float32[np.ndarray, "n t c"], valid: Bool[np.ndarray, "n t"], days: Int[np.ndarray, "n t"]
    ) -> Float[Tensor, "n k"]:
        if self.taken.days_of_year is None:
            return self.scores(values, valid, days)
        # On the card's dates already: only gaps are left to fill.
        plain = SeriesInput(values.shape[1])
        found = self.model.predict_probabilities(features(plain, values, valid, days), threads())
        return torch.from_numpy(found).clamp_min_(_TINY).log_()

    def _network(
        self,
        values: Float32[np.ndarray, "n t c"],
        valid: Bool[np.ndarray, "n t"],
        days: Float32[np.ndarray, "n t"],
        spans: Sequence[slice],
    ) -> Iterator[Float[Tensor, "n k"]]:
        there, told = (torch.from_numpy(np.ascontiguousarray(one)).to(self.device) for one in (valid, days))
        x = normalised(torch.from_numpy(values).to(self.device), there, *self._statistics).to(self._dtype)
        for scores in slide(self.model, x, there, told, spans):
            yield (scores.mean(1) if self.taken.per == "date" else scores).float()


def told(
    scores: Float[Tensor, "n k"], known: Bool[np.ndarray, " n"]
) -> tuple[UInt8[np.ndarray, " n"], UInt8[np.ndarray, " n"]]:
    """Index of the likeliest class and its probability in steps of 1/255; IGNORE and 0 where nothing is `known`."""
    top, label = torch.softmax(scores, 1).max(1)
    labels = label.to(torch.uint8).cpu().numpy()
    sure = (top * SURE).round_().to(torch.uint8).cpu().numpy()
    return np.where(known, labels, np.uint8(IGNORE)), np.where(known, sure, np.uint8(0))


_READY: OrderedDict[tuple[Path, str, str, str], SeriesPredictor] = OrderedDict()
_LOADING = threading.Lock()
_MOST_READY = 2


def ready(folder: Path, identity: str, precision: Precision, device: str) -> SeriesPredictor:
    """The predictor of a card, loaded once a process.

    Raises:
        CardError: The card is damaged, of another task, or no longer the one with `identity`.
    """
    key = (folder, identity, precision, device)
    with _LOADING:
        if key not in _READY:
            _READY[key] = load(folder, precision, device)
            if _READY[key].card.identity != identity:
                found = _READY.pop(key).card.identity
                raise CardError(
                    f"{folder} with identity {found[:12]}",
                    f"the card that the job began with, {identity[:12]}",
                    "map with the new card into another folder, or put the old card back",
                )
            if len(_READY) > _MOST_READY:
                _READY.popitem(last=False)
        _READY.move_to_end(key)
        return _READY[key]


def load(folder: Path, precision: Precision = "fp32", device: str = "cpu") -> SeriesPredictor:
    """The predictor of the card in `folder`.

    Raises:
        CardError: The card is damaged or of another task.
    """
    card, arrays = load_parts(folder)
    if card.series is None:
        raise CardError(
            f"{folder}, a card of task {card.task}", "a card of series", "give one that a recipe of series made"
        )
    where = torch.device(device)
    if card.is_classical:
        return SeriesPredictor(card, store.from_arrays(card.network, arrays), "fp32", where)
    del arrays
    network: nn.Module = load_card(folder)[1]
    made = SeriesPredictor(card, network.to(where, torch.bfloat16 if precision == "bf16" else None), precision, where)
    give_back_memory()
    return made
