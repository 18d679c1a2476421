"""A series: which scenes of a place, on which grid, with which bands. The writer and the reader of series.json."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landweave.atomic import write_text
from landweave.errors import SensorError, SeriesError
from landweave.provenance import fingerprint
from landweave.raster.catalog import read_catalog
from landweave.raster.dates import check_sorted, days
from landweave.raster.scene import Scene

FORMAT = 1
_SELECT = "make it with landweave series select CATALOG -o series.json"


@dataclass(frozen=True, slots=True)
class Dated:
    """One scene of a series.

    Attributes:
        id: Its name in the catalog.
        sensor: Its sensor's name.
        date: The day on which it was taken.
        year: The year whose series it belongs to.
        cloud: The share of clouds that its catalog tells, 0-1, or None.
        pair: The number of its pair: scenes of several years with one number are of about the same day of the year.
    """

    id: str
    sensor: str
    date: dt.date
    year: int
    cloud: float | None = None
    pair: int | None = None


@dataclass(frozen=True)
class Series:
    """Scenes of one place by date, as series.json names them.

    Attributes:
        catalog: Where the scenes are told of.
        grid: The pixels of everything that is made from the series.
        bands: What each of its values is called: the bands of the sensor, or names that all its sensors share.
        sensor_bands: For each sensor its own names of `bands`, in that order.
        scenes: By date, no date twice.
        unit: Of all values.
    """

    catalog: Path
    grid: GeoBox
    bands: tuple[str, ...]
    sensor_bands: Mapping[str, tuple[str, ...]]
    scenes: tuple[Dated, ...]
    unit: str = "reflectance"

    def __post_init__(self) -> None:
        if not self.scenes:
            raise SeriesError("a series without a scene", "at least one", "select more years or allow more clouds")
        check_sorted(days(self.dates), np.array([f"{scene.date} ({scene.id})" for scene in self.scenes]))
        for scene in self.scenes:
            if len(self.sensor_bands.get(scene.sensor, ())) != len(self.bands):
                raise SensorError(
                    f"scene {scene.id} of {scene.sensor} without names for {', '.join(self.bands)}",
                    "for each sensor its own name of every band",
                    _SELECT,
                )

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Days of all scenes, in order, as datetime64[D]."""
        return np.array([scene.date for scene in self.scenes], "datetime64[D]")

    @property
    def years(self) -> tuple[int, ...]:
        """Years that have a scene, in order."""
        return tuple(sorted({scene.year for scene in self.scenes}))

    @property
    def sensor(self) -> str:
        """The sensor of all scenes; where they are mixed, the names of all."""
        return "+".join(sorted({scene.sensor for scene in self.scenes}))

    @property
    def bands_of(self) -> list[tuple[str, ...]]:
        """For each scene the names of its bands, as `mapping.source.series_pixels` takes them."""
        return [tuple(self.sensor_bands[scene.sensor]) for scene in self.scenes]

    @cached_property
    def identity(self) -> str:
        """What changes when the series does: 64 digits of its scenes, bands and grid, wherever its files lie."""
        values = _values(self)
        return fingerprint({key: values[key] for key in values if key != "catalog"})

    def of_year(self, year: int) -> Series:
        """The series of one year alone.

        Raises:
            SeriesError: It has no scene.
        """
        if year not in self.years:
            raise SeriesError(
                f"the year {year}", f"one of {', '.join(map(str, self.years))}", "name a year of the series"
            )
        return replace(self, scenes=tuple(scene for scene in self.scenes if scene.year == year))

    def open_scenes(self) -> list[Scene]:
        """The scenes themselves, in order.

        Raises:
            CatalogError: The catalog cannot be read.
            SeriesError: It lacks a scene.
        """
        known = {scene.id: scene for scene in read_catalog(self.catalog)}
        if missing := [scene.id for scene in self.scenes if scene.id not in known]:
            raise SeriesError(
                f"{self.catalog} without {', '.join(missing[:3])} and {max(len(missing) - 3, 0)} more",
                "the catalog that the series was selected from",
                _SELECT,
            )
        return [known[scene.id] for scene in self.scenes]


def write_series(series: Series, path: Path) -> None:
    """Write series.json, aside and renamed; `open_series` gives an equal series.

    Raises:
        OutputError: The place cannot be written.
    """
    values = _values(series)
    # Relative, so that a folder with catalog and series can be moved.
    values["catalog"] = os.path.relpath(series.catalog.resolve(), path.resolve().parent)
    write_text(path, json.dumps({"format": FORMAT, **values}, indent=1, ensure_ascii=False) + "\n")


def open_series(path: Path) -> Series:
    """The series of a series.json.

    Raises:
        SeriesError: The file is missing, of another format, or its scenes are not in order.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise SeriesError(f"{path} of format {values['format']}", f"format {FORMAT}", "use the landweave it is of")
        return _series(values, path.resolve().parent)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, SeriesError | SensorError):
            raise
        raise SeriesError(f"{path}, which cannot be read: {error}", "a series of landweave", _SELECT) from error


def grid_values(grid: GeoBox) -> dict[str, Any]:
    """A grid as JSON holds it; `grid_of_values` gives an equal one."""
    crs = None if grid.crs is None else str(grid.crs)
    return {"crs": crs, "transform": [float(v) for v in grid.affine[:6]], "shape": list(grid.shape)}


def grid_of_values(values: Mapping[str, Any]) -> GeoBox:
    """The grid that `grid_values` gave."""
    height, width = values["shape"]
    return GeoBox((height, width), Affine(*values["transform"]), values["crs"])


def _values(series: Series) -> dict[str, Any]:
    return {
        "catalog": str(series.catalog),
        "grid": grid_values(series.grid),
        "bands": list(series.bands),
        "sensor_bands": {name: list(bands) for name, bands in sorted(series.sensor_bands.items())},
        "unit": series.unit,
        "scenes": [{**asdict(scene), "date": scene.date.isoformat()} for scene in series.scenes],
    }


def _series(values: Mapping[str, Any], folder: Path) -> Series:
    return Series(
        Path(os.path.normpath(folder / values["catalog"])),
        grid_of_values(values["grid"]),
        tuple(values["bands"]),
        {name: tuple(bands) for name, bands in values["sensor_bands"].items()},
        _scenes(values["scenes"]),
        values["unit"],
    )


def _scenes(entries: Sequence[Mapping[str, Any]]) -> tuple[Dated, ...]:
    return tuple(Dated(**{**entry, "date": dt.date.fromisoformat(entry["date"])}) for entry in entries)
