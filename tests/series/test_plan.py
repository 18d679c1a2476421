"""series.json: what is written is read again, and what contradicts itself is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.series.making import make_series

from landweave.errors import SensorError, SeriesError
from landweave.mapping.source import pixels, series_pixels
from landweave.series.plan import Dated, Series, open_series, write_series
from landweave.tiling import Window

DATES = ("2018-05-01", "2018-07-02", "2019-05-03", "2019-07-01", "2019-09-01")


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return make_series(tmp_path, DATES)[0]


def test_what_is_written_is_read(series: Series, tmp_path: Path) -> None:
    write_series(series, tmp_path / "series.json")
    found = open_series(tmp_path / "series.json")
    assert found == series
    assert found.identity == series.identity
    assert found.years == (2018, 2019)
    assert found.sensor == "sentinel-2-l2a"
    np.testing.assert_array_equal(found.dates, np.array(DATES, "datetime64[D]"))


def test_a_folder_with_catalog_and_series_can_be_moved(series: Series, tmp_path: Path) -> None:
    write_series(series, tmp_path / "series.json")
    moved = tmp_path / "moved" / "deeper"
    moved.mkdir(parents=True)
    for name in ("series.json", "catalog.parquet"):
        shutil.copy(tmp_path / name, moved / name)
    found = open_series(moved / "series.json")
    assert found.catalog == moved / "catalog.parquet"
    assert found.identity == series.identity
    assert [scene.id for scene in found.open_scenes()] == [f"s{n}" for n in range(5)]


def test_one_year(series: Series) -> None:
    alone = series.of_year(2019)
    assert [str(date) for date in alone.dates] == list(DATES[2:])
    assert alone.identity != series.identity
    with pytest.raises(SeriesError) as caught:
        series.of_year(2017)
    assert (caught.value.given, caught.value.expected) == ("the year 2017", "one of 2018, 2019")
    assert caught.value.do


def test_pixels_of_a_series_are_those_of_its_scenes(tmp_path: Path) -> None:
    series, scenes = make_series(tmp_path, DATES)
    window = Window(4, 3, 6, 9)
    values, valid = series_pixels(series.open_scenes(), series.bands_of, series.grid, window)
    assert values.shape == (5, 4, 6, 9)
    for place, scene in enumerate(scenes):
        alone, alone_valid = pixels(scene, series.bands, series.grid, window)
        np.testing.assert_array_equal(values[place], alone)
        np.testing.assert_array_equal(valid[place], alone_valid)
    assert valid.all()


@pytest.mark.parametrize("order", [(1, 0), (0, 0)])
def test_dates_out_of_order_or_twice_are_refused(series: Series, order: tuple[int, int]) -> None:
    with pytest.raises(SeriesError) as caught:
        dataclasses.replace(series, scenes=tuple(series.scenes[place] for place in order))
    assert f"(s{order[1]})" in caught.value.given
    assert "in order" in caught.value.expected
    assert "sort" in caught.value.do


def test_a_series_without_scenes_or_names_of_bands_is_refused(series: Series) -> None:
    with pytest.raises(SeriesError, match="without a scene"):
        dataclasses.replace(series, scenes=())
    foreign = Dated("x", "landsat-8-c2l2", series.scenes[-1].date.replace(month=12), 2019)
    with pytest.raises(SensorError, match="scene x of landsat-8-c2l2 without names"):
        dataclasses.replace(series, scenes=(*series.scenes, foreign))


def test_a_catalog_that_lacks_a_scene_is_refused(series: Series) -> None:
    lacking = dataclasses.replace(series, scenes=(dataclasses.replace(series.scenes[0], id="gone"),))
    with pytest.raises(SeriesError, match="without gone"):
        lacking.open_scenes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values | {"format": 2}, "of format 2"),
        (lambda values: {key: values[key] for key in values if key != "grid"}, "cannot be read"),
        (lambda values: values | {"scenes": [{"id": "x"}]}, "cannot be read"),
        (lambda values: [values], "cannot be read"),
    ],
)
def test_damaged_files_are_refused(series: Series, tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "series.json"
    write_series(series, path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(SeriesError, match=message) as caught:
        open_series(path)
    assert caught.value.expected
    assert caught.value.do
    with pytest.raises(SeriesError, match="No such file"):
        open_series(tmp_path / "none.json")
