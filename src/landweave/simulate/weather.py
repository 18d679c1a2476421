"""Clouds, their shadows, and snow over a window of the world. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from landweave.simulate.kinds import kinds
from landweave.simulate.lattice import Axes, Plane, fractal, key, noise, rank
from landweave.simulate.reflectance import Sun, spectra
from landweave.simulate.region import Ground

_CLOUD_M, _OCTAVES = 3200.0, 6
_CLOUD_HEIGHT_M = 1500.0
# A cloud grows from nothing to its full thickness within this share of the field's range.
_EDGE = 0.09
_SHADOW = np.float32(0.62)


@dataclass(frozen=True)
class Weather:
    """What hides the ground, each as a share of 0-1 for every cell.

    Attributes:
        cloud: Opacity of the clouds.
        shadow: How much of the sun the clouds take away.
        snow: Share of the cell under snow.
    """

    cloud: Plane
    shadow: Plane
    snow: Plane


@dataclass(frozen=True)
class Sky:
    """What decides the weather of a scene: share of clouds, height from which on snow lies, the day and the sun."""

    cloud: float
    snow_m: float | None
    date: dt.date
    sun: Sun


def weather(ground: Ground, axes: Axes, seed: int, sky: Sky) -> Weather:
    """Clouds, shadows and snow over `axes`."""
    zeros = np.zeros(axes.shape, np.float32)
    if sky.cloud == 0:
        return Weather(zeros, zeros, _snow(ground, axes, seed, sky))
    number = key(seed, "clouds", sky.date)
    cloud = _thickness(axes, number, sky.cloud)
    away = _CLOUD_HEIGHT_M * np.tan(np.deg2rad(sky.sun.zenith_deg))
    azimuth = np.deg2rad(sky.sun.azimuth_deg)
    # What stands between a place and the sun lies toward the sun: y counts southward.
    toward = Axes(axes.x + away * np.sin(azimuth), axes.y - away * np.cos(azimuth), axes.cell_m)
    return Weather(cloud, _thickness(toward, number, sky.cloud), _snow(ground, axes, seed, sky))


def _thickness(axes: Axes, number: int, share: float) -> Plane:
    even = rank(fractal(axes, number, _CLOUD_M, _OCTAVES, 0.55), _OCTAVES, 0.55)
    # Half of the edge is thin enough to count as no cloud.
    return np.asarray(np.clip((even - np.float32(1 - share)) / np.float32(_EDGE) + np.float32(0.5), 0, 1))


def _snow(ground: Ground, axes: Axes, seed: int, sky: Sky) -> Plane:
    if sky.snow_m is None:
        return np.zeros(axes.shape, np.float32)
    ragged = (noise(axes, key(seed, "snow", sky.date), 180) - np.float32(0.5)) * np.float32(70)
    lies = np.clip((ground.height - np.float32(sky.snow_m) + ragged) / np.float32(30), 0, 1)
    held = np.array([_HOLDS.get(kind.land_class, 1.0) for kind in kinds().values()], np.float32)
    return np.asarray(lies * held[ground.kind])


# Crowns hide the snow below them, water and roads melt it.
_HOLDS = {"Coniferous forest": 0.35, "Broad-leaved forest": 0.6, "Shrubland": 0.8, "Water": 0.0, "Built-up": 0.7}


def hide(
    seen: Float32[np.ndarray, "b h w"], over: Weather, table: Float32[np.ndarray, "b m"]
) -> Float32[np.ndarray, "b h w"]:
    """Reflectance under `over`: snow on the ground, then shadow, then clouds before it. Changes `seen`."""
    known = spectra()
    for band in range(len(seen)):
        white, cloud = table[band, known.index("snow_old")], table[band, known.index("cloud")]
        below = seen[band] + (white - seen[band]) * over.snow
        below = below * (1 - _SHADOW * over.shadow)
        seen[band] = below + (cloud - below) * over.cloud
    return seen
