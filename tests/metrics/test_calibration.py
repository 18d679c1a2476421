"""Calibration against torchmetrics, and as a sum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassCalibrationError

from landweave.legend import IGNORE
from landweave.metrics.calibration import Calibration

RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet([0.4] * 4, 2000).astype(np.float32)
TRUTH = np.array([RNG.choice(4, p=row / row.sum()) for row in PROBABILITIES.astype(np.float64)], np.uint8)


@pytest.mark.parametrize("num_bins", [1, 10, 15])
def test_the_error_is_torchmetrics(num_bins: int) -> None:
    expected = MulticlassCalibrationError(4, num_bins)(torch.from_numpy(PROBABILITIES), torch.from_numpy(TRUTH).long())
    found = Calibration.from_probabilities(PROBABILITIES, TRUTH, num_bins)
    assert found.expected_error == pytest.approx(float(expected), abs=1e-6)


def test_who_tells_the_truth_has_a_small_error_and_who_boasts_a_large_one() -> None:
    honest = Calibration.from_probabilities(PROBABILITIES, TRUTH)
    boasting = PROBABILITIES**4 / (PROBABILITIES**4).sum(1, keepdims=True)
    assert honest.expected_error < 0.05
    assert Calibration.from_probabilities(boasting.astype(np.float32), TRUTH).expected_error > 0.1


def test_sums_of_parts_are_the_whole() -> None:
    whole = Calibration.from_probabilities(PROBABILITIES, TRUTH)
    parts = Calibration.zero()
    for start in range(0, 2000, 300):
        parts += Calibration.from_probabilities(PROBABILITIES[start : start + 300], TRUTH[start : start + 300])
    np.testing.assert_array_equal(parts.num, whole.num)
    np.testing.assert_array_equal(parts.correct, whole.correct)
    np.testing.assert_allclose(parts.confidence, whole.confidence)


def test_what_has_no_label_is_left_out() -> None:
    labels = TRUTH.copy()
    labels[500:] = IGNORE
    fewer = Calibration.from_probabilities(PROBABILITIES[:500], TRUTH[:500])
    np.testing.assert_array_equal(Calibration.from_probabilities(PROBABILITIES, labels).num, fewer.num)


def test_a_confidence_of_one_falls_into_the_last_bin() -> None:
    found = Calibration.from_confidences(np.array([1, 0], np.float32), np.array([True, False]), 5)
    assert found.num.tolist() == [1, 0, 0, 0, 1]
    assert found.gaps[[0, 4]].tolist() == [0, 0]
    assert np.isnan(found.gaps[1:4]).all()


def test_no_predictions() -> None:
    assert np.isnan(Calibration.zero().expected_error)
