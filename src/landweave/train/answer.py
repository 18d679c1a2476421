"""What a card tells of series: a network or a classical model, behind one call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from landweave.classical import store
from landweave.errors import CardError, SeriesError
from landweave.jobs.worker import threads
from landweave.models.card import Card, load_card, load_parts
from landweave.models.series.dates import normalised
from landweave.models.series.input import SeriesInput
from landweave.train.dated import Dated, dated, features
from landweave.train.precision import Precision

_TINY = 1e-30
# Enough to fill the cores, little enough for activations of long series to stay in the cache.
_AT_ONCE = 2048


class Answer:
    """A card of series, ready to tell.

    Args:
        folder: Of the card.
        precision: What a network computes in; its weights are held in it.
        device: Where it computes.

    Raises:
        CardError: The card is damaged, or not of series.
    """

    def __init__(self, folder: Path, precision: Precision = "fp32", device: torch.device | str = "cpu") -> None:
        card, arrays = load_parts(folder)
        self.card, self.taken = card, taken_by(card, folder)
        self.device = torch.device(device)
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._model = store.from_arrays(card.network, arrays) if card.is_classical else None
        self.network = None if card.is_classical else load_card(folder)[1].to(self.device, self._dtype)
        self._mean, self._std = (torch.tensor(one, device=self.device) for one in (card.mean, card.std))

    def scores(
        self,
        values: Float32[np.ndarray, "n t c"],
        valid: Bool[np.ndarray, "n t"],
        days: Int[np.ndarray, "n t"],
    ) -> Float[Tensor, "n *s k"]:
        """Scores whose softmax are probabilities: (n k), or (n s k) where each date is told.

        Args:
            values: The card's bands in their order and unit; what is not valid is never looked at.
            valid: Which dates are valid.
            days: Since the first of January 1970, never falling along a series.

        Raises:
            SeriesError: There are other bands than the card's, or other dates than it takes.
        """
        if values.shape[2] != len(self.card.bands):
            raise SeriesError(
                f"series of {values.shape[2]} bands", f"the card's {', '.join(self.card.bands)}", "give these bands"
            )
        if self.network is None:
            return self.classical(features(self.taken, values, valid, days))
        starts = range(0, max(len(values), 1), _AT_ONCE)
        parts = [slice(start, start + _AT_ONCE) for start in starts]
        return torch.cat([self._told(dated(self.taken, values[part], valid[part], days[part])) for part in parts])

    def classical(self, x: Float32[np.ndarray, "n f"]) -> Float32[Tensor, "n k"]:
        """Scores by a classical model, of the numbers that it takes (`dated.features`)."""
        assert self._model is not None, "a network"
        return torch.from_numpy(self._model.predict_probabilities(x, threads())).clamp_min_(_TINY).log_()

    def inputs(self, series: Dated) -> tuple[Float[Tensor, "n t c"], Bool[Tensor, "n t"], Float32[Tensor, "n t"]]:
        """What the network takes of series on its dates: normalised values, valid and days, where it computes."""
        values, valid, days = (torch.from_numpy(np.ascontiguousarray(one)).to(self.device) for one in series)
        return normalised(values, valid, self._mean, self._std).to(self._dtype), valid, days

    @torch.inference_mode()
    def _told(self, series: Dated) -> Float[Tensor, "n *s k"]:
        assert self.network is not None, "a classical model"
        self._check_dates(series.valid.shape[1])
        scores: Tensor = self.network(*self.inputs(series))
        return scores.float().cpu()

    def _check_dates(self, given: int) -> None:
        wanted = self.card.arguments.get("num_dates", given)
        if given != wanted:
            raise SeriesError(
                f"series of {given} dates",
                f"{wanted} dates, which is all that a {self.card.network} takes",
                "choose as many scenes, or train with [dates] in the recipe",
            )


def taken_by(card: Card, folder: Path) -> SeriesInput:
    """How a card takes dates.

    Raises:
        CardError: It is not of series.
    """
    if card.series is None:
        raise CardError(
            f"{folder}, a card of task {card.task}", "a card of series", "train with a recipe of task series"
        )
    return card.series
