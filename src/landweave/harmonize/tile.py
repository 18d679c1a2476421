"""One task of a job that makes scenes like another sensor's: read a tile with its margin, tell, write its core."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from odc.geo.geobox import GeoBox

from landweave.harmonize.tell import Ensemble, Lines, Published, Teller, ready
from landweave.harmonize.views import Sizes, Values, read_views
from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch
from landweave.patches.layout import View
from landweave.raster.files import bytes_had
from landweave.raster.scene import Scene
from landweave.raster.write import write_cog, write_tile
from landweave.sensors import Sensor
from landweave.tiling import Tile

REFLECTANCE, SPREAD = "reflectance", "spread"
# Hidden, so that a catalog of what was made finds no pieces.
TILES = ".tiles"
SCENES = "scenes"


@dataclass(frozen=True, slots=True)
class Order:
    """What all tasks of a job have in common.

    Attributes:
        cards: Folders of cards with their identities; their mean is told. None where published lines tell.
        sizes: Bands that are read.
        sensor: The sensor that results are given.
        bands: Its bands, in the order in which they are told.
        sigma_px: Standard deviation of the point spread, for published lines.
        device: Where generators compute.
        folder: The job's output.
        with_spread: Whether to write how far the cards disagree.
    """

    cards: tuple[tuple[Path, str], ...]
    sizes: Sizes
    sensor: Sensor
    bands: tuple[str, ...]
    sigma_px: float
    device: str
    folder: Path
    with_spread: bool

    @property
    def view(self) -> View:
        """How results are stored: as the sensor's product stores them."""
        return View(self.sizes.pixel_size_m, 0, self.sensor.select(self.bands), self.sensor.nodata)

    @property
    def layers(self) -> tuple[str, ...]:
        """What is written of each scene."""
        return (REFLECTANCE, SPREAD) if self.with_spread else (REFLECTANCE,)


@dataclass(frozen=True, slots=True)
class Made:
    """A scene to make.

    Attributes:
        scene: What it is made from.
        name: What it is called.
        grid: Its pixels.
        lines: Slope and offset for each band where published lines tell; empty for cards.
    """

    scene: Scene
    name: str
    grid: GeoBox
    lines: Lines = ()


@dataclass(frozen=True, slots=True)
class ApplyTask:
    """One tile of one scene."""

    order: Order
    number: int
    made: Made
    tile: Tile

    @property
    def key(self) -> str:
        """Which scene, and where in it."""
        return f"{self.number:05d}-{self.tile.key}"

    def path_of(self, layer: str) -> Path:
        """The file of a layer."""
        return self.order.folder / TILES / layer / f"{self.key}.tif"

    @property
    def path(self) -> Path:
        """The file that is written last."""
        return self.path_of(self.order.layers[-1])


@dataclass(frozen=True, slots=True)
class SceneTask:
    """One layer of one scene, put together from its tiles.

    Attributes:
        order: What all tasks share.
        number: Which scene.
        made: The scene.
        layer: Which layer.
        tiles: Keys of its tiles that are done.
        tags: Texts for the file's header.
    """

    order: Order
    number: int
    made: Made
    layer: str
    tiles: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        """Names the tiles too: with more of them than last time it is another task."""
        return f"assemble-{self.layer}-{self.number:05d}-{len(self.tiles)}"

    @property
    def path(self) -> Path:
        """The file of the layer."""
        return self.order.folder / file_of(self.made, self.layer)


def file_of(made: Made, layer: str) -> str:
    """Where a layer of a scene stands in the job's folder."""
    return f"{SCENES}/{made.name}/{made.name}.tif" if layer == REFLECTANCE else f"{layer}/{made.name}.tif"


def apply_tile(task: ApplyTask) -> Summary:
    """Tell one tile and write its core, layer by layer, as the sensor's product stores numbers.

    Raises:
        SceneError: A file of the scene cannot be read.
        RadiometryError: Its values do not look like the unit that its bands declare.
        CardError: A card is not the one that the job began with.
    """
    order, watch, had = task.order, Stopwatch(), bytes_had()
    seen, core = task.tile.seen, task.tile.core.inside(task.tile.seen)
    with watch("read"):
        values, valid = read_views(task.made.scene, order.sizes, seen.on(task.made.grid))
    inner = np.ascontiguousarray(valid[core.slices])
    if inner.any():
        found = watch.compute(functools.partial(_told, order, task.made.lines, values, valid))
    else:
        found = {layer: np.zeros((len(order.bands), *seen.shape), np.float32) for layer in order.layers}
    num_cut = 0
    for layer in order.layers:
        part = found[layer][(slice(None), *core.slices)]
        with watch("encode"):
            numbers, num = _stored(order, layer, part, inner)
        num_cut += num
        with watch("write"):
            write_tile(task.path_of(layer), numbers, task.tile.core.on(task.made.grid), _nodata(order, layer))
    counts = {"tiles": 1, "seen_px": seen.num_pixels, "written_px": inner.size, "valid_px": int(inner.sum())}
    return {**watch.seconds, **counts, "cut_values": num_cut, "read_bytes": bytes_had() - had}


def _told(
    order: Order, lines: Lines, values: Values, valid: Bool[np.ndarray, "a b"]
) -> Mapping[str, Float32[np.ndarray, "k a b"]]:
    members: list[Teller] = [ready(folder, identity, order.device) for folder, identity in order.cards]
    if not members:
        members = [Published(order.sizes, lines, order.sigma_px)]
    told, spread = Ensemble(members).tell_spread(values, valid)
    return {REFLECTANCE: told, SPREAD: spread}


def _stored(
    order: Order, layer: str, values: Float32[np.ndarray, "k h w"], valid: Bool[np.ndarray, "h w"]
) -> tuple[np.ndarray, int]:
    if layer == SPREAD:
        return np.where(valid, values, np.float32(np.nan)), 0
    return order.view.to_numbers(values, valid)


def _nodata(order: Order, layer: str) -> float | None:
    return float("nan") if layer == SPREAD else order.sensor.nodata


def put_together(task: SceneTask) -> Summary:
    """Write one layer of a scene from its tiles; where a tile is missing there is no data."""
    watch = Stopwatch()
    sources = [task.order.folder / TILES / task.layer / f"{key}.tif" for key in task.tiles]
    with watch("assemble"):
        write_cog(
            task.path,
            sources,
            task.made.grid,
            nodata=_nodata(task.order, task.layer),
            band_names=task.order.bands,
            tags=dict(task.tags),
        )
    return {**watch.seconds, "scenes": int(task.layer == REFLECTANCE), "written_bytes": task.path.stat().st_size}
