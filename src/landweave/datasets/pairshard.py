"""Cut the pairs of one shard: both sensors' views of the land around labelled pixels. One task."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Shaped
from odc.geo.geobox import GeoBox

from landweave.patches.extract import Patch, hull, one_hot, plane, write_patches
from landweave.patches.layout import Layout, Paired, View
from landweave.patches.sample import Counts, Row, Split
from landweave.raster.radiometry import check_physical
from landweave.raster.read import read
from landweave.raster.scene import Scene
from landweave.tiling import Window

_TOGETHER_PX = 128


@dataclass(frozen=True, slots=True)
class PairCut:
    """Where one patch is cut.

    Attributes:
        id: Its name: row and column of the labelled pixel that it was cut around, on the reference grid.
        row: Of its first pixel on that grid.
        col: Of its first pixel.
        label: Class index.
        block: The piece of land that decided the split.
        split: Its part.
    """

    id: str
    row: int
    col: int
    label: int
    block: str
    split: Split


@dataclass(frozen=True, slots=True)
class PairTask:
    """All pairs of one shard.

    Attributes:
        key: Name of the shard.
        folder: The archive.
        layout: What each patch looks like; its one view is that of the finer sensor.
        grid: The reference grid.
        patch_px: Edge of a patch in its pixels.
        finer: Scenes of the finer sensor.
        other: Scenes of the other one.
        cuts: What to cut.
        min_valid: Least share of pixels that both see.
    """

    key: str
    folder: Path
    layout: Layout
    grid: GeoBox
    patch_px: int
    finer: tuple[Scene, ...]
    other: tuple[Scene, ...]
    cuts: tuple[PairCut, ...]
    min_valid: float

    @property
    def num_patches(self) -> int:
        """Patches to cut."""
        return len(self.cuts)


def cut_pairs(task: PairTask) -> dict[str, int]:
    """Cut the pairs of a task and write its shard; nothing is written where none is kept.

    Returns:
        Numbers of patches kept and left away by reason, which add up.

    Raises:
        SceneError: A file cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
        OutputError: The shard cannot be written.
    """
    counts = Counts()
    return write_patches(task.key, task.folder, task.layout, _cut_all(task, counts), counts)


def probe_pairs(tasks: Sequence[PairTask]) -> None:
    """Cut the first pair of the first and the last task: what is wrong with a raster is mostly wrong with all of it.

    Raises:
        LandweaveError: As `cut_pairs`.
    """
    for task in {task.key: task for task in (*tasks[:1], *tasks[-1:])}.values():
        _cut(task, _read(task, task.cuts[:1]), task.cuts[0], Counts())


def place(cut: PairCut) -> tuple[str, int, int]:
    """Patches of one place are read together."""
    return cut.block, cut.row // _TOGETHER_PX, cut.col // _TOGETHER_PX


def _cut_all(task: PairTask, counts: Counts) -> Iterator[Patch | None]:
    for _, some in itertools.groupby(task.cuts, key=place):
        cuts = list(some)
        # Patches overlap, and opening a file's block costs more than all patches that lie on it.
        land = _read(task, cuts)
        yield from (_cut(task, land, cut, counts) for cut in cuts)


@dataclass(frozen=True)
class _Land:
    """What both sensors see of a window of the reference grid, each view on its own pixels."""

    window: Window
    fine: Float32[np.ndarray, "c h w"]
    coarse: Float32[np.ndarray, "c2 h2 w2"]
    valid: Bool[np.ndarray, "h2 w2"]


def _read(task: PairTask, cuts: Sequence[PairCut]) -> _Land:
    view, pair = task.layout.views[0], _pair(task)
    window = hull(Window(cut.row, cut.col, task.patch_px, task.patch_px) for cut in cuts)
    land = window.on(task.grid)
    (fine, seen), (coarse, valid) = (
        _merged(scenes, entry, land.zoom_to(_shape(window, entry.px, task.patch_px)))
        for scenes, entry in ((task.finer, view), (task.other, pair))
    )
    ratio = view.px // pair.px
    # Both views are judged by one mask, because the network sees them together.
    blocks = seen.reshape(valid.shape[0], ratio, valid.shape[1], ratio)
    return _Land(window, fine, coarse, valid & blocks.all(axis=(1, 3)))


def _shape(window: Window, px: int, patch_px: int) -> tuple[int, int]:
    return window.height * px // patch_px, window.width * px // patch_px


def _pair(task: PairTask) -> Paired:
    assert task.layout.pair is not None, "an archive of one sensor"
    return task.layout.pair


def _cut(task: PairTask, land: _Land, cut: PairCut, counts: Counts) -> Patch | None:
    layout, view, pair = task.layout, task.layout.views[0], _pair(task)
    window = Window(cut.row, cut.col, task.patch_px, task.patch_px)
    inside = window.inside(land.window)
    valid = _part(land.valid, inside, pair.px, task.patch_px)
    # Never less than one pixel, whatever share is asked for.
    if valid.mean() < max(task.min_valid, 1e-9):
        counts.leave("left: too few pixels that both sensors see")
        return None
    arrays: dict[str, Any] = {}
    for entry, values, usable in ((view, land.fine, layout.finest(valid)), (pair, land.coarse, valid)):
        arrays[entry.key], num_cut = entry.to_numbers(_part(values, inside, entry.px, task.patch_px), usable)
        counts.leave("values cut to the range of the stored type", num_cut)
    arrays["classes"] = one_hot((cut.label,), len(layout.legend))
    return Patch(_row(task, cut, window.on(task.grid)), {**arrays, "valid": valid})


def _part(
    values: Shaped[np.ndarray, "*c h w"], inside: Window, px: int, patch_px: int
) -> Shaped[np.ndarray, "*c h2 w2"]:
    row, col = inside.row * px // patch_px, inside.col * px // patch_px
    return values[..., row : row + px, col : col + px]


def _merged(
    scenes: Sequence[Scene], view: View, grid: GeoBox
) -> tuple[Float32[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    """What the scenes of one sensor see; where several do, the first of them."""
    names, shape = [band.name for band in view.bands], (grid.shape[0], grid.shape[1])
    out, valid = np.zeros((len(names), *shape), np.float32), np.zeros(shape, np.bool_)
    for scene in scenes:
        if not valid.all() and _meets(scene.grid, grid):
            values, seen = read(scene, names, grid)
            check_physical(values, seen, view.bands, scene.id)
            new = seen & ~valid
            np.copyto(out, values, where=new)
            valid |= new
    return out, valid


def _meets(one: GeoBox, other: GeoBox) -> bool:
    a, b = one.boundingbox, other.boundingbox
    return bool(a.left < b.right and b.left < a.right and a.bottom < b.top and b.bottom < a.top)


def _row(task: PairTask, cut: PairCut, land: GeoBox) -> Row:
    box, scene = land.boundingbox, task.finer[0]
    return Row(
        id=cut.id,
        split=cut.split,
        block=cut.block,
        scene=scene.id,
        source=task.other[0].id,
        crs=plane(land),
        bounds=(box.left, box.bottom, box.right, box.top),
        datetime=scene.datetime.isoformat(),
    )
