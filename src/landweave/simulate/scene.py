"""One part of one acquisition: stored numbers of every band, and the mask that its agency would deliver. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from numpy.typing import NDArray

from landweave.legend import legend
from landweave.sensors import Band, Sensor
from landweave.simulate.instrument import angle_text, instrument_of, turned, view_of
from landweave.simulate.kinds import LEGEND, roofs
from landweave.simulate.lattice import Axes, Plane, key
from landweave.simulate.masks import Seen, qa_pixel, scl
from landweave.simulate.observe import NOISE, SPREAD_PX, block_means, majority, noisy, reach_cells, to_pixels
from landweave.simulate.products import MASK, layers
from landweave.simulate.reflectance import Season, Sun, seen_by
from landweave.simulate.residual import late_by, left_over, misplaced
from landweave.simulate.shadows import LONGEST_M, cast
from landweave.simulate.weather import Sky, Weather, hide, weather
from landweave.simulate.world import PIXEL_M, SceneTable, World, cell_m, ground_of, reflect_of, sensor_of
from landweave.tiling import Window

_LATITUDE_DEG = 48.7
_HOUR = 10.5
SHADOWS_BELOW_M = 2.0
# The edge of a swath lies as Sentinel-2's orbit crosses 49 degrees north.
_SWATH_DEG = 12.0
_MASK_M: Mapping[str, float] = {"sentinel-2-l2a": 20.0}


@dataclass(frozen=True)
class Part:
    """What a sensor delivers of a window.

    Attributes:
        layers: Stored numbers by band, each at its own pixel size, and the mask.
        truth: Class index of every finest pixel.
        buildings: Ids of legend buildings of every finest pixel.
        clouded: Share of the window under clouds.
    """

    layers: dict[str, NDArray[np.generic]]
    truth: UInt8[np.ndarray, "h w"]
    buildings: UInt8[np.ndarray, "h w"]
    clouded: float


def sun_at(day: float) -> Sun:
    """Where the sun stands at half past ten on a day of the year, at the world's latitude (Cooper 1969)."""
    declination = math.radians(23.45 * math.sin(2 * math.pi * (284 + day) / 365))
    latitude, hour = math.radians(_LATITUDE_DEG), math.radians(15 * (_HOUR - 12))
    up = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(hour)
    zenith = math.acos(up)
    east = -math.cos(declination) * math.sin(hour)
    north = math.cos(latitude) * math.sin(declination) - math.sin(latitude) * math.cos(declination) * math.cos(hour)
    return Sun(math.degrees(zenith), math.degrees(math.atan2(east, north)) % 360)


def angle_texts(world: World, scene: SceneTable, index: int) -> dict[str, str]:
    """The granule's metadata with the angles of a Sentinel-2 scene, by path; none in worlds without instruments."""
    if not world.instruments or scene.sensor != "sentinel-2-l2a":
        return {}
    # The band's folder lies in IMG_DATA, which lies in the granule.
    granule = PurePosixPath(layers(world, scene, index)[0].path).parents[2]
    text = angle_text(sun_at(scene.date.timetuple().tm_yday), view_of(world, scene))
    return {f"{granule}/MTD_TL.xml": text}


