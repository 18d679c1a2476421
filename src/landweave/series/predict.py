"""A card of series made ready to predict, once a process: labels and probabilities of pixels, span by span."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int64, UInt8
from torch import Tensor

from landweave.errors import CardError
from landweave.jobs.worker import give_back_memory
from landweave.legend import IGNORE
from landweave.mapping.predictor import Precision
from landweave.models.series.input import SeriesInput
from landweave.series.change import SURE
from landweave.series.slide import slide
from landweave.train.answer import Answer
from landweave.train.dated import Dated, beginnings, features

BATCH_PX = 512
"""Pixels at once: few enough that what a layer gives stays near the processor, enough to keep it busy."""


class SeriesPredictor(Answer):
    """A card of series that tells one label a series, and those of many spans of the same dates together."""

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
        return self._of_series(super().scores(values, valid, days))

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
        if self.network is None:
            yield from (self._alone(values[:, span], valid[:, span], every[:, span]) for span in spans)
            return
        # Days count from the January of the year in which a span begins.
        starts = [int(beginnings(days[None, span])[0]) for span in spans]
        if len(set(starts)) == 1 or self._is_blind:
            yield from self._sliding(Dated(values, valid, (every - starts[0]).astype(np.float32)), spans)
            return
        for span, start in zip(spans, starts, strict=True):
            yield from self._sliding(Dated(values, valid, (every - start).astype(np.float32)), [span])

    @property
    def _is_blind(self) -> bool:
        """Whether days tell the network nothing."""
        return getattr(self.network, "encoding", "days") == "none"

    def _alone(
        self, values: Float32[np.ndarray, "n t c"], valid: Bool[np.ndarray, "n t"], days: Int[np.ndarray, "n t"]
    ) -> Float[Tensor, "n k"]:
        # Where the card has dates of its own these are on them already: only gaps are left to fill.
        taken = self.taken if self.taken.days_of_year is None else SeriesInput(values.shape[1])
        return self.classical(features(taken, values, valid, days))

    def _sliding(self, series: Dated, spans: Sequence[slice]) -> Iterator[Float[Tensor, "n k"]]:
        assert self.network is not None, "a classical model"
        for scores in slide(self.network, *self.inputs(series), spans):
            yield self._of_series(scores).float()

    def _of_series(self, scores: Float[Tensor, "n *s k"]) -> Float[Tensor, "n k"]:
        return scores.mean(1) if self.taken.per == "date" else scores


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
    made = SeriesPredictor(folder, precision, device)
    give_back_memory()
    return made
