"""Simulated limb spectra of clouds with known truth: named databases, any of whose beginnings is the same."""

from __future__ import annotations

import importlib.resources
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat

from landweave.config import Config, check, nearest
from landweave.errors import ConfigError
from landweave.legend import IGNORE
from landweave.simulate.atmosphere import EDGES_KM, MIDDLES_KM, air, gases, temperature
from landweave.simulate.limb import REACH_KM, WIDE, View, noise_level, radiance, with_wide
from landweave.simulate.particles import NARROW, constituents, particle_optics
from landweave.spectra.brightness import planck
from landweave.spectra.clouds import CLOUDY_BELOW, cloud_index
from landweave.spectra.microwindows import CENTRES_PER_CM, CLASSES
from landweave.spectra.observations import LimbSpectra, concatenate

KINDS = tuple(constituents())
"""Kinds of particles in the order of their numbers."""
TOPS_KM = np.arange(12.5, 28.6, 0.5)
DEPTHS_KM = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
TANGENTS_KM = np.arange(12.0, 30.1, 1.0)
"""The paper's grids of cloud tops, cloud depths and tangent altitudes (section 2.2)."""
SMALL_UM = 2.0
"""NAT is small up to this median radius (section 2.2)."""
_BATCH = 512
# What decides the cloud index: the narrow microwindows in W1 and W4.
_DECIDES = np.flatnonzero((WIDE[[0, 3]] > 0).any(0))


class LimbWorld(Config):
    """A database of simulated limb spectra: everything that decides each number of it."""

    name: str
    """Its name with its version."""
    seed: int = 1
    """Chooses one of the databases that it can be."""
    num: int = Field(default=70_000, gt=0)
    """Spectra that it holds."""
    noise: FiniteFloat = Field(default=1, ge=0)
    """Noise, as a multiple of the instrument's."""
    temperature_sd_k: FiniteFloat = Field(default=0, ge=0)
    """Standard deviation of the air's temperature from one spectrum to the next."""
    below_sd_k: FiniteFloat = Field(default=0, ge=0)
    """The same of what sends light up from below."""
    gas_sd: FiniteFloat = Field(default=0, ge=0)
    """The same of the amount of each gas, in logarithms."""
    mixed: float = Field(default=0, ge=0, le=1)
    """Share of clouds of two kinds of particles."""
    between: bool = False
    """Volume densities, tops, depths and tangent altitudes lie between the grids' values too."""
    left_out: dict[str, float] = Field(default_factory=dict)
    """Radius of each kind of particles that is marked in the truth, to be left out of training."""


class _LimbFile(Config):
    """limbs.toml: simulated limb spectra."""

    limbs: dict[str, dict[str, Any]]
    """Databases by name; their keys are those of LimbWorld."""
    seasons: dict[str, dict[str, Any]]
    """Winters by name; their keys are those of SeasonWorld."""


@cache
def _file() -> _LimbFile:
    text = importlib.resources.files("landweave.simulate").joinpath("limbs.toml").read_text(encoding="utf-8")
    return check(_LimbFile, tomllib.loads(text), "limbs.toml")


def known_limbs() -> Mapping[str, Mapping[str, Any]]:
    """The databases of limbs.toml by name."""
    return _file().limbs


def known_seasons() -> Mapping[str, Mapping[str, Any]]:
    """The winters of limbs.toml by name."""
    return _file().seasons


def load_limb(name: str, seed: int | None = None, **overrides: Any) -> LimbWorld:
    """The database called `name`.

    Raises:
        ConfigError: There is none, or a key or value does not fit.
    """
    if name not in known_limbs():
        raise ConfigError(f"limb spectra {name}", nearest(name, known_limbs()), "name known limb spectra")
    chosen = {} if seed is None else {"seed": seed}
    return check(LimbWorld, {"name": name, **known_limbs()[name], **chosen, **overrides}, f"limb spectra {name}")


def database(name: str, num: int | None = None, seed: int | None = None) -> LimbSpectra:
    """Simulated spectra of a named database, all of them cloudy by their cloud index.

    The first spectra of a larger number are those of a smaller one. Times are not given, places are 0.

    Args:
        name: A database of limbs.toml.
        num: How many; the database's own number where left away.
        seed: Another seed than the database's own.

    Raises:
        ConfigError: There is no such database, or `num` is not above 0.
    """
    return make(load_limb(name, seed, **({} if num is None else {"num": num})))


def make(world: LimbWorld) -> LimbSpectra:
    """The spectra of a database, as `database` gives them."""
    parts: list[LimbSpectra] = []
    for batch in batches(world):
        parts.append(batch)
        if sum(map(len, parts)) >= world.num:
            break
    return concatenate(parts).select(slice(world.num))


def batches(world: LimbWorld) -> Iterator[LimbSpectra]:
    """The same spectra without end, a few hundred at a time."""
    number = 0
    while True:
        rng = np.random.default_rng([world.seed, number])
        clouds = draw(world, rng, _BATCH)
        yield observed(clouds, air_of(world, rng, len(clouds)), world.noise, rng, cloudy_only=True)
        number += 1


