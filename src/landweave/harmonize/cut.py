"""Cut the patches of one pair: both sensors on their own pixels, saturated, and what is valid of both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Shaped
from odc.geo.geobox import GeoBox

from landweave.harmonize.match import Pair
from landweave.harmonize.register import Offset
from landweave.harmonize.views import Sizes, read_other, read_views
from landweave.patches.extract import Cut, Patch, plane, write_patches
from landweave.patches.layout import Layout, View
from landweave.patches.sample import Counts, Row
from landweave.tiling import Window


@dataclass(frozen=True, slots=True)
class CutTask:
    """All patches of one shard.

    Attributes:
        key: Name of the shard.
        folder: The archive.
        layout: What each patch looks like.
        sizes: Bands of the first sensor.
        pair: Where pixels come from.
        cuts: What to cut; windows count on the pair's grid.
        limits: Band, least and greatest value; what lies beyond is moved there.
        moved: By how much the second scene is read elsewhere; None where it is taken as it lies.
        min_valid: Least share of pixels that are valid for both sensors.
    """

    key: str
    folder: Path
    layout: Layout
    sizes: Sizes
    pair: Pair
    cuts: tuple[Cut, ...]
    limits: tuple[tuple[str, float, float], ...]
    moved: Offset | None
    min_valid: float

    @property
    def num_patches(self) -> int:
        """Patches to cut."""
        return len(self.cuts)


@dataclass(frozen=True, slots=True)
class _Land:
    """What is read at once."""

    window: Window
    values: Mapping[str, Float32[np.ndarray, "c h w"]]
    valid: Bool[np.ndarray, "h w"]


def cut_pairs(task: CutTask) -> dict[str, int]:
    """Cut the patches of a task and write its shard; gives numbers of patches kept, and left away by reason.

    Raises:
        SceneError: A file cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
        OutputError: The shard cannot be written.
    """
    counts = Counts()
    return write_patches(task.key, task.folder, task.layout, _cut_all(task, counts), counts)


def _cut_all(task: CutTask, counts: Counts) -> Iterator[Patch | None]:
    for _, some in itertools.groupby(task.cuts, key=lambda cut: cut.block):
        cuts = list(some)
        land = _read(task, _hull([cut.window for cut in cuts]))
        yield from (_cut(task, land, cut, counts) for cut in cuts)


def _hull(windows: list[Window]) -> Window:
    row, col = min(window.row for window in windows), min(window.col for window in windows)
    end_row = max(window.row + window.height for window in windows)
    end_col = max(window.col + window.width for window in windows)
    return Window(row, col, end_row - row, end_col - col)


def _read(task: CutTask, window: Window) -> _Land:
    other = task.layout.pair
    assert other is not None, "a layout of pairs"
    grid = window.on(task.pair.grid)
    views, valid = read_views(task.pair.source, task.sizes, grid, without_snow=True)
    target, usable = read_other(task.pair.target, tuple(band.name for band in other.bands), moved(grid, task.moved))
    values = {view.key: views[view.pixel_size_m] for view in task.layout.views} | {other.key: target}
    limits = {name: (np.float32(low), np.float32(high)) for name, low, high in task.limits}
    for view in (*task.layout.views, other):
        for band, layer in zip(view.bands, values[view.key], strict=True):
            np.clip(layer, *limits[band.name], out=layer)
    return _Land(window, values, valid & usable)


def moved(grid: GeoBox, offset: Offset | None) -> GeoBox:
    """Where a scene that lies off by `offset` shows the land of `grid`."""
    return grid if offset is None else grid.translate_pix(offset.col_px, offset.row_px)


def _cut(task: CutTask, land: _Land, cut: Cut, counts: Counts) -> Patch | None:
    place = cut.window.inside(land.window)
    valid = land.valid[place.slices]
    if valid.mean() < max(task.min_valid, 1e-9):
        counts.leave("left: too many clouds, too much snow or too few pixels")
        return None
    arrays: dict[str, Shaped[np.ndarray, "..."]] = {"valid": valid}
    other = task.layout.pair
    for view in (*task.layout.views, *([other] if other else [])):
        usable = valid if view is other else task.sizes.back(valid, view.pixel_size_m)
        arrays[view.key], num_cut = view.to_numbers(_part(land, view, place), usable)
        counts.leave("values cut to the range of the stored type", num_cut)
    return Patch(_row(task, cut), arrays)


def _part(land: _Land, view: View, place: Window) -> Float32[np.ndarray, "c h w"]:
    ratio = land.values[view.key].shape[1] / land.window.height
    row, col = round(place.row * ratio), round(place.col * ratio)
    return land.values[view.key][:, row : row + view.px, col : col + view.px]


def _row(task: CutTask, cut: Cut) -> Row:
    grid = cut.window.on(task.pair.grid)
    box: Any = grid.boundingbox
    return Row(
        id=cut.id,
        split=cut.split,
        block=cut.block,
        scene=task.pair.source.id,
        source=task.pair.target.id,
        crs=plane(grid),
        bounds=(box.left, box.bottom, box.right, box.top),
        datetime=task.pair.source.datetime.isoformat(),
    )
