"""A map beside its truth: the legends they have, whether their grids fit, and windows of both as class indices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from odc.geo.geobox import GeoBox

from landweave.errors import GridError, LegendError
from landweave.legend import Crosswalk, Legend, crosswalk
from landweave.raster.classes import read_legend, read_nodata
from landweave.raster.read import grid_of, read_map
from landweave.raster.resample import aligned_window, same_crs
from landweave.tiling import Window


@dataclass(frozen=True)
class Layer:
    """A raster of class ids with its legend, seen through a crosswalk where there is one.

    Attributes:
        path: The file.
        legend: What its ids mean.
        nodata: The id that the file says means no data, which need not be the legend's.
        walk: To the legend that is compared in; None where that is its own.
    """

    path: Path
    legend: Legend
    nodata: int | None = None
    walk: Crosswalk | None = None

    @property
    def grid(self) -> GeoBox:
        """Its grid."""
        return grid_of(str(self.path))

    def indices(self, grid: GeoBox) -> UInt8[np.ndarray, "h w"]:
        """Class indices on `grid`, by the nearest pixel; IGNORE where there is no data or outside.

        Raises:
            LegendError: An id is no class.
            SceneError: The file cannot be read.
        """
        ids, _ = read_map(self.path, grid, outside=self.legend.nodata)
        # Files of others declare 99 or 254 where the legend has no data at 0 or 255.
        if self.nodata is not None and self.nodata not in self.legend.ids:
            ids = np.where(ids == self.nodata, np.uint8(self.legend.nodata), ids)
        found = self.legend.to_indices(ids)
        return found if self.walk is None else self.walk.apply(found)


@dataclass(frozen=True)
class Pair:
    """A map and its truth in one legend.

    Attributes:
        map: What is judged; windows count on its grid.
        truth: What is known.
        legend: The legend that both are compared in.
        by_position: Both are arrays without a place on Earth: pixel (row, col) of one is that of the other.
    """

    map: Layer
    truth: Layer
    legend: Legend
    by_position: bool = False

    def read(self, window: Window) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
        """Class indices of map and truth in a window of the map's grid."""
        theirs = self.truth.grid if self.by_position else self.map.grid
        return self.map.indices(window.on(self.map.grid)), self.truth.indices(window.on(theirs))


def pair(
    map_path: Path,
    truth_path: Path,
    *,
    map_legend: Legend | None = None,
    truth_legend: Legend | None = None,
    reproject: bool = False,
) -> Pair:
    """A map and its truth, if they can be compared.

    Args:
        map_path: The map.
        truth_path: The truth, a raster of ids.
        map_legend: The map's legend; where None, what the file tells.
        truth_legend: The truth's legend; where None, what the file tells, else the map's.
        reproject: Whether a truth on another grid is read onto the map's by the nearest pixel.

    Raises:
        LegendError: A legend is not known, or the two differ and there is no crosswalk.
        GridError: CRS, pixel size or position of the pixels differ, or the two do not meet.
        SceneError: A file cannot be read.
    """
    of_map = map_legend or legend_of(map_path)
    # A truth that tells no legend is taken to have the map's; a foreign id is refused later.
    of_truth = truth_legend or read_legend(truth_path) or of_map
    by_position = check_grids(map_path, truth_path, reproject)
    layers = Layer(map_path, of_map, read_nodata(map_path)), Layer(truth_path, of_truth, read_nodata(truth_path))
    if same_classes(of_map, of_truth):
        return Pair(*layers, of_map, by_position)
    # The truth is usually the finer one; a crosswalk only leads from fine to coarse.
    for old, new in ((of_truth, of_map), (of_map, of_truth)):
        if walk := find_crosswalk(old, new):
            seen = [replace(layer, walk=walk if layer.legend is old else None) for layer in layers]
            return Pair(seen[0], seen[1], new, by_position)
    raise LegendError(
        f"a map with legend {of_map.name} and a truth with legend {of_truth.name}",
        "one legend, or a crosswalk between the two",
        "name the right legends with --legend and --truth-legend, or translate one of the files",
    )


def legend_of(path: Path) -> Legend:
    """The legend that a map's file tells.

    Raises:
        LegendError: It tells none.
        SceneError: It is no raster.
    """
    # What is wrong with the file itself comes first.
    grid_of(str(path))
    if (found := read_legend(path)) is None:
        raise LegendError(f"{path}, which does not tell its classes", "a legend", "name it with --legend")
    return found


def same_classes(one: Legend, other: Legend) -> bool:
    """Whether ids and names are the same, in the same order; names of legends and colours do not matter."""
    return (one.ids, one.names) == (other.ids, other.names)


def find_crosswalk(old: Legend, new: Legend) -> Crosswalk | None:
    """The published crosswalk between two legends, or None."""
    try:
        return crosswalk(old.name, new.name)
    except LegendError:
        return None


def check_grids(map_path: Path, truth_path: Path, reproject: bool) -> bool:
    """Refuse two rasters whose pixels are not the same, unless `reproject`, or that do not meet.

    Returns:
        Whether they are compared pixel by pixel because neither has a CRS, and both have the same shape.

    Raises:
        GridError: They do not fit.
    """
    grid, other = grid_of(str(map_path)), grid_of(str(truth_path))
    if grid.crs is None and other.crs is None and grid.shape == other.shape:
        return True
    is_same = same_crs(grid, other) and (grid.crs is None) == (other.crs is None)
    # Another extent is no hindrance: what one of them lacks is not compared.
    window = aligned_window(grid, other) if is_same else None
    if window is None:
        if reproject and grid.crs is not None and other.crs is not None:
            return False
        raise GridError(
            f"a map with {described(grid)} and a truth with {described(other)}",
            "the same CRS and pixels of the same size at the same places",
            "add --reproject to read the truth onto the map's pixels, or make the truth anew on them",
        )
    if not window.clip(Window.of((grid.shape[0], grid.shape[1]))).num_pixels:
        raise GridError(f"{map_path} and {truth_path}, which do not meet", "one place", "check both files")
    return False


def described(grid: GeoBox) -> str:
    """A grid for people."""
    a = grid.affine
    crs = "no CRS" if grid.crs is None else str(grid.crs)
    return f"{crs}, pixels of {a.a:g} x {-a.e:g} from ({a.c:.10g}, {a.f:.10g})"
