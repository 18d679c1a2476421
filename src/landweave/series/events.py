"""events.parquet: places of change as polygons with date, from, to and how sure. One writer, one reader."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from odc.geo.crs import CRS

from landweave.atomic import aside
from landweave.errors import SeriesError
from landweave.legend import LandClass, Legend

FORMAT = 1
NAME = "events.parquet"
Kind = Literal["event", "unit"]
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
_MAKE = "make it with landweave series change, or landweave review sample"


@dataclass(frozen=True, slots=True)
class Event:
    """One change, or one sampling unit: a row of events.parquet.

    Attributes:
        id: Unique in the file.
        geometry: Whole pixels of the map, in its CRS.
        date: The middle between the last scene before the change and the first one after it.
        year: The year into whose map the change is put.
        from_id: Class id before.
        from_name: Its name.
        to_id: Class id after.
        to_name: Its name.
        probability: How sure it is, 0 to 1.
        num_pixels: Pixels that changed.
        area_ha: Their area.
        row_start: First row of its window in the map's grid.
        row_stop: Row after the last one.
        col_start: First column.
        col_stop: Column after the last one.
        stratum: Of a sampling unit: what it was drawn from; else None.
        chance: Of a sampling unit: how likely it was to be drawn; else None.
        kind: "event" or "unit".
    """

    id: str
    geometry: shapely.Geometry
    date: dt.date
    year: int
    from_id: int
    from_name: str
    to_id: int
    to_name: str
    probability: float
    num_pixels: int
    area_ha: float
    row_start: int
    row_stop: int
    col_start: int
    col_stop: int
    stratum: str | None = None
    chance: float | None = None
    kind: Kind = "event"


@dataclass(frozen=True, slots=True)
class Origin:
    """What stands in the file's own words about all its rows.

    Attributes:
        job: Fingerprint of the job that found them; decisions about them name it too.
        legend: The classes.
        series: Path of series.json, relative to the file where possible; "" where there is none.
        maps: Path of the folder of maps, relative to the file where possible.
    """

    job: str
    legend: Legend
    series: str
    maps: str


@dataclass(frozen=True, slots=True)
class Events:
    """A whole file: rows, the CRS of their polygons, and where they come from."""

    rows: tuple[Event, ...]
    crs: CRS | None
    origin: Origin


def write_events(path: Path, rows: Iterable[Event], crs: CRS | None, origin: Origin) -> None:
    """Write GeoParquet, aside and renamed; equal arguments give equal bytes.

    Raises:
        OutputError: The place cannot be written.
    """
    columns = list(zip(*(_values(row) for row in rows), strict=True)) or [()] * len(SCHEMA)
    arrays = [pa.array(list(column), kind.type) for column, kind in zip(columns, SCHEMA, strict=True)]
    told = {"format": FORMAT, **asdict(origin), "legend": legend_values(origin.legend)}
    schema = SCHEMA.with_metadata({b"geo": geo_words(crs), b"landweave": json.dumps(told).encode()})
    with aside(path) as temporary:
        pq.write_table(pa.table(arrays, schema=schema), temporary)


def read_events(path: Path) -> Events:
    """The content of an events.parquet.

    Raises:
        SeriesError: It is missing, damaged, or of another format.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SeriesError(f"{path}: {error}", "events of landweave", _MAKE) from error
    told = words_of(path, table.schema, FORMAT, _MAKE)
    if missing := [name for name in SCHEMA.names if name not in table.schema.names]:
        raise SeriesError(f"{path} without {', '.join(missing)}", "the columns of events", _MAKE)
    legend = read_legend_values(told["legend"])
    rows = tuple(_event(row) for row in table.select(SCHEMA.names).to_pylist())
    return Events(rows, crs_of(table.schema), Origin(told["job"], legend, told["series"], told["maps"]))


def words_of(path: Path, schema: pa.Schema, format_: int, make: str) -> dict[str, Any]:
    """What landweave wrote into the head of a Parquet file.

    Raises:
        SeriesError: Nothing, or of another format.
    """
    told = json.loads((schema.metadata or {}).get(b"landweave", b"{}"))
    if told.get("format") != format_:
        raise SeriesError(f"{path} of format {told.get('format')}", f"a file of landweave, format {format_}", make)
    return dict(told)


def geo_words(crs: CRS | None) -> bytes:
    """What makes a Parquet file with WKB polygons in `geometry` a GeoParquet one."""
    told = None if crs is None else json.loads(crs.proj.to_json())
    column = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": told}
    return json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}).encode()


def crs_of(schema: pa.Schema) -> CRS | None:
    """The CRS of a GeoParquet file's polygons; None where they are pixels without a place."""
    told = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    crs = told.get("columns", {}).get("geometry", {}).get("crs")
    return None if crs is None else CRS(crs)


def legend_values(legend: Legend) -> dict[str, Any]:
    """A legend as plain values for JSON."""
    return {"name": legend.name, "source": legend.source, "classes": [asdict(entry) for entry in legend.classes]}


def read_legend_values(values: Mapping[str, Any]) -> Legend:
    """The legend that `legend_values` gave."""
    classes: Sequence[Mapping[str, Any]] = values["classes"]
    return Legend(values["name"], values["source"], tuple(LandClass(**entry) for entry in classes))


def _values(row: Event) -> tuple[Any, ...]:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    return tuple({**values, "geometry": shapely.to_wkb(row.geometry)}.values())


def _event(row: Mapping[str, Any]) -> Event:
    return Event(**{**row, "geometry": shapely.from_wkb(row["geometry"])})
