"""Consistent maps of every year: what stands still with the changes that are believed, each in its year."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8
from odc.geo.geobox import GeoBox

from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch, threads
from landweave.legend import Legend
from landweave.mapping.head import NODATA, STEPS
from landweave.provenance import fingerprint
from landweave.raster.dates import days
from landweave.raster.outlines import covered
from landweave.raster.read import read_numbers
from landweave.raster.write import write_cog, write_tile
from landweave.series.decisions import Believed, confirmed, read_decisions
from landweave.series.events import read_events
from landweave.series.findings import labels_of
from landweave.tiling import Tile, Window

NO_DATE = -32768
LAYERS = ("base", "from", "to", "probability")


@dataclass(frozen=True, slots=True)
class FinalOrder:
    """What all tasks of writing the maps of a change have in common.

    Attributes:
        folder: Where they are written.
        events: The events.parquet.
        decisions: The decisions.parquet, or None where every event is believed.
        base: The map of what stands still, or None where tiles hold it that found changes.
        grid: Of all maps.
        legend: The classes.
        years: Which maps.
        job: Fingerprint of the job whose events these are.
        stamp: What changes with events and decisions.
    """

    folder: Path
    events: Path
    decisions: Path | None
    base: Path | None
    grid: GeoBox
    legend: Legend
    years: tuple[int, ...]
    job: str
    stamp: str

    @property
    def believed(self) -> tuple[Believed, ...]:
        """The events that change a map, by date; read once a process."""
        return _believed(self.events, self.decisions, self.job, self.stamp)[0]

    def near(self, window: Window) -> list[Believed]:
        """Of these the ones that may have pixels in a window."""
        rows, windows = _believed(self.events, self.decisions, self.job, self.stamp)
        meets = (windows[:, 0] < window.row + window.height) & (windows[:, 1] > window.row)
        meets &= (windows[:, 2] < window.col + window.width) & (windows[:, 3] > window.col)
        return [rows[number] for number in np.flatnonzero(meets)]

    def part(self, name: str) -> Path:
        """A file of one task."""
        return self.folder / "tiles" / name


@functools.lru_cache(4)
def _believed(
    path: Path, decisions: Path | None, job: str, stamp: str
) -> tuple[tuple[Believed, ...], Int64[np.ndarray, "e 4"]]:
    """Events by date, and the window of each."""
    del stamp  # It tells when files have changed.
    events = read_events(path)
    if decisions is None:
        rows = [Believed(event, False) for event in events.rows]
    else:
        rows = list(confirmed(events, read_decisions(decisions, job)))
    rows.sort(key=lambda one: (one.event.date, one.event.id))
    windows = [(e.row_start, e.row_stop, e.col_start, e.col_stop) for e in (one.event for one in rows)]
    return tuple(rows), np.array(windows, np.int64).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class FinalTask:
    """All layers of one tile."""

    order: FinalOrder
    tile: Tile

    @property
    def key(self) -> str:
        """Names the tile and what is believed."""
        return f"final-{self.tile.key}-{self.order.stamp}"

    @property
    def path(self) -> Path:
        """The file that is written last: labels of years, then LAYERS."""
        return self.order.part(f"{self.key}.tif")

    @property
    def date_path(self) -> Path:
        """Days of change."""
        return self.order.part(f"{self.key}-date.tif")


def write_final(task: FinalTask) -> Summary:
    """Write the layers of one tile."""
    watch, order, core = Stopwatch(), task.order, task.tile.core
    grid = core.on(order.grid)
    with watch("read"):
        near = order.near(core)
        placed = Placed(near, *covered([one.event.geometry for one in near], grid))
        base = _base(task, placed)
    with watch("map"):
        years = list(annual_maps(base, placed, order.years))
        layers, day = layers_of(base, placed, order.legend)
    with watch("write"):
        write_tile(task.date_path, day[None], grid, NO_DATE)
        write_tile(task.path, np.stack([*years, *layers]), grid)
    changed = day != NO_DATE
    return {**watch.seconds, "tiles": 1, "pixels": core.num_pixels, "confirmed_px": int(changed.sum())}


@dataclass(frozen=True, slots=True)
class Placed:
    """Events with their pixels in a tile: flat, so that ten thousand of them take no longer than their pixels.

    Attributes:
        rows: The events, by date.
        pixel: Places of their pixels in the tile, event after event.
        number: Which event each of these belongs to.
    """

    rows: Sequence[Believed]
    pixel: Int64[np.ndarray, " m"]
    number: Int64[np.ndarray, " m"]

    def told(self, value: Callable[[Believed], Any]) -> Int64[np.ndarray, " m"]:
        """For each pixel what its event says, a whole number."""
        found: Int64[np.ndarray, " m"] = np.array([value(one) for one in self.rows], np.int64)[self.number]
        return found

    @property
    def is_first(self) -> Bool[np.ndarray, " m"]:
        """Whether no earlier event has the same pixel."""
        found = np.zeros(len(self.pixel), np.bool_)
        found[np.unique(self.pixel, return_index=True)[1]] = True
        return found


def _base(task: FinalTask, placed: Placed) -> UInt8[np.ndarray, "h w"]:
    """Class ids of what stands still: before the first change where one is believed, else what most maps say."""
    order, core = task.order, task.tile.core
    if order.base is not None:
        return np.asarray(read_numbers(str(order.base), core)[0])
    base, steady = labels_of(order.part(f"{task.tile.key}.npz"))
    is_event = np.zeros(core.shape, np.bool_)
    is_event.ravel()[placed.pixel] = True
    return order.legend.to_ids(np.where(is_event, base, steady))


def annual_maps(
    base: UInt8[np.ndarray, "h w"], placed: Placed, years: Sequence[int]
) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """Class ids of every year: those of `base`, and of each event from its year on. Pure.

    Args:
        base: Class ids before any change.
        placed: Events with their pixels.
        years: Which maps, in order.
    """
    old, new, happened = (
        placed.told(value) for value in (lambda e: e.event.from_id, lambda e: e.event.to_id, lambda e: e.event.year)
    )
    # Before its first change a pixel was what it was mapped as, unless a person said it; never what it becomes.
    says = placed.is_first & ((placed.told(lambda e: e.tells_before) > 0) | (base.ravel()[placed.pixel] == new))
    for year in years:
        ids = base.copy()
        flat, before, after = ids.ravel(), says & (happened > year), happened <= year
        flat[placed.pixel[before]] = old[before]
        # Of several changes of a pixel the last one is written last.
        flat[placed.pixel[after]] = new[after]
        yield ids


def layers_of(
    base: UInt8[np.ndarray, "h w"], placed: Placed, legend: Legend
) -> tuple[list[UInt8[np.ndarray, "h w"]], Int32[np.ndarray, "h w"]]:
    """LAYERS, and days of change since 1970-01-01: of a pixel's last change; no data where there is none."""
    old, new = (np.full(base.shape, legend.nodata, np.uint8) for _ in range(2))
    sure, day = np.full(base.shape, NODATA, np.uint8), np.full(base.shape, NO_DATE, np.int32)
    old.ravel()[placed.pixel] = placed.told(lambda e: e.event.from_id)
    new.ravel()[placed.pixel] = placed.told(lambda e: e.event.to_id)
    sure.ravel()[placed.pixel] = placed.told(lambda e: round(e.event.probability * STEPS))
    day.ravel()[placed.pixel] = placed.told(lambda e: days(e.event.date))
    return [base, old, new, sure], day


