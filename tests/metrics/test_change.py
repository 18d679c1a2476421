"""Changes against truth: counts that add up, figures as counted by hand, errors of dates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as oracle

from landweave.legend import IGNORE
from landweave.metrics.change import (
    CALM,
    FALSE,
    FOUND,
    MISSED,
    MOST_DAYS,
    UNDATED,
    UNKNOWN,
    ChangeCounts,
    Changes,
    picture,
)

FIGURES = ("precision", "recall", "f1", "iou", "classes", "median_error_days", "median_late_days")


def changes(old: list[int], new: list[int], day: list[int] | None = None) -> Changes:
    days = np.array(day if day is not None else [UNDATED] * len(old), np.int32)
    return Changes(np.array(old, np.uint8), np.array(new, np.uint8), days)


# Six pixels: found twice (once as another class), made up, missed, calm, unknown.
TRUTH = changes([0, 0, 1, 2, 2, 0], [1, 1, 1, 0, 2, 0], [100, 200, 0, 300, 0, 0])
SEEN = changes([0, 0, 1, 2, 2, IGNORE], [1, 2, 0, 2, 2, 0], [110, 195, 50, 0, 0, 0])


def test_every_pixel_has_its_kind() -> None:
    assert picture(SEEN, TRUTH).tolist() == [FOUND, FOUND, FALSE, MISSED, CALM, UNKNOWN]


def test_figures_by_hand() -> None:
    found = ChangeCounts.of(SEEN, TRUTH)
    assert (found.found, found.false, found.missed, found.calm) == (2, 1, 1, 1)
    assert (found.precision, found.recall, found.f1, found.iou) == (2 / 3, 2 / 3, 2 / 3, 0.5)
    assert found.classes == 0.5
    assert found.median_error_days == 7.5
    assert found.median_late_days == 2.5
    assert found.errors.sum() == 2


def test_no_change_at_all_has_no_precision_and_finds_nothing() -> None:
    still = Changes(TRUTH.old, TRUTH.old, TRUTH.day * 0)
    found = ChangeCounts.of(still, TRUTH)
    assert math.isnan(found.precision)
    assert (found.recall, found.f1, found.iou) == (0, 0, 0)
    assert math.isnan(found.median_error_days)


def test_the_truth_against_itself_is_perfect() -> None:
    found = ChangeCounts.of(TRUTH, TRUTH)
    assert [getattr(found, name) for name in FIGURES] == [1, 1, 1, 1, 1, 0, 0]


def test_without_dates_there_is_no_error_of_them() -> None:
    assert math.isnan(ChangeCounts.of(SEEN, TRUTH).undated().median_error_days)
    assert ChangeCounts.of(SEEN, TRUTH).undated().f1 == 2 / 3


def test_zero_has_no_figure() -> None:
    assert all(math.isnan(getattr(ChangeCounts.zero(), name)) for name in FIGURES)


def test_errors_beyond_ten_years_count_as_ten_years() -> None:
    found = ChangeCounts.of(changes([0], [1], [20_000]), changes([0], [1], [100]))
    assert found.median_error_days == MOST_DAYS == found.median_late_days


CLASSES = st.sampled_from([0, 1, 2, IGNORE])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Changes, Changes]:
    size = draw(st.integers(1, 30))

    def one() -> Changes:
        old, new = (draw(hnp.arrays(np.uint8, size, elements=CLASSES)) for _ in range(2))
        return Changes(old, new, draw(hnp.arrays(np.int32, size, elements=st.integers(0, 900))))

    return one(), one()


@given(pairs(), st.data())
@settings(max_examples=60)
def test_parts_add_up_to_the_whole(both: tuple[Changes, Changes], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(both[0].old)))
    whole = ChangeCounts.of(*both)
    parts = [
        ChangeCounts.of(*(Changes(each.old[half], each.new[half], each.day[half]) for each in both))
        for half in (slice(None, cut), slice(cut, None))
    ]
    for total in (parts[0] + parts[1], ChangeCounts.zero() + whole):
        assert (total.found, total.false, total.missed, total.calm) == (
            whole.found,
            whole.false,
            whole.missed,
            whole.calm,
        )
        assert total.right_classes == whole.right_classes
        np.testing.assert_array_equal(total.errors, whole.errors)


@given(pairs())
@settings(max_examples=60)
def test_figures_are_those_of_scikit_learn(both: tuple[Changes, Changes]) -> None:
    seen, truth = both
    known = seen.known & truth.known
    found = ChangeCounts.of(seen, truth)
    told, real = seen.there[known], truth.there[known]
    if real.any() and told.any():
        scores = oracle.precision_recall_fscore_support(real, told, average="binary", zero_division=0)
        assert [found.precision, found.recall, found.f1] == pytest.approx(scores[:3])
        assert found.iou == pytest.approx(oracle.jaccard_score(real, told))
    dated = seen.there & truth.there & (seen.day != UNDATED) & (truth.day != UNDATED)
    if dated.any():
        late = seen.day[dated].astype(int) - truth.day[dated]
        assert found.median_late_days == np.median(late)
        assert found.median_error_days == np.median(np.abs(late))
