"""One part of one acquisition: stored numbers of every band, and the mask that its agency would deliver. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND
from landweave.simulate.lattice import Axes
from landweave.simulate.observe import majority, noisy, reach_cells, to_pixels
from landweave.simulate.products import MASK
from landweave.simulate.reflectance import Season, Sun, reflect, seen_by
from landweave.simulate.world import SceneTable, World, cell_m, ground_of, sensor_of
from landweave.tiling import Window

_LATITUDE_DEG = 48.7
_HOUR = 10.5


@dataclass(frozen=True)
class Part:
    """What a sensor delivers of a window.

    Attributes:
        layers: Stored numbers by band, each at its own pixel size, and the mask.
        truth: Class index of every finest pixel.
    """

    layers: dict[str, NDArray[np.generic]]
    truth: UInt8[np.ndarray, "h w"]


def sun_at(day: float) -> Sun:
    """Where the sun stands at half past ten on a day of the year, at the world's latitude (Cooper 1969)."""
    declination = math.radians(23.45 * math.sin(2 * math.pi * (284 + day) / 365))
    latitude, hour = math.radians(_LATITUDE_DEG), math.radians(15 * (_HOUR - 12))
    up = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(hour)
    zenith = math.acos(up)
    east = -math.cos(declination) * math.sin(hour)
    north = math.cos(latitude) * math.sin(declination) - math.sin(latitude) * math.cos(declination) * math.cos(hour)
    return Sun(math.degrees(zenith), math.degrees(math.atan2(east, north)) % 360)


def observe(world: World, scene: SceneTable, window: Window) -> Part:
    """What the scene's sensor sees of `window`, counted in its finest pixels; a multiple of its coarsest pixel.

    The same pixels come out for any window that holds them.
    """
    sensor = sensor_of(scene)
    bands = [band for band in sensor.bands if band.unit == "reflectance"]
    cell = cell_m(sensor.pixel_size_m)
    ratios = {band.name: round(band.pixel_size_m / cell) for band in bands}
    finest = round(sensor.pixel_size_m / cell)
    margin = reach_cells(max(ratios.values()))
    cells = Window(window.row * finest, window.col * finest, window.height * finest, window.width * finest)
    axes = Axes.of(cells.grow(margin), cell)
    made = ground_of(world, axes, scene.date)
    day = scene.date.timetuple().tm_yday
    seen = reflect(made, axes, world.seed, world.regions[0].soils, Season(day, sun_at(day), seen_by(bands)))
    stored = {}
    for index, band in enumerate(bands):
        ratio = ratios[band.name]
        values = to_pixels(seen[index], ratio, margin)
        name = f"{scene.date} {sensor.name} {band.name}"
        values = noisy(values, cells.row // ratio, cells.col // ratio, world.seed, name)
        numbers = np.rint((values - np.float32(band.offset)) / np.float32(band.scale))
        info = np.iinfo(band.dtype)
        stored[band.name] = np.clip(numbers, 1, info.max).astype(band.dtype)
    inner = (slice(margin, -margin), slice(margin, -margin))
    truth = made.land[inner]
    stored[MASK] = scene_classes(majority(truth, 2 * finest, len(legend(LEGEND))))
    return Part(stored, majority(truth, finest, len(legend(LEGEND))))


# Classes of Sentinel-2's SCL layer: 4 vegetation, 5 not vegetated, 6 water.
_SCL_OF = {"Water": 6, "Built-up": 5, "Bare soil and rock": 5}


def scene_classes(truth: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """What Sentinel-2's scene classification would say."""
    table = np.array([_SCL_OF.get(name, 4) for name in legend(LEGEND).names], np.uint8)
    return np.asarray(table[truth])
