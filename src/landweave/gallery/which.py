"""Sensor S, place X, time T: which model? Answered from the images of galleries that lie nearest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas
import pyproj
from jaxtyping import Float64

from landweave.errors import GalleryError
from landweave.gallery.images import IMAGES, Gallery, open_gallery
from landweave.gallery.models import Models, open_models

_DAYS_OF_YEAR = 365.25
_NEAREST = 25
# A season's worth of days weighs as much as so many kilometres: land changes its look with either.
_KM_PER_DAY = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Which model to use, and what that rests on.

    Attributes:
        gallery: The gallery.
        bucket: The bucket that most of the images near by belong to.
        card: Folder of its card.
        is_own: Whether that is a card of the bucket's own, not mono.
        share: Share of those images that belong to it.
        num_images: How many were looked at.
        distance_km: From the place to the nearest of them.
        days: Median distance of their day of the year from the day asked for.
    """

    gallery: Path
    bucket: int
    card: Path
    is_own: bool
    share: float
    num_images: int
    distance_km: float
    days: float

    def describe(self) -> list[str]:
        """The answer in lines for people."""
        kind = "a card of its own" if self.is_own else "mono"
        return [
            f"{self.card}",
            f"bucket {self.bucket} of {self.gallery}, {kind}: {self.share:.0%} of the {self.num_images} images nearest",
            f"the nearest lies {self.distance_km:.1f} km away; {self.days:.0f} days of the year apart",
        ]


def which(folders: Sequence[Path], sensor: str, place: tuple[float, float], date: dt.date | None = None) -> Answer:
    """The model that serves a place best, told from the 25 images nearest in space and season; it reads no pixel.

    Where pixels are at hand the router looks at them (`gallery.route`), which knows better.

    Args:
        folders: Galleries with models.
        sensor: Name of the sensor.
        place: Longitude and latitude in degrees.
        date: The day; None asks for any season.

    Raises:
        GalleryError: No gallery is of that sensor, or none has images whose place is known.
    """
    every = [(gallery, open_models(gallery)) for gallery in map(open_gallery, folders)]
    fitting = [(gallery, models) for gallery, models in every if models.mono["sensor"] == sensor]
    if not fitting:
        known = ", ".join(sorted({str(models.mono["sensor"]) for _, models in every}))
        raise GalleryError(
            f"sensor {sensor} for {len(folders)} galleries", f"a sensor that one is of: {known}", "name another gallery"
        )
    return min((_answer(*pair, place, date) for pair in fitting), key=lambda answer: (answer.distance_km, answer.days))


def _answer(gallery: Gallery, models: Models, place: tuple[float, float], date: dt.date | None) -> Answer:
    frame = gallery.table()
    frame = frame[(frame["sensor"] == models.mono["sensor"]) & (frame["crs"] != "")]
    if frame.empty or frame.crs is None:
        raise GalleryError(
            f"{gallery.folder / IMAGES} without an image whose place is known",
            "images with a CRS",
            "take the card from the gallery's models.json, or build it from scenes with a georeference",
        )
    km, days = _kilometres(frame, place), _days(frame, date)
    near = np.argsort(km + _KM_PER_DAY * days, kind="stable")[:_NEAREST]
    buckets = frame["bucket"].to_numpy()[near]
    counts = np.bincount(buckets)
    bucket = int(counts.argmax())
    share = float(counts[bucket] / len(near))
    card, is_own = models.card_of(bucket), models.has_own(bucket)
    nearest = float(km[near].min()), float(np.median(days[near]))
    return Answer(gallery.folder, bucket, card, is_own, share, len(near), *nearest)


def _kilometres(frame: geopandas.GeoDataFrame, place: tuple[float, float]) -> Float64[np.ndarray, " n"]:
    """From the place to the middle of every image, on the ellipsoid."""
    middles = frame.geometry.to_crs("EPSG:6933").centroid.to_crs("EPSG:4326")
    num = len(frame)
    lon, lat = np.full(num, place[0]), np.full(num, place[1])
    metres = pyproj.Geod(ellps="WGS84").inv(lon, lat, middles.x.to_numpy(), middles.y.to_numpy())[2]
    return np.asarray(metres, np.float64) / 1000


def _days(frame: geopandas.GeoDataFrame, date: dt.date | None) -> Float64[np.ndarray, " n"]:
    """How far each image's day of the year is from that of `date`; 0 where either is not known."""
    if date is None:
        return np.zeros(len(frame))
    told = pandas.to_datetime(frame["datetime"], errors="coerce", utc=True, format="ISO8601")
    apart = np.abs(told.dt.day_of_year.to_numpy(np.float64) - date.timetuple().tm_yday)
    return np.asarray(np.nan_to_num(np.minimum(apart, _DAYS_OF_YEAR - apart)))