@dataclass(frozen=True)
class Clouds:
    """B clouds and the lines of sight that meet them.

    Attributes:
        kind: Number of the kind of particles, first and second.
        radius: Place of the median radius in particles.toml, first and second.
        volume: Volume density of both, um3/cm3; 0 where there is none.
        top_km: Upper edge.
        depth_km: From edge to edge.
        tangent_km: Lowest altitude of the line of sight.
        left_out: A radius that is marked.
    """

    kind: NDArray[np.intp]
    radius: NDArray[np.intp]
    volume: Float64[np.ndarray, "b 2"]
    top_km: Float64[np.ndarray, " b"]
    depth_km: Float64[np.ndarray, " b"]
    tangent_km: Float64[np.ndarray, " b"]
    left_out: Bool[np.ndarray, " b"]

    def __len__(self) -> int:
        return len(self.top_km)

    def take(self, rows: NDArray[Any]) -> Clouds:
        """Some of them."""
        return Clouds(**{name: array[rows] for name, array in vars(self).items()})

    def radius_um(self, which: int) -> Float64[np.ndarray, " b"]:
        """Median radius of the first or second kind."""
        return _table([entry.radius_um for entry in constituents().values()])[
            self.kind[:, which], self.radius[:, which]
        ]

    def label(self, which: int = 0) -> UInt8[np.ndarray, " b"]:
        """Place in CLASSES of the first or second kind, 255 where there is none."""
        names = np.array([CLASSES.index(name) if name in CLASSES else -1 for name in KINDS])[self.kind[:, which]]
        small = self.radius_um(which) <= SMALL_UM
        nat = np.where(small, CLASSES.index("nat_small"), CLASSES.index("nat_large"))
        found = np.where(names < 0, nat, names)
        return np.where(self.volume[:, which] > 0, found, IGNORE).astype(np.uint8)


@dataclass(frozen=True)
class Background:
    """The air of B lines of sight: temperature by shell, gases (one for all, or each its own), and what is below."""

    temperature_k: Float32[np.ndarray, "b k"]
    gas: Float32[np.ndarray, "c k l"]
    below: Float32[np.ndarray, "b l"]

    def take(self, rows: NDArray[Any]) -> Background:
        """That of some of the lines."""
        gas = self.gas if len(self.gas) == 1 else self.gas[rows]
        return Background(self.temperature_k[rows], gas, self.below[rows])


def draw(world: LimbWorld, rng: np.random.Generator, num: int) -> Clouds:
    """Clouds drawn from the grids, each combination as often as any other, but for those above which a line passes."""
    kinds = list(constituents().values())
    sizes = np.array([len(entry.radius_um) * len(entry.volume_density) for entry in kinds])
    first = rng.choice(len(kinds), num, p=sizes / sizes.sum())
    kind = np.stack([first, (first + rng.integers(1, len(kinds), num)) % len(kinds)], 1)
    radius = np.floor(rng.random((num, 2)) * np.array([len(entry.radius_um) for entry in kinds])[kind]).astype(np.intp)
    volume = _volume(kind, rng, world.between)
    volume[rng.random(num) >= world.mixed, 1] = 0
    # What there is more of gives the cloud its label.
    swap = volume[:, 1] > volume[:, 0]
    for pair in (kind, radius, volume):
        pair[swap] = pair[swap, ::-1]
    places = (_of(grid, rng, num, world.between) for grid in (TOPS_KM, DEPTHS_KM, TANGENTS_KM))
    top, depth, tangent = places
    marked = np.array([world.left_out.get(name, -1.0) for name in KINDS])
    clouds = Clouds(kind, radius, volume, top, depth, tangent, np.zeros(num, bool))
    held = [(clouds.radius_um(which) == marked[kind[:, which]]) & (volume[:, which] > 0) for which in (0, 1)]
    clouds = Clouds(kind, radius, volume, top, depth, tangent, held[0] | held[1])
    return clouds.take(tangent - REACH_KM < top)


def _volume(kind: NDArray[np.intp], rng: np.random.Generator, between: bool) -> Float64[np.ndarray, "b 2"]:
    grids = [entry.volume_density for entry in constituents().values()]
    u = rng.random(kind.shape)
    if not between:
        places = np.floor(u * np.array([len(grid) for grid in grids])[kind]).astype(np.intp)
        return np.asarray(_table(grids)[kind, places])
    low, high = (np.log([edge(grid) for grid in grids])[kind] for edge in (min, max))
    return np.asarray(np.exp(low + u * (high - low)))


def _of(
    grid: Float64[np.ndarray, " g"], rng: np.random.Generator, num: int, between: bool
) -> Float64[np.ndarray, " b"]:
    # Between the grid's values by evenly spread places on it: depths that double stay so.
    place = rng.random(num) * (len(grid) - 1) if between else rng.integers(0, len(grid), num)
    return np.asarray(np.interp(place, np.arange(len(grid)), grid))


