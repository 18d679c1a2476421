"""How good methods are on spectra that they did not learn from: folds, the curve, Table 6, and what counts as right."""

from __future__ import annotations

import numpy as np
import pytest
from tests.limb.making import clouds

from landweave.errors import SampleError
from landweave.limb.bayes import OUTPUT
from landweave.limb.measure import (
    Fitting,
    accuracy,
    answers,
    confusion,
    cross_validated,
    folds,
    is_right,
    learning_point,
    scores,
    small,
    some,
)
from landweave.limb.prepare import Learnable
from landweave.metrics.crosstable import CrossTable
from landweave.spectra.microwindows import CLASSES

TEMPERATURE, LABEL = clouds(300, seed=3)
EVERY = Learnable(TEMPERATURE, LABEL, TEMPERATURE.mean(0), np.zeros(300, np.bool_))
PCA = Fitting("pca-svm", {"components": 5, "strength": 10.0, "gamma": None})


def test_folds_deal_every_class_evenly() -> None:
    part = folds(LABEL, 5, seed=2)
    for index in range(len(CLASSES)):
        num = np.bincount(part[index == LABEL], minlength=5)
        assert num.max() - num.min() <= 1
    assert (part != folds(LABEL, 5, seed=3)).any()
    with pytest.raises(SampleError) as refused:
        folds(LABEL[:9], 5, 0)
    assert refused.value.given == "9 spectra for 5 parts"
    assert refused.value.expected == "two for each part at least"
    assert refused.value.do == "take fewer parts, or more spectra"


def test_every_spectrum_is_judged_once_by_what_did_not_learn_from_it() -> None:
    tables = list(cross_validated(PCA, EVERY, 3))
    whole = sum(tables[1:], tables[0])
    assert whole.counts.sum(1).tolist() == np.bincount(LABEL).tolist()
    assert accuracy(whole) > 0.97
    # A spectrum that was learnt from would be told right: labels drawn at random show that none is.
    chance = Learnable(TEMPERATURE, np.random.default_rng(0).permutation(LABEL), EVERY.mean, EVERY.held)
    tables = list(cross_validated(Fitting("pca-svm", {"strength": 100.0, "gamma": 10.0}), chance, 3))
    assert accuracy(sum(tables[1:], tables[0])) < 0.3


def test_the_curve_rises_and_leaves_out_what_cannot_be_learnt() -> None:
    points = [learning_point(PCA, EVERY, share, 1000) for share in (0.1, 0.5, 0.9, 0.001)]
    assert points[2:] == [None, None]
    assert [point["spectra"] for point in points if point] == [30, 150]
    assert points[0] and points[1] and points[0]["accuracy"] <= points[1]["accuracy"]


def test_table_6_by_hand() -> None:
    found = small(PCA, EVERY, 200, 60)
    assert found.counts.sum() == 60
    counts = np.zeros((6, 6), np.int64)
    counts[0, 0], counts[1, 0], counts[1, 1], counts[5, 5] = 8, 2, 5, 5
    lines = scores(confusion(CrossTable(CLASSES, CLASSES, counts)))
    assert [line["class"] for line in lines] == ["ice", "nat_small", "sts_3", "total"]
    assert (lines[0]["precision"], lines[0]["recall"], lines[0]["support"]) == (0.8, 1.0, 8)
    assert lines[1]["f1"] == pytest.approx(2 * 5 / 7 / (1 + 5 / 7))
    assert lines[3]["precision"] == pytest.approx((8 * 0.8 + 7 + 5) / 20)
    assert lines[3]["support"] == 20
    with pytest.raises(SampleError, match="600 to learn from and 210 to judge on"):
        small(PCA, EVERY, 600, 210)


def test_what_counts_as_right() -> None:
    assert answers(CLASSES).tolist() == list(range(6))
    assert [OUTPUT[place] for place in answers(OUTPUT)] == ["ice", "NAT", "NAT", "STS_mix", "STS_mix", "STS_mix"]
    told = np.array([1, 2, 3, 0, 255], np.uint8)
    assert is_right(OUTPUT, told, np.array([0, 2, 2, 1, 255], np.uint8)).tolist() == [True, True, False, False, True]
    table = CrossTable.from_labels(CLASSES, OUTPUT, np.array([0, 2, 2, 1], np.uint8), told[:4])
    assert accuracy(table) == 0.5


def test_some_are_drawn_evenly_in_their_order_and_never_more_than_there_are() -> None:
    few = some(EVERY, 50, seed=1)
    assert len(few) == 50
    assert len(np.unique(few.label)) == 6
    assert some(EVERY, 300, seed=1) is EVERY
    places = [int(np.flatnonzero((row == TEMPERATURE).all(1))[0]) for row in few.temperature]
    assert places == sorted(places)
