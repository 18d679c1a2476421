"""Reflectance of what stands on the ground: measured spectra, mixed by kind, season and object, seen by bands. Pure."""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from landweave.errors import SensorError
from landweave.sensors import Band
from landweave.simulate.kinds import Kind, kinds
from landweave.simulate.lattice import Axes, Plane, key, noise, normal, uniform
from landweave.simulate.region import Ground, Region

_HEAD = ("material", "kind", "title", "source")
# A Gaussian of full width w at half its maximum has the standard deviation w / 2.3548.
_WIDTH_TO_SIGMA = 1 / 2.3548


@dataclass(frozen=True)
class Spectra:
    """Reflectance of materials.

    Attributes:
        names: Of the materials.
        sources: Where each comes from.
        wavelength_nm: 400 to 2500 in steps of 10.
        values: One row a material.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    wavelength_nm: Float64[np.ndarray, " l"]
    values: Float64[np.ndarray, "m l"]

    def index(self, name: str) -> int:
        """Row of the material called `name`."""
        return self.names.index(name)


@cache
def spectra() -> Spectra:
    """The materials of spectra.csv."""
    text = importlib.resources.files("landweave.simulate").joinpath("spectra.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    head = {row[0]: tuple(row[1:]) for row in rows[: len(_HEAD)]}
    table = np.array(rows[len(_HEAD) :], np.float64)
    return Spectra(head["material"], head["source"], table[:, 0], table[:, 1:].T)


def seen_by(
    bands: Sequence[Band], published: Mapping[str, Float64[np.ndarray, " l"]] | None = None
) -> Float32[np.ndarray, "b m"]:
    """Reflectance of every material in every band: the mean under a Gaussian of the band's centre and width.

    Args:
        bands: What is seen with.
        published: By name of the band the weight of every wavelength of `spectra`, in place of the Gaussian.

    Raises:
        SensorError: A band has no wavelength or does not lie within 400-2500 nm.
    """
    found, known = spectra(), published or {}
    weights = [known[b.name] if b.name in known else _response(b, found.wavelength_nm) for b in bands]
    return np.stack([found.values @ weight for weight in weights]).astype(np.float32)


def _response(band: Band, wavelength_nm: Float64[np.ndarray, " l"]) -> Float64[np.ndarray, " l"]:
    if band.wavelength_nm is None or band.width_nm is None or not 400 <= band.wavelength_nm <= 2500:
        raise SensorError(
            f"band {band.name} at {band.wavelength_nm} nm", "a centre within 400-2500 nm and a width", "leave it away"
        )
    # Spectra stand every 10 nm: a band narrower than two steps is as wide as two.
    sigma = max(band.width_nm, 20.0) * _WIDTH_TO_SIGMA
    weight = np.exp(-0.5 * ((wavelength_nm - band.wavelength_nm) / sigma) ** 2)
    return np.asarray(weight / weight.sum())


@dataclass(frozen=True)
class Sun:
    """Where the sun stands: degrees from the zenith and clockwise from north."""

    zenith_deg: float
    azimuth_deg: float


@dataclass(frozen=True)
class Season:
    """When and under which sun the ground is seen, and what the bands see of every material (`seen_by`)."""

    day: float
    sun: Sun
    table: Float32[np.ndarray, "b m"]


def reflect(
    ground: Ground, axes: Axes, seed: int, regions: Sequence[Region], season: Season
) -> Float32[np.ndarray, "b h w"]:
    """Reflectance of every ground cell in every band.

    Args:
        ground: What stands there.
        axes: Where that is.
        seed: The world's seed.
        regions: What `ground.region` counts: their soils and how late their season is.
        season: Day of the year, sun and bands.
    """
    table = season.table
    whole = ground.region.astype(np.uint64) << np.uint64(16)
    whole = (whole | ground.soil) << np.uint64(8)
    whole = (whole | ground.kind) << np.uint64(32)
    objects, inverse = np.unique(whole | ground.owner, return_inverse=True)
    inverse = inverse.reshape(axes.shape).astype(np.int32)
    looks = _objects(objects, regions, season)
    light = shade(ground.east, ground.south, season.sun)
    opened = _opened(ground, axes, seed, looks.period_m[inverse])
    out = np.empty((len(table), *axes.shape), np.float32)
    for band in range(len(table)):
        full, gap = looks.full[band][inverse], looks.gap[band][inverse]
        out[band] = (full + (gap - full) * opened) * light
    return out


@dataclass(frozen=True)
class _Looks:
    full: Float32[np.ndarray, "b n"]
    gap: Float32[np.ndarray, "b n"]
    period_m: Float32[np.ndarray, " n"]


_SHADE = np.float32(0.22)


def _objects(objects: NDArray[np.uint64], regions: Sequence[Region], season: Season) -> _Looks:
    """Reflectance of every object, closed and in its gaps."""
    owner, kind, soil = objects.astype(np.uint32), _byte(objects, 32), _byte(objects, 40)
    of_region, table = _byte(objects, 56), season.table
    full, gap = np.empty((2, len(objects), len(table)), np.float32)
    for index, region in enumerate(regions):
        day = season.day - region.delay_days
        for number, entry in enumerate(kinds().values()):
            which = np.flatnonzero((kind == number) & (of_region == index))
            if which.size:
                below = _soils(region.soils, soil[which], owner[which], table)
                full[which], gap[which] = _mixture(entry, owner[which], below, table, day)
    period = np.float32(13) + np.float32(16) * uniform(owner, np.array(77))
    return _Looks(np.ascontiguousarray(full.T), np.ascontiguousarray(gap.T), period)


def _byte(objects: NDArray[np.uint64], shift: int) -> NDArray[np.uint8]:
    return (objects >> np.uint64(shift)).astype(np.uint8)


def _soils(
    soils: Sequence[str], soil: NDArray[np.uint8], owner: NDArray[np.uint32], table: Float32[np.ndarray, "b m"]
) -> Float32[np.ndarray, "n b"]:
    """The soil under every object: mostly its own, a little of a neighbour in the list, brighter where it is dry."""
    rows = table[:, [spectra().index(name) for name in soils]].T
    share = np.float32(0.35) * uniform(owner, np.array(31))[:, None]
    dry = np.exp(np.float32(0.16) * normal(owner, np.array(32)))[:, None]
    return np.asarray((rows[soil] * (1 - share) + rows[(soil + 1) % len(rows)] * share) * dry)


def _mixture(
    entry: Kind,
    owner: NDArray[np.uint32],
    soil: Float32[np.ndarray, "n b"],
    table: Float32[np.ndarray, "b m"],
    day: float,
) -> tuple[Float32[np.ndarray, "n b"], Float32[np.ndarray, "n b"]]:
    days = np.clip(day + entry.shift_days * normal(owner, np.array(11)), 1, 366)
    known = spectra()
    left = np.ones(len(owner), np.float32)
    total, weight = np.zeros_like(soil), np.zeros(len(owner), np.float32)
    for salt, (name, knots) in enumerate(entry.mix.items()):
        share = np.interp(days, entry.days, knots).astype(np.float32)
        left = left - share
        own = share * np.exp(np.float32(entry.vary) * normal(owner, np.array(40 + salt)))
        total = total + own[:, None] * table[:, known.index(name)]
        weight = weight + own
    left = np.maximum(left, 0)
    total = (total + left[:, None] * soil) / (weight + left)[:, None]
    gain = np.exp(np.float32(entry.gain) * normal(owner, np.array(12)))[:, None]
    total = total * gain
    match entry.gap:
        case "shade":
            return total, total * _SHADE
        case "soil":
            return total, soil
        case name:
            return total, np.broadcast_to(table[:, known.index(name)], total.shape) * gain


_SCALES_M = {"cell": 6.0, "fine": 18.0, "mid": 45.0, "broad": 150.0}
# Grain finer than this averages out within larger cells.
_GRAIN_BELOW_M = 2.0
# Standard deviation of `noise`: that of an even number in 0-1, less what joining nodes smooths away.
_NOISE_SD = 0.2


def _opened(ground: Ground, axes: Axes, seed: int, period_m: Plane) -> Plane:
    """Share of the gap that each cell shows."""
    textures = [kind.texture for kind in kinds().values()]
    total = np.array([texture.base for texture in textures], np.float32)[ground.kind]
    for name, spacing in _SCALES_M.items():
        strength = np.array([getattr(texture, name) for texture in textures], np.float32) / np.float32(_NOISE_SD)
        total += strength[ground.kind] * (noise(axes, key(seed, "texture", name), spacing) - np.float32(0.5))
    if axes.cell_m < _GRAIN_BELOW_M:
        grain = np.array([texture.cell for texture in textures], np.float32) * np.float32(1 / _NOISE_SD)
        total += grain[ground.kind] * (noise(axes, key(seed, "texture", "grain"), 1.4) - np.float32(0.5))
    rows = np.array([texture.rows for texture in textures], np.float32)
    total += rows[ground.kind] * np.sin(ground.across * np.float32(2 * np.pi) / period_m) * np.float32(1.4)
    return np.clip(total, 0, 1)


def shade(east: Plane, south: Plane, sun: Sun) -> Plane:
    """Light on slopes against light on level ground.

    Three quarters of the light come from the sun by the cosine of its angle on the slope, a quarter from the sky.

    Args:
        east: How much the ground rises to the east, per metre.
        south: The same to the south.
        sun: Where the sun stands.
    """
    zenith, azimuth = np.deg2rad(sun.zenith_deg), np.deg2rad(sun.azimuth_deg)
    toward_east, toward_south = np.sin(azimuth) * np.tan(zenith), -np.cos(azimuth) * np.tan(zenith)
    # The normal of a slope is (-east, -south, 1) over its length; level ground has the cosine of the zenith angle.
    cosine = (1 - east * np.float32(toward_east) - south * np.float32(toward_south)) / np.sqrt(1 + east**2 + south**2)
    return np.asarray(np.float32(0.25) + np.float32(0.75) * np.maximum(cosine, 0), np.float32)
