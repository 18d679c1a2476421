"""Two polar winters as a limb sounder sees them: air that cools and warms, and clouds where it is cold enough."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from landweave.config import Config, check, nearest
from landweave.errors import ConfigError
from landweave.legend import IGNORE
from landweave.simulate.atmosphere import MIDDLES_KM, temperature
from landweave.simulate.limb import REACH_KM
from landweave.simulate.orbit import Track, angle_km, track
from landweave.simulate.particles import constituents
from landweave.simulate.spectra import KINDS, Background, Clouds, LimbWorld, air_of, known_seasons, observed
from landweave.spectra.observations import LimbSpectra, concatenate

SCAN_KM = (15.0, 16.5, 18.0, 19.5, 21.0, 22.5, 24.5, 26.5, 28.5, 30.0)
"""Tangent altitudes of a scan between 15 and 30 km, as MIPAS had them from 2005 on, nearly."""
_FROM_DEG = 60.0
_ICE, _NAT, _STS = KINDS.index("ice"), KINDS.index("nat"), KINDS.index("sts_1")
# Frost point at 20 km and how it falls with altitude; NAT and STS stand that much above it (Carslaw et al. 1995 by
# section 4.3.2 of the paper: STS 1 near 189 K, STS 2 near 192 K, STS 3 near 195 K at about 20 km).
_FROST_K, _FROST_PER_KM = 185.5, -0.8
_NAT_ABOVE_K, _STS_ABOVE_K = 8.0, (3.5, 5.5, 8.0)
# By the end of a winter water and nitric acid have sunk out with the particles.
_DRIED_K = 1.5
_LAYERS_KM = np.arange(12.25, 29.0, 0.5)


class Mountains(Config):
    """A day on which waves behind mountains cool the air."""

    date: dt.date
    """When."""
    latitude: float
    """Where."""
    longitude: float
    """Where."""
    reach_km: float = Field(gt=0)
    """How far from there it is colder."""
    colder_k: float = Field(ge=0)
    """By how much."""


class Winter(Config):
    """A winter over one pole."""

    name: str
    """south or north."""
    first: dt.date
    """First day."""
    last: dt.date
    """Last day."""
    coldest: dt.date
    """Day on which the vortex is coldest."""
    coldest_k: FiniteFloat
    """Temperature in its middle at 20 km on that day."""
    ends_k: FiniteFloat
    """The same two and a half months before or after."""
    edge_deg: float = Field(gt=0)
    """Distance of its edge from its middle."""
    waves_k: float = Field(ge=0)
    """Standard deviation of the temperature by waves that travel around the pole."""
    displaced_deg: float = Field(ge=0)
    """Distance of its middle from the pole."""
    nat_from: dt.date
    """Day about which the first NAT forms."""
    mountains: list[Mountains] = Field(default_factory=list)
    """Days with waves behind mountains."""

    @property
    def pole(self) -> int:
        """-1 for the south, 1 for the north."""
        return -1 if self.name == "south" else 1


class SeasonWorld(Config):
    """Simulated limb spectra of winters: everything that decides each number of them."""

    name: str
    """Its name with its version."""
    seed: int = 1
    """Chooses one of the winters that it can be."""
    noise: FiniteFloat = Field(default=1, ge=0)
    """Noise, as a multiple of the instrument's."""
    below_sd_k: FiniteFloat = Field(default=0, ge=0)
    """Standard deviation of the temperature of what sends light up from below."""
    gas_sd: FiniteFloat = Field(default=0, ge=0)
    """The same of the amount of each gas, in logarithms."""
    mixed: float = Field(default=0, ge=0, le=1)
    """Share of clouds of two kinds of particles."""
    thin: int = Field(default=1, ge=1)
    """Every how many scans of the orbit are kept."""
    winters: list[Winter] = Field(min_length=1)
    """Its winters."""

    def winter(self, name: str) -> Winter:
        """The winter called `name`.

        Raises:
            ConfigError: There is none.
        """
        names = [winter.name for winter in self.winters]
        if name not in names:
            raise ConfigError(f"winter {name}", nearest(name, names), "name a winter of this world")
        return self.winters[names.index(name)]


def load_season(name: str, seed: int | None = None, **overrides: Any) -> SeasonWorld:
    """The winters called `name`.

    Raises:
        ConfigError: There are none, or a key or value does not fit.
    """
    if name not in known_seasons():
        raise ConfigError(f"winters {name}", nearest(name, known_seasons()), "name known winters")
    chosen = {} if seed is None else {"seed": seed}
    return check(SeasonWorld, {"name": name, **known_seasons()[name], **chosen, **overrides}, f"winters {name}")


