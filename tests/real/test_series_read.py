"""Readers of series on what was really published: shapes, dates, values that can be what they say, labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.datasets.points import PARTS
from landweave.datasets.series import SERIES, read_series

pytestmark = pytest.mark.real

FOLDERS = {
    "sits-mt": ("sits_samples", (2115, 23, 6), 9, "2000-09-13", "2016-08-28"),
    "sits-modis": ("sits_samples", (1218, 23, 4), 4, "2000-09-13", "2016-08-28"),
    "sits-ndvi": ("sits_samples", (1218, 12, 1), 4, "2000-09-13", "2016-08-28"),
    "sits-sinop": ("sits_sinop_modis_2000_2017", (1600, 392, 2), 0, "2000-02-18", "2017-02-18"),
    "sits-rasters": ("sits_rasters", (18, 12, 1), 4, "2013-09-14", "2014-08-29"),
    "bavaria-fields": ("bavaria_s2_fields", (301, 14, 13), 34, "2018-02-15", "2018-08-30"),
    "bavaria-images": ("bavaria_s2_image_ts", (11080, 14, 12), 2, "2018-03-08", "2018-07-26"),
    "cropharvest": ("cropharvest_togo_point", (289, 12, 13), 0, "2019-02-06", "2020-01-02"),
    "eolearn": ("eolearn_testeopatch", (9945, 67, 1), 5, "2015-07-11", "2017-12-22"),
    "worldcereal": ("worldcereal", (500, 12, 10), 13, "2016-12-01", "2017-11-01"),
    "worldcereal-cube": ("worldcereal", (10000, 12, 9), 2, "2020-11-01", "2021-10-01"),
    "yatsm": ("yatsm_landsat_ts", (25, 447, 6), 0, "1984-04-17", "2013-05-27"),
}


@pytest.mark.parametrize("name", SERIES)
def test_as_published(real_data: Path, name: str) -> None:
    folder, shape, num_classes, first, last = FOLDERS[name]
    points = read_series(name, real_data / folder)
    assert points.values.shape == shape
    assert len(points.legend) == max(num_classes, 1)
    assert len(set(points.label[points.label >= 0].tolist())) == num_classes
    dates = points.days[points.valid].astype("datetime64[D]").astype(str)
    assert points.days.min() == np.datetime64(first, "D").astype(int), dates.min()
    assert points.days.max() == np.datetime64(last, "D").astype(int), dates.max()
    # Reflectance and indices, not stored numbers.
    assert -0.2 < np.median(points.values[points.valid]) < 1
    assert all(len(points.of_part(part)) > 0 for part in PARTS)
    shares = [set(points.block[points.of_part(part)].tolist()) for part in PARTS]
    assert len(set.union(*shares)) == sum(len(share) for share in shares)
