"""Change events and sampling units as polygons in a GeoParquet file: how this room reads them, and writes units."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from landweave.atomic import aside
from landweave.errors import LegendError, ReviewError
from landweave.legend import LandClass, Legend, legend
from landweave.tiling import Window

FORMAT = 1
NAME = "events.parquet"
EVENT, UNIT = "event", "unit"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("geometry", pa.binary()),
        ("date", pa.date32()),
        ("year", pa.int16()),
        ("from_id", pa.uint8()),
        ("from_name", pa.string()),
        ("to_id", pa.uint8()),
        ("to_name", pa.string()),
        ("probability", pa.float32()),
        ("num_pixels", pa.int32()),
        ("area_ha", pa.float64()),
        ("row_start", pa.int32()),
        ("row_stop", pa.int32()),
        ("col_start", pa.int32()),
        ("col_stop", pa.int32()),
        ("stratum", pa.string()),
        ("chance", pa.float64()),
        ("kind", pa.string()),
    ]
)
# Only a sample has them.
_OPTIONAL = {"stratum", "chance", "kind", "from_name", "to_name", "probability"}
_MAKE = "make it with landweave series change, or with landweave review sample"


@dataclass(frozen=True, slots=True)
class Event:
    """One change, or one sampling unit.

    Attributes:
        id: Its name in decisions.
        shape: Its land, in the map's CRS.
        date: When it happened; for a unit without a change, the day between the two years.
        year: The year into whose map it is put.
        from_id: Class id before.
        to_id: Class id after; that of before for a unit without a change.
        probability: How sure the map is of it, or None.
        num_pixels: Pixels of the map.
        area_ha: Its area.
        window: Where it lies in the map's grid.
        stratum: Of a unit.
        chance: Of a unit: with which chance it was drawn.
        kind: "event" or "unit".
    """

    id: str
    shape: shapely.Geometry
    date: dt.date
    year: int
    from_id: int
    to_id: int
    probability: float | None
    num_pixels: int
    area_ha: float
    window: Window
    stratum: str | None = None
    chance: float | None = None
    kind: str = EVENT


@dataclass(frozen=True, slots=True)
class Header:
    """What a file of events says of all of them.

    Attributes:
        job: The fingerprint of the job that found them.
        legend: The classes.
        series: series.json, from the file's own folder.
        maps: The folder with annual/YEAR.tif, from the file's own folder; None where there is none.
        crs: What coordinates mean; None without a place on Earth.
        more: What else stands there, the strata of a sample for example.
    """

    job: str
    legend: Legend
    series: str | None
    maps: str | None
    crs: pyproj.CRS | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def read_events(path: Path) -> tuple[Header, tuple[Event, ...]]:
    """What stands in a file of events, in its order.

    Raises:
        ReviewError: It is missing, damaged, of another format, or names an event twice.
        LegendError: A class is none of its legend.
    """
    try:
        table = pq.read_table(path)
        header = _header(table.schema.metadata or {}, path)
        missing = sorted(set(SCHEMA.names) - _OPTIONAL - set(table.column_names))
        if missing:
            raise _damaged(path, f"without the columns {', '.join(missing)}")
        events = _events(table)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, shapely.GEOSException) as error:
        if isinstance(error, ReviewError | LegendError):
            raise
        raise _damaged(path, f"which cannot be read: {error}") from error
    _check(path, header.legend, events)
    return header, events


def write_events(path: Path, header: Header, events: Sequence[Event]) -> None:
    """Write events or units, aside and renamed; `read_events` gives equal ones.

    Raises:
        OutputError: The place cannot be written.
    """
    names = {entry.id: entry.name for entry in header.legend.classes}
    rows = [_row(event, names) for event in events]
    table = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(_words(header)))
    with aside(path) as temporary:
        pq.write_table(table, temporary)


def geo_words(crs: pyproj.CRS | None) -> bytes:
    """What makes a Parquet file with polygons in the column geometry a GeoParquet one."""
    told = None if crs is None else json.loads(crs.to_json())
    column = {"encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"], "crs": told}
    return json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}).encode()


def _row(event: Event, names: Mapping[int, str]) -> dict[str, Any]:
    window = event.window
    own = {name: getattr(event, name) for name in SCHEMA.names if hasattr(event, name)}
    return own | {
        "geometry": shapely.to_wkb(event.shape),
        "from_name": names[event.from_id],
        "to_name": names[event.to_id],
        "row_start": window.row,
        "row_stop": window.row + window.height,
        "col_start": window.col,
        "col_stop": window.col + window.width,
    }


def _words(header: Header) -> dict[bytes, bytes]:
    classes = {"name": header.legend.name, "source": header.legend.source}
    classes |= {"classes": [asdict(entry) for entry in header.legend.classes]}  # type: ignore[dict-item]
    own = {"job": header.job, "legend": classes, "series": header.series, "maps": header.maps}
    text = json.dumps({"format": FORMAT, **own, **header.more}, ensure_ascii=False)
    return {b"geo": geo_words(header.crs), b"landweave": text.encode()}


def _header(words: Mapping[bytes, bytes], path: Path) -> Header:
    if b"landweave" not in words:
        raise _damaged(path, "which landweave did not write")
    own = json.loads(words[b"landweave"])
    if own.pop("format", None) != FORMAT:
        raise _damaged(path, "of another format")
    geo = json.loads(words.get(b"geo", b"{}"))
    crs = geo.get("columns", {}).get("geometry", {}).get("crs")
    known = (str(own.pop("job")), _legend(own.pop("legend")), own.pop("series", None), own.pop("maps", None))
    return Header(*known, crs=None if crs is None else pyproj.CRS.from_json_dict(crs), more=own)


def _legend(told: Any) -> Legend:
    """A legend by its name, as a table with its classes, or as the classes alone."""
    if isinstance(told, str):
        return legend(told)
    table = told if isinstance(told, dict) else {"classes": told}
    classes = tuple(
        LandClass(int(entry["id"]), str(entry["name"]), str(entry["color"]), entry.get("code"))
        for entry in table["classes"]
    )
    return Legend(str(table.get("name", "events")), str(table.get("source", "a file of events")), classes)


def _events(table: pa.Table) -> tuple[Event, ...]:
    columns = {name: table[name].to_pylist() for name in SCHEMA.names if name in table.column_names}
    empty: list[Any] = [None] * len(table)
    shapes = shapely.from_wkb(columns["geometry"])
    corners = ("row_start", "col_start", "row_stop", "col_stop")
    windows = [
        Window(row, col, row_stop - row, col_stop - col)
        for row, col, row_stop, col_stop in zip(*(columns[name] for name in corners), strict=True)
    ]
    whole = {name: columns.get(name, empty) for name in SCHEMA.names}
    return tuple(
        Event(
            id=whole["id"][row],
            shape=shapes[row],
            date=whole["date"][row],
            year=whole["year"][row],
            from_id=whole["from_id"][row],
            to_id=whole["to_id"][row],
            probability=_number(whole["probability"][row]),
            num_pixels=whole["num_pixels"][row],
            area_ha=whole["area_ha"][row],
            window=windows[row],
            stratum=whole["stratum"][row],
            chance=_number(whole["chance"][row]),
            kind=whole["kind"][row] or EVENT,
        )
        for row in range(len(table))
    )


def _number(value: float | None) -> float | None:
    """A number, or None where it is none: JSON has no NaN."""
    return None if value is None or not math.isfinite(value) else float(value)


def _check(path: Path, classes: Legend, events: Sequence[Event]) -> None:
    seen: set[str] = set()
    if doubles := sorted({event.id for event in events if event.id in seen or seen.add(event.id)}):  # type: ignore[func-returns-value]
        raise _damaged(path, f"with {doubles[:5]} more than once")
    foreign = {number for event in events for number in (event.from_id, event.to_id)} - set(classes.ids)
    if foreign:
        raise LegendError(
            f"class ids {sorted(foreign)} in {path}", f"ids of its legend: {list(classes.ids)}", "make the events again"
        )


def _damaged(path: Path, what: str) -> ReviewError:
    return ReviewError(f"{path}, {what}", f"change events of landweave in format {FORMAT}", _MAKE)