@dataclass(frozen=True)
class _Frame:
    """Cells of a window with a margin, and how many of them make a pixel of each band."""

    sensor: Sensor
    bands: Sequence[Band]
    cells: Window
    cell_m: float
    margin: int

    @classmethod
    def of(cls, sensor: Sensor, window: Window) -> _Frame:
        bands = [band for band in sensor.bands if band.unit in ("reflectance", "digital_number")]
        cell = cell_m(sensor.pixel_size_m)
        finest = round(sensor.pixel_size_m / cell)
        cells = Window(window.row * finest, window.col * finest, window.height * finest, window.width * finest)
        margin = reach_cells(round(max(band.pixel_size_m for band in bands) / cell))
        if cell < SHADOWS_BELOW_M:
            margin += math.ceil(LONGEST_M / cell)
        return cls(sensor, bands, cells, cell, margin)

    @property
    def axes(self) -> Axes:
        return Axes.of(self.cells.grow(self.margin), self.cell_m)

    @property
    def inner(self) -> tuple[slice, slice]:
        return (slice(self.margin, -self.margin), slice(self.margin, -self.margin))

    @property
    def shows_shadows(self) -> bool:
        return self.cell_m < SHADOWS_BELOW_M

    def ratio(self, pixel_size_m: float) -> int:
        return round(pixel_size_m / self.cell_m)

    def centres(self, pixel_size_m: float) -> Axes:
        """Centres of the window's pixels of that size."""
        ratio = self.ratio(pixel_size_m)
        window = Window(*(side // ratio for side in (*self.corner, *self.cells.shape)))
        return Axes.of(window, pixel_size_m)

    @property
    def corner(self) -> tuple[int, int]:
        return self.cells.row, self.cells.col


def observe(world: World, scene: SceneTable, window: Window) -> Part:
    """What the scene's sensor sees of `window`, counted in its finest pixels; a multiple of its coarsest pixel.

    The same pixels come out for any window that holds them.
    """
    frame = _Frame.of(sensor_of(scene), window)
    number, day = key(world.seed, "leftover", scene.date, scene.sensor), scene.date.timetuple().tm_yday
    axes = misplaced(frame.axes, number, world.shift_m)
    made = ground_of(world, axes, scene.date)
    year = key(world.seed, "season", scene.date.year)
    own = instrument_of(world, scene)
    season = Season(
        day + late_by(year, world.season_days), sun_at(day), seen_by(frame.bands, own.responses if own else None)
    )
    over = weather(made, axes, world.seed, Sky(scene.cloud, scene.snow_m, scene.date, season.sun))
    seen = reflect_of(world, made, axes, season)
    if own:
        seen = turned(seen, made, frame.bands, season.sun, view_of(world, scene))
    if frame.shows_shadows:
        seen = cast(seen, made, frame.cell_m, season.sun)
    seen = hide(seen, over, season.table)
    if world.residual:
        seen = left_over(seen, frame.axes, number, frame.bands, world.residual)
    layers = {band.name: _stored(world, scene, frame, band, seen[index]) for index, band in enumerate(frame.bands)}
    layers[MASK] = _mask(world, scene, frame, made.land, over)
    finest = frame.ratio(frame.sensor.pixel_size_m)
    truth = majority(made.land[frame.inner], finest, len(legend(LEGEND)))
    built = 1 + majority(roofs()[made.kind[frame.inner]], finest, 2)
    return Part(layers, truth, built, float((over.cloud[frame.inner] > 0.5).mean()))


def _stored(world: World, scene: SceneTable, frame: _Frame, band: Band, cells: Plane) -> NDArray[np.generic]:
    """The numbers that are stored of a band."""
    ratio = frame.ratio(band.pixel_size_m)
    own = instrument_of(world, scene)
    values = to_pixels(cells, ratio, frame.margin, own.spread_px if own else SPREAD_PX)
    row, col = frame.cells.row // ratio, frame.cells.col // ratio
    name = f"{scene.date} {scene.sensor} {band.name}"
    values = noisy(values, row, col, world.seed, name, noise=own.noise if own else NOISE)
    if band.unit == "digital_number":
        numbers = 255 * np.sqrt(np.maximum(values, 0) / np.float32(_WHITE))
    else:
        numbers = (values - np.float32(band.offset)) / np.float32(band.scale)
    most = np.iinfo(band.dtype).max
    kept = np.clip(np.rint(numbers), 1, most).astype(band.dtype)
    kept[~swath(world, scene, frame.centres(band.pixel_size_m))] = 0
    return np.asarray(kept)


# Pictures for viewing are stretched by a square root so that this reflectance becomes white.
_WHITE = 0.42


def swath(world: World, scene: SceneTable, axes: Axes) -> Bool[np.ndarray, "h w"]:
    """Where the scene has data: all but a wedge in the west that takes the scene's share of gap."""
    if scene.gap == 0:
        return np.ones(axes.shape, np.bool_)
    places = np.linspace(0, 1, 201)
    every = _across(places[None] * world.width_px * PIXEL_M, places[:, None] * world.height_px * PIXEL_M)
    return np.asarray(_across(axes.x[None], axes.y[:, None]) >= np.quantile(every, scene.gap))


def _across(x: Float64[np.ndarray, "#h #w"], y: Float64[np.ndarray, "#h #w"]) -> Float64[np.ndarray, "h w"]:
    turn = math.radians(_SWATH_DEG)
    return np.asarray(x * math.cos(turn) + y * math.sin(turn))


def _mask(
    world: World, scene: SceneTable, frame: _Frame, land: UInt8[np.ndarray, "h w"], over: Weather
) -> NDArray[np.generic]:
    size = _MASK_M.get(frame.sensor.name, frame.sensor.pixel_size_m)
    ratio = frame.ratio(size)
    cloud, shadow, snow = (block_means(plane[frame.inner], ratio) for plane in (over.cloud, over.shadow, over.snow))
    commonest = majority(land[frame.inner], ratio, len(legend(LEGEND)))
    seen = Seen(commonest, cloud, shadow, snow, swath(world, scene, frame.centres(size)))
    if frame.sensor.name.startswith("landsat-"):
        return qa_pixel(seen)
    return scl(seen) if frame.sensor.name == "sentinel-2-l2a" else (seen.inside & (cloud < 0.5)).astype(np.uint8)
