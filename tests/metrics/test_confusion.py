"""The confusion matrix against scikit-learn and torchmetrics, and as a sum over tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics.classification as oracle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from landweave.legend import IGNORE
from landweave.metrics.confusion import Confusion, mean_of_known

K = 4
RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, K, 500).astype(np.uint8)
PREDICTED = np.where(RNG.random(500) < 0.7, TRUTH, RNG.integers(0, K, 500)).astype(np.uint8)
MADE = Confusion.from_labels(PREDICTED, TRUTH, K)
labels = hnp.arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 1, 2, 3, IGNORE]))


def test_rows_are_the_map_and_columns_the_reference() -> None:
    one = Confusion.from_labels(np.array([2], np.uint8), np.array([1], np.uint8), 3)
    assert np.argwhere(one.counts).tolist() == [[2, 1]]
    np.testing.assert_array_equal(MADE.counts, metrics.confusion_matrix(TRUTH, PREDICTED).T)


def test_figures_are_scikit_learns() -> None:
    assert MADE.overall == pytest.approx(metrics.accuracy_score(TRUTH, PREDICTED))
    assert MADE.kappa == pytest.approx(metrics.cohen_kappa_score(TRUTH, PREDICTED))
    np.testing.assert_allclose(MADE.users, metrics.precision_score(TRUTH, PREDICTED, average=None))
    np.testing.assert_allclose(MADE.producers, metrics.recall_score(TRUTH, PREDICTED, average=None))
    np.testing.assert_allclose(MADE.f1, metrics.f1_score(TRUTH, PREDICTED, average=None))
    np.testing.assert_allclose(MADE.iou, metrics.jaccard_score(TRUTH, PREDICTED, average=None))
    assert MADE.macro_f1 == pytest.approx(metrics.f1_score(TRUTH, PREDICTED, average="macro"))


def test_figures_are_torchmetrics() -> None:
    pair = torch.from_numpy(PREDICTED), torch.from_numpy(TRUTH)
    assert MADE.mean_iou == pytest.approx(float(oracle.MulticlassJaccardIndex(K)(*pair)))
    assert MADE.kappa == pytest.approx(float(oracle.MulticlassCohenKappa(K)(*pair)), abs=1e-6)


def test_pixels_without_a_label_are_left_out() -> None:
    predicted, truth = PREDICTED.copy(), TRUTH.copy()
    predicted[:50] = IGNORE
    truth[25:100] = IGNORE
    valid = np.arange(500) < 400
    found = Confusion.from_labels(predicted, truth, K, valid)
    np.testing.assert_array_equal(found.counts, Confusion.from_labels(PREDICTED[100:400], TRUTH[100:400], K).counts)
    assert found.num_pixels == 300


def test_classes_that_are_nowhere_are_not_a_number() -> None:
    found = MADE + Confusion.zero(K)
    wide = Confusion.from_labels(PREDICTED, TRUTH, K + 1)
    assert wide.num_classes == K + 1
    for name in ("users", "producers", "f1", "iou"):
        assert np.isnan(getattr(wide, name)[K])
        np.testing.assert_array_equal(getattr(wide, name)[:K], getattr(found, name))
    assert wide.macro_f1 == found.macro_f1


def test_nothing_counted_is_not_a_number() -> None:
    nothing = Confusion.zero(2)
    assert nothing.num_pixels == 0
    assert all(np.isnan(value) for value in (nothing.overall, nothing.kappa, nothing.macro_f1, nothing.mean_iou))
    assert np.isnan(mean_of_known(np.array([np.nan])))


def test_one_class_alone_has_no_kappa() -> None:
    same = np.zeros(5, np.uint8)
    assert np.isnan(Confusion.from_labels(same, same, 2).kappa)


@given(labels, labels, st.integers(0, 7))
def test_sums_of_parts_are_the_whole(predicted: Any, truth: Any, cut: int) -> None:
    whole = Confusion.from_labels(predicted, truth, K)
    first, second = slice(None, cut), slice(cut, None)
    parts = [Confusion.from_labels(predicted[part], truth[part], K) for part in (first, second)]
    np.testing.assert_array_equal((parts[0] + parts[1]).counts, whole.counts)


@given(labels, labels, labels)
def test_sums_are_associative_with_a_zero(a: Any, b: Any, c: Any) -> None:
    one, two, three = (Confusion.from_labels(x, y, K) for x, y in ((a, b), (b, c), (c, a)))
    np.testing.assert_array_equal(((one + two) + three).counts, (one + (two + three)).counts)
    np.testing.assert_array_equal((Confusion.zero(K) + one).counts, one.counts)
