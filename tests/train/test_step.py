"""One update by the mean loss of the global batch, and figures from sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn
from torch.nn import functional

from landweave.models.table import build as network_of
from landweave.parallel.world import World
from landweave.train import losses, thresholds
from landweave.train import step as steps
from landweave.train.losses import Form
from landweave.train.optim import OptimiserTable
from landweave.train.prepare import Batch
from landweave.train.step import Supervised

GENERATOR = torch.Generator().manual_seed(0)
VALUES = torch.randn(6, 3, 8, 8, generator=GENERATOR)
MASK = torch.randint(0, 4, (6, 8, 8), generator=GENERATOR).to(torch.uint8)
MASK[:, :2] = 255
LABELS = torch.randint(0, 2, (6, 4), generator=GENERATOR).to(torch.uint8)


def batch(target: torch.Tensor = MASK, weight: torch.Tensor | None = None) -> Batch:
    weights = torch.ones(6) if weight is None else weight
    return Batch(VALUES, target, weights, torch.arange(6), int(weights.sum()))


def supervised(task: Any = "pixels", rate: float = 0.1, **changed: Any) -> Supervised:
    torch.manual_seed(1)
    network = nn.Conv2d(3, 4, 3, padding=1) if task == "pixels" else nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    table = OptimiserTable(
        name="sgd", rate=rate, momentum=0, nesterov=False, weight_decay=0, **changed.pop("table", {})
    )
    return Supervised(network, table=table, task=task, num_classes=4, world=World(), **changed)


def test_an_update_is_plain_gradient_descent_on_the_mean() -> None:
    made, plain = supervised(), supervised().networks["main"]
    made.update(batch(), factor=0.5)
    functional.cross_entropy(plain(VALUES), MASK.long(), ignore_index=255).backward()
    for mine, wanted in zip(made.networks["main"].parameters(), plain.parameters(), strict=True):
        assert wanted.grad is not None
        assert torch.allclose(mine, wanted - 0.05 * wanted.grad, atol=1e-7)


def test_sums_of_an_update_are_loss_and_share() -> None:
    sums = supervised().update(batch(), 1.0)
    wanted = functional.cross_entropy(supervised().networks["main"](VALUES), MASK.long(), ignore_index=255)
    assert float(sums["loss"] / sums["loss_share"]) == pytest.approx(wanted.item(), rel=1e-6)
    assert sums["loss_share"] == (MASK != 255).sum()


def test_a_sample_that_fills_up_teaches_nothing() -> None:
    weight = torch.tensor([1.0, 1, 1, 1, 1, 0])
    made, other = supervised(), supervised()
    made.update(batch(weight=weight), 1.0)
    changed = MASK.clone()
    changed[5] = 255
    other.update(batch(changed), 1.0)
    assert torch.allclose(made.networks["main"].weight, other.networks["main"].weight, atol=1e-7)


def test_long_gradients_are_cut() -> None:
    made = supervised(rate=1.0, table={"clip_norm": 1e-3})
    before = [weight.detach().clone() for weight in made.networks["main"].parameters()]
    made.update(batch(), 1.0)
    moved = [(now - then).square().sum() for now, then in zip(made.networks["main"].parameters(), before, strict=True)]
    assert sum(moved).sqrt().item() == pytest.approx(1e-3, rel=1e-3)


def test_judging_changes_nothing() -> None:
    made = supervised()
    before = {name: value.clone() for name, value in made.networks["main"].state_dict().items()}
    made.judge(batch())
    assert all(torch.equal(value, before[name]) for name, value in made.networks["main"].state_dict().items())
    assert not made.networks["main"].training


def test_figures_of_pixels_are_those_of_scikit_learn() -> None:
    made = supervised()
    sums = made.judge(batch())
    figures = made.figures(sums)
    known = (MASK != 255).numpy()
    told, true = made.networks["main"](VALUES).argmax(1).numpy()[known], MASK.numpy()[known]
    assert figures["overall_accuracy"] == pytest.approx(metrics.accuracy_score(true, told))
    assert figures["macro_f1"] == pytest.approx(metrics.f1_score(true, told, average="macro"))
    assert figures["mean_iou"] == pytest.approx(metrics.jaccard_score(true, told, average="macro"))
    assert figures["kappa"] == pytest.approx(metrics.cohen_kappa_score(true, told))
    assert set(figures) == {"loss", "overall_accuracy", "macro_f1", "mean_iou", "kappa"}


def test_figures_of_labels_are_those_of_scikit_learn() -> None:
    made = supervised(task="multilabel")
    figures = made.figures(made.judge(batch(LABELS)))
    told = (made.networks["main"](VALUES) > 0).numpy()
    assert figures["micro_f1"] == pytest.approx(metrics.f1_score(LABELS.numpy(), told, average="micro"))
    assert figures["macro_f1"] == pytest.approx(metrics.f1_score(LABELS.numpy(), told, average="macro"))


def test_unknown_labels_are_not_counted() -> None:
    scores = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    target = torch.tensor([[1, 255], [255, 0]], dtype=torch.uint8)
    counts = {name: value.tolist() for name, value in steps.label_counts(scores, target, 2).items()}
    assert counts == {"right": [1, 0], "wrong": [0, 1], "missing": [0, 0]}


def test_sums_of_parts_give_the_figures_of_the_whole() -> None:
    made = supervised()
    parts = [Batch(VALUES[i : i + 2], MASK[i : i + 2], torch.ones(2), torch.arange(2), 2) for i in (0, 2, 4)]
    sums = [made.judge(part) for part in parts]
    added = {name: torch.stack([part[name] for part in sums]).sum(0) for name in sums[0]}
    assert made.figures(added) == pytest.approx(made.figures(made.judge(batch())), rel=1e-6)


def test_class_weights_weigh_the_classes() -> None:
    weights = torch.tensor([1.0, 2, 3, 4])
    made, plain = supervised(class_weights=weights), supervised().networks["main"]
    made.update(batch(), 1.0)
    functional.cross_entropy(plain(VALUES), MASK.long(), weights, ignore_index=255).backward()
    assert plain.weight.grad is not None
    wanted = plain.weight - 0.1 * plain.weight.grad
    assert torch.allclose(made.networks["main"].weight, wanted, atol=1e-7)


def test_bf16_trains_fp32_weights() -> None:
    made, wide = supervised(precision="bf16"), supervised()
    sums = [one.update(batch(), 1.0) for one in (made, wide)]
    assert made.networks["main"].weight.dtype == torch.float32
    assert float(sums[0]["loss"]) == pytest.approx(float(sums[1]["loss"]), rel=0.02)
    assert float(sums[0]["loss"]) != float(sums[1]["loss"])


def test_dropout_draws_from_the_keys_of_the_batch() -> None:
    def updated(keys: list[int]) -> torch.Tensor:
        torch.manual_seed(1)
        network = network_of("unet", 3, 4, width=4, depth=1, dropout=0.5)
        made = Supervised(network, table=OptimiserTable(), task="pixels", num_classes=4, world=World())
        made.update(Batch(VALUES, MASK, torch.ones(6), torch.tensor(keys), 6), 1.0)
        return torch.cat([weight.detach().flatten() for weight in network.parameters()])

    one, same, other = updated([1, 2, 3, 4, 5, 6]), updated([1, 2, 3, 4, 5, 6]), updated([7, 8, 9, 10, 11, 12])
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_nothing_valid_gives_no_figures_that_look_good() -> None:
    made = supervised()
    figures = made.figures(made.judge(batch(torch.full_like(MASK, 255))))
    assert np.isnan(figures["overall_accuracy"])
    assert figures["loss"] == 0


def moved(made: Supervised) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in made.networks["main"].parameters()])


@pytest.mark.parametrize("task", ["pixels", "multilabel"])
def test_micro_batches_add_up_to_the_update_of_the_whole(task: Any) -> None:
    """To rounding, weights that count differently and unknown places included; of a network without batch norm."""
    target = MASK if task == "pixels" else LABELS
    weight = torch.tensor([1.0, 1, 1, 1, 1, 0])
    whole, cut = supervised(task), supervised(task)
    sums = [
        whole.update(Batch(VALUES, target, weight, torch.arange(6), 5), 1.0),
        cut.update(Batch(VALUES, target, weight, torch.arange(6), 5, ((2, 2), (1, 1), (3, 2))), 1.0),
    ]
    assert torch.allclose(moved(whole), moved(cut), atol=1e-7)
    assert not torch.equal(moved(whole), moved(supervised(task)))
    for name in sums[0]:
        assert float(sums[0][name]) == pytest.approx(float(sums[1][name]), rel=1e-6)


def test_micro_batches_are_normalised_by_themselves() -> None:
    """The running mean takes one share of each."""

    def running(sizes: tuple[tuple[int, int], ...]) -> torch.Tensor:
        network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1))
        made = Supervised(network, table=OptimiserTable(), task="pixels", num_classes=4, world=World())
        made.update(Batch(VALUES, MASK, torch.ones(6), torch.arange(6), 6, sizes), 1.0)
        return network[0].running_mean.clone()

    means = [VALUES[place].mean((0, 2, 3)) for place in (slice(0, 3), slice(3, 6))]
    assert torch.allclose(running(((3, 3), (3, 3))), 0.09 * means[0] + 0.1 * means[1], atol=1e-6)
    assert torch.allclose(running(()), 0.1 * VALUES.mean((0, 2, 3)), atol=1e-6)


def test_a_mixed_pair_learns_both_targets_by_their_shares() -> None:
    share = torch.tensor([0.9, 0.2, 0.5, 1.0, 0.0, 0.7])
    second = MASK.flip(0)
    made, plain = supervised(), supervised().networks["main"]
    made.update(Batch(VALUES, MASK, torch.ones(6), torch.arange(6), 6, (), second, share), 1.0)
    scores, total, places = plain(VALUES), torch.zeros(()), torch.zeros(())
    for target, part in ((MASK, share), (second, 1 - share)):
        each = functional.cross_entropy(scores, target.long(), ignore_index=255, reduction="none")
        total = total + (each * part[:, None, None]).sum()
        places = places + ((target != 255) * part[:, None, None]).sum()
    (total / places).backward()
    assert plain.weight.grad is not None
    assert torch.allclose(made.networks["main"].weight, plain.weight - 0.1 * plain.weight.grad, atol=1e-7)


def test_a_compiled_step_is_the_step() -> None:
    """By the backend that only traces: what a compiler makes of it is the compiler's promise."""
    made, plain = supervised(compiled="eager"), supervised()
    for one in (made, plain):
        one.update(batch(), 1.0)
    assert torch.equal(moved(made), moved(plain))
    assert list(made.networks["main"].state_dict()) == ["weight", "bias"]


def test_thresholds_are_those_of_the_samples_that_are_judged() -> None:
    made = supervised(task="multilabel")
    parts = [Batch(VALUES[i : i + 2], LABELS[i : i + 2], torch.ones(2), torch.arange(2), 2) for i in (0, 2, 4)]
    wanted = thresholds.best(thresholds.counts(made.networks["main"](VALUES), LABELS, torch.ones(6)))
    assert made.thresholds(parts) == wanted
    assert len(wanted) == 4


@pytest.mark.parametrize("name", ["focal", "asymmetric"])
def test_the_form_of_the_loss_is_used(name: Any) -> None:
    form = Form(name, gamma=1.0)
    made = supervised(task="multilabel", form=form)
    sums = made.update(batch(LABELS), 1.0)
    scores = supervised(task="multilabel").networks["main"](VALUES)
    wanted = losses.binary_cross_entropy(scores, LABELS, torch.ones(6, 4), form=form)
    assert float(sums["loss"]) == pytest.approx(wanted.item(), rel=1e-6)
