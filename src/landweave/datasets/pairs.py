"""Two sensors that see one place: patches around labelled pixels, with both views, into an archive, as a job."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from odc.geo.geobox import GeoBox
from pydantic import Field

from landweave.config import Config
from landweave.datasets.pairshard import PairCut, PairTask, cut_pairs, probe_pairs
from landweave.datasets.pairspots import candidates, chosen
from landweave.errors import CatalogError, GridError, LegendError, SensorError
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.share import WHOLE, Share
from landweave.legend import Legend, legend, load_legends
from landweave.patches.extract import plane
from landweave.patches.grids import common_bands
from landweave.patches.job import cut, identity
from landweave.patches.layout import Layout, Paired, View, make_layout
from landweave.patches.split import Fractions
from landweave.provenance import file_sha256
from landweave.raster.catalog import read_catalog
from landweave.raster.classes import read_legend
from landweave.raster.files import grid_of
from landweave.raster.resample import same_crs
from landweave.raster.scene import Scene
from landweave.tiling import Window


class PairChoice(Config):
    """Which patches of two sensors are cut, and how."""

    patch_px: int = Field(default=25, ge=1)
    """Edge of a patch in pixels of the class raster, the reference grid."""
    pixels: Literal["reference", "own"] = "reference"
    """reference: both views on the class raster's pixels, as in Aspri et al. (2020); own: each on pixels of its
    sensor's size."""
    per_class: int = Field(default=400, ge=1)
    """Training patches of each class; the other parts get as many as their fractions are to that of training."""
    fewer: bool = False
    """Whether a class that has fewer labelled pixels than that gives what it has, instead of ending the job."""
    block_px: int = Field(default=125, ge=1)
    """Edge of a block in pixels of the class raster; all patches of a block are for one part."""
    gap_px: int = Field(default=2, ge=1)
    """Least distance between patches of different blocks."""
    fractions: Fractions = (0.6, 0.2, 0.2)
    """Shares of the blocks for training, validation and test."""
    seed: int = 0
    """Decides which block goes where, and which pixels of a class are taken."""
    min_valid: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Least share of pixels of a patch that both sensors see; patches with less are left away and counted."""
    patches_per_shard: int = Field(default=512, ge=1)
    """Patches of one shard, at most; a shard is what one task cuts."""


class PairScenesJob(PairChoice):
    """What pairs are cut from."""

    scenes: Path
    """The catalog of the scenes of both sensors; several of one sensor are merged."""
    labels: Path
    """A map of class ids, whose pixels are the reference grid."""
    sensor: str
    """The sensor with the finer pixels."""
    beside: str
    """The other sensor."""
    legend: str | None = None
    """Legend of the labels; left away, the one that the map itself tells."""
    legends: Path | None = None
    """TOML with legends of your own."""
    bands: tuple[str, ...] = ()
    """Bands of the finer sensor; empty for all."""
    beside_bands: tuple[str, ...] = ()
    """Bands of the other sensor; empty for all."""


@dataclass(frozen=True)
class Source:
    """The scenes of one sensor of a pair, and which of their bands are stored."""

    scenes: tuple[Scene, ...]
    bands: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the sensor."""
        return self.scenes[0].sensor.name


@dataclass(frozen=True)
class Rasters:
    """What pairs are cut from.

    Attributes:
        finer: The sensor whose pixels are finer, or as fine.
        other: The other one.
        labels: A map with ids of `classes`; its pixels are the reference grid.
        classes: The legend.
    """

    finer: Source
    other: Source
    labels: Path
    classes: Legend

    @property
    def grid(self) -> GeoBox:
        """The reference grid."""
        return grid_of(str(self.labels))


def run_catalog(job: PairScenesJob, folder: Path, *, executor: Executor, share: Share = WHOLE) -> Iterator[Progress]:
    """Cut the archive of pairs in `folder`, or what an earlier run of the same job left to do.

    Raises:
        LandweaveError: As `run`; and where catalog, labels or legend are not there.
    """
    every = read_catalog(job.scenes)
    finer = _source(every, job.sensor, job.bands, job.scenes)
    other = _source(every, job.beside, job.beside_bands, job.scenes)
    rasters = Rasters(finer, other, job.labels, _legend(job))
    yield from run(job, rasters, folder, executor=executor, share=share)


