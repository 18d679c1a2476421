"""series.json for any series: written and read it is the same, and its identity is that of what it names."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.errors import SensorError, SeriesError
from landweave.series.plan import Dated, Series, grid_of_values, grid_values, open_series, write_series

GRIDS = st.builds(
    lambda height, width, size, x, y, crs: GeoBox((height, width), Affine(size, 0, x, 0, -size, y), crs),
    st.integers(1, 9000),
    st.integers(1, 9000),
    st.sampled_from([0.5, 10, 30, 231.656]),
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e7),
    st.sampled_from(["EPSG:32633", "EPSG:3035", None]),
)
DAYS = st.lists(st.dates(dt.date(1984, 1, 1), dt.date(2030, 1, 1)), min_size=1, max_size=12, unique=True).map(sorted)
CLOUDS = st.sampled_from([None, 0.0, 0.25, 1.0])


@st.composite
def series(draw: st.DrawFn) -> Series:
    dates = draw(DAYS)
    sensors = draw(st.sampled_from([("sentinel-2-l2a",), ("sentinel-2-l2a", "landsat-8-c2l2")]))
    bands = {"sentinel-2-l2a": ("B04", "B08"), "landsat-8-c2l2": ("SR_B4", "SR_B5")}
    names = bands["sentinel-2-l2a"] if len(sensors) == 1 else ("red", "nir")
    scenes = tuple(
        Dated(
            f"scene {n} ü",
            draw(st.sampled_from(sensors)),
            date,
            date.year,
            draw(CLOUDS),
            draw(st.sampled_from([None, n])),
        )
        for n, date in enumerate(dates)
    )
    return Series(Path("/somewhere/catalog.parquet"), draw(GRIDS), names, {s: bands[s] for s in sensors}, scenes)


@given(GRIDS)
def test_grids_go_there_and_back(grid: GeoBox) -> None:
    assert grid_of_values(grid_values(grid)) == grid


@given(series())
def test_series_go_there_and_back(wanted: Series) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deeper" / "series.json"
        write_series(wanted, path)
        found = open_series(path)
    assert found == wanted
    assert found.identity == wanted.identity
    assert found.scenes == wanted.scenes


@given(series())
def test_years_hold_all_scenes_once(wanted: Series) -> None:
    parts = [wanted.of_year(year) for year in wanted.years]
    assert [scene for part in parts for scene in part.scenes] == list(wanted.scenes)
    assert all({scene.year for scene in part.scenes} == {year} for part, year in zip(parts, wanted.years, strict=True))
    assert len(wanted.bands_of) == len(wanted.dates) == len(wanted.scenes)
    assert (np.diff(wanted.dates) > np.timedelta64(0)).all()


@given(series())
def test_identity_is_that_of_what_is_named(wanted: Series) -> None:
    assert replace(wanted, catalog=Path("/elsewhere.parquet")).identity == wanted.identity
    first, *others = wanted.scenes
    assert replace(wanted, scenes=(replace(first, id="another"), *others)).identity != wanted.identity
    assert replace(wanted, unit="radiance").identity != wanted.identity
    assert replace(wanted, grid=wanted.grid.translate_pix(1, 0)).identity != wanted.identity


@given(series(), st.randoms(use_true_random=False))
def test_any_other_order_is_refused(wanted: Series, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(wanted.scenes)
    random.shuffle(shuffled)
    if tuple(shuffled) == wanted.scenes:
        return
    with pytest.raises(SeriesError, match="after"):
        replace(wanted, scenes=tuple(shuffled))


@given(series())
def test_a_sensor_without_its_bands_is_refused(wanted: Series) -> None:
    with pytest.raises(SensorError, match="without names"):
        replace(wanted, sensor_bands={name: bands[:1] for name, bands in wanted.sensor_bands.items()})
