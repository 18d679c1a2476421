"""Cut the patches of one shard out of a scene and its labels: one task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import shapely
from jaxtyping import Bool, Shaped, UInt8
from odc.geo.geobox import GeoBox

from landweave.legend import IGNORE
from landweave.patches.archive import write_shard
from landweave.patches.layout import Layout, View
from landweave.patches.sample import Counts, Row, Split
from landweave.raster.radiometry import check_physical
from landweave.raster.read import read, read_map
from landweave.raster.scene import Scene
from landweave.tiling import Window

CutT = TypeVar("CutT")


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
    """

    id: str
    window: Window
    block: str
    split: Split
    label: int | None = None
    labelled: str = ""


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
        labels: A map with ids of the layout's legend, or polygons (then only its name is kept).
        min_valid: Least share of valid pixels; a patch with less is left away and counted.
        min_labelled: Least share of labelled pixels; one labelled pixel at least is always asked for.
    """

    key: str
    folder: Path
    layout: Layout
    scene: Scene
    grid: GeoBox
    cuts: tuple[Cut, ...]
    labels: Path
    min_valid: float = 0.5
    min_labelled: float = 0.0


@dataclass(frozen=True)
class Patch:
    """One patch as a shard stores it: an array for each key of the layout."""

    row: Row
    arrays: Mapping[str, Shaped[np.ndarray, "..."]] = field(repr=False)


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
    return write_patches(task.key, task.folder, task.layout, task.cuts, lambda cut, counts: _cut(task, cut, counts))


def write_patches(
    key: str,
    folder: Path,
    layout: Layout,
    cuts: tuple[CutT, ...],
    make: Callable[[CutT, Counts], Patch | None],
) -> dict[str, int]:
    """Make each patch of a shard in turn and write those that there are; gives counts that add up."""
    counts = Counts()
    made = [patch for cut in cuts if (patch := make(cut, counts)) is not None]
    counts.kept += len(made)
    if made:
        arrays = {name: np.stack([patch.arrays[name] for patch in made]) for name in layout.shapes()}
        write_shard(folder, key, layout, arrays, [patch.row for patch in made])
    return {"patches": counts.kept, **counts.left}


def _cut(task: PatchTask, cut: Cut, counts: Counts) -> Patch | None:
    grid = cut.window.on(task.grid)
    arrays: dict[str, Any] = {}
    valid = np.ones(grid.shape, np.bool_)
    for view in task.layout.views:
        arrays[view.key], usable = _read_view(task, view, grid, counts)
        valid &= enlarge(usable, task.layout.patch_px)
    if valid.mean() < max(task.min_valid, 1e-9):
        counts.leave("left: too few valid pixels")
        return None
    mask = _read_labels(task, cut, grid)
    if (mask != IGNORE).mean() < max(task.min_labelled, 1e-9):
        counts.leave("left: too few labels")
        return None
    # Pixels under clouds teach nothing: what they are labelled cannot be seen.
    arrays |= {"mask": np.where(valid, mask, IGNORE).astype(np.uint8), "valid": valid}
    return Patch(_row(task, cut, grid), arrays)


def probe(task: PatchTask) -> None:
    """Read the patch in the middle of a task, so that a wrong unit or a broken file is refused before the work begins.

    Raises:
        SceneError: A file of the scene or the labels cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
        LegendError: The map holds an id that the legend lacks.
    """
    if task.cuts:
        _cut(task, task.cuts[len(task.cuts) // 2], Counts())


def _read_view(
    task: PatchTask, view: View, grid: GeoBox, counts: Counts
) -> tuple[Shaped[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    names = [band.name for band in view.bands]
    values, valid = read(task.scene, names, coarser(grid, view.px))
    check_physical(values, valid, view.bands, task.scene.id)
    numbers, num_cut = view.to_numbers(values, valid)
    counts.leave("values cut to the range of the stored type", num_cut)
    return numbers, valid


def coarser(grid: GeoBox, px: int) -> GeoBox:
    """The grid of the same square with `px` pixels along its edge."""
    ratio = grid.shape[0] / px
    return GeoBox((px, px), grid.affine * grid.affine.scale(ratio), grid.crs)


def enlarge(valid: Bool[np.ndarray, "h w"], px: int) -> Bool[np.ndarray, "H W"]:
    """A mask of a coarser view on `px` pixels along each edge."""
    ratio = px // valid.shape[0]
    return valid.repeat(ratio, axis=0).repeat(ratio, axis=1)


def _read_labels(task: PatchTask, cut: Cut, grid: GeoBox) -> UInt8[np.ndarray, "h w"]:
    legend = task.layout.legend
    if cut.label is None:
        ids, _ = read_map(task.labels, grid, outside=legend.nodata)
        return legend.to_indices(ids)
    x, y = centres(grid)
    inside = shapely.contains_xy(shapely.from_wkt(cut.labelled), x, y)
    return np.where(inside, np.uint8(cut.label), np.uint8(IGNORE))


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
        source=task.labels.name,
        crs=plane(grid),
        bounds=(box.left, box.bottom, box.right, box.top),
        labelled=cut.labelled,
        datetime=task.scene.datetime.isoformat(),
    )


def plane(grid: GeoBox) -> str:
    """The CRS of a grid as text, "" for pixels without one."""
    if grid.crs is None:
        return ""
    return f"EPSG:{grid.crs.epsg}" if grid.crs.epsg else grid.crs.to_wkt()
