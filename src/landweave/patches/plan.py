"""From scenes and labels to the tasks that cut patches: grids, blocks, parts, shards. Reads no pixel."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import shapely
from pydantic import Field

from landweave.config import Config
from landweave.errors import LegendError, SceneError, SplitError
from landweave.legend import Legend
from landweave.patches import polygons as drawn
from landweave.patches.extract import Cut, PatchTask
from landweave.patches.grids import Plane, check_same_pixels, common_bands, patch_grid, planes
from landweave.patches.layout import Layout, make_layout
from landweave.patches.polygons import Polygon
from landweave.patches.sample import SPLITS, Split
from landweave.patches.split import Blocks, Fractions, Place, apart, check_apart, deal, deal_by_class, distances
from landweave.patches.super import with_super
from landweave.raster.arrays import path_of
from landweave.raster.scene import Scene

Share = Annotated[float, Field(ge=0, le=1)]


class PatchJob(Config):
    """How patches are cut from scenes and labels."""

    bands: tuple[str, ...] = ()
    """Bands to store; empty for all that every scene has and that share the unit of the sensor's picture bands."""
    patch_px: int = Field(default=96, ge=1)
    """Edge of a patch in pixels of the finest band."""
    block_patches: int = Field(default=2, ge=1)
    """Patches along the edge of a block; a block as a whole is for training, validation or test."""
    gap_px: int = 24
    """Pixels between blocks, rounded up to whole pixels of the coarsest band."""
    fractions: Fractions = (0.6, 0.2, 0.2)
    """Shares of the blocks (or polygons) for training, validation and test."""
    seed: int = 0
    """Decides which block goes where."""
    areas: Path | None = None
    """Polygons with the property `split` (train, validation, test) that decide instead of blocks; none may touch."""
    crs: str | None = None
    """Cut on a grid in this CRS, resampling the scenes; left away, on each scene's own pixels."""
    reproject: bool = False
    """Read a label map on other pixels onto those that are cut, by the nearest one; with crs that is so anyway."""
    pixel_size_m: float | None = Field(default=None, gt=0)
    """Pixel size of the finest view where it is not the sensor's; coarser views keep their ratio to it."""
    min_valid: Share | None = None
    """Least share of valid pixels of a patch; patches with less are left away and counted. Left away, 0.5 for maps and
    0 for polygons, whose labelled pixels are few and dear."""
    min_labelled: Share = 0.0
    """Least share of labelled pixels of a patch; at least one pixel is always asked for."""
    class_property: str = "class"
    """Property that holds the class of a polygon."""
    sharpener: Path | None = None
    """A card that landweave train wrote from a recipe with task = "sharpen": the coarser bands are then stored on the
    finest pixels too, as data_super."""
    patches_per_shard: int = Field(default=256, ge=1)
    """Patches of one shard, at most; a shard is what one task cuts."""


@dataclass(frozen=True)
class Plan:
    """What to cut.

    Attributes:
        layout: What every patch looks like.
        tasks: One for each shard.
        left: Patches left away in planning, by reason.
    """

    layout: Layout
    tasks: tuple[PatchTask, ...]
    left: Mapping[str, int]


