"""Indices of real limb observations as published: cloud and NAT index, place and a label, no spectra."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from numpy.typing import NDArray

from landweave.errors import SpectraError
from landweave.legend import IGNORE

COLUMNS = ("date", "ci", "ni", "lon", "lat", "sun_elev", "htang", "labels_bc")
_RANGES = {"lat": (-90, 90), "lon": (-180, 360), "sun_elev": (-90, 90), "htang": (-10, 200)}
_INDICES = (0, 100)
_AS = "take the file as published, with the columns " + ",".join(COLUMNS)


@dataclass(frozen=True, eq=False)
class ObservedIndices:
    """Observations, one a row.

    Attributes:
        day: datetime64[D]; a time of day is not told.
        cloud_index: NaN where none was published.
        nat_index: The same.
        latitude: Degrees north.
        longitude: Degrees east, -180 to below 180.
        sun_elevation_deg: Of the sun above the horizon.
        tangent_altitude_km: Of the line of sight's lowest point.
        label: Id that the published table calls labels_bc, of which nobody tells the meaning; 255 where there is none.
        num_east: Longitudes from 180 to 360 that were made negative.
        num_missing: Rows without an index.
    """

    day: Shaped[np.ndarray, " b"]
    cloud_index: Float32[np.ndarray, " b"]
    nat_index: Float32[np.ndarray, " b"]
    latitude: Float32[np.ndarray, " b"]
    longitude: Float32[np.ndarray, " b"]
    sun_elevation_deg: Float32[np.ndarray, " b"]
    tangent_altitude_km: Float32[np.ndarray, " b"]
    label: UInt8[np.ndarray, " b"]
    num_east: int = 0
    num_missing: int = 0

    def __len__(self) -> int:
        return len(self.day)


def read(path: Path) -> ObservedIndices:
    """The observations of a table.

    Raises:
        SpectraError: The file is missing, lacks a column, has a row that is cut, or a value that cannot be.
    """
    table = _table(path)
    numbers = {name: _numbers(path, name, table[name]) for name in COLUMNS[1:]}
    for name, (low, high) in _RANGES.items():
        _inside(path, name, numbers[name], low, high)
    for name in ("ci", "ni"):
        known = numbers[name][np.isfinite(numbers[name])]
        _inside(path, name, known, *_INDICES)
    east = numbers["lon"] >= 180
    longitude = np.where(east, numbers["lon"] - 360, numbers["lon"])
    return ObservedIndices(
        day=_days(path, table["date"]),
        cloud_index=numbers["ci"].astype(np.float32),
        nat_index=numbers["ni"].astype(np.float32),
        latitude=numbers["lat"].astype(np.float32),
        longitude=longitude.astype(np.float32),
        sun_elevation_deg=numbers["sun_elev"].astype(np.float32),
        tangent_altitude_km=numbers["htang"].astype(np.float32),
        label=_labels(path, numbers["labels_bc"]),
        num_east=int(east.sum()),
        num_missing=int((~np.isfinite(numbers["ci"]) | ~np.isfinite(numbers["ni"])).sum()),
    )


def _table(path: Path) -> dict[str, list[str]]:
    if not path.is_file():
        raise SpectraError(f"{path}, which is no file", "a table of cloud and NAT indices", "check the path")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = [row for row in csv.reader(file) if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SpectraError(f"{path}, which cannot be read: {error}", "a table as text", _AS) from error
    if lacking := [name for name in COLUMNS if name not in header]:
        raise SpectraError(f"{path} without {', '.join(lacking)}", f"columns {', '.join(COLUMNS)}", _AS)
    cut = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if cut or not rows:
        told = f"line {cut[0]} of another length" if cut else "no rows"
        raise SpectraError(f"{path} with {told}", "rows with a value for each column", _AS)
    return {name: [row[header.index(name)] for row in rows] for name in COLUMNS}


def _numbers(path: Path, name: str, texts: Sequence[str]) -> NDArray[np.float64]:
    try:
        return np.array([float(text) if text.strip() else np.nan for text in texts])
    except ValueError as error:
        raise SpectraError(f"{path} with {name} that is no number: {error}", "numbers", "mend the table") from error


def _inside(path: Path, name: str, values: NDArray[np.float64], low: float, high: float) -> None:
    outside = values[~((values >= low) & (values <= high))]
    if len(outside):
        raise SpectraError(
            f"{path} with {name} {outside[0]:g} ({len(outside)} such rows)", f"{name} from {low} to {high}", _AS
        )


def _days(path: Path, texts: Sequence[str]) -> NDArray[np.datetime64]:
    try:
        found = np.array([text.strip() for text in texts], "datetime64[D]")
    except ValueError as error:
        raise SpectraError(f"{path} with a date that is none: {error}", "2008-08-29", "mend the table") from error
    if np.isnat(found).any():
        raise SpectraError(f"{path} with a row without date", "2008-08-29", "mend the table")
    return found


def _labels(path: Path, values: NDArray[np.float64]) -> UInt8[np.ndarray, " b"]:
    known = values[np.isfinite(values)]
    if (wrong := known[(known != np.rint(known)) | (known < 0) | (known >= IGNORE)]).size:
        raise SpectraError(f"{path} with labels_bc {wrong[0]:g}", "ids 0, 1, 2, ...", _AS)
    return np.where(np.isfinite(values), values, IGNORE).astype(np.uint8)
