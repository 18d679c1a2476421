"""Losses as sums over places, each place with its share: divided by the shares of the whole batch they are its mean."""

from __future__ import annotations

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor
from torch.nn import functional

from landweave.legend import IGNORE


def shares(
    target: Integer[Tensor, "b ..."],
    weight: Float[Tensor, " b"],
    class_weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, "b ..."]:
    """How much each place counts: 0 where the target is IGNORE, else the weight of its sample.

    Args:
        target: Class indices, or 0 and 1 of several labels a sample; IGNORE where unknown.
        weight: Of each sample; 0 leaves it out.
        class_weights: Of each class index, multiplied in, as torch's weighted mean does.
    """
    known = target != IGNORE
    share = known * weight.view(-1, *(1,) * (target.dim() - 1))
    return share if class_weights is None else share * class_weights[torch.where(known, target, 0).long()]


def cross_entropy(
    logits: Float[Tensor, "b k ..."],
    target: Integer[Tensor, "b ..."],
    share: Float[Tensor, "b ..."],
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Sum over all places of share times the cross entropy of the class, in fp32.

    Args:
        logits: Scores before softmax.
        target: Class indices, IGNORE where unknown (there the share is 0).
        share: From `shares`.
        smoothing: Share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7).
    """
    # torch's own ignore_index divides by what this rank holds; here the caller divides by what all ranks hold.
    safe = torch.where(target == IGNORE, 0, target).long()
    loss = functional.cross_entropy(logits.float(), safe, reduction="none", label_smoothing=smoothing)
    return (loss * share).sum()


def binary_cross_entropy(
    logits: Float[Tensor, "b k"],
    target: Shaped[Tensor, "b k"],
    share: Float[Tensor, "b k"],
    positive: Float[Tensor, " k"] | None = None,
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Sum over all labels of share times the binary cross entropy, in fp32.

    Args:
        logits: Scores before the sigmoid.
        target: 1 where the sample has the label, 0 where not, IGNORE where unknown (there the share is 0).
        share: From `shares`.
        positive: How much more a present label of each class counts than an absent one.
        smoothing: Share by which 0 and 1 move towards one half.
    """
    wanted = torch.where(target == IGNORE, 0, target).float() * (1 - smoothing) + smoothing / 2
    loss = functional.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none", pos_weight=positive)
    return (loss * share).sum()
