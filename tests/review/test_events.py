"""Files of events: read, written, refused; and read as series/ writes them."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from tests.review.making import JOB, LEGEND, box, grid_of, header, make_events, parts

from landweave.errors import LegendError, ReviewError
from landweave.review.events import NAME, SCHEMA, Event, read_events, write_events
from landweave.tiling import Window


def written(folder: Path, events: list[Event] | None = None, **changes: Any) -> Path:
    path = folder / NAME
    write_events(path, header(**changes), make_events() if events is None else events)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found, events = read_events(written(tmp_path, more={"strata": [1, 2]}))
    assert events == tuple(
        replace(one, probability=pytest.approx(one.probability))
        for one in make_events()  # type: ignore[arg-type]
    )
    assert (found.job, found.series, found.maps) == (JOB, "../series/series.json", "../maps")
    assert found.legend == LEGEND
    assert found.crs is not None
    assert found.crs.to_epsg() == 32633
    assert found.more == {"strata": [1, 2]}


def test_other_programs_read_it(tmp_path: Path) -> None:
    frame = geopandas.read_parquet(written(tmp_path))
    assert frame.crs.to_epsg() == 32633
    assert frame.to_name.unique().tolist() == ["Town"]
    assert list(frame.columns) == SCHEMA.names


def test_equal_events_give_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    assert written(tmp_path).read_bytes() == written(tmp_path / "two").read_bytes()


def test_events_as_the_series_room_writes_them(tmp_path: Path) -> None:
    from odc.geo.crs import CRS

    from landweave.series import events as theirs

    made = [
        theirs.Event(
            id=one.id, geometry=one.shape, date=one.date, year=one.year,
            from_id=one.from_id, from_name="Forest", to_id=one.to_id, to_name="Town",
            probability=0.5, num_pixels=one.num_pixels, area_ha=one.area_ha,
            row_start=one.window.row, row_stop=one.window.row + one.window.height,
            col_start=one.window.col, col_stop=one.window.col + one.window.width,
        )
        for one in make_events()
    ]  # fmt: skip
    origin = theirs.Origin(JOB, LEGEND, "../series/series.json", "../maps")
    theirs.write_events(tmp_path / NAME, made, CRS("EPSG:32633"), origin)
    found, events = read_events(tmp_path / NAME)
    assert [replace(one, probability=0.5) for one in make_events()] == list(events)
    assert (found.job, found.legend, found.series, found.maps) == (
        JOB,
        LEGEND,
        "../series/series.json",
        "../maps",
    )
    # And the other way round: units of this room.
    assert theirs.read_events(written(tmp_path)).rows[0].to_name == "Town"


def test_units_keep_stratum_and_chance(tmp_path: Path) -> None:
    unit = replace(make_events()[0], kind="unit", stratum="stable Forest", chance=0.125, probability=None, to_id=1)
    _, (found,) = read_events(written(tmp_path, [unit]))
    assert found == unit


def test_a_probability_that_is_no_number_is_unknown(tmp_path: Path) -> None:
    _, events = read_events(written(tmp_path, [replace(make_events()[0], probability=float("nan"))]))
    assert events[0].probability is None


@pytest.mark.parametrize("told", ["worldcover", [{"id": 10, "name": "Tree cover", "color": "#006400"}]])
def test_legends_by_name_or_by_their_classes(tmp_path: Path, told: Any) -> None:
    path = written(tmp_path, [replace(make_events()[0], from_id=1, to_id=5)])
    table = pq.read_table(path)
    words = dict(table.schema.metadata)
    own = json.loads(words[b"landweave"])
    own["legend"] = told
    ids = pa.array([10], pa.uint8())
    table = table.set_column(table.column_names.index("from_id"), "from_id", ids)
    table = table.set_column(table.column_names.index("to_id"), "to_id", ids)
    pq.write_table(table.replace_schema_metadata({**words, b"landweave": json.dumps(own).encode()}), path)
    found, _ = read_events(path)
    assert 10 in found.legend.ids


def spoil(path: Path, what: str) -> None:
    table = pq.read_table(path)
    words = dict(table.schema.metadata)
    match what:
        case "truncated":
            path.write_bytes(path.read_bytes()[:-100])
            return
        case "no parquet":
            path.write_text("id,date\n", encoding="utf-8")
            return
        case "not ours":
            words.pop(b"landweave")
        case "another format":
            words[b"landweave"] = words[b"landweave"].replace(b'"format": 1', b'"format": 9')
        case "no job":
            words[b"landweave"] = words[b"landweave"].replace(b'"job"', b'"jab"')
        case "a column less":
            table = table.drop_columns(["row_start"])
        case "twice":
            table = pa.concat_tables([table, table])
    pq.write_table(table.replace_schema_metadata(words), path)


@pytest.mark.parametrize(
    "what",
    ["truncated", "no parquet", "not ours", "another format", "no job", "a column less", "twice"],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, what: str) -> None:
    path = written(tmp_path)
    spoil(path, what)
    with pytest.raises(ReviewError) as caught:
        read_events(path)
    given, _, do = parts(caught.value)
    assert NAME in given
    assert "landweave" in do


def test_a_class_outside_the_legend_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    table = pq.read_table(path)
    ids = pa.array([9] * len(table), pa.uint8())
    pq.write_table(table.set_column(table.column_names.index("to_id"), "to_id", ids), path)
    with pytest.raises(LegendError, match="9") as caught:
        read_events(path)
    parts(caught.value)


def test_polygons_of_several_parts_and_with_holes(tmp_path: Path) -> None:
    grid = grid_of()
    outer, inner = box(Window(10, 10, 20, 20), grid), box(Window(15, 15, 4, 4), grid)
    shape = shapely.union_all([outer.difference(inner), box(Window(40, 40, 3, 3), grid)])
    event = Event("a/b <c>", shape, dt.date(2020, 1, 2), 2020, 1, 2, 0.5, 385, 3.85, Window(10, 10, 33, 33))
    _, (found,) = read_events(written(tmp_path, [event]))
    assert found == event
