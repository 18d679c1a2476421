"""Which land is judged: the whole map, or the patches of one part of an archive, block by block. Reads no pixel."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from jaxtyping import Bool, Int64
from odc.geo.geobox import GeoBox

from landweave.errors import GridError
from landweave.patches.archive import Archive
from landweave.patches.polygons import Polygon
from landweave.patches.sample import Split
from landweave.tiling import Tiling, Window

# Large enough that opening and locking do not count, small enough for any memory.
_EDGE_PX = 1024
POLYGONS = "polygons are drawn where somebody wanted them, not by chance"


@dataclass(frozen=True)
class Place:
    """A window of the map's grid that is judged.

    Attributes:
        block: The piece of land that it belongs to.
        window: Its pixels; they lie within the grid.
        shape: The land within the window that counts, in the map's CRS; None where all does.
        patch: Index of the archive's patch, or -1.
        inside: The window counted from the patch's corner.
    """

    block: str
    window: Window
    shape: shapely.Geometry | None = None
    patch: int = -1
    inside: Window | None = None

    def counts(self, grid: GeoBox) -> Bool[np.ndarray, "h w"] | None:
        """Which pixels of the window count: those whose centre lies in `shape`; None where all do."""
        if self.shape is None:
            return None
        # A pixel belongs to a polygon if its centre does, as where labels were cut.
        rows, cols = (np.arange(size) + 0.5 for size in self.window.shape)
        a = self.window.on(grid).affine
        x, y = a.a * cols[None] + a.b * rows[:, None] + a.c, a.d * cols[None] + a.e * rows[:, None] + a.f
        return np.asarray(shapely.contains_xy(self.shape, x, y))


def whole(grid: GeoBox) -> list[Place]:
    """All of a map, cut into windows."""
    shape = (grid.shape[0], grid.shape[1])
    return [Place("", tile.core) for tile in Tiling(shape, _EDGE_PX, 0)]


def of_part(archive: Archive, split: Split, grid: GeoBox, scenes: Collection[str] = ()) -> list[Place]:
    """The patches of one part of an archive that lie on a map, sorted by block; each piece of land once.

    Args:
        archive: The patches.
        split: Their part.
        grid: The map's grid.
        scenes: Ids of the scenes that the map was made from. Without a CRS they alone tell which patches are its.

    Raises:
        GridError: The patches are in another CRS, or none lies on the map.
        SplitError: The part is empty.
    """
    indices = archive.part(split)
    rows = archive.table().iloc[indices]
    crs = "" if grid.crs is None else str(grid.crs)
    if foreign := sorted(set(rows["crs"]) - {crs}):
        raise GridError(
            f"patches in {foreign[0] or 'no CRS'} for a map in {crs or 'no CRS'}",
            "one CRS",
            "map the scenes that the archive was cut from, without --crs",
        )
    if grid.crs is None:
        # Pixels of two scenes without a place on Earth have the same coordinates and nothing else in common.
        mine = rows["scene"].isin(list(scenes)).to_numpy()
        rows, indices = rows[mine], indices[mine]
    # Several scenes of one place give several patches of the same land, which is judged once.
    places = {(p.block, p.window): p for p in _places(rows, indices, grid)}
    if not places:
        raise GridError(
            f"{len(rows)} patches of the part {split}, none of them on the map",
            "patches on the map; where it has no CRS, of the scenes that the STAC item beside it names",
            "check map and archive",
        )
    return sorted(places.values(), key=lambda place: (place.block, place.window))


def _places(rows: Any, indices: Int64[np.ndarray, " n"], grid: GeoBox) -> Iterator[Place]:
    bounds = rows[["left", "bottom", "right", "top"]].itertuples(index=False, name=None)
    labelled = rows["labelled"] if rows["labelled"].crs is None else rows["labelled"].to_crs(grid.crs)
    extent = Window.of((grid.shape[0], grid.shape[1]))
    for patch, block, box, shape in zip(indices.tolist(), rows["block"], bounds, labelled, strict=True):
        window = pixels_within(box, grid)
        inner = window.clip(extent)
        if inner.num_pixels:
            # Where the whole patch is labelled there is nothing to mask.
            whole_patch = shapely.box(*box).equals_exact(shape, tolerance=1e-3, normalize=True)
            yield Place(block, inner, None if whole_patch else shape, patch, inner.inside(window))


def of_polygons(polygons: Sequence[Polygon], grid: GeoBox) -> list[tuple[Place, str]]:
    """The land of each polygon on a map, in windows of bounded size, with the class that it has.

    Raises:
        GridError: None lies on the map.
    """
    extent, found = Window.of((grid.shape[0], grid.shape[1])), []
    for polygon in polygons:
        around = pixels_within(polygon.shape.bounds, grid).grow(1).clip(extent)
        # A polygon may be as large as the map.
        for tile in Tiling(around.shape, _EDGE_PX, 0) if around.num_pixels else ():
            core = tile.core
            window = Window(around.row + core.row, around.col + core.col, core.height, core.width)
            found.append((Place(f"polygon {polygon.name}", window, polygon.shape), polygon.label))
    if not found:
        raise GridError(f"{len(polygons)} polygons, none of them on the map", "polygons on the map", "check both files")
    return found


def pixels_within(box: Sequence[float], grid: GeoBox) -> Window:
    """The pixels whose centres lie in (left, bottom, right, top); they may reach outside the grid."""
    left, bottom, right, top = box
    corners = [~grid.affine * corner for corner in ((left, top), (right, bottom))]
    # Rounded to a thousandth of a pixel: bounds come back from files with other last digits.
    cols, rows = (sorted(math.ceil(round(corner[axis], 3) - 0.5) for corner in corners) for axis in (0, 1))
    return Window(rows[0], cols[0], rows[1] - rows[0], cols[1] - cols[0])


def why_not_random(manifest: Mapping[str, Any]) -> str:
    """Why the blocks of an archive's parts were not drawn at random, or ""."""
    configuration = manifest["configuration"]
    if "fractions" not in configuration or configuration.get("split") == "published":
        return "the parts are as the data set was published, not drawn at random"
    # Whoever draws areas knows the land, and takes the nice parts for one side or the other.
    if configuration.get("areas"):
        return "the areas of the parts were chosen, not drawn at random"
    return ""


def why_no_census(places: Sequence[Place]) -> str:
    """Why not all the land of the blocks is known, or ""."""
    return POLYGONS if any(place.shape is not None for place in places) else ""
