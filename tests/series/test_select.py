"""Selecting a series from a catalog: clouds, pairs, bands, grids, and every scene that is left away named."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from tests.mapping.places import BANDS, SENSOR, grid_at
from tests.series.making import make_dated

from landweave.config import check
from landweave.errors import CatalogError, ConfigError, GridError, SensorError, SeriesError
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor
from landweave.series.plan import open_series
from landweave.series.select import SelectJob, bands_of, choose, common_grid, select

DATES = ("2018-03-01", "2018-05-01", "2018-07-02", "2018-09-01", "2019-03-03", "2019-05-20", "2019-07-01", "2019-08-29")


def catalog_of(folder: Path, dates: Sequence[str] = DATES, clouds: Sequence[float] = (), **changes: Any) -> Path:
    days = [dt.date.fromisoformat(text) for text in dates]
    covers = [*clouds, *[0.0] * len(days)]
    scenes = [
        replace(make_dated(folder, f"s{n}", day, grid_at(10, 8), n, covers[n]), **changes) for n, day in enumerate(days)
    ]
    write_catalog(scenes, folder / "catalog.parquet")
    return folder / "catalog.parquet"


def job(catalog: Path, **values: Any) -> SelectJob:
    return check(SelectJob, {"catalog": catalog, "bands": BANDS, **values}, "a test")


def test_pairs_between_years_and_the_rest_named(tmp_path: Path) -> None:
    found = select(job(catalog_of(tmp_path)), tmp_path / "series.json")
    assert [(scene.id, scene.pair) for scene in found.series.scenes] == [
        ("s0", 0), ("s2", 1), ("s3", 2), ("s4", 0), ("s6", 1), ("s7", 2),
    ]  # fmt: skip
    assert found.num_pairs == 3
    assert found.counts() == {2018: 3, 2019: 3}
    assert {why: [s.id for s in scenes] for why, scenes in found.left.items()} == {
        "no scene of every other year within 6 days": ["s1", "s5"]
    }
    assert open_series(tmp_path / "series.json").identity == found.series.identity
    record = json.loads((tmp_path / "series.json.json").read_text())
    assert record["configuration"]["left"]["no scene of every other year within 6 days"][0] == "s1 (2018-05-01)"


def test_clouds_number_and_years(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, clouds=[0.5, 0.1, 0, 0.3])
    cloudy = select(job(catalog, cloud=0.4, pair_days=30), tmp_path / "a.json")
    assert [scene.id for scene in cloudy.left["more than 40% clouds"]] == ["s0"]
    two = select(job(catalog, per_year=2, pair_days=None), tmp_path / "b.json")
    assert two.counts() == {2018: 2, 2019: 2}
    assert two.num_pairs is None
    assert {scene.pair for scene in two.series.scenes} == {None}
    assert "more than were asked for" in two.left
    one_year = select(job(catalog, years="2019", per_year=0), tmp_path / "c.json")
    assert [scene.id for scene in one_year.series.scenes] == ["s4", "s5", "s6", "s7"]


def test_years_with_other_numbers_of_scenes_are_counted(tmp_path: Path) -> None:
    found = select(job(catalog_of(tmp_path, DATES[:6]), pair_days=None), tmp_path / "series.json")
    assert found.counts() == {2018: 4, 2019: 2}


def test_clouds_that_nobody_tells_are_measured(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, clouds=[0.5, 0.2], cloud_cover=None)
    found = select(job(catalog, pair_days=None), tmp_path / "series.json")
    assert [scene.id for scene in found.left["more than 40% clouds"]] == ["s0"]
    assert found.series.scenes[0].cloud == pytest.approx(0.2)


def test_two_scenes_of_one_day(tmp_path: Path) -> None:
    found = select(
        job(catalog_of(tmp_path, ["2018-03-01", "2018-03-01", "2018-04-01"], [0.3, 0.1])), tmp_path / "series.json"
    )
    assert [scene.id for scene in found.series.scenes] == ["s1", "s2"]
    assert [scene.id for scene in found.left["another scene of the same day has fewer clouds"]] == ["s0"]


@pytest.mark.parametrize(
    ("values", "clouds", "kind", "given"),
    [
        ({"cloud": 0.1, "years": [2018]}, [0.2] * 4, SeriesError, "no scene of 2018 with at most 10% clouds"),
        ({"years": [2018, 2017]}, [], CatalogError, "without a scene of 2017"),
        ({"sensors": ["landsat-8-c2l2"]}, [], CatalogError, "without scenes of landsat-8-c2l2"),
        ({"bands": ["B02", "B11"]}, [], SensorError, "without B11"),
        ({"bands": ["B99"]}, [], SensorError, "band B99"),
    ],
)
def test_what_cannot_be_selected(
    tmp_path: Path, values: dict[str, Any], clouds: list[float], kind: type[Exception], given: str
) -> None:
    catalog = catalog_of(tmp_path, clouds=clouds)
    with pytest.raises(kind, match=given) as caught:
        select(job(catalog, **values), tmp_path / "series.json")
    assert caught.value.expected  # type: ignore[attr-defined]
    assert caught.value.do  # type: ignore[attr-defined]
    assert not (tmp_path / "series.json").exists()


def test_years_that_do_not_pair_are_refused(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, ["2018-03-01", "2019-06-01"])
    with pytest.raises(SeriesError, match="2018, 2019 without days within 6") as caught:
        select(job(catalog), tmp_path / "series.json")
    assert "--no-pairs" in caught.value.do
    with pytest.raises(ConfigError, match="pair_day"):
        job(catalog, pair_day=3)


def moved(scene: Scene, grid: GeoBox) -> Scene:
    return replace(scene, id="moved", grid=grid)


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        (grid_at(10, 8, size=20), "CRS and pixels of s0"),
        (grid_at(10, 8, crs="EPSG:32632"), "CRS and pixels of s0"),
        (grid_at(10, 8).translate_pix(0.5, 0), "CRS and pixels of s0"),
        (grid_at(10, 8, row=40), "scenes of one place"),
    ],
)
def test_other_grids_are_refused(tmp_path: Path, grid: GeoBox, expected: str) -> None:
    scene = make_dated(tmp_path, "s0", dt.date(2018, 3, 1), grid_at(10, 8))
    with pytest.raises(GridError) as caught:
        common_grid([scene, moved(scene, grid)], reproject=False)
    assert "scene moved" in caught.value.given
    assert expected in caught.value.expected
    assert caught.value.do


def test_other_pixels_are_welcome_when_told_so_and_other_extents_always(tmp_path: Path) -> None:
    scene = make_dated(tmp_path, "s0", dt.date(2018, 3, 1), grid_at(10, 8))
    assert common_grid([moved(scene, grid_at(10, 8, size=20)), scene], reproject=True) == scene.grid
    assert common_grid([scene, moved(scene, grid_at(30, 30, row=-4, col=-2))], reproject=False) == scene.grid


def test_bands_of_one_sensor_are_those_that_are_fine_enough() -> None:
    bands, own = bands_of([SENSOR], ())
    assert bands == ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
    assert own == {"sentinel-2-l2a": bands}


def test_bands_of_mixed_sensors_have_names_that_all_share(tmp_path: Path) -> None:
    landsat = sensor("landsat-8-c2l2")
    bands, own = bands_of([SENSOR, landsat], ())
    assert bands == ("blue", "green", "red", "nir", "swir16", "swir22")
    assert own["sentinel-2-l2a"] == ("B02", "B03", "B04", "B08", "B11", "B12")
    assert own["landsat-8-c2l2"] == ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7")
    assert bands_of([SENSOR, landsat], ("red", "nir"))[1]["landsat-8-c2l2"] == ("SR_B4", "SR_B5")
    with pytest.raises(SensorError, match="rededge1 of sentinel-2-l2a, landsat-8-c2l2") as caught:
        bands_of([SENSOR, landsat], ("rededge1",))
    assert "blue, green" in caught.value.expected
    with pytest.raises(SensorError, match="any band"):
        bands_of([SENSOR, sensor("worldview-pan")], ())


def test_a_series_of_two_sensors(tmp_path: Path) -> None:
    scenes = [make_dated(tmp_path, "s2", dt.date(2018, 3, 1), grid_at(12, 12))]
    coarse, landsat = grid_at(4, 4, size=30), sensor("landsat-8-c2l2")
    write_tile(tmp_path / "l8.tif", np.full((4, 4, 4), 15000, np.uint16), coarse, nodata=0)
    names = ("SR_B2", "SR_B3", "SR_B4", "SR_B5")
    files = {name: BandFile(str(tmp_path / "l8.tif"), n + 1, 2.75e-5, -0.2, 0) for n, name in enumerate(names)}
    scenes.append(Scene("l8", landsat, dt.datetime(2018, 4, 1, tzinfo=dt.UTC), coarse, files, None, None, 0.0))
    write_catalog(scenes, tmp_path / "catalog.parquet")
    asked = job(tmp_path / "catalog.parquet", bands="blue,green,red,nir", reproject=True, pair_days=None)
    found = select(asked, tmp_path / "series.json").series
    assert found.sensor == "landsat-8-c2l2+sentinel-2-l2a"
    assert found.grid == scenes[0].grid
    assert found.bands_of == [("B02", "B03", "B04", "B08"), names]


def test_bands_of_two_units_are_refused(tmp_path: Path) -> None:
    warm = replace(SENSOR, bands=tuple(replace(band, unit="radiance") if band.name == "B04" else band
                                       for band in SENSOR.bands))  # fmt: skip
    with pytest.raises(SensorError, match=r"B02 of s0 in reflectance and B04 of s0 in radiance") as caught:
        select(job(catalog_of(tmp_path, sensor=warm)), tmp_path / "series.json")
    assert caught.value.expected == "bands of one unit"


@given(
    days=st.lists(st.tuples(st.integers(0, 700), st.sampled_from([0.0, 0.2, 0.6, None])), min_size=1, max_size=14),
    per_year=st.integers(0, 4),
    pair_days=st.sampled_from([None, 0, 20, 200]),
)
def test_every_scene_is_in_the_series_or_named_once(
    days: list[tuple[int, float | None]], per_year: int, pair_days: int | None
) -> None:
    grid, first = grid_at(4, 4), dt.datetime(2018, 1, 1, 10, tzinfo=dt.UTC)
    files = {band: BandFile("none.tif") for band in BANDS}
    scenes = [
        Scene(f"s{n}", SENSOR, first + dt.timedelta(day), grid, files, None, None, 100 * (cloud or 0.0))
        for n, (day, cloud) in enumerate(days)
    ]
    wanted = job(Path("none.parquet"), per_year=per_year, pair_days=pair_days)
    try:
        found = choose(wanted, scenes)
    except SeriesError as error:
        # A year without a clear scene, or years that do not meet: said, not guessed.
        assert "no scene of" in error.given or "without days within" in error.given
        return
    named = [scene.id for scenes in found.left.values() for scene in scenes]
    taken = [scene.id for scene in found.series.scenes]
    assert sorted(taken + named) == sorted(scene.id for scene in scenes)
    assert taken
    assert all(num <= (per_year or len(scenes)) for num in found.counts().values())
    if pair_days is not None:
        assert len(set(found.counts().values())) == 1