@dataclass(frozen=True, slots=True)
class LayerTask:
    """One layer of the whole map.

    Attributes:
        order: What all tasks share.
        name: The file's name from the folder.
        tiles: Files of tiles.
        band: The layer's band in them.
        kind: "labels", "probability" or "date".
    """

    order: FinalOrder
    name: str
    tiles: tuple[str, ...]
    band: int
    kind: str

    @property
    def key(self) -> str:
        """Names the layer and the tiles."""
        return f"layer-{self.name.replace('/', '-')}-{fingerprint(self.tiles)[:12]}"

    @property
    def path(self) -> Path:
        """The file of the layer."""
        return self.order.folder / self.name


def layer_tasks(order: FinalOrder, tasks: Sequence[FinalTask]) -> Iterator[LayerTask]:
    """The tasks that put the tiles together: maps of years, and the layers of change."""
    tiles = tuple(task.path.name for task in tasks)
    for number, year in enumerate(order.years, 1):
        yield LayerTask(order, f"annual/{year}.tif", tiles, number, "labels")
    for number, name in enumerate(LAYERS, len(order.years) + 1):
        kind = "probability" if name == "probability" else "labels"
        yield LayerTask(order, f"{name}.tif", tiles, number, kind)
    yield LayerTask(order, "date.tif", tuple(task.date_path.name for task in tasks), 1, "date")


def assemble_layer(task: LayerTask) -> Summary:
    """Write one layer as a cloud optimised GeoTIFF."""
    watch, order = Stopwatch(), task.order
    is_map = task.kind == "labels"
    nodata = {"labels": order.legend.nodata, "probability": NODATA, "date": NO_DATE}[task.kind]
    unit = {"probability": f"1/{STEPS}", "date": "days since 1970-01-01"}.get(task.kind)
    with watch("assemble"):
        write_cog(
            task.path,
            [order.part(name) for name in task.tiles],
            order.grid,
            legend=order.legend if is_map else None,
            nodata=nodata,
            overviews=None if is_map else "nearest",
            tags={"landweave_job": order.job, **({"landweave_scale": unit} if unit else {})},
            num_threads=threads(),
            bands=[task.band],
        )
    return {**watch.seconds, "layers": 1}
