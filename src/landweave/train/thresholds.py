"""From which probability on a label is told: the best threshold of each class, from sums that add up over ranks."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

NUM_BINS = 200
"""Thresholds that are tried lie this close, as shares of 1."""


def counts(
    scores: Float[Tensor, "b k"], target: Shaped[Tensor, "b k"], weight: Float[Tensor, " b"]
) -> Int64[Tensor, "2 k {NUM_BINS}"]:
    """How many samples lack (0) and have (1) each label, by bins of its probability.

    Args:
        scores: Before the sigmoid.
        target: 1 where the sample has the label, 0 where not; anything else is not counted.
        weight: Of each sample; 0 leaves it out.
    """
    bins = (scores.float().sigmoid() * NUM_BINS).long().clamp(max=NUM_BINS - 1)
    places = bins + NUM_BINS * torch.arange(scores.shape[1], device=scores.device)
    size = scores.shape[1] * NUM_BINS
    counted = (weight > 0)[:, None]
    every = [torch.bincount(places[(target == value) & counted], minlength=size) for value in (0, 1)]
    return torch.stack(every).view(2, scores.shape[1], NUM_BINS)


def best(counted: Int64[Tensor, "2 k n"]) -> list[float]:
    """The threshold of each class with the highest F1: a label is told where its probability is at least that.

    Of several with one F1 the nearest to one half is taken; a class that no sample has keeps one half.
    """
    absent, present = counted.double()
    # What a threshold at the lower edge of each bin tells: all samples of that bin and of those above.
    wrong, right = (one.flip(1).cumsum(1).flip(1) for one in (absent, present))
    f1 = 2 * right / (right + wrong + present.sum(1, keepdim=True)).clamp(min=1)
    edges = torch.arange(counted.shape[2], dtype=torch.float64, device=counted.device) / counted.shape[2]
    # So little that only equal figures are told apart by it.
    chosen = (f1 - 1e-9 * (edges - 0.5).abs()).argmax(1)
    return [float(edge) for edge in torch.where(present.sum(1) > 0, edges[chosen], 0.5)]
