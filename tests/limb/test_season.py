"""Area by day and altitude, by hand: which bins, which bands, how smoothed."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.errors import SampleError
from landweave.legend import IGNORE
from landweave.limb.season import band_area, busiest_day, coverage, on_day, smoothed

DAY = np.datetime64("2009-06-14T00:00:00", "s")
HOUR, WHOLE = np.timedelta64(3600, "s"), np.timedelta64(86400, "s")


def seen(rows: list[tuple[int, float, float, int]]) -> tuple[np.ndarray, ...]:
    """Columns of observations: day, latitude, altitude, class."""
    day, latitude, altitude, index = (np.array(column) for column in zip(*rows, strict=True))
    time = DAY + day * WHOLE + np.arange(len(rows)) * HOUR
    return time, latitude.astype(np.float32), altitude.astype(np.float32), index.astype(np.uint8)


def test_bands_make_the_cap() -> None:
    assert band_area().sum() == pytest.approx(2e-6 * np.pi * 6371.0**2 * (1 - np.sqrt(0.75)))
    assert (np.diff(band_area()) < 0).all()


def test_shares_of_bands_by_hand() -> None:
    rows = [
        (0, -62.0, 15.2, 0),
        (0, -63.0, 15.9, IGNORE),
        (0, -71.0, 15.5, 0),
        (0, -88.0, 15.1, 1),
        (2, -62.0, 29.5, 1),
    ]
    found = coverage(*seen(rows), num_classes=2)
    assert found.days.tolist() == [np.datetime64("2009-06-14") + step for step in range(3)]
    area, bottom = band_area(), 15 - 12
    assert found.area[0, 0, bottom] == pytest.approx(area[0] / 2 + area[2])
    assert found.area[1, 0, bottom] == pytest.approx(area[5])
    assert found.seen[0, bottom] == pytest.approx((area[0] + area[2] + area[5]) / area.sum())
    assert found.area[1, 2, 29 - 12] == pytest.approx(area[0])
    assert np.isnan(found.area[:, 1]).all()


def test_the_order_of_observations_does_not_matter() -> None:
    rows = [(day % 3, -60.0 - 3 * (day % 9), 14.0 + day % 5, day % 2) for day in range(40)]
    columns = seen(rows)
    mixed = np.random.default_rng(0).permutation(len(rows))
    expected, found = coverage(*columns, num_classes=2), coverage(*(column[mixed] for column in columns), num_classes=2)
    np.testing.assert_array_equal(found.area, expected.area)


def test_the_hemisphere_with_more_observations_is_taken() -> None:
    rows = [(0, 70.0, 20.0, 0), (0, 71.0, 20.0, 0), (0, -70.0, 20.0, 0), (0, 20.0, 20.0, 0)]
    found = coverage(*seen(rows), num_classes=1)
    assert found.area[0, 0, 20 - 12] == pytest.approx(band_area()[2])
    with pytest.raises(SampleError) as refused:
        coverage(*seen([(0, 20.0, 20.0, 0), (0, 80.0, 11.0, 0)]), num_classes=1)
    assert (refused.value.given, refused.value.expected, refused.value.do) == (
        "2 observations, none poleward of 60 degrees between 12 and 31 km",
        "observations of a polar winter",
        "leave the season away, or give other spectra",
    )


def test_smoothing_is_the_mean_of_what_is_known_around() -> None:
    area = np.arange(30, dtype=np.float64).reshape(1, 5, 6)
    area[0, 2, 2] = np.nan
    found = smoothed(area)
    assert found[0, 2, 2] == pytest.approx(np.nanmean(area[0, 1:4, 1:4]))
    assert found[0, 0, 0] == pytest.approx(area[0, :2, :2].mean())
    assert found[0, 4, 5] == pytest.approx(area[0, 3:, 4:].mean())
    assert np.isnan(smoothed(np.full((1, 4, 4), np.nan))).all()
    np.testing.assert_allclose(smoothed(np.full((2, 4, 5), 7.0)), 7.0)


def test_the_day_with_most_kinds_of_clouds_and_what_was_seen_on_it() -> None:
    rows = [(0, -70, 20, 0), (0, -70, 20, 0), (0, -70, 20, 0), (1, -70, 20, 0), (1, -70, 25, 1), (2, -70, 19, IGNORE)]
    time, _, altitude, index = seen(rows)
    day = busiest_day(time, index)
    assert day == np.datetime64("2009-06-15")
    assert on_day(time, day, altitude, 18, 22).tolist() == [False, False, False, True, False, False]
