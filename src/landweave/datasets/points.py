"""Points: series of single pixels with their labels, in one HDF5 file. The one writer and the one reader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16, Int32, Int64, UInt8

from landweave.atomic import aside
from landweave.config import nearest
from landweave.errors import SeriesError
from landweave.legend import LandClass, Legend
from landweave.provenance import canonical

FORMAT = 1
PARTS = ("train", "validation", "test")
"""Names of the parts; `Points.part` of a point is the place in this list."""
NO_LABEL = -1
_ARRAYS = {
    "values": np.float32,
    "valid": np.bool_,
    "days": np.int32,
    "label": np.int16,
    "year": np.int16,
    "x": np.float64,
    "y": np.float64,
    "block": np.int32,
    "part": np.uint8,
    "labels_by_date": np.int16,
}
_MAKE = "make it again with landweave series label or landweave series import"


@dataclass(frozen=True, eq=False)
class Points:
    """Series of N pixels with T dates and C bands; shorter ones are padded at their end with dates that are not valid.

    Attributes:
        values: Physical values; 0 where not valid.
        valid: Which dates of a point are valid.
        days: Days since the first of January 1970, never falling along a point; padding repeats the last day.
        label: Index in the legend, -1 where nobody knows.
        year: The year that the label is of.
        x: Map coordinate, or place in the published order where there is none.
        y: The same.
        block: Number of the piece of land that the point lies on; a block is of one part.
        part: 0 for training, 1 for validation, 2 for test.
        sensor: Its name, or several with "+" between them.
        bands: Names of the values.
        unit: Of all values.
        pixel_size_m: Edge of a pixel on the ground.
        crs: What x and y mean; "" where nobody tells.
        legend: The classes.
        labels_by_date: Index in the legend at each date, -1 where nobody knows; None where labels are of whole series.
    """

    values: Float32[np.ndarray, "n t c"]
    valid: Bool[np.ndarray, "n t"]
    days: Int32[np.ndarray, "n t"]
    label: Int16[np.ndarray, " n"]
    year: Int16[np.ndarray, " n"]
    x: Float64[np.ndarray, " n"]
    y: Float64[np.ndarray, " n"]
    block: Int32[np.ndarray, " n"]
    part: UInt8[np.ndarray, " n"]
    sensor: str
    bands: tuple[str, ...]
    unit: str
    pixel_size_m: float
    crs: str
    legend: Legend
    labels_by_date: Int16[np.ndarray, "n t"] | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.values)

    def of_part(self, name: str) -> Int64[np.ndarray, " m"]:
        """Which points are of the part called `name`, in order.

        Raises:
            SeriesError: There is no part of that name.
        """
        if name not in PARTS:
            raise SeriesError(f"part {name}", nearest(name, PARTS), "name one of the parts")
        return np.flatnonzero(self.part == PARTS.index(name))

    def take(self, rows: Int64[np.ndarray, " m"] | Bool[np.ndarray, " n"]) -> Points:
        """Some of the points, in the order of `rows`."""
        return Points(**{name: value[rows] if name in _ARRAYS and value is not None else value
                         for name, value in vars(self).items() if name in _FIELDS})  # fmt: skip

    @cached_property
    def identity(self) -> str:
        """What changes when any number or name does: 64 digits."""
        digest = hashlib.sha256(canonical(_attributes(self)).encode())
        for name in _ARRAYS:
            if (array := getattr(self, name)) is not None:
                digest.update(f"{name}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


_FIELDS = {field.name for field in fields(Points)}


def write_points(points: Points, path: Path) -> None:
    """Write samples.h5, aside and renamed; same points, same bytes.

    Raises:
        OutputError: The place cannot be written.
    """
    with aside(path) as temporary, h5py.File(temporary, "w", libver="v110") as file:
        for name, kind in _ARRAYS.items():
            if (array := getattr(points, name)) is not None:
                # In pieces of a few hundred points, packed: most of a series under clouds is zeros. Not by LZF, whose
                # bytes depend on what lay in its memory before.
                chunks = (min(len(array), 256), *array.shape[1:]) if array.size else None
                packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if chunks else {}
                file.create_dataset(name, data=array.astype(kind, copy=False), chunks=chunks, **packed)
        file.attrs["format"] = FORMAT
        file.attrs["identity"] = points.identity
        for key, value in _attributes(points).items():
            file.attrs[key] = value if isinstance(value, str | float) else json.dumps(value, ensure_ascii=False)


def open_points(path: Path) -> Points:
    """The points of a samples.h5, all of them in memory.

    Raises:
        SeriesError: The file is missing, damaged, of another format, or its arrays contradict each other.
    """
    if not path.is_file():
        raise SeriesError(f"{path}, which is no file", "samples of series", _MAKE)
    try:
        with h5py.File(path, "r") as file:
            if (found := int(file.attrs["format"])) != FORMAT:
                raise SeriesError(f"{path} of format {found}", f"format {FORMAT}", "use the landweave that it is of")
            arrays = {name: file[name][...].astype(kind, copy=False) for name, kind in _ARRAYS.items() if name in file}
            attributes, told = _read(file.attrs), file.attrs["identity"]
        points = Points(**arrays, **attributes)
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, SeriesError):
            raise
        raise SeriesError(f"{path}, which cannot be read: {error}", "samples of series", _MAKE) from error
    if points.identity != told:
        raise SeriesError(f"{path}, whose numbers are not those that were written", "the whole file", _MAKE)
    return points


def join(parts: Sequence[Points]) -> Points:
    """Points one after the other, padded to the longest series.

    Raises:
        SeriesError: Sensors, bands, units, pixel sizes, CRS or legends differ, or there is nothing to join.
    """
    if not parts:
        raise SeriesError("no points to join", "at least one set of them", "take more places")
    first = parts[0]
    for other in parts[1:]:
        if (mine := _attributes(other)) != (its := _attributes(first)):
            wrong = [key for key in mine if mine[key] != its[key]]
            raise SeriesError(
                f"points whose {', '.join(wrong)} differ", f"{wrong[0]} {its[wrong[0]]} for all", "join what is alike"
            )
    longest = max(part.valid.shape[1] for part in parts)
    dated = all(part.labels_by_date is not None for part in parts)
    names = [name for name in _ARRAYS if name != "labels_by_date" or dated]
    arrays: dict[str, Any] = {name: np.concatenate([_padded(part, name, longest) for part in parts]) for name in names}
    return Points(**arrays, **{name: getattr(first, name) for name in _FIELDS - set(_ARRAYS)})


def _padded(points: Points, name: str, longest: int) -> Any:
    array, more = getattr(points, name), longest - points.valid.shape[1]
    if name not in _BY_DATE or not more:
        return array
    if name == "days":
        return np.concatenate([array, np.repeat(array[:, -1:], more, 1)], 1)
    empty = np.full((len(array), more, *array.shape[2:]), NO_LABEL if name == "labels_by_date" else 0, array.dtype)
    return np.concatenate([array, empty], 1)


_BY_DATE = ("values", "valid", "days", "labels_by_date")


def _attributes(points: Points) -> dict[str, Any]:
    legend = points.legend
    classes = [asdict(entry) for entry in legend.classes]
    return {
        "sensor": points.sensor,
        "bands": list(points.bands),
        "unit": points.unit,
        "pixel_size_m": float(points.pixel_size_m),
        "crs": points.crs,
        "legend": {"name": legend.name, "source": legend.source, "classes": classes},
    }


def _read(attributes: Mapping[str, Any]) -> dict[str, Any]:
    legend = json.loads(attributes["legend"])
    classes = tuple(LandClass(**entry) for entry in legend["classes"])
    return {
        "sensor": str(attributes["sensor"]),
        "bands": tuple(json.loads(attributes["bands"])),
        "unit": str(attributes["unit"]),
        "pixel_size_m": float(attributes["pixel_size_m"]),
        "crs": str(attributes["crs"]),
        "legend": Legend(legend["name"], legend["source"], classes),
    }


def _check(points: Points) -> None:
    num, num_dates, num_bands = points.values.shape
    for name in _ARRAYS:
        array = getattr(points, name)
        if array is None:
            continue
        shape = {"values": points.values.shape}.get(name, (num, num_dates) if name in _BY_DATE else (num,))
        if array.shape != shape:
            raise SeriesError(f"{name} of shape {array.shape}", f"{shape}, as the values", "give one entry a point")
    if num_bands != len(points.bands):
        raise SeriesError(f"{num_bands} values a date", f"one for each of {', '.join(points.bands)}", "name the bands")
    _check_content(points)


def _check_content(points: Points) -> None:
    if not len(points) or not points.valid.shape[1]:
        raise SeriesError(
            f"{len(points)} points with {points.valid.shape[1]} dates", "at least one point and one date", _MAKE
        )
    if (np.diff(points.days, axis=1) < 0).any():
        first = int(np.flatnonzero((np.diff(points.days, axis=1) < 0).any(1))[0])
        raise SeriesError(f"point {first}, whose days fall", "days in order", "sort its dates, values and labels")
    for name in ("label", "labels_by_date"):
        array = getattr(points, name)
        if array is not None and (array.min() < NO_LABEL or array.max() >= len(points.legend)):
            raise SeriesError(
                f"{name} from {array.min()} to {array.max()}",
                f"-1 to {len(points.legend) - 1}, places in the legend {points.legend.name}",
                "name the legend of these labels",
            )
    if points.part.max() >= len(PARTS):
        raise SeriesError(f"part {points.part.max()}", "0 train, 1 validation, 2 test", _MAKE)
    if not np.isfinite(points.values[points.valid]).all():
        raise SeriesError("valid values that are NaN or infinite", "finite values", "mark these dates as not valid")
