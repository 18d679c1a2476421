"""A series of three real Landsat scenes: selected, read by blocks, clouds filled from other dates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.real.test_real_scenes import L8, beside

from landweave.cli.main import run
from landweave.mapping.source import series_pixels
from landweave.raster.dates import days, regular
from landweave.series.plan import Series, open_series
from landweave.spectra.indices import indices, roles
from landweave.tiling import Tiling, Window

pytestmark = pytest.mark.real

DATES = ("2023-02-13", "2023-04-18", "2023-05-20")


@pytest.fixture
def series(real_data: Path, tmp_path: Path) -> Series:
    sources = sorted((real_data / "l8_l2sp_3dates" / "L8").glob("*.tif"))
    for source, date in zip(sources, DATES, strict=True):
        beside(tmp_path, source, L8.replace("2023-05-20", date))
    catalog, out = tmp_path / "catalog.parquet", tmp_path / "series.json"
    assert run(["catalog", str(tmp_path), "-o", str(catalog)]) == 0
    bands = "SR_B2,SR_B3,SR_B4,SR_B5,SR_B6,SR_B7"
    assert run(["series", "select", str(catalog), "-o", str(out), "--bands", bands]) == 0
    return open_series(out)


def test_three_dates_on_one_grid(series: Series) -> None:
    np.testing.assert_array_equal(series.dates, np.array(DATES, "datetime64[D]"))
    assert series.years == (2023,)
    assert series.sensor == "landsat-8-c2l2"
    # The sidecars tell no clouds: they were measured.
    clouds = [scene.cloud for scene in series.scenes]
    assert all(cloud is not None and 0 <= cloud < 0.02 for cloud in clouds)
    assert max(clouds) > 0  # type: ignore[type-var]


def test_blocks_are_the_whole_and_values_are_reflectance(series: Series) -> None:
    scenes, (height, width) = series.open_scenes(), series.grid.shape
    whole, valid = series_pixels(scenes, series.bands_of, series.grid, Window(0, 0, height, width))
    for tile in Tiling((height, width), 64, 0):
        rows, cols = tile.core.slices
        some, good = series_pixels(scenes, series.bands_of, series.grid, tile.core)
        np.testing.assert_array_equal(some, whole[..., rows, cols])
        np.testing.assert_array_equal(good, valid[:, rows, cols])
    assert 0 < np.median(whole[:, :, valid.all(0)]) < 0.4
    found = indices(whole.transpose(0, 2, 3, 1)[valid], roles(scenes[0].sensor, series.bands))
    assert found.shape[1] == 5
    # Leaves, not water or snow, on most of it.
    assert 0.2 < np.median(found[:, 0]) < 0.95
    assert np.median(found[:, 2]) < 0


def test_gaps_are_filled_and_what_was_seen_is_kept(series: Series) -> None:
    scenes, (height, width) = series.open_scenes(), series.grid.shape
    values, valid = series_pixels(scenes, series.bands_of, series.grid, Window(0, 0, height, width))
    when = days(series.dates)
    filled, found = regular(values, valid, when, when, limit_days=100)
    assert (~valid).any()
    assert found[valid].all()
    assert found.mean() > valid.mean()
    seen = np.broadcast_to(valid[:, None], values.shape)
    np.testing.assert_array_equal(filled[seen], values[seen])
