"""Decide what to map before any pixel is read: the grid, the tiles, and whether card and scenes fit. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from odc.geo import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import CRSError

from landweave.errors import CardError, ConfigError, GridError, RadiometryError
from landweave.models.card import Card
from landweave.models.sight import Sight
from landweave.raster.scene import Scene
from landweave.tiling import Tile, Tiling, Window

CORE_PX = 1024
_TAPER_SHARE = 8
_SAME_SIZE = 0.01
_PIXEL_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Piece:
    """A tile and the positions of the scenes that meet its core, the latest first."""

    tile: Tile
    scenes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a map job will do.

    Attributes:
        grid: The grid of all scenes together; windows count from its corner.
        area: The part that is mapped.
        pieces: The tiles that some scene meets, row by row.
        core_px: Edge of a core.
        margin_px: Width of the margin.
        is_tapered: True where the network sees without end, so that neighbouring tiles are blended.
    """

    grid: GeoBox
    area: Window
    pieces: tuple[Piece, ...]
    core_px: int
    margin_px: int
    is_tapered: bool

    @property
    def output_grid(self) -> GeoBox:
        """The grid of the map."""
        return self.area.on(self.grid)

    @property
    def seen_px(self) -> int:
        """Pixels that the network sees for one scene, margins included."""
        return sum(piece.tile.seen.num_pixels for piece in self.pieces)

    @property
    def written_px(self) -> int:
        """Pixels that are written."""
        return sum(piece.tile.core.num_pixels for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user may say about the grid.

    Attributes:
        area: (left, bottom, right, top) in the map's CRS, or None for all that the scenes cover.
        crs: The map's CRS, or None for that of the scenes.
        reproject: Whether scenes in another CRS or pixel size are read onto the map's grid.
        core_px: Edge of a core.
        margin_px: Width of the margin, or None for what the network needs.
    """

    area: tuple[float, float, float, float] | None = None
    crs: str | None = None
    reproject: bool = False
    core_px: int = CORE_PX
    margin_px: int | None = None


def make_plan(card: Card, scenes: Sequence[Scene], wish: Wish) -> Plan:
    """The plan for mapping `scenes`, sorted as they come, with `card`.

    Raises:
        CardError: The card labels patches, or is for another sensor.
        SensorError: A scene lacks a band.
        RadiometryError: A band's unit is not the card's.
        GridError: CRS or pixel size differ and `reproject` was not asked for, or the area meets no scene.
        ConfigError: Core and margin do not fit the network.
    """
    for scene in scenes:
        check_fit(card, scene)
    grid, places = lay_out(card, scenes, wish)
    area = Window.of(_shape(grid)) if wish.area is None else _area(grid, wish.area)
    stride, margin_px = card.sight.stride, _margin(card.sight, wish)
    pieces = tuple(_pieces(grid, area, places, Tiling(_aligned(area, stride).shape, wish.core_px, margin_px, stride)))
    if not pieces:
        raise GridError(
            f"an area {wish.area} that no scene meets", f"one within {_extent(grid)}", "check --area, or add scenes"
        )
    return Plan(grid, area, pieces, wish.core_px, margin_px, card.sight.reach_px is None)


def check_fit(card: Card, scene: Scene) -> None:
    """Refuse a scene that `card` was not made for.

    Raises:
        CardError: The card labels patches, or is for another sensor.
        SensorError: The scene lacks a band.
        RadiometryError: A band's unit is not the card's.
    """
    if card.task != "pixels":
        raise CardError(f"a card that labels {card.task}", "one that labels pixels", "train with task = pixels")
    if card.sharpener:
        raise CardError(
            f"a card that takes the coarser bands as the sharpener {card.sharpener[:12]} brings them",
            "one that interpolates them: whole scenes are not sharpened",
            'train with upsampling = "bilinear"',
        )
    if scene.sensor.name != card.sensor:
        raise CardError(
            f"scene {scene.id} of sensor {scene.sensor.name} for a card of {card.sensor}",
            f"scenes of {card.sensor}",
            "use a card trained on this sensor, or catalog scenes of the card's",
        )
    for band in scene.require(card.bands):
        if band.unit != card.unit:
            raise RadiometryError(
                f"band {band.name} of scene {scene.id} in {band.unit}",
                f"{card.unit}, which the card was trained on",
                "give scale, offset and unit in the sidecar, or use a card of this unit",
            )


def check_size(card: Card, scene: Scene, reproject: bool) -> None:
    """Refuse a scene whose pixels are not the card's, unless it is read onto the map's grid.

    Raises:
        GridError: Another pixel size.
    """
    # Degrees are refused where the map's CRS is decided.
    is_told = scene.grid.crs is None or not scene.grid.crs.geographic
    if is_told and not reproject and not _is_card_size(card, scene):
        raise _size_refusal(card, scene)


def pixel_size(card: Card, scene: Scene) -> float:
    """Pixel size of the finest of the card's bands in `scene`, in metres.

    A scene without a CRS has the size that its sensor declares; of others the grid tells.
    """
    finest = min(band.pixel_size_m for band in scene.sensor.select(card.bands))
    if scene.grid.crs is None:
        return finest
    there = min(band.pixel_size_m for band in scene.sensor.select(scene.bands))
    return abs(scene.grid.resolution.x) * finest / there


def lay_out(card: Card, scenes: Sequence[Scene], wish: Wish) -> tuple[GeoBox, list[Window]]:
    """One grid for all scenes, at the card's pixel size, and where each scene lies on it.

    The grid keeps the pixels of the first scene that needs no resampling.

    Raises:
        GridError: CRS or pixel size differ and `reproject` was not asked for.
    """
    crs = _crs(scenes, wish)
    fits = [_fits(card, scene, crs) for scene in scenes]
    if not all(fits) and not wish.reproject:
        raise _refusal(card, scenes[fits.index(False)], crs)
    base = next((_at_card_size(card, scene) for scene, fit in zip(scenes, fits, strict=True) if fit), None)
    if base is None:
        base = _reprojected(card, scenes[0], crs)
    windows = [
        _place(base, scene.grid if scene.grid.crs == crs else _reprojected(card, scene, crs)) for scene in scenes
    ]
    whole = _hull(windows)
    return whole.on(base), [window.inside(whole) for window in windows]


def _crs(scenes: Sequence[Scene], wish: Wish) -> CRS | None:
    if wish.crs is not None:
        crs = _parsed(wish.crs)
        if crs.geographic:
            raise GridError(f"--crs {wish.crs}, in degrees", "a CRS in metres", "choose a UTM zone, EPSG:326xx")
        return crs
    every = list(dict.fromkeys(scene.grid.crs for scene in scenes))
    if len(every) > 1:
        raise GridError(
            f"scenes in {', '.join(_name(crs) for crs in every)}",
            "scenes in one CRS",
            "say --crs for the map with --reproject, or map each CRS by itself",
        )
    if every[0] is None and len(scenes) > 1:
        raise GridError(
            f"{len(scenes)} scenes without a CRS, which do not say how they lie to each other",
            "one such scene a map",
            f"map each by itself, for example with --only {scenes[0].id}",
        )
    # Degrees are not of one size on the ground, and a card's pixels are metres.
    if every[0] is not None and every[0].geographic:
        raise GridError(
            f"scene {scenes[0].id} in {_name(every[0])}, in degrees, and no CRS for the map",
            "a map in a CRS in metres",
            f"say --crs {_zone(scenes[0].grid)} --reproject",
        )
    return every[0]


def _zone(grid: GeoBox) -> str:
    """The UTM zone in which the middle of `grid` lies."""
    return str(CRS.utm(grid.geographic_extent.centroid))


def _parsed(text: str) -> CRS:
    try:
        return CRS(text)
    except CRSError as error:
        raise GridError(f"--crs {text}: {error}", "a CRS, for example EPSG:32633", "check the code") from error


def _fits(card: Card, scene: Scene, crs: CRS | None) -> bool:
    return scene.grid.crs == crs and _is_card_size(card, scene)


def _is_card_size(card: Card, scene: Scene) -> bool:
    return math.isclose(pixel_size(card, scene), card.pixel_size_m, rel_tol=_SAME_SIZE)


def _refusal(card: Card, scene: Scene, crs: CRS | None) -> GridError:
    if scene.grid.crs != crs:
        return GridError(
            f"scene {scene.id} in {_name(scene.grid.crs)} for a map in {_name(crs)}",
            f"scenes in {_name(crs)}",
            "add --reproject to have it read onto the map's grid, or leave this scene out",
        )
    return _size_refusal(card, scene)


def _size_refusal(card: Card, scene: Scene) -> GridError:
    return GridError(
        f"scene {scene.id} with pixels of {pixel_size(card, scene):g} m",
        f"{card.pixel_size_m:g} m, which the card was trained on",
        "use a card of this pixel size, or add --reproject to have the scene resampled",
    )


def _name(crs: CRS | None) -> str:
    return "no CRS" if crs is None else str(crs)


def _at_card_size(card: Card, scene: Scene) -> GeoBox:
    """The scene's grid at the pixel size of the card's finest band: coarser than the scene's where that is not used."""
    bands = scene.sensor.select(scene.bands)
    finest = min(band.pixel_size_m for band in scene.sensor.select(card.bands))
    ratio = round(finest / min(band.pixel_size_m for band in bands))
    return scene.grid if ratio == 1 else scene.grid.zoom_out(ratio)


def _reprojected(card: Card, scene: Scene, crs: CRS | None) -> GeoBox:
    if crs is None or scene.grid.crs is None:
        raise GridError(
            f"scene {scene.id} in {_name(scene.grid.crs)} for a map in {_name(crs)}",
            "a CRS for both, or for none",
            "give the scene its CRS, or map it by itself",
        )
    box = scene.grid.footprint(crs).boundingbox
    return GeoBox.from_bbox(box, crs=crs, resolution=card.pixel_size_m)


def _place(base: GeoBox, grid: GeoBox) -> Window:
    """The pixels of `base`, which has no end, that `grid` touches."""
    height, width = grid.shape
    corners = [~base.affine * (grid.affine * corner) for corner in ((0, 0), (width, 0), (0, height), (width, height))]
    left, top = (math.floor(min(values) + _PIXEL_TOLERANCE) for values in zip(*corners, strict=True))
    right, bottom = (math.ceil(max(values) - _PIXEL_TOLERANCE) for values in zip(*corners, strict=True))
    return Window(top, left, bottom - top, right - left)


def _hull(windows: Iterable[Window]) -> Window:
    every = list(windows)
    top, left = min(window.row for window in every), min(window.col for window in every)
    bottom = max(window.row + window.height for window in every)
    right = max(window.col + window.width for window in every)
    return Window(top, left, bottom - top, right - left)


def _area(grid: GeoBox, area: tuple[float, float, float, float]) -> Window:
    left, bottom, right, top = area
    corners = [~grid.affine * (x, y) for x, y in ((left, top), (right, bottom))]
    (col, row), (col_end, row_end) = (tuple(round(value) for value in corner) for corner in corners)
    window = Window(row, col, row_end - row, col_end - col).clip(Window.of(_shape(grid)))
    if left >= right or bottom >= top or not window.num_pixels:
        raise GridError(
            f"an area of {area}", f"left, bottom, right, top within {_extent(grid)}", "check --area and its CRS"
        )
    return window


def _extent(grid: GeoBox) -> str:
    box = grid.extent.boundingbox
    return f"({box.left:.10g}, {box.bottom:.10g}, {box.right:.10g}, {box.top:.10g}) in {_name(grid.crs)}"


def _margin(sight: Sight, wish: Wish) -> int:
    needed = sight.margin_px
    if needed is None:
        needed = math.ceil(wish.core_px / _TAPER_SHARE / sight.stride) * sight.stride
    if wish.margin_px is None:
        return needed
    if sight.margin_px is not None and wish.margin_px < sight.margin_px:
        raise ConfigError(
            f"margin_px = {wish.margin_px}",
            f"at least {sight.margin_px}, which the network sees, so that the map has no seams",
            "leave --margin away",
        )
    if sight.margin_px is None and not 0 < 2 * wish.margin_px <= wish.core_px:
        raise ConfigError(
            f"margin_px = {wish.margin_px} for a network that is blended",
            f"more than 0, and at most half of the core's {wish.core_px}",
            "leave --margin away",
        )
    return wish.margin_px


def _aligned(area: Window, stride: int) -> Window:
    """`area` with its corner moved to a multiple of the stride, so that a part is seen as the whole is."""
    row, col = area.row // stride * stride, area.col // stride * stride
    return Window(row, col, area.row + area.height - row, area.col + area.width - col)


def _pieces(grid: GeoBox, area: Window, places: Sequence[Window], tiling: Tiling) -> Iterable[Piece]:
    corner = _aligned(area, tiling.stride)
    whole = Tiling(_shape(grid), tiling.core_px, tiling.margin_px, tiling.stride).extended
    for tile in tiling:
        moved = _moved(tile.core, corner)
        core = moved.clip(area)
        # What lies beyond the area is read where there is a scene: an area is mapped as that part of the whole map.
        seen = _stretched(moved, tiling.stride).grow(tiling.margin_px).clip(whole)
        scenes = tuple(index for index, place in enumerate(places) if core.clip(place).num_pixels)
        if scenes and core.num_pixels:
            yield Piece(Tile(tile.row, tile.col, core, seen), scenes)


def _shape(grid: GeoBox) -> tuple[int, int]:
    height, width = grid.shape
    return height, width


def _moved(window: Window, corner: Window) -> Window:
    return Window(window.row + corner.row, window.col + corner.col, window.height, window.width)


def _stretched(window: Window, stride: int) -> Window:
    """`window`, which begins at a multiple of the stride, with its end moved to one."""
    height, width = (math.ceil(size / stride) * stride for size in window.shape)
    return Window(window.row, window.col, height, width)