def air_of(world: LimbWorld, rng: np.random.Generator, num: int) -> Background:
    """The air of `num` lines of sight: as gases.toml has it, or around that."""
    shift = world.temperature_sd_k * rng.standard_normal((num, 2))
    warm = temperature(MIDDLES_KM) + shift[:, :1] + 0.5 * shift[:, 1:] * (MIDDLES_KM - 20) / 8
    each, names = gases()
    if world.gas_sd:
        amounts = np.exp(world.gas_sd * rng.standard_normal((num, len(names)))).astype(np.float32)
        gas = np.tensordot(amounts, each, 1)
    else:
        gas = each.sum(0, keepdims=True)
    clear_k = air().below_k[0] + world.below_sd_k * rng.standard_normal(num)
    return Background(warm.astype(np.float32), gas, below(gas, clear_k))


def below(gas: Float32[np.ndarray, "c k l"], clear_k: Float64[np.ndarray, " b"]) -> Float32[np.ndarray, "b l"]:
    """Radiance that comes up into clouds: from the ground or lower clouds, or from the gases that hide them."""
    # The column above 8 km, ten times for what is denser below.
    hides = np.exp(-np.tensordot(np.diff(EDGES_KM).astype(np.float32), gas, (0, 1)) * 10)
    hidden_k = np.minimum(air().below_k[1], clear_k)[:, None]
    mean_k = hidden_k + (clear_k[:, None] - hidden_k) * hides
    return planck(mean_k, CENTRES_PER_CM[:NARROW]).astype(np.float32)


def observed(
    clouds: Clouds, background: Background, noise: float, rng: np.random.Generator, *, cloudy_only: bool
) -> LimbSpectra:
    """What the instrument measures of clouds in the air, with the truth beside it.

    Args:
        clouds: Clouds and lines of sight.
        background: Their air.
        noise: As a multiple of the instrument's.
        rng: For the noise.
        cloudy_only: Spectra whose cloud index, without or with noise, tells no cloud are left out.
    """
    view = _view(clouds, background)
    rows = np.arange(len(clouds))
    if cloudy_only:
        # The few microwindows that decide first: most of the work is in the others.
        few = np.zeros((len(view), NARROW), np.float32)
        few[:, _DECIDES] = radiance(view.at(_DECIDES))
        rows = np.flatnonzero(cloud_index(with_wide(few)) < CLOUDY_BELOW)
    seen = radiance(view.take(rows))
    seen += np.float32(noise) * noise_level() * rng.standard_normal(seen.shape, np.float32)
    found = _spectra(with_wide(seen), clouds.take(rows), background.temperature_k[rows])
    return found.select(cloud_index(found.radiance) < CLOUDY_BELOW) if cloudy_only else found


def _view(clouds: Clouds, background: Background) -> View:
    base = (clouds.top_km - clouds.depth_km)[:, None]
    inside = np.minimum(EDGES_KM[1:], clouds.top_km[:, None]) - np.maximum(EDGES_KM[:-1], base)
    filled = np.clip(inside / np.diff(EDGES_KM), 0, 1).astype(np.float32)
    absorbed, scattered = (np.zeros((len(clouds), NARROW), np.float32) for _ in range(2))
    for number, name in enumerate(KINDS):
        own = particle_optics(name)
        for which in (0, 1):
            rows = np.flatnonzero((clouds.kind[:, which] == number) & (clouds.volume[:, which] > 0))
            volume = clouds.volume[rows, which, None].astype(np.float32)
            absorbed[rows] += volume * own.absorption[clouds.radius[rows, which]]
            scattered[rows] += volume * own.scattering[clouds.radius[rows, which]]
    warm, gas, from_below = background.temperature_k, background.gas, background.below
    return View(CENTRES_PER_CM[:NARROW], clouds.tangent_km, warm, gas, filled, absorbed, scattered, from_below)


def _spectra(seen: Float32[np.ndarray, "b l"], clouds: Clouds, warm: Float32[np.ndarray, "b k"]) -> LimbSpectra:
    shell = np.clip(np.searchsorted(EDGES_KM, clouds.tangent_km, "right") - 1, 0, warm.shape[1] - 1)
    total = np.maximum(clouds.volume.sum(1), 1e-9)
    truth = {
        "temperature_k": warm[np.arange(len(warm)), shell],
        "cloud_top_km": clouds.top_km.astype(np.float32),
        "cloud_depth_km": clouds.depth_km.astype(np.float32),
        "radius_um": clouds.radius_um(0).astype(np.float32),
        "volume_density_um3_cm3": clouds.volume[:, 0].astype(np.float32),
        "second_class": clouds.label(1),
        "second_share": (clouds.volume[:, 1] / total).astype(np.float32),
        "left_out": clouds.left_out,
    }
    place = np.zeros(len(seen), np.float32)
    return LimbSpectra(
        radiance=seen,
        valid=np.ones(seen.shape, bool),
        time=np.full(len(seen), np.datetime64("NaT", "s")),
        latitude=place,
        longitude=place.copy(),
        tangent_altitude_km=clouds.tangent_km.astype(np.float32),
        label=clouds.label(),
        classes=CLASSES,
        truth=truth,
    )


def _table(rows: list[list[float]]) -> Float64[np.ndarray, "k n"]:
    """Lists of several lengths as one table; what is beyond a list's end is 0."""
    table = np.zeros((len(rows), max(map(len, rows))))
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table
