"""Cities: objects of many classes as a camera and an imaging spectrometer see them, strip by strip. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.resources
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pydantic import Field

from landweave.config import Config, check, nearest
from landweave.errors import ConfigError
from landweave.legend import LandClass, Legend
from landweave.sensors import Band, sensor
from landweave.simulate.lattice import Axes, Plane, cells, key, noise, normal
from landweave.simulate.observe import noisy, reach_cells, to_pixels
from landweave.simulate.reflectance import seen_by, spectra
from landweave.tiling import Window

RGB_M, HSI_M, CELL_M = 0.5, 1.0, 0.25
"""Pixels of the camera and of the spectrometer, and the ground cells that both are computed from."""
_STRIPE_M, _CROWN_M, _KERB_M = 1.5, 4.5, 1.0
_SHADE = 0.22
# Pictures for viewing are stretched by a square root so that this reflectance becomes white, as in scene.py.
_WHITE = 0.42
# The sun as a black body (IAU 2015 resolution B3: 5772 K, radius 695,700 km) at the mean distance of the Earth.
_SUN_K, _SUN_SR = 5772.0, math.pi * (695_700 / 149_597_871) ** 2
_PLANCK, _LIGHT, _BOLTZMANN = 6.62607015e-34, 299_792_458.0, 1.380649e-23
_ZENITH_DEG = 30.0


class CityClass(Config):
    """A class of a city."""

    name: str
    """Its name in the legend."""
    color: str
    """Its colour as #rrggbb."""
    first: dict[str, float]
    """What mostly shows: shares of materials of spectra.csv."""
    second: dict[str, float] = Field(default_factory=dict)
    """What shows beside it; left away, the first in shade."""
    share: float = Field(default=0.1, ge=0, le=1)
    """Share of the second."""
    pattern: Literal["even", "stripes", "crowns"] = "even"
    """Where the second shows: mixed finer than any pixel, in stripes of 1.5 m, or between crowns."""


class City(Config):
    """A simulated city: everything that decides each of its pixels."""

    name: str
    """Its name with its version; a change to a city makes a new version."""
    seed: int = 1
    """Chooses one of the cities that it can be."""
    edge_m: int = Field(gt=0, multiple_of=4)
    """Edge of the square that it covers."""
    object_m: float = Field(gt=0)
    """Mean distance of objects."""
    rgb: str
    """The camera, a sensor with digital numbers."""
    hsi: str
    """The spectrometer, a sensor with radiances."""
    date: dt.date
    """When both see it."""
    gain: float = Field(ge=0)
    """Standard deviation of an object's brightness, in logarithms."""
    wear: float = Field(ge=0)
    """Standard deviation of the share of an object's second material."""
    grain: float = Field(ge=0)
    """Standard deviation of the brightness from one ground cell to the next."""
    classes: list[CityClass] = Field(min_length=2)
    """What stands in it, each class equally often."""

    @property
    def legend(self) -> Legend:
        """Its classes, ids from 1 on."""
        entries = (LandClass(place, entry.name, entry.color) for place, entry in enumerate(self.classes, 1))
        return Legend(self.name, "landweave: the classes of a simulated city", tuple(entries))

    def grid(self, pixel_m: float) -> GeoBox:
        """Its grid in pixels of a size."""
        x, y = 300_000.0, 5_400_000.0
        box = x, y - self.edge_m, x + self.edge_m, y
        return GeoBox.from_bbox(box, "EPSG:32633", resolution=pixel_m)


class _CityFile(Config):
    """cities.toml: simulated cities."""

    cities: dict[str, dict[str, Any]]
    """Cities by name; their keys are those of City."""


@cache
def known_cities() -> Mapping[str, Mapping[str, Any]]:
    """The cities of cities.toml by name."""
    text = importlib.resources.files("landweave.simulate").joinpath("cities.toml").read_text(encoding="utf-8")
    return check(_CityFile, tomllib.loads(text), "cities.toml").cities


def load_city(name: str, seed: int | None = None, **overrides: Any) -> City:
    """The city called `name`.

    Raises:
        ConfigError: There is none, or a key or value does not fit.
    """
    if name not in known_cities():
        raise ConfigError(f"city {name}", nearest(name, known_cities()), "name a known city")
    chosen = {} if seed is None else {"seed": seed}
    return check(City, {"name": name, **known_cities()[name], **chosen, **overrides}, f"city {name}")


@dataclass(frozen=True)
class Strip:
    """What is seen and true of a strip of a city.

    Attributes:
        rgb: Numbers of the camera.
        hsi: Numbers of the spectrometer.
        truth: Class ids of the camera's pixels; 0 on borders between objects.
    """

    rgb: UInt8[np.ndarray, "3 h w"]
    hsi: NDArray[np.uint16]
    truth: UInt8[np.ndarray, "h w"]


