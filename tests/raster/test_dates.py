"""Values of a series on other dates, against a loop that anybody can check."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import SeriesError
from landweave.raster.dates import How, check_sorted, days, regular

DAYS = np.array([0, 5, 9, 20, 26, 40])


def looped(values, valid, observed, wanted, how, limit):  # type: ignore[no-untyped-def]
    """The same by one loop over dates and places."""
    out = np.zeros((len(wanted), *values.shape[1:]), np.float32)
    found = np.zeros((len(wanted), *valid.shape[1:]), bool)
    for s, day in enumerate(wanted):
        for p in np.ndindex(valid.shape[1:]):
            near = [i for i in range(len(observed)) if valid[(i, *p)] and abs(observed[i] - day) <= limit]
            before = [i for i in near if observed[i] <= day]
            after = [i for i in near if observed[i] >= day]
            if not near:
                continue
            found[(s, *p)] = True
            i, j = (before or after)[-1 if before else 0], (after or before)[0 if after else -1]
            gaps = abs(observed[i] - day), abs(observed[j] - day)
            share = gaps[0] / (gaps[0] + gaps[1]) if before and after and i != j else 0
            if how == "nearest":
                share = float(gaps[1] < gaps[0])
            out[(s, slice(None), *p)] = (
                values[(i, slice(None), *p)] * (1 - share) + values[(j, slice(None), *p)] * share
            )
    return out, found


@pytest.mark.parametrize("how", ["linear", "nearest"])
@given(seed=st.integers(0, 1000), limit=st.integers(0, 30), share=st.floats(0, 1))
def test_regular_dates_are_those_of_a_loop(how: How, seed: int, limit: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    values = generator.random((6, 2, 3), np.float32)
    valid = generator.random((6, 3)) < share
    wanted = np.array([-3, 0, 7, 20, 30, 100])
    got, found = regular(values, valid, DAYS, wanted, how, limit_days=limit)
    expected, expected_found = looped(values, valid, DAYS, wanted, how, limit)
    np.testing.assert_array_equal(found, expected_found)
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("how", ["linear", "nearest"])
def test_dates_of_each_place_by_itself(how: How) -> None:
    generator = np.random.default_rng(1)
    values, valid = generator.random((5, 2, 4), np.float32), generator.random((5, 4)) < 0.7
    own = np.sort(generator.integers(0, 90, (5, 4)), 0)
    wanted = np.sort(generator.integers(0, 90, (3, 4)), 0)
    got, found = regular(values, valid, own, wanted, how, limit_days=20)
    for place in range(4):
        alone = regular(values[..., place], valid[:, place], own[:, place], wanted[:, place], how, limit_days=20)
        np.testing.assert_array_equal(got[..., place], alone[0])
        np.testing.assert_array_equal(found[:, place], alone[1])
    assert found.any()


@pytest.mark.parametrize("how", ["linear", "nearest"])
def test_what_is_not_valid_is_never_looked_at(how: How) -> None:
    values = np.random.default_rng(2).random((6, 1, 4), np.float32)
    valid = np.random.default_rng(3).random((6, 4)) < 0.5
    other = values.copy()
    other[~np.broadcast_to(valid[:, None], values.shape)] = np.nan
    one, two = (regular(each, valid, DAYS, np.arange(0, 45, 3), how, limit_days=15) for each in (values, other))
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1].any()
    assert not one[0][~np.broadcast_to(one[1][:, None], one[0].shape)].any()


def test_observed_dates_keep_their_values_bit_for_bit() -> None:
    values = np.random.default_rng(4).random((6, 3, 7), np.float32)
    got, found = regular(values, np.ones((6, 7), bool), DAYS, DAYS)
    assert found.all()
    np.testing.assert_array_equal(got, values)


def test_a_place_under_clouds_all_the_time_has_no_value() -> None:
    got, found = regular(np.ones((6, 1, 2), np.float32), np.zeros((6, 2), bool), DAYS, DAYS)
    assert not found.any()
    assert not got.any()


def test_days_of_texts_and_dates() -> None:
    np.testing.assert_array_equal(days(["1970-01-01", "1970-02-01", "2020-03-01"]), [0, 31, 18322])
    assert days(np.array(["2020-03-01"], "datetime64[s]")).dtype == np.int64


@pytest.mark.parametrize("numbers", [[3, 2], [1, 4, 4]])
def test_dates_that_fall_or_stand_twice_are_refused(numbers: list[int]) -> None:
    with pytest.raises(SeriesError) as caught:
        check_sorted(np.array(numbers))
    assert f"the date {numbers[-1]} after {numbers[-2]}" in caught.value.given
    assert "none of them twice" in caught.value.expected
    assert "sort" in caught.value.do
    check_sorted(np.array([1, 2, 9]))


def test_a_series_that_falls_or_is_empty_is_refused() -> None:
    with pytest.raises(SeriesError, match="not in order"):
        regular(np.ones((2, 1, 1), np.float32), np.ones((2, 1), bool), np.array([5, 1]), DAYS)
    with pytest.raises(SeriesError, match="without a date"):
        regular(np.ones((0, 1, 1), np.float32), np.ones((0, 1), bool), np.array([], int), DAYS)