def season(name: str, winter: str, seed: int | None = None, thin: int | None = None) -> Iterator[LimbSpectra]:
    """Simulated spectra of a winter, day by day, in the order of time; labels are those of the clouds that are met.

    Args:
        name: Winters of limbs.toml.
        winter: south or north.
        seed: Another seed than the world's own.
        thin: Every how many scans are kept.

    Raises:
        ConfigError: There are no such winters.
    """
    world = load_season(name, seed, **({} if thin is None else {"thin": thin}))
    return (day_of(world, world.winter(winter), day) for day in days(world.winter(winter)))


def days(winter: Winter) -> list[dt.date]:
    """The days of a winter."""
    return [winter.first + dt.timedelta(number) for number in range((winter.last - winter.first).days + 1)]


def day_of(world: SeasonWorld, winter: Winter, day: dt.date) -> LimbSpectra:
    """What is measured on one day poleward of 60 degrees, clear air too; the same whatever other days are made."""
    rng = np.random.default_rng([world.seed, winter.pole + 1, day.toordinal()])
    seen = track(day, winter.pole * _FROM_DEG).every(world.thin)
    warm = air_over(world.seed, winter, seen)
    clouds = clouds_in(world, winter, seen, warm, rng)
    # One cloud a scan, and all tangent altitudes of the scan look at it.
    lines = np.repeat(np.arange(len(seen.latitude)), len(SCAN_KM))
    height = np.tile(SCAN_KM, len(seen.latitude)) + 0.3 * rng.standard_normal(len(seen.latitude))[lines]
    met = replace(clouds.take(lines), tangent_km=height)
    own = LimbWorld(name=world.name, below_sd_k=world.below_sd_k, gas_sd=world.gas_sd)
    air = air_of(own, rng, len(seen.latitude))
    background = Background(warm.astype(np.float32)[lines], air.gas[lines], air.below[lines])
    spectra = concatenate(
        [
            observed(met.take(part), background.take(part), world.noise, rng, cloudy_only=False)
            for part in np.array_split(np.arange(len(lines)), max(len(lines) // 1024, 1))
        ]
    )
    sees = (met.volume[:, 0] > 0) & (height - REACH_KM < met.top_km)
    return replace(
        spectra,
        time=seen.time[lines],
        latitude=seen.latitude[lines].astype(np.float32),
        longitude=seen.longitude[lines].astype(np.float32),
        label=np.where(sees, met.label(), IGNORE).astype(np.uint8),
    )


@dataclass(frozen=True)
class _Moment:
    """How far a winter is: -1 and 1 two and a half months before and after its coldest day; days since then."""

    phase: float
    day: Float64[np.ndarray, " b"]


def _moment(winter: Winter, seen: Track) -> _Moment:
    since = (seen.time - np.datetime64(winter.coldest, "s")) / np.timedelta64(86400, "s")
    return _Moment((seen.day - winter.coldest).days / 75, since)


def air_over(seed: int, winter: Winter, seen: Track) -> Float64[np.ndarray, "b k"]:
    """Temperature of the air above each scan, by shell, K.

    A cold vortex around a middle that wanders about the pole, with waves; coldest at an altitude that sinks through
    the winter. Above and below that it becomes the air of gases.toml.
    """
    now = _moment(winter, seen)
    rng = np.random.default_rng([seed, winter.pole + 1])
    wander = 2 * np.pi * (now.day / 25 + rng.random())
    middle = winter.pole * (90 - winter.displaced_deg), np.degrees(wander) % 360
    apart = angle_km(seen.latitude, seen.longitude, *middle) / 111.2
    core = winter.coldest_k + (winter.ends_k - winter.coldest_k) * np.minimum(now.phase**2, 2.5)
    outside = np.maximum(core + 8, 214.0 - 6 * np.exp(-(now.phase**2)))
    at_20 = core + (outside - core) * (1 - np.exp(-((apart / winter.edge_deg) ** 4)))
    at_20 = at_20 + winter.waves_k * _waves(rng, seen, now)
    for one in winter.mountains:
        if seen.day == one.date:
            near = angle_km(seen.latitude, seen.longitude, one.latitude, one.longitude) / one.reach_km
            at_20 = at_20 - one.colder_k * np.exp(-(near**2))
    height = 21.5 - 2.5 * now.phase
    shape = 9 * (np.abs(MIDDLES_KM - height) / 6.5) ** 2
    cold = at_20[:, None] + shape - 9 * (abs(20 - height) / 6.5) ** 2
    # The vortex is told from the air around by its cold alone, where that is; elsewhere the profile is the usual one.
    weight = np.exp(-((np.abs(MIDDLES_KM - height) / 9.0) ** 4))
    return np.asarray(weight * cold + (1 - weight) * temperature(MIDDLES_KM))


def _waves(rng: np.random.Generator, seen: Track, now: _Moment) -> Float64[np.ndarray, " b"]:
    """Waves around the pole, of variance 1."""
    total = np.zeros(len(seen.latitude))
    for number in (1, 2, 3, 4, 6):
        speed, start, slant = rng.normal(0, 0.25), rng.random(), rng.normal(0, 2)
        turn = number * seen.longitude / 360 + speed * now.day + start + slant * np.abs(seen.latitude) / 90
        # Longitudes meet at the pole, where a wave must be 0.
        total += np.sin(2 * np.pi * turn) * np.cos(np.radians(seen.latitude)) ** 0.5
    return np.asarray(total / np.sqrt(5 / 2 * 0.4))


def clouds_in(
    world: SeasonWorld, winter: Winter, seen: Track, warm: Float64[np.ndarray, "b k"], rng: np.random.Generator
) -> Clouds:
    """The cloud over each scan: what is stable in its coldest layer, as deep as it is cold. No volume is no cloud."""
    now = _moment(winter, seen)
    air = np.array([np.interp(_LAYERS_KM, MIDDLES_KM, row) for row in warm]).reshape(-1, len(_LAYERS_KM))
    dried = _DRIED_K * np.clip((now.phase + 0.5) / 1.5, 0, 1)
    frost = _FROST_K - dried + _FROST_PER_KM * (_LAYERS_KM - 20)
    above = air - frost
    coldest = above.argmin(1)
    least = above[np.arange(len(above)), coldest]
    nucleated = rng.random(len(least)) < _nat_share(winter, seen)
    kind = np.select(
        [least < 0, nucleated & (least < _NAT_ABOVE_K - 1), *(least < limit for limit in _STS_ABOVE_K)],
        [_ICE, _NAT, _STS, _STS + 1, _STS + 2],
        -1,
    )
    limit = np.where(kind == _NAT, _NAT_ABOVE_K, _STS_ABOVE_K[-1])
    top, base = _extent(above < limit[:, None], coldest)
    return _clouds(world, kind, least, (top, np.minimum(top - base, 8.0)), rng)


def _nat_share(winter: Winter, seen: Track) -> float:
    """Share of air that is cold enough for NAT and has had time to form some."""
    since = (seen.day - winter.nat_from).days
    return float(0.6 / (1 + np.exp(-since / 4)))


def _extent(
    cold: NDArray[np.bool_], coldest: NDArray[np.intp]
) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]]:
    """Upper and lower edge of the run of cold layers around the coldest one, km."""
    places = np.arange(cold.shape[1])
    upper = np.where(~cold & (places > coldest[:, None]), places, cold.shape[1]).min(1)
    lower = np.where(~cold & (places < coldest[:, None]), places, -1).max(1)
    return _LAYERS_KM[upper - 1] + 0.25, _LAYERS_KM[lower + 1] - 0.25


