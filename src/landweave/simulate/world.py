"""Worlds: named, versioned landscapes with known truth, any part of which can be made alone."""

from __future__ import annotations

import datetime as dt
import importlib.resources
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float32, UInt8
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pydantic import Field, FiniteFloat, field_validator, model_validator
from pyproj.exceptions import CRSError

from landweave.config import Config, check, nearest, read_toml
from landweave.errors import ConfigError
from landweave.sensors import Sensor, sensor
from landweave.simulate.landscape import ground
from landweave.simulate.lattice import Axes, cells, hashed, key, noise
from landweave.simulate.mistakes import OldMap
from landweave.simulate.reflectance import Season, reflect
from landweave.simulate.region import EPOCH, Ground, Place, Region, chosen
from landweave.tiling import Window

PIXEL_M = 10.0
"""Pixel size of truth maps."""
CELLS = 3
"""Ground cells along a pixel's edge, for pixels of 5 m and more."""


class SceneTable(Config):
    """One acquisition, as a table [[worlds.NAME.scenes]] says it."""

    sensor: str = "sentinel-2-l2a"
    """Name of the sensor in sensors.toml."""
    date: dt.date
    """When it is taken."""
    cloud: float = Field(default=0, ge=0, le=1)
    """Share of the scene under clouds."""
    snow_m: float | None = None
    """Height above the valleys from which on snow lies; left away where there is none."""
    gap: float = Field(default=0, ge=0, le=1)
    """Share of the scene without data, beyond the edge of the swath."""
    window_px: tuple[int, int, int, int] | None = None
    """Row, column, height and width of what it covers, in pixels of 10 m; the whole world where left away."""


class World(Config):
    """A simulated world: everything that decides each of its pixels."""

    name: str
    """Its name with its version ("demo-1"); a change to a world makes a new version."""
    seed: int = 1
    """Chooses one of the landscapes that the world can be."""
    height_px: int = Field(gt=0, multiple_of=6)
    """Height in pixels of 10 m."""
    width_px: int = Field(gt=0, multiple_of=6)
    """Width in pixels of 10 m."""
    crs: str = "EPSG:32633"
    """Coordinate system, in metres."""
    corner: tuple[FiniteFloat, FiniteFloat] = (499_980.0, 5_400_000.0)
    """Its north-west corner (x, y)."""
    regions: list[Region] = Field(default_factory=lambda: [Region()], min_length=1)
    """How its parts look; they alternate in squares."""
    region_km: FiniteFloat = Field(default=6, gt=0)
    """Edge of such a square."""
    first: dt.date = dt.date(2017, 1, 1)
    """First day of what happens in it: felling, building."""
    last: dt.date = dt.date(2024, 12, 31)
    """Last day of it."""
    late: float = Field(default=0, ge=0, le=1)
    """Share of it that happens in November and December, beyond what happens there by chance."""
    year_end: bool = False
    """Truth maps are of the last day of each year, not of its last scene."""
    season_days: FiniteFloat = Field(default=0, ge=0)
    """Standard deviation, from year to year, of when spring and harvest come."""
    shift_m: FiniteFloat = Field(default=0, ge=0)
    """Standard deviation of the error of a scene's position, to the east and to the north."""
    instruments: bool = False
    """Sensors have published spectral responses, a point spread and noise of their own, and look from an angle."""
    crops: bool = False
    """What grows on each field is among the truth, in legend simulated-crops."""
    residual: FiniteFloat = Field(default=0, ge=0)
    """What the correction of the atmosphere leaves, as a multiple of what Sentinel-2's specification allows."""
    scenes: list[SceneTable] = Field(min_length=1)
    """What is taken of it."""
    old_map: OldMap | None = None
    """A wrong map of an earlier day; left away where there is none."""

    @field_validator("crs")
    @classmethod
    def _in_metres(cls, crs: str) -> str:
        try:
            in_metres = CRS(crs).units == ("metre", "metre")
        except CRSError as error:
            raise ValueError(f"a CRS, for example EPSG:32633: {error}") from error
        if not in_metres:
            raise ValueError("a CRS in metres, for example EPSG:32633")
        return crs

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first >= self.last:
            raise ValueError("first must be before last")
        if any(wrong := [s.window_px for s in self.scenes if s.window_px and not self._holds(s.window_px)]):
            raise ValueError(f"window_px {wrong[0]} must lie in the world, its sides at multiples of 6")
        return self

    def _holds(self, window_px: tuple[int, int, int, int]) -> bool:
        window = Window(*window_px)
        return window.num_pixels > 0 and window.clip(self.window) == window and not any(v % 6 for v in window_px)

    @property
    def window(self) -> Window:
        """All of it, in pixels of its grid."""
        return Window.of((self.height_px, self.width_px))

    @property
    def grid(self) -> GeoBox:
        """The grid of its truth maps."""
        return self.grid_of(PIXEL_M)

    def grid_of(self, pixel_size_m: float) -> GeoBox:
        """Its grid in pixels of another size."""
        x, y = self.corner
        high, wide = self.height_px * PIXEL_M, self.width_px * PIXEL_M
        return GeoBox.from_bbox((x, y - high, x + wide, y), self.crs, resolution=pixel_size_m)


