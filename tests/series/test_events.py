"""events.parquet: what is written is read, any reader of GeoParquet opens it, damaged ones are refused."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import geopandas
import pyarrow.parquet as pq
import pytest
import shapely
from odc.geo.crs import CRS
from tests.mapping.places import LEGEND

from landweave.errors import SeriesError
from landweave.series.events import SCHEMA, Event, Origin, read_events, write_events

UTM = CRS("EPSG:32633")
ORIGIN = Origin("ab" * 32, LEGEND, "../series.json", "../maps")
EVENT = Event(
    id="e0000001",
    geometry=shapely.box(500000, 4990000, 500100, 4990200),
    date=dt.date(2019, 11, 20),
    year=2019,
    from_id=10,
    from_name="Class 0",
    to_id=30,
    to_name="Class 2",
    probability=0.75,
    num_pixels=200,
    area_ha=2.0,
    row_start=3,
    row_stop=23,
    col_start=5,
    col_stop=15,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    unit = replace(EVENT, id="u1", kind="unit", stratum="stable", chance=0.01)
    write_events(tmp_path / "events.parquet", [EVENT, unit], UTM, ORIGIN)
    found = read_events(tmp_path / "events.parquet")
    assert found.rows == (EVENT, unit)
    assert found.crs == UTM
    assert found.origin == ORIGIN


def test_equal_events_give_equal_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_events(tmp_path / name / "events.parquet", [EVENT], UTM, ORIGIN)
    assert (tmp_path / "a" / "events.parquet").read_bytes() == (tmp_path / "b" / "events.parquet").read_bytes()


def test_others_read_it_as_geoparquet(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", [EVENT], UTM, ORIGIN)
    frame = geopandas.read_parquet(tmp_path / "events.parquet")
    assert frame.crs == "EPSG:32633"
    assert frame.geometry[0].area == 20_000
    assert frame.to_name[0] == "Class 2"
    told = json.loads(pq.read_schema(tmp_path / "events.parquet").metadata[b"landweave"])
    assert (told["format"], told["job"], told["series"], told["maps"]) == (1, "ab" * 32, "../series.json", "../maps")
    assert told["legend"]["classes"][0] == {"id": 10, "name": "Class 0", "color": "#112233", "code": None}


def test_no_change_is_a_file_without_rows_and_a_place_on_earth_is_not_needed(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", [], None, ORIGIN)
    found = read_events(tmp_path / "events.parquet")
    assert (found.rows, found.crs) == ((), None)


@pytest.mark.parametrize("how", ["missing", "foreign", "truncated", "column"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, how: str) -> None:
    path = tmp_path / "events.parquet"
    write_events(path, [EVENT], UTM, ORIGIN)
    match how:
        case "missing":
            path.unlink()
        case "foreign":
            pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
        case "truncated":
            path.write_bytes(path.read_bytes()[:-9])
        case "column":
            pq.write_table(pq.read_table(path).drop_columns(["chance"]), path)
    with pytest.raises(SeriesError) as raised:
        read_events(path)
    assert "events.parquet" in raised.value.given
    assert raised.value.expected
    assert "series change" in raised.value.do


def test_the_columns_are_those_of_an_event() -> None:
    assert SCHEMA.names == list(Event.__slots__)
