"""Labels drawn as polygons: read, grouped so that parts stay apart, and cut into pieces of the size of a patch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyogrio.errors import DataSourceError  # type: ignore[import-untyped]

from landweave.config import nearest
from landweave.errors import ConfigError, GridError, LegendError, SceneError
from landweave.legend import LandClass, Legend
from landweave.tiling import Window

SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".parquet")
# Distinct on a map and in a table, also for most people who see colours otherwise (Paul Tol's muted scheme).
_COLORS = ("#332288", "#ddcc77", "#117733", "#cc6677", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499")


@dataclass(frozen=True, slots=True)
class Polygon:
    """One labelled polygon.

    Attributes:
        name: Its number in the file, as text.
        shape: Its land.
        crs: What coordinates mean.
        label: What the property says: a class, or a part.
    """

    name: str
    shape: shapely.Geometry
    crs: str
    label: str


def read_polygons(path: Path, property_name: str) -> list[Polygon]:
    """The polygons of a vector file in the order of the file.

    Raises:
        SceneError: The file cannot be read.
        ConfigError: It has no property of that name, or no polygon; or something in it is no polygon or has no value.
        GridError: It has no CRS.
    """
    frame = _read_frame(path)
    kept = frame[frame.geometry.notna() & frame.geometry.type.isin(["Polygon", "MultiPolygon"])]
    if property_name not in frame.columns or kept.empty:
        names = [str(name) for name in frame.columns if name != "geometry"]
        raise ConfigError(
            f"{path} with {len(kept)} polygons and the properties {', '.join(names) or '(none)'}",
            f"polygons with the property {property_name}",
            "name the property with --set class_property=...: " + nearest(property_name, names),
        )
    _check_complete(path, frame, kept, property_name)
    if frame.crs is None:
        raise GridError(f"{path} without a CRS", "polygons with a CRS", "give the file its CRS")
    # Mended rather than refused: hand-drawn borders often cross themselves by a hair.
    crs = frame.crs.to_string()
    return [
        Polygon(str(name), shapely.make_valid(shape), crs, str(label))
        for name, shape, label in zip(kept.index, kept.geometry, kept[property_name], strict=True)
    ]


def _check_complete(
    path: Path, frame: geopandas.GeoDataFrame, kept: geopandas.GeoDataFrame, property_name: str
) -> None:
    # Left away in silence, they would be missed by nobody; as text they would be a class called None.
    others, empty = len(frame) - len(kept), int(kept[property_name].isna().sum())
    if others or empty:
        raise ConfigError(
            f"{path} with {others} features that are no polygons and {empty} polygons without {property_name}",
            f"polygons, all with a {property_name}",
            "remove the others, and fill the property",
        )


def _read_frame(path: Path) -> geopandas.GeoDataFrame:
    try:
        return geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)
    except (DataSourceError, OSError, ValueError) as error:
        raise SceneError(
            f"{path}: {error}", "polygons in GeoJSON, GeoPackage, GeoParquet or shapefile", "check the path"
        ) from error


def moved(polygons: Iterable[Polygon], crs: str) -> list[Polygon]:
    """The polygons in another CRS.

    Raises:
        GridError: `crs` is "", that of pixels without georeference.
    """
    if not crs:
        raise GridError(
            "polygons for a scene without a CRS", "a scene with one", "give the scene a CRS, or bring labels as a map"
        )
    made = []
    for polygon in polygons:
        transformer = pyproj.Transformer.from_crs(polygon.crs, crs, always_xy=True)
        shape = shapely.transform(polygon.shape, transformer.transform, interleaved=False)
        made.append(replace(polygon, shape=shape, crs=crs))
    return made


def make_legend(polygons: Iterable[Polygon], source: str) -> Legend:
    """A legend of the classes that stand in the polygons, by alphabet, ids from 1."""
    names = sorted({polygon.label for polygon in polygons})
    classes = zip(itertools.count(1), names, itertools.cycle(_COLORS))
    return Legend("polygons", source, tuple(LandClass(*entry) for entry in classes))


def check_labels(polygons: Iterable[Polygon], legend: Legend, path: Path) -> None:
    """Refuse polygons whose class the legend lacks.

    Raises:
        LegendError: It names the classes.
    """
    foreign = sorted({polygon.label for polygon in polygons} - set(legend.names))
    if foreign:
        raise LegendError(
            f"classes {', '.join(foreign)} in {path}",
            f"classes of the legend {legend.name}: {', '.join(legend.names)}",
            "choose the legend of these polygons with --legend, or leave it away to take their own classes",
        )


def groups(polygons: Sequence[Polygon]) -> list[int]:
    """A group for each polygon: those that touch or overlap share one, since no border could be drawn between them."""
    group = list(range(len(polygons)))
    shapes = np.array([polygon.shape for polygon in polygons], object)
    # Few polygons, so that relabelling whole groups is quick enough.
    for one, other in shapely.STRtree(shapes).query(shapes, predicate="intersects").T.tolist():
        low, high = sorted((group[one], group[other]))
        group = [low if entry == high else entry for entry in group]
    return group


def pieces(shape: shapely.Geometry, grid: GeoBox, patch_px: int, step_px: int) -> Iterator[tuple[Window, str]]:
    """Windows that cover a polygon without a gap, and the part of the polygon in each as WKT.

    One window with the polygon in its middle where that is large enough, else rows of windows. Windows begin at
    multiples of `step_px`, so that coarser views have whole pixels. No pixel of the polygon lies in two pieces.
    """
    left, top, right, bottom = shapely.bounds(shapely.transform(shape, _to_pixels(grid), interleaved=False))
    starts = [_starts(low, high, patch_px, step_px) for low, high in ((top, bottom), (left, right))]
    for row, col in itertools.product(*starts):
        window = Window(row, col, patch_px, patch_px)
        box = window.on(grid).boundingbox
        # The exact part is kept as text: it says where labels are, to evaluation and to people.
        part = shape.intersection(shapely.box(box.left, box.bottom, box.right, box.top))
        if part.area > 0:
            yield window, shapely.to_wkt(part, rounding_precision=-1)


def _to_pixels(grid: GeoBox) -> Any:
    inverse = ~grid.affine

    def move(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        return inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f

    return move


def _starts(low: float, high: float, patch_px: int, step_px: int) -> list[int]:
    # One step is given to rounding, so that the polygon lies within the windows wherever they snap.
    num = max(1, math.ceil((high - low + step_px) / patch_px))
    first = math.floor(((low + high - num * patch_px) / 2) / step_px + 0.5) * step_px
    return [first + place * patch_px for place in range(num)]
