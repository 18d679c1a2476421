"""Losses equal torch's own where torch has them, whatever the batch is cut into."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from landweave.train.losses import Form, binary_cross_entropy, cross_entropy, shares

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(4, 3, 5, 5, generator=GENERATOR)
TARGET = torch.randint(0, 3, (4, 5, 5), generator=GENERATOR).to(torch.uint8)
TARGET[:, 0] = 255
ONES = torch.ones(4)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 4.0, 0.5])])
def test_cross_entropy_is_torchs_mean(weights: torch.Tensor | None) -> None:
    share = shares(TARGET, ONES, weights)
    wanted = functional.cross_entropy(LOGITS, TARGET.long(), weights, ignore_index=255)
    assert cross_entropy(LOGITS, TARGET, share) / share.sum() == pytest.approx(wanted.item(), rel=1e-6)


def test_smoothed_cross_entropy_is_torchs_mean() -> None:
    share = shares(TARGET, ONES)
    wanted = functional.cross_entropy(LOGITS, TARGET.long(), ignore_index=255, label_smoothing=0.1)
    assert cross_entropy(LOGITS, TARGET, share, Form(smoothing=0.1)) / share.sum() == pytest.approx(
        wanted.item(), rel=1e-6
    )


def test_ignored_places_change_nothing() -> None:
    changed = LOGITS.clone()
    changed[:, :, 0] = 1e4
    share = shares(TARGET, ONES)
    assert cross_entropy(LOGITS, TARGET, share) == pytest.approx(cross_entropy(changed, TARGET, share).item(), rel=1e-6)
    assert share[:, 0].sum() == 0


def test_a_sample_of_weight_0_changes_nothing() -> None:
    weight = torch.tensor([1.0, 1.0, 1.0, 0.0])
    whole, part = shares(TARGET, weight), shares(TARGET[:3], ONES[:3])
    assert whole.sum() == part.sum() > 0
    assert cross_entropy(LOGITS, TARGET, whole) == pytest.approx(
        cross_entropy(LOGITS[:3], TARGET[:3], part).item(), rel=1e-6
    )


def test_sums_of_parts_are_the_sum_of_the_whole() -> None:
    weights = torch.tensor([1.0, 4.0, 0.5])
    pieces = [(LOGITS[i : i + 1], TARGET[i : i + 1], shares(TARGET[i : i + 1], ONES[:1], weights)) for i in range(4)]
    whole = cross_entropy(LOGITS, TARGET, shares(TARGET, ONES, weights))
    assert sum(cross_entropy(*piece).item() for piece in pieces) == pytest.approx(whole.item(), rel=1e-6)


def test_a_batch_without_labels_has_loss_0_and_gradient_0() -> None:
    logits = LOGITS.clone().requires_grad_()
    nothing = torch.full_like(TARGET, 255)
    loss = cross_entropy(logits, nothing, shares(nothing, ONES))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None and not logits.grad.any()


@pytest.mark.parametrize("positive", [None, torch.tensor([2.0, 1.0, 3.0])])
def test_binary_cross_entropy_is_torchs_mean(positive: torch.Tensor | None) -> None:
    logits = LOGITS[:, :, 0, 0]
    target = torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]], dtype=torch.uint8)
    share = shares(target, ONES)
    ours = binary_cross_entropy(logits, target, share, positive) / share.sum()
    wanted = functional.binary_cross_entropy_with_logits(logits, target.float(), pos_weight=positive)
    assert ours == pytest.approx(wanted.item(), rel=1e-6)


def test_unknown_labels_change_nothing() -> None:
    logits = LOGITS[:, :, 0, 0]
    target = torch.tensor([[0, 1, 255], [255, 0, 0], [0, 0, 0], [1, 1, 1]], dtype=torch.uint8)
    share = shares(target, ONES)
    known = target != 255
    wanted = functional.binary_cross_entropy_with_logits(logits[known], target[known].float(), reduction="sum")
    assert share.sum() == 10
    assert binary_cross_entropy(logits, target, share) == pytest.approx(wanted.item(), rel=1e-6)


def test_smoothing_of_labels_moves_them_towards_one_half() -> None:
    logits, target = torch.zeros(1, 2), torch.tensor([[0, 1]], dtype=torch.uint8)
    sharp, smooth = (torch.tensor([[-3.0, 3.0]]), torch.tensor([[-1.0, 1.0]]))
    share = shares(target, torch.ones(1))
    losses = [
        binary_cross_entropy(scores, target, share, form=Form(smoothing=0.5)).item()
        for scores in (sharp, smooth, logits)
    ]
    assert losses[1] < losses[0]
    assert losses[1] < losses[2]


FOCAL = Form("focal", gamma=2.0)


def test_focal_loss_is_the_papers_sum_over_places() -> None:
    """Lin et al. 2017, equation 4: -(1 - p)^gamma log p of the true class."""
    share = shares(TARGET, ONES)
    known = TARGET != 255
    p = LOGITS.softmax(1).gather(1, torch.where(known, TARGET, 0).long()[:, None])[:, 0][known]
    wanted = (-((1 - p) ** 2) * p.log()).sum()
    assert cross_entropy(LOGITS, TARGET, share, FOCAL).item() == pytest.approx(wanted.item(), rel=1e-5)


SCORES = torch.tensor([[-3.0, 0.5, 2.0], [4.0, -0.1, -6.0]])
LABELS = torch.tensor([[0, 1, 255], [1, 0, 1]], dtype=torch.uint8)


def by_hand(form: Form) -> float:
    """Label by label, as Ridnik et al. 2021 (equations 4 to 7) and Lin et al. 2017 write it."""
    total = 0.0
    for score, label in zip(SCORES.flatten().double(), LABELS.flatten(), strict=True):
        p = torch.sigmoid(score)
        if label == 1:
            total -= float((1 - p) ** form.gamma * p.log())
        elif label == 0 and form.name == "focal":
            total -= float(p**form.gamma * (1 - p).log())
        elif label == 0:
            told = max(p - form.margin, torch.tensor(0.0))
            total -= float(told**form.gamma_absent * (1 - told).log())
    return total


@pytest.mark.parametrize("form", [FOCAL, Form("asymmetric", gamma=1.0), Form("asymmetric", gamma=0.0, margin=0.2)])
def test_losses_of_labels_are_those_of_the_papers(form: Form) -> None:
    share = shares(LABELS, torch.ones(2))
    assert binary_cross_entropy(SCORES, LABELS, share, form=form).item() == pytest.approx(by_hand(form), rel=1e-5)


def test_asymmetric_without_powers_and_margin_is_plain() -> None:
    share = shares(LABELS, torch.ones(2))
    form = Form("asymmetric", gamma=0.0, gamma_absent=0.0, margin=0.0)
    wanted = binary_cross_entropy(SCORES, LABELS, share)
    assert binary_cross_entropy(SCORES, LABELS, share, form=form).item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("form", [Form("focal", gamma=0.5), Form("asymmetric", gamma=0.5, gamma_absent=0.5)])
@pytest.mark.parametrize("far", [-200.0, 0.0, 200.0])
def test_gradients_are_finite_however_sure_the_network_is(form: Form, far: float) -> None:
    logits = torch.full((2, 3), far).requires_grad_()
    binary_cross_entropy(logits, LABELS, shares(LABELS, torch.ones(2)), form=form).backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    if form.name == "focal":
        logits = torch.tensor([[far, -far, 0.0], [0.0, far, -far]], requires_grad=True)
        target = torch.tensor([0, 2])
        cross_entropy(logits, target, shares(target, torch.ones(2)), form).backward()
        assert logits.grad is not None and logits.grad.isfinite().all()


def test_what_a_network_is_sure_and_right_of_counts_less() -> None:
    target, share = torch.tensor([0]), torch.ones(1)
    sure, unsure = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.1, 0.0]])
    ratio = [cross_entropy(one, target, share, FOCAL) / cross_entropy(one, target, share) for one in (sure, unsure)]
    assert ratio[0] < 0.01 * ratio[1]