def make_strip(city: City, row: int, height: int) -> Strip:
    """Rows of a city, counted in pixels of the spectrometer; the same come out for any strip that holds them."""
    ratio = round(HSI_M / CELL_M)
    margin = reach_cells(ratio)
    window = Window(row * ratio, 0, height * ratio, city.edge_m * ratio)
    axes = Axes.of(window.grow(margin), CELL_M)
    ground = _ground(city, axes)
    rgb = [_picture(city, ground, band, (row, margin)) for band in sensor(city.rgb).bands]
    hsi = [_radiance(city, ground, band, (row, margin)) for band in sensor(city.hsi).bands]
    half = round(RGB_M / CELL_M)
    inner = slice(margin, -margin)
    label = np.where(ground.edge_m < _KERB_M, 0, ground.label + 1).astype(np.uint8)[inner, inner]
    # The cell right of and below the middle: borders are not labelled, so that none is cut by it.
    return Strip(np.stack(rgb), np.stack(hsi), np.ascontiguousarray(label[half // 2 :: half, half // 2 :: half]))


@dataclass(frozen=True)
class _Ground:
    """Class index of every cell, its object, share of the second material, light, and distance to the next object."""

    label: NDArray[np.intp]
    second: Plane
    light: Plane
    edge_m: Plane


def _ground(city: City, axes: Axes) -> _Ground:
    found = cells(axes, key(city.seed, "objects"), city.object_m)
    of_class = found.uniform(key(city.seed, "class"))
    label = np.minimum((of_class * len(city.classes)).astype(np.intp), len(city.classes) - 1)[found.place]
    angle = found.uniform(key(city.seed, "angle"))[found.place] * np.float32(math.pi)
    u = np.cos(angle) * found.dx + np.sin(angle) * found.dy
    nodes_i, nodes_j = found.nodes_i, found.nodes_j
    worn = np.float32(city.wear) * normal(key(city.seed, "wear"), nodes_j, nodes_i)
    gain = np.exp(np.float32(city.gain) * normal(key(city.seed, "gain"), nodes_j, nodes_i))
    shares = np.array([entry.share for entry in city.classes], np.float32)
    share = np.clip(shares[label] * (1 + worn[found.place]), 0, 1)
    grain = 1 + np.float32(city.grain / 0.2) * (noise(axes, key(city.seed, "grain"), 0.6) - np.float32(0.5))
    return _Ground(label, _pattern(city, axes, label, share, u), gain[found.place] * grain, found.edge_m)


def _pattern(city: City, axes: Axes, label: NDArray[np.intp], share: Plane, u: Plane) -> Plane:
    """Share of the second material of every cell."""
    kind = np.array([("even", "stripes", "crowns").index(entry.pattern) for entry in city.classes])[label]
    phase = np.mod(u / np.float32(_STRIPE_M), 1)
    tops = noise(axes, key(city.seed, "crowns"), _CROWN_M)
    gaps = np.clip((np.float32(0.5) + (share - np.float32(0.35)) - tops) * 6 + np.float32(0.5), 0, 1)
    stripes = (phase < share).astype(np.float32)
    return np.asarray(np.select([kind == 1, kind == 2], [stripes, gaps], share), np.float32)


def _reflectance(city: City, ground: _Ground, band: Band) -> Plane:
    """Of every cell in one band."""
    # Spectra begin at 400 nm: what lies just below is as there.
    centre = max(band.wavelength_nm or 0.0, 400.0)
    seen = seen_by([dataclasses.replace(band, wavelength_nm=centre)])[0]
    first = np.array([_mixed(seen, entry.first) for entry in city.classes], np.float32)
    pairs = zip(city.classes, first.tolist(), strict=True)
    second = np.array([_mixed(seen, own.second) if own.second else _SHADE * value for own, value in pairs], np.float32)
    both = first[ground.label] * (1 - ground.second) + second[ground.label] * ground.second
    return np.asarray(both * ground.light)


def _mixed(seen: Float32[np.ndarray, " m"], mixture: Mapping[str, float]) -> float:
    known = spectra()
    return float(sum(share * seen[known.index(name)] for name, share in mixture.items()) / sum(mixture.values()))


def _pixels(
    city: City, values: Plane, band: Band, place: tuple[int, int], pixel_m: float
) -> Float32[np.ndarray, "h w"]:
    row, margin = place
    ratio = round(pixel_m / CELL_M)
    seen = to_pixels(values, ratio, margin)
    return noisy(seen, round(row * HSI_M / pixel_m), 0, city.seed, f"{city.name} {band.name}")


def _picture(city: City, ground: _Ground, band: Band, place: tuple[int, int]) -> UInt8[np.ndarray, "h w"]:
    seen = _pixels(city, _reflectance(city, ground, band), band, place, RGB_M)
    numbers = 255 * np.sqrt(np.maximum(seen, 0) / np.float32(_WHITE))
    return np.asarray(np.clip(np.rint(numbers), 1, 255), np.uint8)


def _radiance(city: City, ground: _Ground, band: Band, place: tuple[int, int]) -> NDArray[np.uint16]:
    seen = _pixels(city, _reflectance(city, ground, band), band, place, HSI_M)
    numbers = seen * np.float32(sunlight(band.wavelength_nm or 550.0) * math.cos(math.radians(_ZENITH_DEG)) / math.pi)
    return np.asarray(np.clip(np.rint(numbers), 1, np.iinfo(np.uint16).max), np.uint16)


def sunlight(wavelength_nm: float) -> float:
    """The sun's irradiance above the atmosphere in thousandths of uW/(cm2 nm), by Planck's law."""
    metres = wavelength_nm * 1e-9
    shines = 2 * _PLANCK * _LIGHT**2 / metres**5 / math.expm1(_PLANCK * _LIGHT / (metres * _BOLTZMANN * _SUN_K))
    # From W/(m2 m) to uW/(cm2 nm) are 1e6 * 1e-4 * 1e-9, and a thousand thousandths.
    return shines * _SUN_SR * 1e-7 * 1e3
