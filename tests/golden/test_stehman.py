"""Stehman 2014 (International Journal of Remote Sensing 35, 4923-4939): the numerical example of its section 4.

Forty places, ten in each of four strata of 40,000, 30,000, 20,000 and 10,000 pixels, which are not the classes of the
map. The places are those of the paper's table 2; figures as it prints them on pages 4932 to 4936.
"""

from __future__ import annotations

import numpy as np
import pytest

from landweave.metrics.area import Estimates, stratified

PIXELS = np.array([40_000, 30_000, 20_000, 10_000], np.float64)
# Each word is a stratum: the class of the map and that of the reference at its ten places.
MAPPED = "AAAAAAABBB ABBBBBBBBB BBCCCCCCBB DDDDDDDDDD"
TOLD = "AAAAACBABC ABBBBBAABB CCCCCDDBBA DDDDDDDCCB"


@pytest.fixture
def found() -> Estimates:
    counts = np.zeros((4, 4, 4), np.int64)
    for stratum, pair in enumerate(zip(MAPPED.split(), TOLD.split(), strict=True)):
        for mapped, told in zip(*pair, strict=True):
            counts[stratum, "ABCD".index(mapped), "ABCD".index(told)] += 1
    assert counts.sum((1, 2)).tolist() == [10] * 4
    return stratified(counts, PIXELS, list("ABCD"))


def test_areas_of_classes(found: Estimates) -> None:
    # A and C, as shares, with their standard errors.
    assert [round(found.shares[k].value, 2) for k in (0, 2)] == [0.35, 0.20]
    assert [round(found.shares[k].standard_error, 3) for k in (0, 2)] == [0.082, 0.064]
    assert sum(share.value for share in found.shares) == pytest.approx(1)


def test_overall_accuracy(found: Estimates) -> None:
    assert (round(found.overall.value, 2), round(found.overall.standard_error, 3)) == (0.63, 0.085)


def test_accuracies_of_class_b(found: Estimates) -> None:
    assert (round(found.users[1].value, 3), round(found.users[1].standard_error, 3)) == (0.574, 0.125)
    assert (round(found.producers[1].value, 3), round(found.producers[1].standard_error, 3)) == (0.794, 0.117)
