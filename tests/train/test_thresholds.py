"""Thresholds from sums: as good as trying every one, and the same however the samples are cut up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from landweave.train.thresholds import NUM_BINS, best, counts

GENERATOR = torch.Generator().manual_seed(0)
TARGET = (torch.rand(400, 3, generator=GENERATOR) < torch.tensor([0.5, 0.1, 0.9])).to(torch.uint8)
SCORES = 1.5 * (TARGET - 0.5) + torch.randn(400, 3, generator=GENERATOR) + torch.tensor([0.0, -2.0, 1.0])
ONES = torch.ones(400)


def test_no_other_threshold_has_a_better_f1() -> None:
    told = SCORES.sigmoid().double().numpy()
    for column, threshold in enumerate(best(counts(SCORES, TARGET, ONES))):
        truth, edges = TARGET[:, column].numpy() == 1, np.arange(NUM_BINS) / NUM_BINS
        above = told[:, column] >= edges[:, None]
        every = 2 * (above & truth).sum(1) / (above.sum(1) + truth.sum())
        assert f1_score(truth, told[:, column] >= threshold) == pytest.approx(max(every), abs=1e-12)
        assert threshold != 0.5


def test_sums_of_parts_are_the_sum_of_the_whole() -> None:
    parts = [counts(SCORES[i : i + 100], TARGET[i : i + 100], ONES[:100]) for i in range(0, 400, 100)]
    whole = counts(SCORES, TARGET, ONES)
    assert torch.equal(sum(parts[1:], parts[0]), whole)
    assert int(whole.sum()) == 1200


def test_samples_that_fill_up_and_unknown_labels_are_not_counted() -> None:
    target, weight = TARGET.clone(), ONES.clone()
    target[0, 0], weight[1] = 255, 0.0
    assert int(counts(SCORES, target, weight).sum()) == 1200 - 1 - 3


def test_a_class_without_samples_keeps_one_half_and_ties_stay_near_it() -> None:
    target = torch.tensor([[0, 1], [0, 0]], dtype=torch.uint8)
    scores = torch.tensor([[0.0, 2.0], [0.0, -2.0]])
    # Everything from 0.12 to 0.88 tells the second class without a mistake.
    assert best(counts(scores, target, torch.ones(2))) == [0.5, 0.5]
