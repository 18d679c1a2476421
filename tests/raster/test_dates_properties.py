"""What filling dates must hold for any series: nothing invented, nothing lost, no matter where time begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.raster.dates import How, check_sorted, days, regular

SEEDS = st.integers(0, 500)
BOTH = pytest.mark.parametrize("how", ["linear", "nearest"])


def some(seed: int, num_dates: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Values at three places, what is valid of them, their days, and wanted ones."""
    generator = np.random.default_rng(seed)
    values = generator.random((num_dates, 2, 3), np.float32)
    valid = generator.random((num_dates, 3)) < 0.6
    observed = np.sort(generator.choice(200, num_dates, replace=False))
    return values, valid, observed, np.sort(generator.choice(240, 6, replace=False)) - 20


@BOTH
@given(seed=SEEDS)
def test_where_time_begins_does_not_matter(how: How, seed: int) -> None:
    values, valid, observed, wanted = some(seed)
    one = regular(values, valid, observed, wanted, how, limit_days=30)
    other = regular(values, valid, observed + 17532, wanted + 17532, how, limit_days=30)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@BOTH
@given(seed=SEEDS)
def test_filled_values_lie_between_those_that_were_seen(how: How, seed: int) -> None:
    values, valid, observed, wanted = some(seed)
    filled, found = regular(values, valid, observed, wanted, how, limit_days=300)
    for place in range(3):
        if not valid[:, place].any():
            assert not found[:, place].any()
            continue
        seen = values[valid[:, place], :, place]
        assert found[:, place].all()
        assert (filled[..., place] >= seen.min(0) - 1e-6).all()
        assert (filled[..., place] <= seen.max(0) + 1e-6).all()


@BOTH
@given(seed=SEEDS, limit=st.integers(0, 60))
def test_a_wider_limit_never_loses_a_date(how: How, seed: int, limit: int) -> None:
    values, valid, observed, wanted = some(seed)
    _, narrow = regular(values, valid, observed, wanted, how, limit_days=limit)
    _, wide = regular(values, valid, observed, wanted, how, limit_days=limit + 20)
    assert (wide | ~narrow).all()


@BOTH
@given(seed=SEEDS, limit=st.integers(0, 60))
def test_a_date_is_filled_where_a_valid_one_is_near_enough(how: How, seed: int, limit: int) -> None:
    values, valid, observed, wanted = some(seed)
    _, found = regular(values, valid, observed, wanted, how, limit_days=limit)
    near = abs(wanted[:, None, None] - observed[None, :, None]) <= limit
    np.testing.assert_array_equal(found, (near & valid[None]).any(1))


@BOTH
@given(seed=SEEDS)
def test_dates_that_are_not_valid_may_as_well_be_missing(how: How, seed: int) -> None:
    values, valid, observed, wanted = some(seed)
    valid[:] = valid[:, :1]
    valid[0] = True
    kept = valid[:, 0]
    all_dates = regular(values, valid, observed, wanted, how, limit_days=40)
    without = regular(values[kept], valid[kept], observed[kept], wanted, how, limit_days=40)
    np.testing.assert_array_equal(all_dates[0], without[0])
    np.testing.assert_array_equal(all_dates[1], without[1])


@BOTH
@given(seed=SEEDS)
def test_padding_at_the_end_changes_nothing(how: How, seed: int) -> None:
    values, valid, observed, wanted = some(seed)
    longer = np.concatenate([values, np.zeros((3, 2, 3), np.float32)])
    padded = np.concatenate([valid, np.zeros((3, 3), bool)])
    last = np.concatenate([observed, np.repeat(observed[-1:], 3)])
    one = regular(values, valid, observed, wanted, how, limit_days=40)
    other = regular(longer, padded, last, wanted, how, limit_days=40)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@given(seed=SEEDS)
def test_a_straight_line_stays_straight(seed: int) -> None:
    _, valid, observed, wanted = some(seed)
    valid[0] = valid[-1] = True
    line = (0.01 * observed[:, None, None] * np.ones((8, 1, 3))).astype(np.float32)
    inside = wanted[(wanted >= observed[0]) & (wanted <= observed[-1])]
    if not len(inside):
        return
    filled, found = regular(line, valid, observed, inside, "linear", limit_days=500)
    assert found.all()
    np.testing.assert_allclose(filled, 0.01 * inside[:, None, None] * np.ones((1, 1, 3)), atol=1e-5)


@BOTH
@given(seed=SEEDS)
def test_each_place_is_filled_by_itself(how: How, seed: int) -> None:
    values, valid, observed, wanted = some(seed)
    whole = regular(values, valid, observed, wanted, how, limit_days=40)
    for place in range(3):
        alone = regular(values[..., place], valid[:, place], observed, wanted, how, limit_days=40)
        np.testing.assert_array_equal(whole[0][..., place], alone[0])
        np.testing.assert_array_equal(whole[1][..., place], alone[1])


@given(st.lists(st.dates(), min_size=1, max_size=20, unique=True))
def test_days_count_from_1970(dates: list) -> None:  # type: ignore[type-arg]
    found = days(sorted(dates))
    assert (found == [(date - type(date)(1970, 1, 1)).days for date in sorted(dates)]).all()
    check_sorted(found)
