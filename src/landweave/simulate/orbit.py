"""Where a limb sounder on a polar orbit looks: one scan after the other along its track. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from landweave.simulate.lattice import uniform

_PER_DAY, _SPACING_KM = 14.3, 420.0
"""Orbits a day and the distance of scans (Sedona et al. 2020, section 2.1)."""
_REACHES_DEG = 87.0
"""How near to the south pole the track comes (section 2.1; 89 in the north)."""
_AROUND_KM = 40_030.0


@dataclass(frozen=True)
class Track:
    """Scans of one day in the order of time.

    Attributes:
        day: Which.
        time: UTC.
        latitude: Degrees north.
        longitude: Degrees east, -180 to below 180.
    """

    day: dt.date
    time: NDArray[np.datetime64]
    latitude: Float64[np.ndarray, " b"]
    longitude: Float64[np.ndarray, " b"]

    def every(self, thin: int) -> Track:
        """One of `thin` scans, spread evenly over all latitudes."""
        # Not every thin-th: orbits repeat, and the same latitudes would be seen again and again.
        seconds = (self.time - np.datetime64("2000-01-01", "s")).astype(np.int64)
        rows = uniform(thin, seconds) < 1 / thin
        return Track(self.day, self.time[rows], self.latitude[rows], self.longitude[rows])


def track(day: dt.date, from_deg: float) -> Track:
    """Scans of a day from `from_deg` on towards the pole on that side of the equator.

    The orbit is a circle that keeps its place to the sun, so that every place is passed at the same local time each
    day; the phase is counted from the year 2000 on, and days differ by three tenths of an orbit.
    """
    per_orbit = _AROUND_KM / _SPACING_KM
    start = (day.toordinal() - dt.date(2000, 1, 1).toordinal()) * _PER_DAY
    first = int(np.ceil(start * per_orbit))
    number = np.arange(first, int(np.ceil((start + _PER_DAY) * per_orbit)))
    orbits = number / per_orbit
    turn = 2 * np.pi * (orbits % 1)
    tilt = np.radians(180 - _REACHES_DEG)
    latitude = np.degrees(np.arcsin(np.sin(tilt) * np.sin(turn)))
    east = np.degrees(np.arctan2(np.cos(tilt) * np.sin(turn), np.cos(turn)))
    seconds = np.minimum(((orbits - start) / _PER_DAY * 86400).astype(np.int64), 86399)
    # The Earth turns below the orbit, which follows the sun.
    longitude = (east - 360 * seconds / 86400 + 180) % 360 - 180
    kept = latitude <= from_deg if from_deg < 0 else latitude >= from_deg
    time = np.datetime64(day, "s") + seconds.astype("timedelta64[s]")
    return Track(day, time[kept], latitude[kept], longitude[kept])


def angle_km(
    latitude: Float64[np.ndarray, " b"],
    longitude: Float64[np.ndarray, " b"],
    other_latitude: Float64[np.ndarray, "*c"] | float,
    other_longitude: Float64[np.ndarray, "*c"] | float,
) -> Float64[np.ndarray, " b"]:
    """Distance of places from another place on the ground, km."""
    a, b, c, d = (np.radians(angle) for angle in (latitude, longitude, other_latitude, other_longitude))
    cosine = np.sin(a) * np.sin(c) + np.cos(a) * np.cos(c) * np.cos(b - d)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)) * _AROUND_KM / (2 * np.pi))
