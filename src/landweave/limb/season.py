"""Area that clouds cover by day and altitude, from which observations have them. Pure.

Bins of 1 day x 1 km, smoothed over 3 days x 3 km, as in Figures 11 to 13 of Sedona et al. 2020 (Atmos. Meas. Tech. 13,
3661). The paper does not say how counts become areas; ours: in each of the six bands of 5 degrees from 60 degrees to
the pole, the share of the bin's observations that are of a class counts as the share of the band's area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Shaped, UInt8

from landweave.errors import SampleError
from landweave.legend import IGNORE

EDGES_DEG = np.arange(60.0, 91.0, 5.0)
"""Edges of the bands of latitude, north or south."""
_RADIUS_KM = 6371.0
# Tops of the bins: MIPAS was analysed from 15 to 30 km.
LOWEST_KM, HIGHEST_KM = 12, 31


@dataclass(frozen=True, eq=False)
class Coverage:
    """What clouds of each class cover.

    Attributes:
        days: Every day from the first to the last.
        altitude_km: Lower edges of the bins of 1 km.
        area: Million square kilometres of every class, day and bin; NaN where nothing was observed.
        seen: Share of the cap's area whose bands were observed.
    """

    days: Shaped[np.ndarray, " d"]
    altitude_km: Float64[np.ndarray, " a"]
    area: Float64[np.ndarray, "k d a"]
    seen: Float64[np.ndarray, "d a"]


def band_area() -> Float64[np.ndarray, " b"]:
    """Area of every band of latitude in million square kilometres."""
    return np.asarray(2e-6 * np.pi * _RADIUS_KM**2 * np.diff(np.sin(np.radians(EDGES_DEG))))


def coverage(
    time: Shaped[np.ndarray, " n"],
    latitude: Float32[np.ndarray, " n"],
    tangent_altitude_km: Float32[np.ndarray, " n"],
    index: UInt8[np.ndarray, " n"],
    num_classes: int,
) -> Coverage:
    """Area of every class by day and altitude, not smoothed.

    Args:
        time: When each was observed (datetime64), in any order.
        latitude: Degrees; those of the hemisphere that has more of them poleward of 60 degrees are used.
        tangent_altitude_km: How high.
        index: Class index; IGNORE where there is no cloud.
        num_classes: How many classes there are.

    Raises:
        SampleError: No observation lies poleward of 60 degrees between 12 and 31 km.
    """
    used = _used(latitude, tangent_altitude_km)
    days = time[used].astype("datetime64[D]")
    first, last = days.min(), days.max()
    day = (days - first).astype(np.int64)
    num_days = int((last - first).astype(np.int64)) + 1
    km = np.floor(tangent_altitude_km[used]).astype(np.int64) - LOWEST_KM
    band = np.minimum(((np.abs(latitude[used]) - EDGES_DEG[0]) // 5).astype(np.int64), len(EDGES_DEG) - 2)
    shape = (num_days, HIGHEST_KM - LOWEST_KM, len(EDGES_DEG) - 1)
    cell = np.ravel_multi_index((day, km, band), shape)
    every = _counts(cell, shape)
    area = band_area()
    by_class = np.stack([_counts(cell[index[used] == number], shape) for number in range(num_classes)])
    covered = (by_class / np.maximum(every, 1)) @ area
    seen = (every > 0) @ area
    covered[:, seen == 0] = np.nan
    altitude = np.arange(LOWEST_KM, HIGHEST_KM, dtype=np.float64)
    return Coverage(first + np.arange(num_days), altitude, covered, seen / area.sum())


def smoothed(area: Float64[np.ndarray, "k d a"], days: int = 3, km: int = 3) -> Float64[np.ndarray, "k d a"]:
    """Moving average over `days` x `km` bins around each; bins without observation are left out, and so are edges."""
    known = np.isfinite(area)
    total, num = (_moved(values, days, km) for values in (np.where(known, area, 0.0), known.astype(np.float64)))
    return np.where(num > 0, total / np.maximum(num, 1), np.nan)


def _moved(values: Float64[np.ndarray, "k d a"], days: int, km: int) -> Float64[np.ndarray, "k d a"]:
    """Sum of the box around each bin."""
    wide = np.pad(values, ((0, 0), (days // 2, days // 2), (km // 2, km // 2)))
    return np.asarray(np.lib.stride_tricks.sliding_window_view(wide, (days, km), axis=(1, 2)).sum((-2, -1)))


def _counts(cell: Int64[np.ndarray, " n"], shape: tuple[int, ...]) -> Int64[np.ndarray, "d a b"]:
    return np.asarray(np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape))


def _used(latitude: Float32[np.ndarray, " n"], altitude_km: Float32[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    inside = (np.abs(latitude) >= EDGES_DEG[0]) & (altitude_km >= LOWEST_KM) & (altitude_km < HIGHEST_KM)
    if not inside.any():
        raise SampleError(
            f"{len(latitude)} observations, none poleward of 60 degrees between {LOWEST_KM} and {HIGHEST_KM} km",
            "observations of a polar winter",
            "leave the season away, or give other spectra",
        )
    north = int((latitude[inside] > 0).sum())
    return np.asarray(inside & ((latitude > 0) == (2 * north >= int(inside.sum()))))


def on_day(
    time: Shaped[np.ndarray, " n"],
    day: np.datetime64,
    altitude_km: Float32[np.ndarray, " n"],
    lowest: float,
    highest: float,
) -> Bool[np.ndarray, " n"]:
    """Which were observed on `day` between `lowest` and `highest` km (18 and 22 in Figures 8 to 10)."""
    return np.asarray((time.astype("datetime64[D]") == day) & (altitude_km >= lowest) & (altitude_km <= highest))


def busiest_day(time: Shaped[np.ndarray, " n"], index: UInt8[np.ndarray, " n"]) -> np.datetime64:
    """The day on which most different classes were found, and of several that with most clouds."""
    days, place = np.unique(time.astype("datetime64[D]"), return_inverse=True)
    cloudy = index != IGNORE
    kinds = np.zeros((len(days), 256), np.int64)
    np.add.at(kinds, (place[cloudy], index[cloudy]), 1)
    return np.datetime64(days[np.lexsort((kinds.sum(1), (kinds > 0).sum(1)))[-1]])
