"""The outlines of connected pixels of a class, as polygons whose corners are whole pixels. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import rasterio.features
import shapely
import shapely.geometry
from jaxtyping import Float64, Int32, Int64, UInt8
from odc.geo.geobox import GeoBox
from scipy import ndimage

_CLOSED_RING = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """Pixels of one class that hang together by their edges.

    Attributes:
        class_id: Which class.
        num_px: How many pixels.
        outline: A polygon in (col, row), with holes.
    """

    class_id: int
    num_px: int
    outline: shapely.Polygon


def outline(
    ids: UInt8[np.ndarray, "h w"], classes: Sequence[int], corner: tuple[int, int] = (0, 0)
) -> tuple[Int32[np.ndarray, "h w"], list[Piece]]:
    """Find the pieces of `classes` in a map; pixels that only touch at a corner belong to two pieces.

    Args:
        ids: Class ids.
        classes: The ids to outline.
        corner: (row, col) of the first pixel, from which outlines count.

    Returns:
        The number of the piece, from 1, at every pixel, 0 where there is none; and the pieces in that order.
    """
    pieces = np.zeros(ids.shape, np.int32)
    kinds: list[int] = []
    for class_id in classes:
        here, num = ndimage.label(ids == class_id)
        pieces[here > 0] = here[here > 0] + len(kinds)
        kinds += [class_id] * num
    sizes = np.bincount(pieces.ravel(), minlength=len(kinds) + 1)[1:]
    outlines = outlines_of([pieces], len(kinds), corner)
    return pieces, [Piece(*parts) for parts in zip(kinds, sizes.tolist(), outlines, strict=True)]


def outlines_of(
    layers: Iterable[Int32[np.ndarray, "h w"]], num: int, corner: tuple[int, int] = (0, 0)
) -> list[shapely.Polygon]:
    """The outlines of numbered pieces in (col, row), in the order of their numbers.

    Args:
        layers: Numbers of pieces from 1 to `num`, 0 where there is none; a piece may have pixels in several layers.
        num: How many pieces.
        corner: (row, col) of the first pixel, from which outlines count.
    """
    outlines: list[shapely.Polygon] = [shapely.Polygon()] * num
    for pieces in layers:
        for shape, number in rasterio.features.shapes(pieces, mask=pieces > 0, connectivity=4):
            found = shapely.geometry.shape(shape)
            # Where a hole touches the outside at a corner, GDAL's rings may cross themselves there.
            whole = found if found.is_valid else found.buffer(0)
            before = outlines[int(number) - 1]
            outlines[int(number) - 1] = whole if before.is_empty else shapely.union(before, whole)
    offset = np.array([corner[1], corner[0]])
    moved: list[shapely.Polygon] = shapely.transform(
        np.array(outlines, object), lambda points: points + offset
    ).tolist()
    return moved


def covered(
    shapes: Sequence[shapely.Geometry], grid: GeoBox
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """The pixels of `grid` whose middle lies in each of some shapes in its CRS: of whole pixels exactly these.

    Returns:
        Places of pixels, row by row, and the number of the shape of each: shape after shape, so that a pixel comes as
        often as shapes cover it.
    """
    places, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for layer in _apart(shapes):
        # All of a layer at once: a call for each would take thirty times as long.
        drawn = rasterio.features.rasterize(
            ((shapes[number], number + 1) for number in layer),
            out_shape=tuple(grid.shape),
            transform=grid.affine,
            dtype="int32",
        ).ravel()
        places.append(np.flatnonzero(drawn))
        numbers.append(drawn[places[-1]].astype(np.int64) - 1)
    place, number = np.concatenate(places), np.concatenate(numbers)
    order = np.lexsort((place, number))
    return place[order], number[order]


def _apart(shapes: Sequence[shapely.Geometry]) -> list[list[int]]:
    """Numbers of shapes in layers, in none of which two touch."""
    every = np.array(shapes, object)
    pairs = shapely.STRtree(every).query(every, predicate="intersects")
    earlier = pairs[:, pairs[1] < pairs[0]]
    earlier = earlier[:, np.argsort(earlier[0], kind="stable")]
    layers: list[list[int]] = []
    own = np.zeros(len(shapes), np.int64)
    begins = np.searchsorted(earlier[0], np.arange(len(shapes) + 1))
    for number in range(len(shapes)):
        taken = set(own[earlier[1, begins[number] : begins[number + 1]]].tolist())
        own[number] = next(layer for layer in range(len(taken) + 1) if layer not in taken)
        if own[number] == len(layers):
            layers.append([])
        layers[own[number]].append(number)
    return layers


def plain(outline: shapely.Polygon) -> shapely.Polygon:
    """The same polygon with corners alone, in a fixed order: equal shapes become equal, however they were made."""
    rings = [_corners(np.asarray(ring.coords)) for ring in (outline.exterior, *outline.interiors)]
    return shapely.normalize(shapely.Polygon(rings[0], rings[1:]))


def _corners(ring: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "m 2"]:
    """A closed ring without the points at which it goes straight on."""
    points = ring[:-1]
    if len(points) < _CLOSED_RING:
        return ring
    ahead, behind = np.roll(points, -1, 0) - points, points - np.roll(points, 1, 0)
    found: Float64[np.ndarray, "m 2"] = points[ahead[:, 0] * behind[:, 1] != ahead[:, 1] * behind[:, 0]]
    return found
