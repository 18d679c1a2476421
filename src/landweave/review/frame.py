"""Which pixels a picture of an event shows. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Bool
from odc.geo.geobox import GeoBox

from landweave.tiling import Window


@dataclass(frozen=True, slots=True)
class Frame:
    """What a picture shows.

    Attributes:
        window: In the pixels of the map.
        factor: How many pixels of the map are one of the picture, along an edge.
        is_part: Whether the event reaches beyond the picture.
    """

    window: Window
    factor: int = 1
    is_part: bool = False

    def grid(self, whole: GeoBox) -> GeoBox:
        """The picture's own pixels."""
        part = self.window.on(whole)
        return part if self.factor == 1 else part.zoom_out(self.factor)


def frame_of(
    event: Window,
    centre: tuple[float, float],
    shape: tuple[int, int],
    *,
    around: float,
    least_px: int,
    most_px: int,
    may_zoom: bool,
) -> Frame:
    """A square around an event, within the grid.

    Args:
        event: Where it lies.
        centre: (row, col) of a pixel of it, for pictures that cannot show all of it.
        shape: (height, width) of the grid.
        around: How much land to show on each side, in edges of the event.
        least_px: Edge of the smallest square.
        most_px: Most pixels along an edge of the picture.
        may_zoom: Whether larger squares are shown in larger pixels; else they are cut.
    """
    wanted = min(max(math.ceil(max(event.shape) * (1 + 2 * around)), least_px), max(shape))
    factor = math.ceil(wanted / most_px) if may_zoom else 1
    edge = factor * math.ceil(min(wanted, factor * most_px) / factor)
    is_part = edge < max(event.shape)
    if not is_part:
        centre = (event.row + event.height / 2, event.col + event.width / 2)
    rows, cols = (_place(at, edge, size) for at, size in zip(centre, shape, strict=True))
    return Frame(Window(rows[0], cols[0], rows[1], cols[1]), factor, is_part)


def _place(at: float, edge: int, size: int) -> tuple[int, int]:
    """Start and length of a stretch of `edge` pixels around `at`, moved into a grid of `size`."""
    length = min(edge, size)
    return min(max(round(at - length / 2), 0), size - length), length


def inside(shape: shapely.Geometry, grid: GeoBox) -> Bool[np.ndarray, "h w"]:
    """Which pixels of a grid have their centre in a polygon; the nearest one where none has."""
    rows, cols = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    affine = grid.affine
    xs, ys = affine.a * cols + affine.b * rows + affine.c, affine.d * cols + affine.e * rows + affine.f
    found = np.asarray(shapely.intersects_xy(shape, xs, ys))
    if not found.any():
        point = shape.representative_point()
        nearest = np.argmin((xs - point.x) ** 2 + (ys - point.y) ** 2)
        found[np.unravel_index(nearest, found.shape)] = True
    return found


def outline(shape: shapely.Geometry, grid: GeoBox) -> list[list[list[float]]]:
    """The rings of a polygon in a picture, as shares of its width and height, as fine as its pixels."""
    inverse = ~grid.affine
    height, width = grid.shape
    fine = shape.simplify(abs(grid.affine.a) / 2)
    rings = []
    for part in getattr(fine, "geoms", [fine]):
        for ring in (part.exterior, *part.interiors):
            x, y = shapely.get_coordinates(ring).T
            cols, rows = inverse * (x, y)
            rings.append(np.stack([cols / width, rows / height], 1).round(5).tolist())
    return rings