def make_plan(job: PatchJob, scenes: Sequence[Scene], labels: Path, legend: Legend | None, folder: Path) -> Plan:
    """Decide which patches are cut where, and which part each belongs to.

    Args:
        job: How.
        scenes: At least one, all of one sensor.
        labels: A map with ids of `legend`, or polygons; see `labels_of` for what its name may hold.
        legend: The classes; None to take those of the polygons.
        folder: The archive.

    Raises:
        CatalogError: There is no scene, or one twice.
        SensorError: Scenes of several sensors, or a band that a scene lacks.
        GridError: A scene's pixels are not those of its sensor, and nobody said what to cut on; or labels on other
            pixels.
        LegendError: A map without a legend, or polygons of another one.
        CardError: A sharpener that does not fit.
        SplitError: Fewer blocks than parts, or areas that touch.
    """
    bands = common_bands(scenes, job.bands)
    shapes = drawn.read_polygons(labels, job.class_property) if labels.suffix.lower() in drawn.SUFFIXES else None
    # Legends come before pixels: a class that is not known would else be found after hours.
    legend = _legend(labels, legend, shapes)
    layout = make_layout(scenes[0].sensor, bands, job.patch_px, legend, pixel_size_m=job.pixel_size_m)
    layout = with_super(layout, job.sharpener)
    every = planes(scenes, [patch_grid(scene, layout, job.crs) for scene in scenes], layout)
    if shapes is None:
        cuts, left = _cut_blocks(job, every, layout)
    else:
        cuts, left = _cut_polygons(job, every, layout, shapes), {}
    # Polygons are drawn by hand: none is lost because clouds hide what lies around it.
    least = (0.5 if shapes is None else 0.0) if job.min_valid is None else job.min_valid
    make = partial(PatchTask, folder=folder, layout=layout, min_valid=least, min_labelled=job.min_labelled)
    named = [labels_of(labels, scene) for scene in scenes]
    if shapes is None and not (job.reproject or job.crs):
        for path, entry in zip(named, every, strict=True):
            check_same_pixels(path, entry)
    return Plan(layout, tuple(_tasks(job.patches_per_shard, zip(every, cuts, named, strict=True), make)), left)


def labels_of(labels: Path, scene: Scene) -> Path:
    """The labels of one scene: {scene}, {year} and {date} in the path stand for its id, year and day.

    Raises:
        SceneError: There is no such file.
    """
    # Not str.format: names of scenes may hold braces of their own.
    text = str(labels)
    for name, value in (("scene", scene.id), ("year", scene.datetime.year), ("date", scene.datetime.date())):
        text = text.replace(f"{{{name}}}", str(value))
    if not path_of(text).is_file():
        raise SceneError(
            f"labels {text} of the scene {scene.id}, which is no file",
            "a map or polygons",
            "check the path after --labels",
        )
    return Path(text)


def _legend(labels: Path, legend: Legend | None, shapes: list[Polygon] | None) -> Legend:
    if shapes is not None:
        legend = legend or drawn.make_legend(shapes, labels.name)
        drawn.check_labels(shapes, legend, labels)
    if legend is None:
        raise LegendError(f"the map {labels} without a legend", "the legend of its ids", "name it with --legend")
    return legend


def _cut_blocks(job: PatchJob, every: Sequence[Plane], layout: Layout) -> tuple[list[list[Cut]], dict[str, int]]:
    """The patches of each scene on blocks that all scenes of a plane share."""
    # Gaps in whole coarsest pixels keep every patch on the pixels of every view.
    step = layout.step_px
    blocks = Blocks(job.patch_px, job.block_patches, math.ceil(job.gap_px / step) * step)
    cuts = [_candidates(entry, blocks) for entry in every]
    if job.areas is None:
        dealt = deal((cut.block for row in cuts for cut in row), job.fractions, job.seed)
        return _leave_near(every, [[_with(cut, dealt[cut.block]) for cut in row] for row in cuts], layout, blocks)
    areas = _read_areas(job.areas)
    kept = [list(_within(row, entry, areas)) for entry, row in zip(every, cuts, strict=True)]
    num_left = sum(map(len, cuts)) - sum(map(len, kept))
    return kept, {"left: not within one area": num_left} if num_left else {}


def _candidates(entry: Plane, blocks: Blocks) -> list[Cut]:
    return [
        Cut(
            f"{entry.scene.id}_{window.row}_{window.col}",
            window,
            f"{entry.name}/{row}_{col}",
            "train",
        )
        for (row, col), window in blocks.windows(entry.shape, entry.corner)
    ]


def _with(cut: Cut, split: Split) -> Cut:
    return dataclasses.replace(cut, split=split)