def _source(every: Sequence[Scene], name: str, bands: Sequence[str], catalog: Path) -> Source:
    mine = tuple(scene for scene in every if scene.sensor.name == name)
    if not mine:
        there = ", ".join(sorted({scene.sensor.name for scene in every}))
        raise CatalogError(
            f"{catalog} without a scene of {name}",
            f"scenes of both sensors; there are {there}",
            "mend --sensor or --beside",
        )
    return Source(mine, common_bands(mine, bands))


def _legend(job: PairScenesJob) -> Legend:
    own = read_legend(job.labels)
    if job.legend is None:
        if own is None:
            raise LegendError(
                f"the map {job.labels}, which tells no legend", "the legend of its ids", "name it with --legend"
            )
        return own
    wanted = legend(job.legend, load_legends(job.legends) if job.legends else None)
    if own is not None and (own.ids, own.names) != (wanted.ids, wanted.names):
        raise LegendError(
            f"the map {job.labels} with legend {own.name}: {', '.join(own.names)}",
            f"legend {wanted.name}: {', '.join(wanted.names)}",
            "leave --legend away to take the map's own, or give the map of that legend",
        )
    return wanted


def run(
    job: PairChoice, rasters: Rasters, folder: Path, *, executor: Executor, share: Share = WHOLE
) -> Iterator[Progress]:
    """Cut pairs around labelled pixels, each class equally often, every part on blocks of its own.

    Args:
        job: Which and how.
        rasters: Both sensors and the labels.
        folder: The archive.
        executor: What runs the tasks; the bytes do not depend on it.
        share: What to do of it; see `patches.job.cut`.

    Raises:
        GridError: Rasters of different CRS, or that do not overlap, or pixels that do not fit into patches.
        SensorError: Bands of several pixel sizes, or one name in both sensors.
        LegendError: The map holds an id that the legend lacks.
        SampleError: A class with fewer labelled pixels than are asked for.
        SplitError: Fewer blocks than parts.
    """
    land = _shared_land(rasters)
    layout = make_pair_layout(job, rasters)
    step_px = math.lcm(*(job.patch_px // math.gcd(job.patch_px, px) for px in (layout.patch_px, layout.valid_px)))
    spots = candidates(rasters.labels, rasters.classes, land, job, step_px)
    cuts = chosen(spots, rasters.classes, job)
    tasks = [_task(job, rasters, (folder, layout), f"{shard:05d}", some) for shard, some in enumerate(_runs(job, cuts))]
    probe_pairs(tasks)
    configuration = {
        **job.model_dump(mode="json"),
        "layout": layout.to_json(),
        "labels_sha256": file_sha256(rasters.labels),
        "scenes": [identity(scene) for source in (rasters.finer, rasters.other) for scene in source.scenes],
    }
    yield from cut(cut_pairs, tasks, executor, folder, layout, configuration=configuration, share=share)


def _shared_land(rasters: Rasters) -> Window:
    """The part of the reference grid on which both sensors may see something."""
    grid = rasters.grid
    land = Window.of((grid.shape[0], grid.shape[1]))
    for source in (rasters.finer, rasters.other):
        for scene in source.scenes:
            _check_crs(scene, grid)
        land = land.clip(_around([_window(scene.grid, grid) for scene in source.scenes]))
    if not land.num_pixels:
        boxes = [f"{source.name} {_text(source.scenes[0].grid)}" for source in (rasters.finer, rasters.other)]
        raise GridError(
            f"{' and '.join(boxes)} and labels {_text(grid)}, which do not overlap",
            "rasters of one place",
            "check the files, and their CRS",
        )
    return land


def _check_crs(scene: Scene, grid: GeoBox) -> None:
    if not same_crs(scene.grid, grid):
        names = [plane(one) or "no CRS" for one in (scene.grid, grid)]
        raise GridError(
            f"scene {scene.id} of {scene.sensor.name} in {names[0]}, labels in {names[1]}",
            "rasters in one CRS",
            "bring them to one CRS first (gdalwarp), or write the CRS into the file that lacks it",
        )


def _window(source: GeoBox, grid: GeoBox) -> Window:
    """Pixels of `grid` that lie wholly within `source`."""
    box, back = source.boundingbox, ~grid.affine
    cols, rows = zip(*(back * corner for corner in ((box.left, box.top), (box.right, box.bottom))), strict=True)
    near = 1e-6
    top, left = math.ceil(min(rows) - near), math.ceil(min(cols) - near)
    return Window(top, left, math.floor(max(rows) + near) - top, math.floor(max(cols) + near) - left)


def _around(windows: Sequence[Window]) -> Window:
    top, left = min(window.row for window in windows), min(window.col for window in windows)
    bottom = max(window.row + window.height for window in windows)
    return Window(top, left, bottom - top, max(window.col + window.width for window in windows) - left)


def _text(grid: GeoBox) -> str:
    box = grid.boundingbox
    return f"({box.left:g}, {box.bottom:g}, {box.right:g}, {box.top:g})"


def make_pair_layout(job: PairChoice, rasters: Rasters) -> Layout:
    """The layout of an archive of pairs: the finer view, and the other beside it.

    Raises:
        SensorError: Bands of several pixel sizes, or one name in both sensors.
        GridError: A patch has no whole number of a view's pixels, or the finer view is the coarser one.
    """
    finer, other, classes = rasters.finer, rasters.other, rasters.classes
    if both := sorted(set(finer.bands) & set(other.bands)):
        raise SensorError(
            f"band {both[0]} of both {finer.name} and {other.name}",
            "bands with names of their own",
            "leave it away from one of them (bands, beside_bands), or describe the sensor with --sensors",
        )
    first, second = (_view(job, source, rasters.grid, classes) for source in (finer, other))
    if first.px % second.px:
        raise GridError(
            f"{first.px} pixels a patch of {finer.name} and {second.px} of {other.name}",
            "as many of the first, or a multiple",
            "name the sensor with the finer pixels with --sensor, the other with --beside, or choose another patch_px",
        )
    pair = Paired(second.pixel_size_m, second.px, second.bands, second.nodata, other.name)
    return Layout(finer.name, first.px, (first,), classes, ("classes",), pair=pair)


def _view(job: PairChoice, source: Source, grid: GeoBox, classes: Legend) -> View:
    reference_m = abs(grid.affine.a)
    scene = source.scenes[0]
    size_m = reference_m if job.pixels == "reference" else abs(scene.grid.affine.a)
    px = Fraction(job.patch_px * reference_m / size_m).limit_denominator(1000)
    if px.denominator != 1:
        raise GridError(
            f"patches of {job.patch_px} pixels of {reference_m:g} m with pixels of {size_m:g} m of {source.name}",
            "a whole number of its pixels",
            f"set patch_px to a multiple of {px.denominator}, or pixels to reference",
        )
    views = make_layout(scene.sensor, source.bands, int(px), classes, targets=("classes",), pixel_size_m=size_m).views
    if len(views) > 1:
        raise SensorError(
            f"bands of {source.name} with pixels of {' and '.join(f'{view.pixel_size_m:g}' for view in views)} m",
            "bands of one pixel size",
            "name bands of one size (--bands, or --set beside_bands=[...])",
        )
    return views[0]


def _runs(job: PairChoice, cuts: Sequence[PairCut]) -> Iterator[tuple[PairCut, ...]]:
    """Runs of nearly equal length."""
    num = math.ceil(len(cuts) / job.patches_per_shard)
    for run in range(num):
        yield tuple(cuts[run * len(cuts) // num : (run + 1) * len(cuts) // num])


def _task(
    job: PairChoice, rasters: Rasters, made: tuple[Path, Layout], key: str, cuts: tuple[PairCut, ...]
) -> PairTask:
    finer, other = rasters.finer.scenes, rasters.other.scenes
    return PairTask(key, *made, rasters.grid, job.patch_px, finer, other, cuts, job.min_valid)
