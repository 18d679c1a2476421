"""Put tiles together: one task a layer, from tile files to a cloud optimised GeoTIFF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odc.geo.geobox import GeoBox

from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch, threads
from landweave.legend import Legend
from landweave.mapping.head import NODATA, STEPS
from landweave.mapping.tile import Layer, Order
from landweave.provenance import fingerprint
from landweave.raster.write import write_cog

NAMES: dict[Layer, str] = {"labels": "map.tif", "probabilities": "probabilities.tif", "entropy": "entropy.tif"}


@dataclass(frozen=True, slots=True)
class AssembleTask:
    """One layer of the map.

    Attributes:
        order: What all tasks of the job share.
        layer: Which layer.
        tiles: Keys of the tiles that are done.
        grid: The map's grid.
        legend: The map's classes.
        tags: Texts for the file's header.
    """

    order: Order
    layer: Layer
    tiles: tuple[str, ...]
    grid: GeoBox
    legend: Legend
    tags: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """Names the layer and its tiles: with more tiles than last time it is another task."""
        return f"assemble-{self.layer}-{fingerprint(self.tiles)[:12]}"

    @property
    def path(self) -> Path:
        """The layer's file."""
        return self.order.folder / NAMES[self.layer]


def assemble(task: AssembleTask) -> Summary:
    """Write one layer from its tiles; where a tile is missing there is no data. Equal tiles give equal bytes."""
    watch = Stopwatch()
    sources = [task.order.path(task.layer, key) for key in task.tiles]
    is_map = task.layer == "labels"
    names = task.legend.names if task.layer == "probabilities" else ()
    with watch("assemble"):
        write_cog(
            task.path,
            sources,
            task.grid,
            legend=task.legend if is_map else None,
            nodata=task.legend.nodata if is_map else NODATA,
            band_names=names,
            tags=dict(task.tags) | ({} if is_map else {"landweave_scale": f"1/{STEPS}"}),
            num_threads=threads(),
        )
    return {**watch.seconds, f"{task.layer}_bytes": task.path.stat().st_size}
