"""Losses as sums over places, each place with its share: divided by the shares of the whole batch they are its mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class Form:
    """How a loss looks at scores: the same for all places, or less at those that are easy.

    Attributes:
        name: plain: cross entropy; focal: less where the network is sure and right (Lin et al. 2017, equation 4);
            asymmetric: so, but otherwise for labels that are absent (Ridnik et al. 2021, equations 4-7).
        smoothing: Share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7).
        gamma: Power of focal, and of asymmetric for labels that are there.
        gamma_absent: Power of asymmetric for labels that are not there.
        margin: Probability up to which asymmetric leaves absent labels alone.
    """

    name: Literal["plain", "focal", "asymmetric"] = "plain"
    smoothing: float = 0.0
    gamma: float = 2.0
    gamma_absent: float = 4.0
    margin: float = 0.05


PLAIN = Form()
# A root of exactly 0 would have an infinite slope.
_LEAST = 1e-8


def cross_entropy(
    logits: Float[Tensor, "b k ..."],
    target: Integer[Tensor, "b ..."],
    share: Float[Tensor, "b ..."],
    form: Form = PLAIN,
) -> Float[Tensor, ""]:
    """Sum over all places of share times the loss of the class, in fp32.

    Args:
        logits: Scores before softmax.
        target: Class indices, IGNORE where unknown (there the share is 0).
        share: From `shares`.
        form: plain or focal.
    """
    # torch's own ignore_index divides by what this rank holds; here the caller divides by what all ranks hold.
    safe = torch.where(target == IGNORE, 0, target).long()
    loss = functional.cross_entropy(logits.float(), safe, reduction="none", label_smoothing=form.smoothing)
    if form.name == "focal":
        sure = functional.cross_entropy(logits.float(), safe, reduction="none")
        loss = (1 - torch.exp(-sure)).clamp(min=_LEAST) ** form.gamma * loss
    return (loss * share).sum()


def binary_cross_entropy(
    logits: Float[Tensor, "b k"],
    target: Shaped[Tensor, "b k"],
    share: Float[Tensor, "b k"],
    positive: Float[Tensor, " k"] | None = None,
    form: Form = PLAIN,
) -> Float[Tensor, ""]:
    """Sum over all labels of share times the loss, in fp32.

    Args:
        logits: Scores before the sigmoid.
        target: 1 where the sample has the label, 0 where not, IGNORE where unknown (there the share is 0).
        share: From `shares`.
        positive: How much more a present label of each class counts than an absent one.
        form: plain, focal or asymmetric; smoothing moves 0 and 1 by half of it towards one half.
    """
    scores = logits.float()
    present = torch.where(target == IGNORE, 0, target).float()
    wanted = present * (1 - form.smoothing) + form.smoothing / 2
    if form.name == "asymmetric":
        return (_asymmetric(scores, wanted, positive, form) * share).sum()
    loss = functional.binary_cross_entropy_with_logits(scores, wanted, reduction="none", pos_weight=positive)
    if form.name == "focal":
        wrong = torch.sigmoid(torch.where(present > 0, -scores, scores))
        loss = wrong.clamp(min=_LEAST) ** form.gamma * loss
    return (loss * share).sum()


def _asymmetric(
    scores: Float[Tensor, "b k"], wanted: Float[Tensor, "b k"], positive: Float[Tensor, " k"] | None, form: Form
) -> Float[Tensor, "b k"]:
    there = torch.sigmoid(-scores).clamp(min=_LEAST) ** form.gamma * functional.logsigmoid(scores)
    # What is absent and less likely than the margin is left alone: it may be a label that somebody forgot.
    told = (torch.sigmoid(scores) - form.margin).clamp(min=_LEAST)
    absent = told**form.gamma_absent * torch.log1p(-told.clamp(max=1 - 1e-7))
    weight = wanted if positive is None else wanted * positive
    return -(weight * there + (1 - wanted) * absent)
