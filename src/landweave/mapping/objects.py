"""Objects as polygons: outlined tile by tile, the pieces at borders joined, so that no tile's edge cuts one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from landweave.atomic import aside, write_bytes
from landweave.jobs.executor import Function, Summary
from landweave.jobs.worker import Stopwatch
from landweave.mapping.assemble import stamp_of
from landweave.mapping.link import LinkTask, ObjectOrder, edges_of, link
from landweave.mapping.plan import Plan
from landweave.mapping.sheet import Sheet, tiles_of
from landweave.raster.outlines import outline
from landweave.raster.read import read_numbers
from landweave.tiling import Tile, Window

NAME = "objects.parquet"
FORMAT = 1
_ROWS = 65_536
_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("class_id", pa.int16()),
        ("class", pa.string()),
        ("area_m2", pa.float64()),
        ("tiles", pa.string()),
        ("geometry", pa.binary()),
    ]
)
_PIECES = pa.schema([("piece", pa.int32()), ("class_id", pa.int16()), ("num_px", pa.int64()), ("outline", pa.binary())])
Done = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OutlineTask:
    """The pieces of one tile."""

    order: ObjectOrder
    tile: Tile
    area: Window
    stamp: str

    @property
    def key(self) -> str:
        """Names the tile and what it was made from."""
        return f"outline-{self.tile.key}-{self.stamp}"

    @property
    def path(self) -> Path:
        """The file that is written last."""
        return self.order.part(f"{self.tile.key}.parquet")


@dataclass(frozen=True, slots=True)
class StitchTask:
    """The objects of a sheet that lie in several tiles."""

    order: ObjectOrder
    sheet: str
    stamp: str

    @property
    def key(self) -> str:
        """Names the sheet and all tiles."""
        return f"stitch-{self.sheet}-{self.stamp}"

    @property
    def path(self) -> Path:
        """The file of joined objects."""
        return self.order.part(f"sheet-{self.sheet}.parquet")


@dataclass(frozen=True, slots=True)
class GatherTask:
    """All objects, one file: rows are copied from part to part, no geometry is touched."""

    order: ObjectOrder
    parts: tuple[str, ...]
    stamp: str

    @property
    def key(self) -> str:
        """Names the tiles."""
        return f"gather-{self.stamp}"

    @property
    def path(self) -> Path:
        """The file of all objects."""
        return self.order.folder / NAME


def steps(
    order: ObjectOrder, plan: Plan, sheets: Sequence[Sheet], done: Done
) -> Iterator[tuple[Function[Any], list[Any], str]]:
    """The phases in which objects are drawn, one after the other: function, tasks, name.

    Args:
        order: What all tasks share.
        plan: What was mapped.
        sheets: The sheets of the map.
        done: The tiles that are mapped, with what changes when one is made anew.
    """
    tiles = [piece.tile for piece in plan.pieces if piece.tile.key in done]
    homes = {tile.key: sheet.key for sheet in sheets for tile in tiles_of(sheet, plan.pieces)}
    stamp = stamp_of([tile.key for tile in tiles], done)
    outlines = [OutlineTask(order, tile, plan.area, stamp_of([tile.key], done)) for tile in tiles]
    yield outline_tile, outlines, "outline"
    placed = tuple((tile.row, tile.col, tile.key) for tile in tiles)
    yield link, [LinkTask(order, placed, tuple(homes[tile.key] for tile in tiles), stamp)], "link"
    joined = [StitchTask(order, name, stamp) for name in dict.fromkeys(homes[tile.key] for tile in tiles)]
    yield stitch, joined, "stitch"
    parts = [task.path.name for task in outlines] + [task.path.name for task in joined]
    yield gather, [GatherTask(order, tuple(parts), stamp)], "gather"


def outline_tile(task: OutlineTask) -> Summary:
    """Outline the pieces of a tile: whole objects are finished, those that reach another tile are kept as pieces."""
    watch, order, core = Stopwatch(), task.order, task.tile.core
    with watch("outline"):
        path = order.folder / "tiles" / "labels" / f"{task.tile.key}.tif"
        ids = read_numbers(str(path), Window.of(core.shape))[0]
        numbers, pieces = outline(ids, [number for number, _ in order.classes], (core.row, core.col))
        edges = edges_of(numbers, core, task.area)
        is_open = np.zeros(len(pieces) + 1, np.bool_)
        is_open[np.concatenate(list(edges.values()))] = True
        kinds = np.array([0, *(piece.class_id for piece in pieces)], np.int16)
        whole = [order.row(p.class_id, p.num_px, p.outline, task.tile.key) for p in _some(pieces, ~is_open[1:])]
        kept = [
            (index + 1, p.class_id, p.num_px, shapely.to_wkb(p.outline))
            for index, p in enumerate(pieces)
            if is_open[index + 1]
        ]
    with watch("write"):
        memory = io.BytesIO()
        np.savez(memory, allow_pickle=False, kinds=kinds, **edges)
        write_bytes(order.part(f"{task.tile.key}.npz"), memory.getvalue())
        _write(order.part(f"{task.tile.key}.open.parquet"), _table(kept, _PIECES))
        _write(task.path, _rows(whole))
    return {**watch.seconds, "pieces": len(pieces), "pieces_open": len(kept)}


def _some(values: Iterable[Any], wanted: Iterable[bool]) -> Iterator[Any]:
    return (value for value, is_wanted in zip(values, wanted, strict=True) if is_wanted)


def stitch(task: StitchTask) -> Summary:
    """Join the pieces of the objects that begin in a sheet and reach over borders of tiles."""
    watch, order = Stopwatch(), task.order
    with watch("stitch"):
        groups: list[list[tuple[str, int]]] = json.loads(order.part(f"links-{task.sheet}.json").read_text())
        held = {key: _open_pieces(order, key) for key in sorted({key for group in groups for key, _ in group})}
        rows = []
        for group in groups:
            pieces = [held[key][number] for key, number in group]
            whole = shapely.union_all(shapely.from_wkb([wkb for _, _, wkb in pieces]))
            tiles = " ".join(dict.fromkeys(key for key, _ in group))
            rows.append(order.row(pieces[0][0], sum(num_px for _, num_px, _ in pieces), whole, tiles))
    with watch("write"):
        _write(task.path, _rows(rows))
    return {**watch.seconds, "objects_joined": len(groups)}


def _open_pieces(order: ObjectOrder, key: str) -> dict[int, tuple[int, int, bytes]]:
    columns = pq.read_table(order.part(f"{key}.open.parquet")).to_pydict()
    values = zip(columns["class_id"], columns["num_px"], columns["outline"], strict=True)
    return dict(zip(columns["piece"], values, strict=True))


def gather(task: GatherTask) -> Summary:
    """Copy the rows of all parts into one GeoParquet file, in the order of tiles, with ids, batch by batch."""
    watch, num = Stopwatch(), 0
    schema = _SCHEMA.with_metadata(_words(task.order))
    with watch("gather"), aside(task.path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for batch in _batches(task.order.part(name) for name in task.parts):
            ids = pa.array(range(num + 1, num + 1 + len(batch)), pa.int64())
            writer.write_table(batch.set_column(0, "id", ids).cast(schema))
            num += len(batch)
    return {**watch.seconds, "objects": num, "written_bytes": task.path.stat().st_size}


def _batches(paths: Iterable[Path]) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    for path in paths:
        held.append(pq.read_table(path))
        if sum(len(table) for table in held) >= _ROWS:
            yield pa.concat_tables(held)
            held = []
    yield pa.concat_tables([_rows([]), *held])


def _words(order: ObjectOrder) -> dict[bytes, bytes]:
    """What makes a Parquet file a GeoParquet one, and what landweave says of itself."""
    crs = None if order.grid.crs is None else json.loads(order.grid.crs.proj.to_json())
    column = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": crs}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    own = {"format": FORMAT, "min_area_m2": order.min_area_m2, "simplify_m": order.simplify_m}
    return {b"geo": json.dumps(geo).encode(), b"landweave": json.dumps(own).encode()}


def _rows(rows: Iterable[tuple[Any, ...] | None]) -> pa.Table:
    """Rows as a table; their ids are given when all are known."""
    return _table([(0, *row) for row in rows if row is not None], _SCHEMA)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    return pa.table([pa.array(list(c), kind.type) for c, kind in zip(columns, schema, strict=True)], schema=schema)


def _write(path: Path, table: pa.Table) -> None:
    with aside(path) as temporary:
        pq.write_table(table, temporary)