def cell_m(finest_m: float) -> float:
    """Edge of the ground cells that a sensor with such finest pixels is computed from."""
    return finest_m / (CELLS if finest_m >= 5 else 2)


def sensor_of(scene: SceneTable) -> Sensor:
    """The sensor that takes the scene."""
    return sensor(scene.sensor)


def ground_of(world: World, axes: Axes, date: dt.date) -> Ground:
    """What stands on the cells of `axes` at a date."""
    period = (world.first - EPOCH).days, (world.last - EPOCH).days
    of = region_of(world, axes)
    made: Ground | None = None
    for index in np.unique(of):
        other = ground(Place(world.seed, world.regions[index], period, world.late), axes, date)
        other.region[:] = index
        made = other if made is None else chosen(of == index, other, made)
    assert made is not None
    return made


def region_of(world: World, axes: Axes) -> UInt8[np.ndarray, "h w"]:
    """Index of the region of each cell."""
    if len(world.regions) == 1:
        return np.zeros(axes.shape, np.uint8)
    bend = tuple((noise(axes, key(world.seed, "regions", side), 2500) - np.float32(0.5)) * 1500 for side in "xy")
    found = cells(axes, key(world.seed, "regions"), world.region_km * 1000, (bend[0], bend[1]))
    # Neighbours along a row differ: which region comes first in a row is the hash's choice.
    order = hashed(key(world.seed, "rows"), found.nodes_j).astype(np.int64) + found.nodes_i
    return np.asarray((order % len(world.regions)).astype(np.uint8)[found.place])


def reflect_of(world: World, made: Ground, axes: Axes, season: Season) -> Float32[np.ndarray, "b h w"]:
    """Reflectance of the ground in every band."""
    return reflect(made, axes, world.seed, world.regions, season)


class _WorldFile(Config):
    """A TOML file of worlds."""

    worlds: dict[str, dict[str, Any]]
    """Worlds by name; their keys are those of World."""


@cache
def known_worlds() -> Mapping[str, Mapping[str, Any]]:
    """The worlds of worlds.toml and pairs.toml by name."""
    found: dict[str, Mapping[str, Any]] = {}
    for name in ("worlds.toml", "pairs.toml"):
        text = importlib.resources.files("landweave.simulate").joinpath(name).read_text(encoding="utf-8")
        found |= check(_WorldFile, tomllib.loads(text), name).worlds
    return found


def load_world(name: str, seed: int | None = None, file: Path | None = None, **overrides: Any) -> World:
    """The world called `name`.

    Args:
        name: A world of worlds.toml, or of `file`.
        seed: Another seed than the world's own.
        file: A user's own TOML with tables [worlds.NAME].
        overrides: Other values for the world's keys.

    Raises:
        ConfigError: There is no such world, or a key or value does not fit.
    """
    known = check(_WorldFile, read_toml(file), str(file)).worlds if file else known_worlds()
    if name not in known:
        raise ConfigError(f"world {name}", nearest(name, known), "name a known world, or give its TOML with --worlds")
    chosen = {} if seed is None else {"seed": seed}
    return check(World, {"name": name, **known[name], **chosen, **overrides}, f"world {name}")


def truth_dates(world: World) -> list[dt.date]:
    """The days of the truth maps: of the last scene of every year, or of its last day where `year_end`."""
    years = {scene.date.year for scene in world.scenes}
    if world.year_end:
        return [dt.date(year, 12, 31) for year in sorted(years)]
    return sorted(max(scene.date for scene in world.scenes if scene.date.year == year) for year in years)