def _clouds(
    world: SeasonWorld,
    kind: NDArray[np.intp],
    least: Float64[np.ndarray, " b"],
    extent: tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"]],
    rng: np.random.Generator,
) -> Clouds:
    num = len(kind)
    # Beside ice and NAT there may be STS, beside STS there may be NAT.
    other = np.where(kind >= _STS, _NAT, _STS + rng.integers(0, 2, num))
    pair = np.stack([np.maximum(kind, 0), other], 1)
    radius = np.floor(rng.random((num, 2)) * _num_radii()[pair]).astype(np.intp)
    spread = np.exp(0.5 * rng.standard_normal(num))
    grown = np.select(
        [kind == _ICE, kind == _NAT], [15 * np.exp(-0.6 * np.minimum(least, 0)), 2.0], 0.6 * np.exp(0.45 * (7 - least))
    )
    volume = np.zeros((num, 2))
    low, high = _volumes()[:, kind]
    volume[:, 0] = np.where(kind < 0, 0, np.clip(grown * spread, low, high))
    mixed = (rng.random(num) < world.mixed) & (kind >= 0)
    volume[:, 1] = np.where(mixed, volume[:, 0] * rng.uniform(0.1, 0.5, num), 0)
    top, depth = extent
    return Clouds(pair, radius, volume, top, depth, np.zeros(num), np.zeros(num, bool))


def _num_radii() -> NDArray[np.int64]:
    return np.array([len(entry.radius_um) for entry in constituents().values()])


def _volumes() -> Float64[np.ndarray, "2 k"]:
    """Least and most volume density of each kind of particles."""
    grids = [entry.volume_density for entry in constituents().values()]
    return np.array([[min(grid) for grid in grids], [max(grid) for grid in grids]])
