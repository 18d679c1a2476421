"""Put tiles together: one task a layer and sheet, from tile files to a cloud optimised GeoTIFF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from odc.geo.geobox import GeoBox

from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch, threads
from landweave.legend import Legend
from landweave.mapping.head import NODATA, STEPS
from landweave.mapping.sheet import Sheet
from landweave.mapping.tile import Layer, Order
from landweave.provenance import fingerprint
from landweave.raster.write import write_cog, write_mosaic

STEMS: dict[Layer, str] = {"labels": "map", "probabilities": "probabilities", "entropy": "entropy"}


@dataclass(frozen=True, slots=True)
class AssembleTask:
    """One sheet of one layer of the map; the whole layer where there is one sheet.

    Attributes:
        order: What all tasks of the job share.
        layer: Which layer.
        sheet: Which sheet.
        tiles: Keys of its tiles that are done.
        stamp: What changes with the content of these tiles.
        legend: The map's classes.
        tags: Texts for the file's header.
    """

    order: Order
    layer: Layer
    sheet: Sheet
    tiles: tuple[str, ...]
    stamp: str
    legend: Legend
    tags: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """Names the layer, sheet and tiles: with more tiles than last time it is another task."""
        which = "" if self.sheet.is_whole else f"-{self.sheet.key}"
        return f"assemble-{self.layer}{which}-{self.stamp}"

    @property
    def path(self) -> Path:
        """The file of the sheet."""
        return self.order.folder / name_of(self.layer, self.sheet)


def name_of(layer: Layer, sheet: Sheet) -> str:
    """Where the file of a sheet stands in the folder of the map."""
    stem = STEMS[layer]
    return f"{stem}.tif" if sheet.is_whole else f"sheets/{stem}-{sheet.key}.tif"


def whole_name(layer: Layer, sheets: Sequence[Sheet]) -> str:
    """The file that shows the whole layer: its only sheet, or a small VRT that shows all."""
    return f"{STEMS[layer]}.tif" if sheets[0].is_whole else f"{STEMS[layer]}.vrt"


def assembling(
    order: Order, sheets: Sequence[Sheet], done: Mapping[str, str], legend: Legend, tags: tuple[tuple[str, str], ...]
) -> Iterator[AssembleTask]:
    """The tasks that put the tiles `done`, keys with stamps, together; a sheet without one has none."""
    for layer in order.layers:
        for sheet in sheets:
            if tiles := tuple(key for key in sheet.tiles if key in done):
                yield AssembleTask(order, layer, sheet, tiles, stamp_of(tiles, done), legend, tags)


def stamp_of(tiles: Iterable[str], done: Mapping[str, str]) -> str:
    """A short text that is another one where a tile came, went or was made anew from other scenes."""
    return fingerprint([done[key] for key in tiles])[:12]


def assemble(task: AssembleTask) -> Summary:
    """Write one sheet from its tiles; where a tile is missing there is no data. Equal tiles give equal bytes."""
    watch = Stopwatch()
    sources = [task.order.path(task.layer, key) for key in task.tiles]
    is_map = task.layer == "labels"
    with watch("assemble"):
        write_cog(
            task.path,
            sources,
            task.sheet.window.on(task.order.grid),
            legend=task.legend if is_map else None,
            nodata=task.legend.nodata if is_map else NODATA,
            band_names=_band_names(task),
            tags=_tags(task),
            num_threads=threads(),
        )
    size = task.path.stat().st_size
    return {**watch.seconds, f"{task.layer}_bytes": size, "written_bytes": size}


def bind(tasks: Sequence[AssembleTask], grid: GeoBox) -> None:
    """Write the VRT that shows all sheets of a layer as one raster on `grid`; it names them and holds no pixel."""
    task = tasks[0]
    is_map = task.layer == "labels"
    write_mosaic(
        task.order.folder / whole_name(task.layer, [task.sheet]),
        [task.path for task in tasks],
        grid,
        legend=task.legend if is_map else None,
        nodata=task.legend.nodata if is_map else NODATA,
        band_names=_band_names(task),
        tags=_tags(task),
    )


def _band_names(task: AssembleTask) -> tuple[str, ...]:
    return task.legend.names if task.layer == "probabilities" else ()


def _tags(task: AssembleTask) -> dict[str, str]:
    return dict(task.tags) | ({} if task.layer == "labels" else {"landweave_scale": f"1/{STEPS}"})
