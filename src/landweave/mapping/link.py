"""Which pieces of neighbouring tiles are one object: found from the edges of tiles alone, two rows at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from jaxtyping import Float64, Int32
from odc.geo.geobox import GeoBox

from landweave.atomic import write_text
from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch
from landweave.raster.outlines import plain
from landweave.tiling import Window

FORMAT = 1
_SIDES = ("top", "bottom", "left", "right")
_Name = tuple[int, int]
_Edges = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectOrder:
    """What all tasks that draw objects have in common.

    Attributes:
        folder: The map's folder.
        grid: The map's grid.
        corner: (row, col) of its first pixel, as windows of tiles are counted.
        classes: Ids and names of the classes to draw.
        pixel_m2: Area of a pixel.
        min_area_m2: Smaller objects are left away.
        simplify_m: How far an outline may be moved to have fewer corners, in units of the grid's CRS.
    """

    folder: Path
    grid: GeoBox
    corner: tuple[int, int]
    classes: tuple[tuple[int, str], ...]
    pixel_m2: float
    min_area_m2: float
    simplify_m: float

    def part(self, name: str) -> Path:
        """A file of one task."""
        return self.folder / "tiles" / "objects" / name

    def row(self, class_id: int, num_px: int, found: shapely.Polygon, tiles: str) -> tuple[Any, ...] | None:
        """A row of the table but for its id; None where the object is too small."""
        area = num_px * self.pixel_m2
        if area < self.min_area_m2:
            return None
        # In corners first, so that neither borders of tiles nor the order of joining decide what is left.
        shape = shapely.transform(plain(found), self._on_map)
        if self.simplify_m:
            shape = shapely.normalize(shape.simplify(self.simplify_m, preserve_topology=True))
        return class_id, dict(self.classes)[class_id], area, tiles, shapely.to_wkb(shape)

    def _on_map(self, points: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        a, b, c, d, e, f = self.grid.affine[:6]
        col, row = points[:, 0] - self.corner[1], points[:, 1] - self.corner[0]
        return np.stack([a * col + b * row + c, d * col + e * row + f], 1)


@dataclass(frozen=True, slots=True)
class LinkTask:
    """Which pieces of neighbouring tiles are one object.

    Attributes:
        order: What all tasks share.
        tiles: Row, column and key of every tile, row by row.
        home: For every tile the sheet that joins the objects which begin there.
        stamp: What changes with the tiles.
    """

    order: ObjectOrder
    tiles: tuple[tuple[int, int, str], ...]
    home: tuple[str, ...]
    stamp: str

    @property
    def key(self) -> str:
        """Names the tiles."""
        return f"link-{self.stamp}"

    @property
    def path(self) -> Path:
        """The file that is written last."""
        return self.order.part("linked.json")


def edges_of(numbers: Int32[np.ndarray, "h w"], core: Window, area: Window) -> dict[str, Int32[np.ndarray, " n"]]:
    """Pieces along the four edges of a tile; nothing, 0, along an edge of the map, beyond which no tile lies."""
    lines = dict(zip(_SIDES, (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]), strict=True))
    ends = (
        core.row == area.row,
        core.row + core.height == area.row + area.height,
        core.col == area.col,
        core.col + core.width == area.col + area.width,
    )
    return {
        side: np.zeros_like(line) if is_end else line for (side, line), is_end in zip(lines.items(), ends, strict=True)
    }


def link(task: LinkTask) -> Summary:
    """Find which open pieces are one object, from the edges of tiles alone, and tell each sheet what to join."""
    watch = Stopwatch()
    with watch("link"):
        groups = _grouped(task)
        homes = groups.by_home(task.home)
    with watch("write"):
        for sheet in dict.fromkeys(task.home):
            named = [[[task.tiles[tile][2], piece] for tile, piece in group] for group in homes.get(sheet, [])]
            write_text(task.order.part(f"links-{sheet}.json"), json.dumps(named))
        write_text(task.path, json.dumps({"format": FORMAT, "objects": sum(map(len, homes.values()))}))
    return watch.seconds


def _grouped(task: LinkTask) -> Groups:
    groups = Groups()
    above: dict[int, tuple[int, _Edges]] = {}
    here: dict[int, tuple[int, _Edges]] = {}
    row_before = -1
    for number, (row, col, key) in enumerate(task.tiles):
        if row != row_before:
            # Two rows of edges are all that is held, however large the map.
            above, here, row_before = (here if row == row_before + 1 else {}), {}, row
        edges: _Edges = dict(np.load(task.order.part(f"{key}.npz"), allow_pickle=False))
        here[col] = number, edges
        for side in _SIDES:
            groups.know(number, edges[side])
        for other, its, ours in ((here.get(col - 1), "right", "left"), (above.get(col), "bottom", "top")):
            if other is not None:
                groups.meet((other[0], other[1][its], other[1]["kinds"]), (number, edges[ours], edges["kinds"]))
    return groups


_Side = tuple[int, Any, Any]


class Groups:
    """Pieces that belong together, each named by tile and number: a union-find whose roots come first."""

    def __init__(self) -> None:
        self._up: dict[_Name, _Name] = {}

    def know(self, tile: int, pieces: Int32[np.ndarray, " n"]) -> None:
        """Take in the pieces along an edge of a tile; 0 is none."""
        for piece in np.unique(pieces[pieces > 0]).tolist():
            self._up.setdefault((tile, piece), (tile, piece))

    def meet(self, one: _Side, other: _Side) -> None:
        """Join the pieces of one class that lie on both sides of a border: tile, pieces along it, classes of pieces."""
        (tile, pieces, kinds), (other_tile, other_pieces, other_kinds) = one, other
        is_one = (pieces > 0) & (other_pieces > 0) & (kinds[pieces] == other_kinds[other_pieces])
        pairs = np.unique(np.stack([pieces[is_one], other_pieces[is_one]]), axis=1)
        for mine, its in pairs.T.tolist():
            first, second = sorted((self._root((tile, mine)), self._root((other_tile, its))))
            self._up[second] = first

    def by_home(self, home: Sequence[str]) -> dict[str, list[list[_Name]]]:
        """The groups by the sheet of their first tile, in the order of tiles."""
        groups: dict[_Name, list[_Name]] = {}
        for name in sorted(self._up):
            groups.setdefault(self._root(name), []).append(name)
        found: dict[str, list[list[_Name]]] = {}
        for root in sorted(groups):
            found.setdefault(home[root[0]], []).append(groups[root])
        return found

    def _root(self, name: _Name) -> _Name:
        while self._up[name] != name:
            # Halving the paths keeps them short.
            self._up[name] = name = self._up[self._up[name]]
        return name
