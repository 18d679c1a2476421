"""Series on the dates that a card takes: no trace of what is not valid, days of each series' own year."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import SeriesError
from landweave.models.series.input import SeriesInput
from landweave.train.dated import beginnings, dated, features

AS_THEY_COME = SeriesInput(4)


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


def test_years_begin_on_the_first_of_january_even_before_1970() -> None:
    days = np.array([[day("2019-03-05"), day("2020-02-01")], [day("1968-12-31"), day("1969-01-01")]])
    assert beginnings(days).tolist() == [day("2019-01-01"), day("1968-01-01")]


def test_dates_as_they_come() -> None:
    days = np.array([[day("2019-11-05"), day("2019-12-31"), day("2020-01-01"), day("2020-02-01")]])
    values = np.array([[[1.0], [np.nan], [3.0], [4.0]]], np.float32)
    valid = np.array([[True, False, True, True]])
    found = dated(AS_THEY_COME, values, valid, days)
    assert found.values[..., 0].tolist() == [[1, 0, 3, 4]]
    assert found.valid is valid
    assert found.days.tolist() == [[308, 364, 365, 396]]
    assert found.days.dtype == found.values.dtype == np.float32


def test_the_same_days_of_every_year() -> None:
    taken = SeriesInput(3, "series", "linear", 40, (10, 50, 200))
    begins = np.array([day("2019-01-01"), day("2020-01-01")])
    days = begins[:, None] + np.array([[0, 20, 60], [30, 70, 190]])
    values = np.array([[[0.0], [2.0], [6.0]], [[3.0], [7.0], [19.0]]], np.float32)
    found = dated(taken, values, np.ones((2, 3), np.bool_), days)
    assert found.days.tolist() == [[10, 50, 200]] * 2
    assert found.valid.tolist() == [[True, True, False], [True, True, True]]
    np.testing.assert_allclose(found.values[..., 0], [[1, 5, 0], [3, 5, 19]], atol=1e-6)


def test_classical_models_get_every_gap_filled() -> None:
    days = np.array([[0, 10, 20, 30], [0, 10, 20, 30]])
    values = np.array([[[0, 5], [9, 9], [2, 7], [9, 9]], [[9, 9]] * 4], np.float32)
    valid = np.array([[True, False, True, False], [False] * 4])
    expected = [[0, 5, 1, 6, 2, 7, 2, 7], [0] * 8]
    np.testing.assert_allclose(features(AS_THEY_COME, values, valid, days), expected)
    taken = SeriesInput(2, "series", "nearest", 0, (10, 300))
    np.testing.assert_allclose(features(taken, values, valid, days), [[0, 5, 2, 7], [0] * 4])


def test_classical_models_take_as_many_dates_as_they_learnt() -> None:
    with pytest.raises(SeriesError) as caught:
        features(AS_THEY_COME, np.zeros((1, 3, 2), np.float32), np.ones((1, 3), np.bool_), np.array([[0, 1, 2]]))
    assert "3 dates" in caught.value.given
    assert "4 dates" in caught.value.expected
    assert caught.value.do


@given(seed=st.integers(0, 1000), regular=st.booleans())
def test_what_is_not_valid_leaves_no_trace(seed: int, regular: bool) -> None:
    generator = np.random.default_rng(seed)
    taken = SeriesInput(4, "series", "linear", 30, (5, 100, 200, 350)) if regular else AS_THEY_COME
    valid = generator.random((3, 4)) < 0.5
    days = np.sort(generator.integers(18000, 18365, (3, 4)), axis=1)
    values = generator.random((3, 4, 2), np.float32)
    spoilt = np.where(valid[..., None], values, np.float32(np.nan))
    for found, expected in zip(dated(taken, spoilt, valid, days), dated(taken, values, valid, days), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(features(taken, spoilt, valid, days), features(taken, values, valid, days))
