"""Pictures of one place side by side: the scene, the map, the truth, and where these two differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from odc.geo.geobox import GeoBox

from landweave.errors import LandweaveError
from landweave.legend import Legend
from landweave.raster.classes import read_nodata
from landweave.raster.read import grid_of, read, read_map
from landweave.raster.scene import Scene
from landweave.report import figures, tables
from landweave.report.material import Picture, Row
from landweave.tiling import Window

# Large enough to be looked at, small enough that a page with twenty pictures can be sent by mail.
_OVERVIEW_PX = 480
_DETAIL_PX = 256
# Squares along an edge among which the most varied one is looked for.
_DETAIL_STEPS = 9
_KM = 1000.0
_FEW_CLASSES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """What there is to see: a map in its legend, and perhaps its truth and a scene of it."""

    map: Path
    legend: Legend
    truth: Path | None = None
    scene: Scene | None = None
    is_simulated: bool = False


def rows(place: Place) -> tuple[Row, ...]:
    """The whole map, and the detail with the most variety where the map is larger than a detail.

    Raises:
        SceneError: A file cannot be read.
    """
    grid = grid_of(str(place.map))
    whole = _row(place, overview(grid, _OVERVIEW_PX), "The whole map")
    if min(grid.shape) < 2 * _DETAIL_PX:
        return (whole,)
    return whole, _row(place, _detail(place, grid), "A detail, pixel by pixel")


def overview(grid: GeoBox, edge_px: int) -> GeoBox:
    """The same ground in pixels so large that no edge has more than `edge_px` of them."""
    factor = math.ceil(max(grid.shape) / edge_px)
    return grid if factor <= 1 else grid.zoom_out(factor)


def width_km(grid: GeoBox) -> float | None:
    """How wide the ground is, or None where the grid is not in metres."""
    if grid.crs is None or not grid.crs.projected:
        return None
    return float(abs(grid.affine.a) * grid.shape[1] / _KM)


def _row(place: Place, grid: GeoBox, title: str) -> Row:
    ids = _ids(place.map, grid, place)
    pictures = [] if place.scene is None else [_seen(place.scene, grid, place.is_simulated)]
    pictures.append(Picture(figures.colored(ids, place.legend), "Map", f"The map: {_words(ids, place.legend)}"))
    if place.truth is not None:
        truth = _ids(place.truth, grid, place)
        words = _words(truth, place.legend)
        pictures.append(Picture(figures.colored(truth, place.legend), "Truth", f"The truth: {words}"))
        pictures.append(_differing(ids, truth, place.legend.nodata))
    wide = width_km(grid)
    shown = f"{title}, {grid.shape[1]} pixels wide" if wide is None else f"{title}, {wide:.1f} km wide"
    return Row(shown, tuple(pictures))


def _ids(path: Path, grid: GeoBox, place: Place) -> UInt8[np.ndarray, "h w"]:
    """Class ids of the map or the truth on a part of the map's grid."""
    own, whole = grid_of(str(path)), grid_of(str(place.map))
    if own.crs is None and whole.crs is None and own.shape == whole.shape:
        # Arrays without a place on Earth have no coordinates in common, but their pixels.
        grid = GeoBox(grid.shape, own.affine * (~whole.affine * grid.affine), None)
    ids, _ = read_map(path, grid, place.legend.nodata)
    # Files of others declare 99 or 254 where the legend has no data at 0 or 255.
    nodata = read_nodata(path)
    if nodata is None or nodata in place.legend.ids:
        return ids
    return np.where(ids == nodata, np.uint8(place.legend.nodata), ids)


def _seen(scene: Scene, grid: GeoBox, is_simulated: bool) -> Picture:
    rgb, valid = read(scene, scene.sensor.rgb, grid)
    simulated = "Simulated: " if is_simulated else ""
    caption = f"{simulated}{scene.sensor.title}, {scene.datetime:%d %B %Y}"
    return Picture(figures.stretch(rgb, valid), caption, f"The scene in natural colours: {caption}")


def _differing(ids: UInt8[np.ndarray, "h w"], truth: UInt8[np.ndarray, "h w"], nodata: int) -> Picture:
    both = (ids != nodata) & (truth != nodata)
    share = float((ids != truth)[both].mean()) if both.any() else math.nan
    caption = f"Where they differ: {tables.percent(share)} (red)"
    return Picture(figures.differences(ids, truth, nodata), caption, f"Map and truth differ on {tables.percent(share)}")


def _words(ids: UInt8[np.ndarray, "h w"], legend: Legend) -> str:
    """The most frequent classes, for who cannot see the picture."""
    counts = np.bincount(ids.ravel(), minlength=256)
    first = sorted(legend.classes, key=lambda entry: -counts[entry.id])[:_FEW_CLASSES]
    total = max(int(counts[list(legend.ids)].sum()), 1)
    return "mostly " + ", ".join(f"{entry.name} {tables.percent(counts[entry.id] / total, 0)}" for entry in first)


def _detail(place: Place, grid: GeoBox) -> GeoBox:
    """The square with the greatest variety of classes, the first of equals."""
    # The choice needs no full resolution: reading all of a large map for it would take minutes.
    coarse = overview(grid, _OVERVIEW_PX)
    ids = _ids(place.truth or place.map, coarse, place)
    edge = max(1, round(_DETAIL_PX * coarse.shape[0] / grid.shape[0]))
    row, col = most_varied(ids, edge, place.legend.nodata)
    height, width = grid.shape
    top = min(round(row * height / coarse.shape[0]), height - _DETAIL_PX)
    left = min(round(col * width / coarse.shape[1]), width - _DETAIL_PX)
    return Window(top, left, _DETAIL_PX, _DETAIL_PX).on(grid)


def most_varied(ids: UInt8[np.ndarray, "h w"], edge_px: int, nodata: int) -> tuple[int, int]:
    """(row, col) of the square of `edge_px` whose classes have the greatest entropy, among squares on a lattice."""
    places = [
        (int(row), int(col))
        for row in np.linspace(0, max(ids.shape[0] - edge_px, 0), _DETAIL_STEPS)
        for col in np.linspace(0, max(ids.shape[1] - edge_px, 0), _DETAIL_STEPS)
    ]
    return max(places, key=lambda at: _entropy(ids[at[0] : at[0] + edge_px, at[1] : at[1] + edge_px], nodata))


def _entropy(ids: UInt8[np.ndarray, "h w"], nodata: int) -> float:
    counts = np.bincount(ids.ravel(), minlength=256)
    shares = counts[counts > 0] / ids.size
    # Squares with gaps show less than they could: what is nodata takes away from the variety.
    return float(-(shares * np.log(shares)).sum() - 2 * counts[nodata] / ids.size)


def class_shares(place: Place) -> tuple[tuple[int, float], ...]:
    """Ids of the legend with their share of the mapped area, counted on the overview."""
    ids = _ids(place.map, overview(grid_of(str(place.map)), 4 * _OVERVIEW_PX), place)
    counts = np.bincount(ids.ravel(), minlength=256)
    return tuple(tables.shares(place.legend.ids, [int(counts[identity]) for identity in place.legend.ids]).items())


def try_rows(place: Place) -> tuple[tuple[Row, ...], str | None]:
    """The pictures, or none and why: a file that was moved away does not spoil the page."""
    try:
        return rows(place), None
    except LandweaveError as error:
        return (), f"{place.map}: {error.given}"
