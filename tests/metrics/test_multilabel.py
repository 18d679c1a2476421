"""Figures of several labels a patch against scikit-learn and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics
from torchmetrics.classification import MultilabelAveragePrecision, MultilabelF1Score

from landweave.metrics.multilabel import Multilabel

RNG = np.random.default_rng(0)
TRUTH = (RNG.random((300, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]).astype(np.uint8)
# Rounded, so that many probabilities are equal.
SCORES = np.clip(0.35 * TRUTH + RNG.normal(0.3, 0.2, TRUTH.shape), 0, 1).round(2).astype(np.float32)
MADE = Multilabel(SCORES, TRUTH)
PREDICTED = (SCORES >= 0.5).astype(int)


@pytest.mark.parametrize("average", ["micro", "macro", "samples"])
def test_averages_are_scikit_learns(average: str) -> None:
    found = MADE.sample if average == "samples" else getattr(MADE, average)
    expected = metrics.precision_recall_fscore_support(TRUTH, PREDICTED, average=average, zero_division=0)
    assert [found.precision, found.recall, found.f1] == pytest.approx(expected[:3])


def test_classes_are_scikit_learns_with_their_support() -> None:
    precision, recall, f1, support = metrics.precision_recall_fscore_support(TRUTH, PREDICTED, zero_division=0)
    np.testing.assert_allclose([s.precision for s in MADE.by_class], precision)
    np.testing.assert_allclose([s.recall for s in MADE.by_class], recall)
    np.testing.assert_allclose([s.f1 for s in MADE.by_class], f1)
    np.testing.assert_array_equal(MADE.support, support)


def test_average_precision_is_scikit_learns() -> None:
    np.testing.assert_allclose(MADE.average_precision, metrics.average_precision_score(TRUTH, SCORES, average=None))
    assert MADE.mean_average_precision == pytest.approx(metrics.average_precision_score(TRUTH, SCORES))
    assert MADE.micro_average_precision == pytest.approx(
        metrics.average_precision_score(TRUTH, SCORES, average="micro")
    )


def test_figures_are_torchmetrics() -> None:
    pair = torch.from_numpy(SCORES), torch.from_numpy(TRUTH).long()
    assert MADE.mean_average_precision == pytest.approx(float(MultilabelAveragePrecision(6)(*pair)), abs=1e-6)
    assert MADE.micro.f1 == pytest.approx(
        float(MultilabelF1Score(6, threshold=0.4999, average="micro")(*pair)), abs=1e-6
    )


def test_sums_of_parts_are_the_whole() -> None:
    parts = Multilabel.zero(6)
    for start in range(0, 300, 70):
        parts += Multilabel(SCORES[start : start + 70], TRUTH[start : start + 70])
    assert parts.micro == MADE.micro
    assert parts.mean_average_precision == MADE.mean_average_precision


def test_the_threshold_decides_what_is_predicted() -> None:
    assert Multilabel(SCORES, TRUTH, 0.0).micro.recall == 1
    assert Multilabel(SCORES, TRUTH, 2.0).micro.recall == 0


def test_a_class_without_support_has_no_average_precision() -> None:
    truth = TRUTH.copy()
    truth[:, 5] = 0
    found = Multilabel(SCORES, truth)
    assert np.isnan(found.average_precision[5])
    assert found.mean_average_precision == pytest.approx(found.average_precision[:5].mean())
    assert found.by_class[5].recall == 0


def test_patches_without_labels_and_predictions_count_as_zero() -> None:
    nothing = Multilabel(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.uint8))
    assert (nothing.sample.f1, nothing.micro.f1) == (0, 0)
    assert np.isnan(nothing.mean_average_precision)


def test_no_patches() -> None:
    assert np.isnan(Multilabel.zero(3).sample.f1)
    assert Multilabel.zero(3).support.tolist() == [0, 0, 0]


def test_every_class_may_have_a_threshold_of_its_own() -> None:
    probabilities = np.array([[0.3, 0.6], [0.2, 0.8], [0.9, 0.1]], np.float32)
    truth = np.array([[1, 0], [0, 1], [1, 0]], np.uint8)
    tuned = Multilabel(probabilities, truth, (0.25, 0.7))
    assert tuned.micro.f1 == 1.0
    assert Multilabel(probabilities, truth).micro.f1 < 1.0
    assert (tuned + tuned).threshold == (0.25, 0.7)