def _place(entry: Plane, cut: Cut) -> Place:
    box = cut.window.on(entry.grid).boundingbox
    return Place(entry.name, shapely.box(box.left, box.bottom, box.right, box.top), cut.split)


def _leave_near(
    every: Sequence[Plane], cuts: list[list[Cut]], layout: Layout, blocks: Blocks
) -> tuple[list[list[Cut]], dict[str, int]]:
    """Leave away what comes too near to another part across the border of two planes, where blocks do not fit."""
    if len({entry.name for entry in every}) == 1:
        return cuts, {}
    places = [_place(entry, cut) for entry, row in zip(every, cuts, strict=True) for cut in row]
    # Scenes whose pixels lie otherwise are snapped, by half a coarsest pixel at most on each side.
    keep = iter(apart(places, (blocks.gap_px - layout.step_px) * layout.pixel_size_m or 1e-6).tolist())
    kept = [[cut for cut in row if next(keep)] for row in cuts]
    num_left = len(places) - sum(map(len, kept))
    return kept, {"left: too near to another part": num_left} if num_left else {}


def _read_areas(path: Path) -> list[Polygon]:
    areas = drawn.read_polygons(path, "split")
    if foreign := sorted({area.label for area in areas} - set(SPLITS)):
        raise SplitError(
            f"parts {', '.join(foreign)} in {path}",
            f"parts {', '.join(SPLITS)}",
            "mend the property split of the areas",
        )
    # Checked as drawn: areas that touch are a mistake even where no patch lies on the border.
    places = [Place(area.crs, area.shape, area.label) for area in areas]  # type: ignore[arg-type]
    check_apart(places, distances(places))
    return areas


def _within(cuts: list[Cut], entry: Plane, areas: list[Polygon]) -> Iterator[Cut]:
    here = drawn.moved(areas, entry.name)
    for cut in cuts:
        land = _place(entry, cut).shape
        # Wholly within: half a patch in another area would be the leak that areas are drawn against.
        area = next((area for area in here if area.shape.covers(land)), None)
        if area is not None:
            yield dataclasses.replace(cut, split=area.label, block=f"area {area.name}")  # type: ignore[arg-type]


def _cut_polygons(job: PatchJob, every: Sequence[Plane], layout: Layout, shapes: list[Polygon]) -> list[list[Cut]]:
    """The patches of each scene around polygons; each polygon as a whole is for one part."""
    # Grouped once, in one CRS: a polygon must be in the same part in every scene.
    first = drawn.groups(drawn.moved(shapes, every[0].name))
    labels = {f"polygon {shapes[group].name}": shapes[group].label for group in first}
    dealt = deal_by_class(labels, job.fractions, job.seed)
    cuts = []
    for entry in every:
        row = []
        for polygon, group in zip(drawn.moved(shapes, entry.name), first, strict=True):
            block = f"polygon {shapes[group].name}"
            label = layout.legend.index(polygon.label)
            for piece, (window, wkt) in enumerate(
                drawn.pieces(polygon.shape, entry.grid, job.patch_px, layout.step_px)
            ):
                name = f"{entry.scene.id}_polygon{polygon.name}_{piece}"
                row.append(Cut(name, window, block, dealt[block], label, wkt))
        cuts.append(row)
    return cuts


def _tasks(
    most: int, scenes: Iterable[tuple[Plane, Sequence[Cut], Path]], make: Callable[..., PatchTask]
) -> Iterator[PatchTask]:
    for number, (entry, row, labels) in enumerate(scenes):
        num_shards = math.ceil(len(row) / most)
        for shard in range(num_shards):
            # Even shares, so that the last task is not the short one that all wait for, or the long one.
            some = row[shard * len(row) // num_shards : (shard + 1) * len(row) // num_shards]
            yield make(
                key=f"{number:05d}-{shard:04d}",
                scene=entry.scene,
                grid=entry.grid,
                cuts=tuple(some),
                labels=labels,
            )
