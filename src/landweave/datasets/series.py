"""Published series as points: every reader by name, parts dealt by blocks of land, legends from names."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int16, Int32
from numpy.typing import NDArray

from landweave.config import nearest
from landweave.datasets import eolearn, fields, landsat_pixels, modis, worldcereal
from landweave.datasets.points import Points, write_points
from landweave.datasets.raw import Raw
from landweave.errors import SeriesError
from landweave.legend import LandClass, Legend
from landweave.patches.sample import SPLITS
from landweave.patches.split import Fractions, deal_by_class
from landweave.provenance import write_record


@dataclass(frozen=True, slots=True)
class Published:
    """A data set of series.

    Attributes:
        read: Reads its folder.
        about: What it is.
    """

    read: Callable[[Path], Raw]
    about: str


SERIES: dict[str, Published] = {
    "sits-mt": Published(modis.read_mt, "2,115 MODIS series of Mato Grosso, 9 classes (sits)"),
    "sits-modis": Published(modis.read_4bands, "1,218 MODIS series, 4 bands, 4 classes (sits)"),
    "sits-ndvi": Published(modis.read_ndvi, "1,218 MODIS series of NDVI, 12 dates, 4 classes (sits)"),
    "sits-sinop": Published(modis.read_sinop, "NDVI and EVI of 40 x 40 MODIS pixels since 2000, no labels (sits)"),
    "sits-rasters": Published(modis.read_rasters, "NDVI of 12 MODIS dates at 18 places, 4 classes (sits)"),
    "bavaria-fields": Published(fields.read_means, "301 fields, 14 dates of Sentinel-2 means, crop codes (WorldCrops)"),
    "bavaria-images": Published(fields.read_images, "pixels of 20 fields, Sentinel-2 2018, 2 crops (WorldCrops)"),
    "cropharvest": Published(
        fields.read_cropharvest, "17 x 17 pixels, 12 months of Sentinel-2, no labels (CropHarvest)"
    ),
    "eolearn": Published(eolearn.read, "NDVI and clouds of 68 Sentinel-2 dates in Slovenia, land use (eo-learn)"),
    "worldcereal": Published(
        worldcereal.read_fields, "500 African fields, 12 months of Sentinel-2, crops (WorldCereal)"
    ),
    "worldcereal-cube": Published(
        worldcereal.read_cube, "100 x 100 pixels, 12 months, a model's cropland (WorldCereal)"
    ),
    "yatsm": Published(landsat_pixels.read, "5 x 5 pixels, 447 Landsat dates since 1984, no labels (YATSM)"),
}


def read_series(name: str, folder: Path, fractions: Fractions = (0.6, 0.2, 0.2), seed: int = 0) -> Points:
    """The series called `name`, with parts dealt by blocks, so that no block trains and tests.

    Raises:
        SeriesError: The name is unknown, or the folder does not hold what was published.
        SplitError: Fractions are none.
    """
    if name not in SERIES:
        raise SeriesError(f"a series called {name}", nearest(name, SERIES), "name one that landweave reads")
    try:
        raw = SERIES[name].read(folder)
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, SeriesError):
            raise
        raise SeriesError(
            f"{folder}, which cannot be read as {name}: {error}",
            f"the folder as it was published: {SERIES[name].about}",
            "fetch it again, or name another data set",
        ) from error
    return _points(name, raw, fractions, seed)


def import_series(name: str, folder: Path, out: Path, fractions: Fractions, seed: int) -> Points:
    """Write the series called `name` as samples.h5 at `out`, with its record beside it, and give it."""
    points = read_series(name, folder, fractions, seed)
    write_points(points, out)
    configuration = {"name": name, "fractions": fractions, "seed": seed, "identity": points.identity}
    write_record(out.with_name(out.name + ".json"), "series import", configuration)
    return points


def _points(name: str, raw: Raw, fractions: Fractions, seed: int) -> Points:
    names = tuple(raw.classes) or ("Unknown",)
    legend = named_legend(name, SERIES[name].about, names)
    block = np.unique(raw.block, return_inverse=True)[1].astype(np.int32)
    points = Points(
        values=np.where(raw.valid[..., None], raw.values, 0).astype(np.float32),
        valid=raw.valid,
        days=raw.days.astype(np.int32),
        label=raw.label.astype(np.int16),
        year=raw.year.astype(np.int16),
        x=raw.x.astype(np.float64),
        y=raw.y.astype(np.float64),
        block=block,
        part=np.zeros(len(raw.valid), np.uint8),
        sensor=raw.sensor,
        bands=raw.bands,
        unit="reflectance",
        pixel_size_m=raw.pixel_size_m,
        crs=raw.crs,
        legend=legend,
    )
    return replace(points, part=_parts(block, points.label, names, fractions, seed))


def _parts(
    block: Int32[np.ndarray, " n"],
    label: Int16[np.ndarray, " n"],
    names: Sequence[str],
    fractions: Fractions,
    seed: int,
) -> NDArray[np.uint8]:
    """The part of each point: blocks are dealt within the class that most of their points have."""
    most = {}
    for number in np.unique(block):
        found = label[(block == number) & (label >= 0)]
        most[f"{number:09d}"] = names[int(np.bincount(found).argmax())] if len(found) else ""
    dealt = deal_by_class(most, fractions, seed)
    return np.array([SPLITS.index(dealt[f"{number:09d}"]) for number in block], np.uint8)


def named_legend(name: str, source: str, names: Sequence[str]) -> Legend:
    """A legend of classes that have only names: ids from 1 on, colours around the circle."""
    colors = [colorsys.hls_to_rgb(place / len(names), 0.5, 0.6) for place in range(len(names))]
    shown = ["#" + "".join(f"{round(255 * part):02x}" for part in color) for color in colors]
    return Legend(name, source, tuple(LandClass(place + 1, each, shown[place]) for place, each in enumerate(names)))
