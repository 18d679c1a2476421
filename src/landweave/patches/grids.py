"""The grids that patches are cut on: a scene's own pixels, or those of a CRS that was asked for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from landweave.errors import CatalogError, GridError, SensorError
from landweave.patches.extract import plane
from landweave.patches.layout import Layout
from landweave.raster.files import grid_of
from landweave.raster.resample import aligned_window, same_crs
from landweave.raster.scene import Scene

_SAME_SIZE = 1e-3


@dataclass(frozen=True, slots=True)
class Plane:
    """A scene with the grid that its patches are cut on.

    Attributes:
        name: The CRS, or the scene's id where it has none; blocks are shared within a name.
        scene: The scene.
        grid: Pixels of the finest view over the whole scene.
        corner: (row, col) of the grid's first pixel, counted on the first grid of that name.
    """

    name: str
    scene: Scene
    grid: GeoBox
    corner: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the grid."""
        return self.grid.shape[0], self.grid.shape[1]


def common_bands(scenes: Sequence[Scene], asked: Sequence[str] = ()) -> tuple[str, ...]:
    """The bands to store: those asked for, or all that every scene has in the unit of the picture bands.

    Raises:
        CatalogError: There is no scene, or two with one name.
        SensorError: Scenes of several sensors, or a band that a scene lacks.
    """
    if not scenes:
        raise CatalogError("a catalog without a scene", "at least one scene", "catalog the folder of the scenes again")
    doubles = [name for name, num in Counter(scene.id for scene in scenes).items() if num > 1]
    if doubles:
        raise CatalogError(f"scene {doubles[0]} twice", "each scene once", "leave the copy out of the catalog")
    if len(sensors := sorted({scene.sensor.name for scene in scenes})) > 1:
        raise SensorError(
            f"scenes of {' and '.join(sensors)}", "scenes of one sensor", "cut one archive for each sensor (--sensor)"
        )
    sensor = scenes[0].sensor
    # Thermal bands would mix units: they are stored when they are asked for.
    unit = sensor.band(sensor.rgb[0]).unit
    known = [b.name for b in sensor.bands if b.unit == unit and all(b.name in scene.files for scene in scenes)]
    bands = tuple(asked or known)
    if not bands:
        raise SensorError(f"scenes of {sensor.name} that share no band", "at least one band", "name it with --bands")
    for scene in scenes:
        scene.require(bands)
    return bands


def patch_grid(scene: Scene, layout: Layout, crs: str | None) -> GeoBox:
    """The pixels of the layout's finest view over a scene.

    The scene's own pixels, which must then have that size; or, in another CRS, pixels whose edges lie at multiples of
    the coarsest view's size.

    Raises:
        GridError: The scene's pixels have another size, are not in metres or turned, and no CRS was asked for.
    """
    if crs is not None:
        return _in_crs(scene, layout, crs)
    # The scene's grid is that of its finest band, which need not be one of those to store.
    finest = min(scene.sensor.band(name).pixel_size_m for name in scene.bands)
    stored = min(scene.sensor.band(name).pixel_size_m for name in layout.bands)
    ratio = stored / finest
    grid = scene.grid
    a = grid.affine
    size = a.a * ratio
    straight = a.b == a.d == 0 and a.e < 0 and math.isclose(a.a, -a.e, rel_tol=_SAME_SIZE)
    metric = grid.crs is None or grid.crs.units == ("metre", "metre")
    # Pixels without georeference have no size of their own.
    if not (straight and metric and (grid.crs is None or math.isclose(size, layout.pixel_size_m, rel_tol=_SAME_SIZE))):
        raise GridError(
            f"scene {scene.id} with pixels of {abs(a.a * ratio):g} x {abs(a.e * ratio):g} in {plane(grid) or 'no CRS'}",
            f"pixels of {layout.pixel_size_m:g} m as {layout.sensor} has, north up",
            "cut on another grid with --crs, or say the size with --set pixel_size_m=...",
        )
    shape = math.ceil(grid.shape[0] / ratio), math.ceil(grid.shape[1] / ratio)
    return GeoBox(shape, a * a.scale(ratio), grid.crs)


def _in_crs(scene: Scene, layout: Layout, crs: str) -> GeoBox:
    if scene.grid.crs is None:
        raise GridError(f"scene {scene.id} without a CRS", f"one that can be brought to {crs}", "leave --crs away")
    _check_crs(crs)
    box = scene.grid.extent.to_crs(crs).boundingbox
    # Multiples of the coarsest size make the grids of all scenes in this CRS one grid.
    coarsest = layout.views[-1].pixel_size_m
    left, bottom = (math.floor(edge / coarsest) * coarsest for edge in (box.left, box.bottom))
    right, top = (math.ceil(edge / coarsest) * coarsest for edge in (box.right, box.top))
    return GeoBox.from_bbox((left, bottom, right, top), crs, resolution=layout.pixel_size_m, tight=True)


def _check_crs(text: str) -> None:
    try:
        units = CRS(text).units
    except CRSError as error:
        raise GridError(f"--crs {text}: {error}", "a CRS, for example EPSG:32633", "check the code") from error
    # Pixel sizes are in metres, and distances between parts are counted in them.
    if units != ("metre", "metre"):
        raise GridError(f"--crs {text} in {units[0]}", "a CRS in metres", "take the UTM zone of the scenes")


def check_same_pixels(labels: Path, entry: Plane) -> None:
    """Refuse a label map whose pixels are not those that patches are cut on.

    Raises:
        GridError: CRS, pixel size or position differ.
        SceneError: The map cannot be read.
    """
    # Where neither has a place on Earth, shapes are compared when patches are cut.
    grid = grid_of(str(labels))
    if grid.crs is entry.grid.crs is None:
        return
    if not same_crs(grid, entry.grid) or aligned_window(grid, entry.grid) is None:
        raise GridError(
            f"labels {labels} with {_described(grid)} for {_described(entry.grid)} of scene {entry.scene.id}",
            "a map on the same pixels",
            "add --set reproject=true to read it by the nearest pixel, or make the map anew on these pixels",
        )


def _described(grid: GeoBox) -> str:
    a = grid.affine
    return f"pixels of {a.a:g} x {-a.e:g} from ({a.c:.10g}, {a.f:.10g}) in {plane(grid) or 'no CRS'}"


def planes(scenes: Sequence[Scene], grids: Sequence[GeoBox], layout: Layout) -> list[Plane]:
    """Each scene with its grid and its corner on the plane that it shares with other scenes."""
    first: dict[str, GeoBox] = {}
    made = []
    for scene, grid in zip(scenes, grids, strict=True):
        name = plane(grid) or scene.id
        anchor = first.setdefault(name, grid)
        # Snapped to whole coarsest pixels; the distances that are told are measured afterwards.
        col, row = ~anchor.affine * (grid.affine.c, grid.affine.f)
        step = layout.step_px
        made.append(Plane(name, scene, grid, (round(row / step) * step, round(col / step) * step)))
    return made
