"""series_map.json: what is written is read, maps of others become a sequence, damaged ones are refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
from tests.mapping.places import LEGEND, grid_at

from landweave.errors import GridError, LegendError, SeriesError
from landweave.legend import IGNORE
from landweave.raster.write import write_map, write_tile
from landweave.series.maps import NAME, OneMap, SeriesMaps, open_maps, write_maps, yearly_maps
from landweave.tiling import Window

GRID = grid_at(8, 9)
IDS = np.random.default_rng(0).choice(np.array([0, 10, 20, 60], np.uint8), (3, 8, 9))


def spans(folder: Path) -> SeriesMaps:
    """Three maps of spans on disk."""
    dates = tuple(dt.date(2019, 1, 1) + dt.timedelta(days=20 * number) for number in range(5))
    for number, ids in enumerate(IDS):
        write_map(folder / f"{number}.tif", ids, GRID, LEGEND)
        write_tile(folder / f"{number}_top.tif", ids[None] * 2, GRID)
    maps = tuple(OneMap(dates[n + 2].isoformat(), n, n + 3, f"{n}.tif", f"{n}_top.tif") for n in range(3))
    return SeriesMaps(folder, "spans", GRID, LEGEND, dates, tuple("abcde"), 3, 1, maps, "c" * 64, "../series.json")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    maps = spans(tmp_path)
    write_maps(maps)
    assert open_maps(tmp_path) == maps
    assert len(maps.line) == 3
    assert maps.line.half == 2


def test_a_window_of_all_maps(tmp_path: Path) -> None:
    labels, top = spans(tmp_path).read(Window(2, 3, 4, 5))
    part = IDS[:, 2:6, 3:8]
    assert np.array_equal(labels == IGNORE, part == 0)
    assert np.array_equal(labels[part > 0], part[part > 0] // 10 - 1)
    assert np.array_equal(top, part * 2)


def test_yearly_maps_of_others(tmp_path: Path) -> None:
    paths = [tmp_path / f"map_{year}_v2.tif" for year in (2003, 2001, 2002)]
    for path, ids in zip(paths, IDS, strict=True):
        write_map(path, ids, GRID, LEGEND)
    maps = yearly_maps(paths)
    assert [one.key for one in maps.maps] == ["2001", "2002", "2003"]
    assert maps.legend.ids == LEGEND.ids
    labels, top = maps.read(Window.of((8, 9)))
    assert np.array_equal(labels[2], LEGEND.to_indices(IDS[0]))
    assert (top == 255).all()
    assert maps.line.years == (2001, 2002, 2003)


def test_maps_that_are_no_sequence_are_refused(tmp_path: Path) -> None:
    for name in ("m_2001.tif", "n_2001.tif", "map.tif", "m_2002.tif"):
        write_map(tmp_path / name, IDS[0], GRID, LEGEND)
    write_map(tmp_path / "o_2003.tif", IDS[0], grid_at(8, 9, row=1), LEGEND)
    write_tile(tmp_path / "p_2000.tif", IDS[:1], GRID)
    for names, kind, given, do in (
        (("m_2001.tif", "map.tif"), SeriesError, "map.tif", "rename"),
        (("m_2001.tif", "n_2001.tif"), SeriesError, "two maps of 2001", "leave"),
        (("m_2001.tif", "o_2003.tif"), GridError, "o_2003.tif", "warp"),
        (("p_2000.tif", "m_2001.tif"), LegendError, "p_2000.tif", "--legend"),
    ):
        with pytest.raises(kind) as raised:
            yearly_maps([tmp_path / name for name in names])
        assert given in raised.value.given
        assert raised.value.expected
        assert do in raised.value.do


@pytest.mark.parametrize("how", ["missing", "format", "torn", "key"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, how: str) -> None:
    path = tmp_path / NAME
    write_maps(spans(tmp_path))
    values = json.loads(path.read_text())
    match how:
        case "missing":
            path.unlink()
        case "format":
            path.write_text(json.dumps({**values, "format": 2}))
        case "torn":
            path.write_text(path.read_text()[:-30])
        case "key":
            path.write_text(json.dumps({key: value for key, value in values.items() if key != "maps"}))
    with pytest.raises(SeriesError) as raised:
        open_maps(tmp_path)
    assert NAME in raised.value.given
    assert raised.value.expected
    assert "series map" in raised.value.do
