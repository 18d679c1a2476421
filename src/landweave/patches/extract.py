"""Cut the patches of one shard out of a scene and its labels: one task."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from jaxtyping import Bool, Shaped, UInt8
from odc.geo.geobox import GeoBox

from landweave.errors import GridError
from landweave.legend import IGNORE
from landweave.patches.archive import write_shard
from landweave.patches.layout import Layout, View
from landweave.patches.sample import Counts, Row, Split
from landweave.patches.super import add_super
from landweave.raster.files import grid_of
from landweave.raster.radiometry import check_physical
from landweave.raster.read import read, read_map
from landweave.raster.scene import Scene
from landweave.tiling import Window

# Twelve bands of this edge take 50 MB as float32.
_MOST_PX = 1024


@dataclass(frozen=True, slots=True)
class Cut:
    """Where one patch is cut.

    Attributes:
        id: Its name.
        window: Its pixels on the scene's patch grid; it may reach outside.
        block: The piece of land that decided the split.
        split: Its part.
        label: Class index of `labelled`, where labels are polygons.
        labelled: WKT of the labelled part in the grid's CRS, where labels are polygons; pixels whose centre lies in
            it have the label, the others have none.
        classes: Class indices of the whole patch, where the layout stores classes.
    """

    id: str
    window: Window
    block: str
    split: Split
    label: int | None = None
    labelled: str = ""
    classes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchTask:
    """All patches of one shard.

    Attributes:
        key: Name of the shard.
        folder: The archive.
        layout: What each patch looks like.
        scene: Where its pixels come from.
        grid: The grid of the finest view that windows count on.
        cuts: What to cut.
        labels: A map with ids of the layout's legend, or polygons (then only its name is kept); None where the layout
            stores no mask.
        min_valid: Least share of valid pixels; a patch with less is left away and counted.
        min_labelled: Least share of labelled pixels; one labelled pixel at least is always asked for.
    """

    key: str
    folder: Path
    layout: Layout
    scene: Scene
    grid: GeoBox
    cuts: tuple[Cut, ...]
    labels: Path | None
    min_valid: float = 0.5
    min_labelled: float = 0.0

    @property
    def num_patches(self) -> int:
        """Patches to cut."""
        return len(self.cuts)


@dataclass(frozen=True)
class Patch:
    """One patch as a shard stores it: an array for each key of the layout."""

    row: Row
    arrays: Mapping[str, Shaped[np.ndarray, "..."]] = field(repr=False)


@dataclass(frozen=True)
class _Land:
    """What is read at once: a window of the patch grid with all that patches take from it."""

    window: Window
    arrays: Mapping[str, Shaped[np.ndarray, "c h w"]]
    valid: Bool[np.ndarray, "h w"]
    ids: UInt8[np.ndarray, "h w"] | None


def cut_shard(task: PatchTask) -> dict[str, int]:
    """Cut the patches of a task and write its shard; nothing is written where none is kept.

    Returns:
        Numbers of patches kept and left away by reason, which add up.

    Raises:
        SceneError: A file of the scene or the labels cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
        LegendError: The map holds an id that the legend lacks.
        OutputError: The shard cannot be written.
    """
    # One by one, so that a shard of many patches never lies in memory with all its land.
    counts = Counts()
    return write_patches(task.key, task.folder, task.layout, _cut_all(task, counts), counts)


def write_patches(
    key: str, folder: Path, layout: Layout, patches: Iterable[Patch | None], counts: Counts
) -> dict[str, int]:
    """Write the patches of a shard, those that there are; gives counts that add up."""
    # A shard without a patch is no file: an empty data set cannot be mapped.
    made = [patch for patch in patches if patch is not None]
    counts.kept += len(made)
    if made:
        arrays, num_cut = add_super(layout, {name: np.stack([p.arrays[name] for p in made]) for name in made[0].arrays})
        counts.leave("sharpened values cut to the range of the stored type", num_cut)
        write_shard(folder, key, layout, arrays, [patch.row for patch in made])
    return {"patches": counts.kept, **counts.left}


def _cut_all(task: PatchTask, counts: Counts) -> Iterator[Patch | None]:
    for _, cuts in itertools.groupby(task.cuts, key=lambda cut: cut.block):
        for some in _near(list(cuts)):
            # Decoding a block of a file is what costs: neighbours share it.
            land = _read_land(task, hull(cut.window for cut in some), counts)
            yield from (_cut(task, land, cut, counts) for cut in some)


def _near(cuts: list[Cut]) -> Iterator[list[Cut]]:
    """Patches to read at once: runs of a block that are not too much for memory."""
    run: list[Cut] = []
    for cut in cuts:
        if run and max(hull(some.window for some in (*run, cut)).shape) > _MOST_PX:
            yield run
            run = []
        run.append(cut)
    yield run


def hull(windows: Iterable[Window]) -> Window:
    """The smallest window that holds all of them."""
    every = list(windows)
    row, col = min(window.row for window in every), min(window.col for window in every)
    bottom = max(window.row + window.height for window in every)
    return Window(row, col, bottom - row, max(window.col + window.width for window in every) - col)


def _read_land(task: PatchTask, window: Window, counts: Counts) -> _Land:
    arrays: dict[str, Any] = {}
    valid = np.ones(window.shape, np.bool_)
    for view in task.layout.views:
        ratio = task.layout.patch_px // view.px
        arrays[view.key], usable = _read_view(task, view, coarser(window.on(task.grid), ratio), counts)
        valid &= enlarge(usable, ratio)
    ids = None
    if task.labels is not None and task.cuts[0].label is None:
        ids, _ = read_map(task.labels, _label_grid(task, window), outside=task.layout.legend.nodata)
    return _Land(window, arrays, valid, ids)


def _cut(task: PatchTask, land: _Land, cut: Cut, counts: Counts) -> Patch | None:
    grid = cut.window.on(task.grid)
    place = cut.window.inside(land.window)
    valid = land.valid[place.slices]
    # Never less than one pixel, whatever share is asked for: nothing can be learnt from none.
    if valid.mean() < max(task.min_valid, 1e-9):
        counts.leave("left: too few valid pixels")
        return None
    arrays = {view.key: _part(land, view, place, task.layout.patch_px // view.px) for view in task.layout.views}
    if "mask" in task.layout.targets:
        # Pixels under clouds teach nothing: what they are labelled cannot be seen.
        arrays["mask"] = np.where(valid, _labels(task, land, cut, grid), IGNORE).astype(np.uint8)
        if (arrays["mask"] != IGNORE).mean() < max(task.min_labelled, 1e-9):
            counts.leave("left: too few labels")
            return None
    if "classes" in task.layout.targets:
        arrays["classes"] = one_hot(cut.classes, len(task.layout.legend))
    return Patch(_row(task, cut, grid), {**arrays, "valid": valid})


def one_hot(classes: Sequence[int], num_classes: int) -> UInt8[np.ndarray, " k"]:
    """1 for each class that a patch has, 0 for the others."""
    found = np.zeros(num_classes, np.uint8)
    found[list(classes)] = 1
    return found


def _part(land: _Land, view: View, place: Window, ratio: int) -> Shaped[np.ndarray, "c h w"]:
    row, col = place.row // ratio, place.col // ratio
    return land.arrays[view.key][:, row : row + view.px, col : col + view.px]


def probe(task: PatchTask) -> None:
    """Read the patch in the middle of a task, so that a wrong unit or a broken file is refused before the work begins.

    Raises:
        SceneError: A file of the scene or the labels cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
        LegendError: The map holds an id that the legend lacks.
    """
    if task.cuts:
        cut = task.cuts[len(task.cuts) // 2]
        _cut(task, _read_land(task, cut.window, Counts()), cut, Counts())


def _read_view(
    task: PatchTask, view: View, grid: GeoBox, counts: Counts
) -> tuple[Shaped[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    names = [band.name for band in view.bands]
    # Each view by itself: a mask is then judged on the pixels that it hides.
    values, valid = read(task.scene, names, grid)
    check_physical(values, valid, view.bands, task.scene.id)
    numbers, num_cut = view.to_numbers(values, valid)
    counts.leave("values cut to the range of the stored type", num_cut)
    return numbers, valid


def coarser(grid: GeoBox, ratio: int) -> GeoBox:
    """The grid of the same land with pixels that are `ratio` times as large."""
    shape = grid.shape[0] // ratio, grid.shape[1] // ratio
    return GeoBox(shape, grid.affine * grid.affine.scale(ratio), grid.crs)


def enlarge(valid: Bool[np.ndarray, "h w"], ratio: int) -> Bool[np.ndarray, "H W"]:
    """A mask of a coarser view on pixels that are `ratio` times as small."""
    return valid.repeat(ratio, axis=0).repeat(ratio, axis=1)


def _labels(task: PatchTask, land: _Land, cut: Cut, grid: GeoBox) -> UInt8[np.ndarray, "h w"]:
    if land.ids is not None:
        return task.layout.legend.to_indices(land.ids[cut.window.inside(land.window).slices])
    x, y = centres(grid)
    # By centres, as areas are counted: pixels that a border cuts belong to one side only.
    inside = shapely.contains_xy(shapely.from_wkt(cut.labelled), x, y)
    return np.where(inside, np.uint8(cut.label or 0), np.uint8(IGNORE))


def _label_grid(task: PatchTask, window: Window) -> GeoBox:
    """A window on the pixels of the label map; a map without georeference lies on the scene pixel by pixel."""
    if task.grid.crs is not None:
        return window.on(task.grid)
    shape = tuple(grid_of(str(task.labels)).shape)
    if shape != tuple(task.grid.shape):
        raise GridError(
            f"labels {task.labels} of {shape} pixels for the scene {task.scene.id} of {tuple(task.grid.shape)}",
            "a map of the same pixels, where neither has a CRS",
            'name each scene\'s own map, for example --labels "labels/{scene}.tif"',
        )
    return window.on(GeoBox(task.grid.shape, Affine.identity(), None))


def centres(grid: GeoBox) -> tuple[Shaped[np.ndarray, "h w"], Shaped[np.ndarray, "h w"]]:
    """Coordinates (x, y) of the centre of each pixel."""
    rows, cols = np.meshgrid(np.arange(grid.shape[0]) + 0.5, np.arange(grid.shape[1]) + 0.5, indexing="ij")
    a = grid.affine
    return a.a * cols + a.b * rows + a.c, a.d * cols + a.e * rows + a.f


def _row(task: PatchTask, cut: Cut, grid: GeoBox) -> Row:
    box = grid.boundingbox
    return Row(
        id=cut.id,
        split=cut.split,
        block=cut.block,
        scene=task.scene.id,
        source=task.labels.name if task.labels else "labels",
        crs=plane(grid),
        bounds=(box.left, box.bottom, box.right, box.top),
        labelled=cut.labelled,
        datetime=task.scene.datetime.isoformat(),
    )


def plane(grid: GeoBox) -> str:
    """The CRS of a grid as text, "" for pixels without one."""
    if grid.crs is None:
        return ""
    # The code where there is one: two texts of one CRS would pass for two.
    return f"EPSG:{grid.crs.epsg}" if grid.crs.epsg else grid.crs.to_wkt()
