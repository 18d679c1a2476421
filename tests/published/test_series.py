"""Readers of published series: values, dates, what is valid, labels, and parts on separate land."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.published import series as published

from landweave.datasets.modis import composites
from landweave.datasets.points import PARTS, Points, open_points
from landweave.datasets.series import SERIES, import_series, named_legend, read_series
from landweave.errors import SeriesError
from landweave.raster.dates import days

WRITERS: dict[str, Callable[[Path], object]] = {
    "sits-mt": published.write_sits,
    "sits-modis": lambda folder: published.write_sits(folder, "samples_modis_4bands.npz", bands=4),
    "sits-ndvi": lambda folder: published.write_sits(folder, "samples_modis_ndvi.npz", bands=1),
    "sits-sinop": published.write_sinop,
    "sits-rasters": published.write_rasters,
    "bavaria-fields": published.write_bavaria_means,
    "bavaria-images": published.write_bavaria_images,
    "cropharvest": published.write_cropharvest,
    "eolearn": published.write_eolearn,
    "worldcereal": published.write_worldcereal,
    "worldcereal-cube": published.write_worldcereal,
    "yatsm": published.write_yatsm,
}


def read(name: str, folder: Path) -> Points:
    WRITERS[name](folder)
    return read_series(name, folder)


def test_every_reader_is_tested() -> None:
    assert set(WRITERS) == set(SERIES)
    assert all(each.about for each in SERIES.values())


@pytest.mark.parametrize("name", WRITERS)
def test_parts_lie_on_blocks_of_their_own(name: str, tmp_path: Path) -> None:
    points = read(name, tmp_path)
    assert len(points) > 0
    for block in np.unique(points.block):
        assert len(set(points.part[points.block == block])) == 1
    assert len(points.of_part("train")) > 0
    assert points.valid.any()
    assert (np.diff(points.days, axis=1) >= 0).all()
    assert not points.values[~points.valid].any()
    again = read_series(name, tmp_path)
    assert again.identity == points.identity


def test_samples_of_sits(tmp_path: Path) -> None:
    told = published.write_sits(tmp_path)
    points = read_series("sits-mt", tmp_path)
    np.testing.assert_array_equal(points.values, told["X"])
    np.testing.assert_array_equal(points.days, told["days_since_1970"])
    assert points.legend.names == ("Cerrado", "Forest", "Pasture")
    assert [points.legend.names[label] for label in points.label[:3]] == ["Pasture", "Forest", "Cerrado"]
    assert (points.bands, points.crs, points.sensor) == (tuple(told["bands"]), "EPSG:4326", "modis-mod13q1")
    # 15962 + 22 * 16 lies in 2014.
    assert set(points.year.tolist()) == {2014, 2015, 2016}
    # Every class is in every part.
    assert all(len(set(points.label[points.of_part(part)])) == 3 for part in PARTS)


def test_composites_of_modis_begin_anew_each_year() -> None:
    found = composites(392).astype("datetime64[D]").astype(str)
    assert found[:3].tolist() == ["2000-02-18", "2000-03-05", "2000-03-21"]
    assert found[20] == "2001-01-01"
    assert found[43] == "2002-01-01"
    assert found[-1] == "2017-02-18"


def test_stack_of_sinop(tmp_path: Path) -> None:
    numbers = published.write_sinop(tmp_path)
    points = read_series("sits-sinop", tmp_path)
    assert points.values.shape == (36, 392, 2)
    np.testing.assert_allclose(points.values[0, :, 0], numbers[0, :, 0, 0] * 1e-4, rtol=1e-6)
    assert not points.valid[2 * 6 + 3, 5]
    assert points.valid.sum() == 36 * 392 - 1
    assert set(points.label.tolist()) == {-1}


def test_samples_on_rasters(tmp_path: Path) -> None:
    points = read("sits-rasters", tmp_path)
    assert points.values.shape == (6, 3, 1)
    np.testing.assert_allclose(points.values[0, :, 0], [0.5, 0.5001, 0.5002], atol=1e-6)
    np.testing.assert_array_equal(points.valid.all(1), [True, True, True, False, True, True])
    assert points.legend.names == ("Forest", "Pasture")
    np.testing.assert_array_equal(points.label, [0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(points.days[0], days(["2013-09-14", "2013-10-16", "2013-11-17"]))


def test_means_of_bavarian_fields(tmp_path: Path) -> None:
    points = read("bavaria-fields", tmp_path)
    assert points.values.shape == (6, 3, 13)
    np.testing.assert_array_equal(points.days[0], days(["2018-02-15", "2018-03-02", "2018-03-17"]))
    assert points.values[2, 0, 4] == pytest.approx(0.0402)
    assert points.legend.names == ("115", "121")
    assert points.bands[8] == "B8A"
    assert points.sensor == "sentinel-2-l1c"


def test_images_of_bavarian_fields(tmp_path: Path) -> None:
    points = read("bavaria-images", tmp_path)
    # Six pixels inside each of four fields; the field with three dates decides the length.
    assert points.values.shape == (24, 3, 12)
    first = points.block == 0
    np.testing.assert_array_equal(points.valid[first], [[True, False, False]] * 6)
    np.testing.assert_array_equal(points.valid[points.block == 1], [[True] * 3] * 6)
    assert points.legend.names == ("barley", "winter_wheat")
    assert (points.label[first] == 0).all()


def test_patch_of_eolearn(tmp_path: Path) -> None:
    points = read("eolearn", tmp_path)
    assert points.values.shape == (300, 3, 1)
    np.testing.assert_array_equal(points.days[0], days(["2015-07-11", "2015-12-08", "2016-01-07"]))
    # Of two passes of one day the second stands in where the first is under clouds.
    np.testing.assert_allclose(points.values[0, :, 0], [0.1, 0.3, 0.4])
    np.testing.assert_allclose(points.values[-1, :, 0], [0.1, 0.2, 0.4])
    assert points.legend.names == ("Cultivated land", "Forest", "Grassland")
    assert (points.x[0], points.y[0]) == (465005, 5079195)


def test_fields_and_cube_of_worldcereal(tmp_path: Path) -> None:
    points = read("worldcereal", tmp_path)
    assert points.values.shape == (12, 12, 10)
    assert not points.valid[:, 3].any()
    assert points.valid.sum() == 12 * 11
    assert points.values[0, 5, 0] == pytest.approx(0.1005)
    assert str(np.datetime64(int(points.days[0, 1]), "D")) == "2017-01-01"
    assert points.legend.names == ("maize", "sorghum")
    cube = read_series("worldcereal-cube", tmp_path)
    assert cube.values.shape == (400, 12, 9)
    assert not cube.valid[:, 2].any()
    assert str(np.datetime64(int(cube.days[0, 0]), "D")) == "2020-11-01"
    np.testing.assert_array_equal(cube.label[:4], [0, 1, 0, 1])


def test_patch_of_cropharvest(tmp_path: Path) -> None:
    points = read("cropharvest", tmp_path)
    assert points.values.shape == (36, 12, 13)
    # The layer of month m and band b is 17 m + 2 + b, counted from 0.
    np.testing.assert_allclose(points.values[0, 3], (17 * 3 + 3 + np.arange(13)) * 1e-4, rtol=1e-6)
    np.testing.assert_array_equal(np.diff(points.days[0]), 30)


def test_pixels_of_yatsm(tmp_path: Path) -> None:
    points = read("yatsm", tmp_path)
    assert points.values.shape == (25, 6, 6)
    np.testing.assert_array_equal(points.valid, [[True, False, False, False, True, True]] * 25)
    assert str(np.datetime64(int(points.days[0, 0]), "D")) == "1984-04-17"
    assert points.values[0, 0, 0] == pytest.approx(0.1)


def test_import_writes_samples_and_their_record(tmp_path: Path) -> None:
    published.write_sits(tmp_path / "sits")
    out = tmp_path / "samples.h5"
    points = import_series("sits-mt", tmp_path / "sits", out, (0.5, 0.25, 0.25), 3)
    assert open_points(out).identity == points.identity
    assert points.identity in (tmp_path / "samples.h5.json").read_text()


@pytest.mark.parametrize("name", WRITERS)
def test_folders_that_hold_something_else_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises((SeriesError, OSError)) as caught:
        read_series(name, tmp_path)
    if isinstance(caught.value, SeriesError):
        assert str(tmp_path) in caught.value.given
        assert caught.value.expected
        assert "fetch" in caught.value.do


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SeriesError) as caught:
        read_series("sits-mto", Path())
    assert "sits-mt (did you mean that?)" in caught.value.expected
    assert caught.value.do


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    published.write_bavaria_means(tmp_path)
    path = tmp_path / "Test_bavaria.xlsx"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SeriesError, match=r"spreadsheet|zip"):
        read_series("bavaria-fields", tmp_path)
    published.write_cropharvest(tmp_path)
    (tmp_path / "9-togo_2019-02-06_2020-02-01.tif").rename(tmp_path / "togo.tif")
    with pytest.raises(SeriesError, match="without its two dates"):
        read_series("cropharvest", tmp_path)


def test_colours_of_a_legend_without_colours_differ() -> None:
    legend = named_legend("n", "s", [f"class {n}" for n in range(12)])
    assert len({entry.color for entry in legend.classes}) == 12
    assert legend.ids == tuple(range(1, 13))
