"""One task of finding change: sequences of a tile to changes, their groups, and what neighbouring tiles must know."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from jaxtyping import Int64, UInt8

from landweave.atomic import write_bytes
from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch
from landweave.raster.outlines import outlines_of
from landweave.series.change import Found, Rules
from landweave.series.find import find
from landweave.series.group import SIDES, Border, Sums, borders, groups, place_layers, sums_of
from landweave.series.maps import SeriesMaps
from landweave.series.sequence import changing, space_median, space_mode, votes
from landweave.tiling import Tile, Window


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """What all tasks of finding change have in common.

    Attributes:
        maps: The sequence of maps.
        rules: How changes are found.
        space: Filter of every map in space.
        space_px: Edge of the square that it sees.
        min_area_px: Smaller groups are no events.
        tolerance_days: How far apart neighbours of a group may have changed.
        folder: Where everything is written.
        job: Fingerprint of the job.
    """

    maps: SeriesMaps
    rules: Rules
    space: str
    space_px: int
    min_area_px: int
    tolerance_days: int
    folder: Path
    job: str

    @property
    def margin_px(self) -> int:
        """What a tile reads beyond its core."""
        return self.space_px // 2 if self.space != "none" else 0

    def part(self, name: str) -> Path:
        """A file of one task."""
        return self.folder / "tiles" / name


@dataclass(frozen=True, slots=True)
class FindTask:
    """The changes of one tile."""

    order: ChangeOrder
    tile: Tile

    @property
    def key(self) -> str:
        """Names the tile."""
        return f"find-{self.tile.key}"

    @property
    def path(self) -> Path:
        """What it writes: labels that stand still, groups, and changes along its edges."""
        return self.order.part(f"{self.tile.key}.npz")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a tile has found.

    Attributes:
        base: Class index before the first change.
        steady: Class index where no change is believed after all: what most of all maps say.
        sums: Of groups that may be events: large enough, or going on in a neighbouring tile.
        numbers: Their numbers in the tile.
        outlines: Their outlines in (col, row) of the map.
        borders: Changes along the edges.
    """

    base: UInt8[np.ndarray, "h w"]
    steady: UInt8[np.ndarray, "h w"]
    sums: Sums
    numbers: Int64[np.ndarray, " g"]
    outlines: list[Any]
    borders: dict[str, Border]


def find_tile(task: FindTask) -> Summary:
    """Find the changes of a tile and group them; gives how many pixels changed, and how many were seen."""
    watch, order, core = Stopwatch(), task.order, task.tile.core
    with watch("read"):
        labels, top = order.maps.read(task.tile.seen)
    with watch("find"):
        inner = core.inside(task.tile.seen).slices
        labels = filtered(labels, order.space, order.space_px)[:, inner[0], inner[1]]
        flat, sure = (array.reshape(len(array), -1) for array in (labels, top[:, inner[0], inner[1]]))
        found = find(
            np.ascontiguousarray(flat), np.ascontiguousarray(sure), order.maps.line, order.rules, order.maps.legend
        )
        steady = _steady(flat, sure, found, len(order.maps.legend))
    with watch("group"):
        findings = _grouped(task, found, steady)
    with watch("write"):
        _write(task.path, findings)
    known = found.base != 255
    return {
        **watch.seconds,
        "tiles": 1,
        "pixels": core.num_pixels,
        "known_px": int(known.sum()),
        "changing_px": int(changing(flat).sum()),
        "changed_px": len(np.unique(found.changes.pixel)),
        "changes_px": len(found.changes),
    }


def filtered(labels: UInt8[np.ndarray, "s h w"], space: str, space_px: int) -> UInt8[np.ndarray, "s h w"]:
    """The maps as a filter in space leaves them."""
    match space:
        case "mode":
            return np.stack([space_mode(one, space_px) for one in labels])
        case "median":
            return np.stack([space_median(one, space_px) for one in labels])
    return labels


def _steady(
    labels: UInt8[np.ndarray, "s n"], top: UInt8[np.ndarray, "s n"], found: Found, num_classes: int
) -> UInt8[np.ndarray, " n"]:
    steady = found.base.copy()
    pixels = np.unique(found.changes.pixel)
    some, sure = labels[:, pixels], top[:, pixels]
    steady[pixels] = votes(some, sure, np.ones(some.shape, np.bool_), num_classes)
    return steady


def _grouped(task: FindTask, found: Found, steady: UInt8[np.ndarray, " n"]) -> Findings:
    order, core, changes = task.order, task.tile.core, found.changes
    numbers = groups(changes, core.shape, order.tolerance_days)
    sizes = len(order.maps.legend), len(order.maps.maps)
    sums = sums_of(changes, numbers, (core.row, core.col), core.width, sizes)
    edges = _open(
        borders(changes, numbers, core.shape), core, Window.of((order.maps.grid.shape[0], order.maps.grid.shape[1]))
    )
    is_open = np.zeros(len(sums.num_px), np.bool_)
    for border in edges.values():
        is_open[border.group] = True
    kept = np.flatnonzero(is_open | (sums.num_px >= order.min_area_px))
    # Numbers of those kept, from 1; others are not outlined.
    table = np.zeros(len(sums.num_px) + 1, np.int32)
    table[kept] = np.arange(1, len(kept) + 1)
    layers = [np.where(layer >= 0, table[np.append(numbers, -1)[layer]], 0).astype(np.int32)
              for layer in place_layers(changes, core.shape)]  # fmt: skip
    outlines = outlines_of(layers, len(kept), (core.row, core.col))
    shape = core.shape
    return Findings(found.base.reshape(shape), steady.reshape(shape), sums.at(kept), kept, outlines, edges)


def _open(edges: dict[str, Border], core: Window, area: Window) -> dict[str, Border]:
    """The changes along edges beyond which another tile lies."""
    ends = {"top": core.row == 0, "bottom": core.row + core.height == area.height,
            "left": core.col == 0, "right": core.col + core.width == area.width}  # fmt: skip
    nothing = np.zeros(0, np.int64)
    none = Border(nothing, nothing, np.zeros(0, np.uint8), np.zeros(0, np.int32))
    return {side: none if ends[side] else border for side, border in edges.items()}


def _write(path: Path, found: Findings) -> None:
    arrays: dict[str, Any] = {"base": found.base, "steady": found.steady, "numbers": found.numbers}
    arrays |= {f"sums_{field.name}": getattr(found.sums, field.name) for field in fields(found.sums)}
    for side, border in found.borders.items():
        arrays |= border.arrays(side)
    # One text of bytes with its lengths: arrays of objects would need pickle.
    texts = [shapely.to_wkb(shape) for shape in found.outlines]
    arrays["outlines"] = np.frombuffer(b"".join(texts), np.uint8)
    arrays["lengths"] = np.array([len(text) for text in texts], np.int64)
    memory = io.BytesIO()
    np.savez_compressed(memory, allow_pickle=False, **arrays)
    write_bytes(path, memory.getvalue())


def read_findings(path: Path) -> Findings:
    """What `find_tile` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        sums = Sums(*(arrays[f"sums_{field.name}"] for field in fields(Sums)))
        ends = np.cumsum(arrays["lengths"])
        data = arrays["outlines"].tobytes()
        texts = [data[end - length : end] for end, length in zip(ends, arrays["lengths"], strict=True)]
        edges = {side: Border.of(arrays, side) for side in SIDES}
        return Findings(arrays["base"], arrays["steady"], sums, arrays["numbers"], list(shapely.from_wkb(texts)), edges)


def labels_of(path: Path) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
    """Of what `find_tile` wrote the labels before the first change, and where none is believed."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["base"], arrays["steady"]
