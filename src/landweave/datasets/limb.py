"""Limb spectra in files: the layout of ours in netCDF, HDF5 and CSV. The one writer and the one reader."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from numpy.typing import NDArray

from landweave.datasets.columns import Columns, read_columns, write_columns, write_csv
from landweave.errors import LandweaveError, SpectraError
from landweave.legend import IGNORE
from landweave.spectra.brightness import UNIT, planck, to_unit
from landweave.spectra.microwindows import MICROWINDOWS, NUM
from landweave.spectra.observations import LimbSpectra, concatenate

FORMAT, KIND = 1, "landweave limb spectra"
ROW, COLUMN = "spectrum", "microwindow"
"""Names of the dimensions."""
TRUTH = "truth_"
"""What names of columns of the truth begin with."""
_EDGES = ("lower", "upper")
_UNITS = {"latitude": "degrees_north", "longitude": "degrees_east", "tangent_altitude": "km"}
_SINCE, _NO_TIME = "seconds since 1970-01-01 00:00:00", np.iinfo(np.int64).min
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MAKE = "write it in the layout of docs/formats.md"
# No air sends more than a black body of 400 K: more is a fill value of which the file does not tell, such as 1e20.
_MOST = planck(np.full(NUM, 400.0))
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counts:
    """What was not as it should be in files that could still be read.

    Attributes:
        spectra: All that were read.
        missing: Radiances that are NaN, infinite, fill values or beyond a black body of 400 K: not valid.
        not_positive: Radiances that are 0 or less: valid, but without a brightness temperature.
        east_of_180: Longitudes from 180 to 360, made negative.
        out_of_order: Spectra that are earlier than the one before them in their file; their order is kept.
        without_time: Spectra that say no time.
    """

    spectra: int = 0
    missing: int = 0
    not_positive: int = 0
    east_of_180: int = 0
    out_of_order: int = 0
    without_time: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


_WORDS = {
    "missing": "radiances missing",
    "not_positive": "radiances of 0 or less",
    "east_of_180": "longitudes above 180",
    "out_of_order": "steps back in time",
}


def read(paths: Sequence[Path], rows: slice = slice(None)) -> LimbSpectra:
    """Spectra of files one after the other, in the order in which they stand there.

    What `Counts` counts is logged, file by file.

    Args:
        paths: Files in the layout of docs/formats.md.
        rows: Which spectra of each file.

    Raises:
        SpectraError: As `read_counted`.
        RadiometryError: As `read_counted`.
    """
    return read_counted(paths, rows)[0]


def read_counted(paths: Sequence[Path], rows: slice = slice(None)) -> tuple[LimbSpectra, Counts]:
    """The same, with the counts of what was mended or masked.

    Raises:
        SpectraError: A file is missing, damaged, of another layout, lacks a microwindow or has others; places cannot
            be; files differ in labels or truth; or there is no file.
        RadiometryError: The unit is not known, or not said.
    """
    parts: list[LimbSpectra] = []
    total = Counts()
    for path in paths:
        spectra, counts = _spectra(path, _columns(path, rows))
        wrong = {name: num for name, num in asdict(counts).items() if num and name not in ("spectra", "without_time")}
        if wrong:
            told = ", ".join(f"{num} {_WORDS[name]}" for name, num in wrong.items())
            _LOG.warning("%s: %d spectra, with %s", path, counts.spectra, told)
        parts.append(spectra)
        total += counts
    return concatenate(parts), total


def count(path: Path) -> int:
    """Number of spectra in a file whose microwindows, units and names of classes are such that it can be read.

    Raises:
        SpectraError: As `read`.
        RadiometryError: As `read`.
    """
    found = _columns(path, slice(0, 0))
    _spectra(path, found)
    return found.length


def facts(path: Path) -> Mapping[str, Any]:
    """What a file says of itself: title, source, whether it is simulated.

    Raises:
        SpectraError: As `read`.
    """
    return _columns(path, slice(0, 0), ("radiance",)).facts


def is_simulated(path: Path) -> bool:
    """Whether a file says that its spectra are simulated.

    Raises:
        SpectraError: As `read`.
    """
    # As text, because a CSV file knows no other: "0" is no.
    return str(facts(path).get("simulated", "")).lower() not in {"", "0", "false", "no"}


def _columns(path: Path, rows: slice, names: Sequence[str] | None = None) -> Columns:
    found = read_columns(path, (ROW, COLUMN), rows, names)
    if str(found.facts.get("kind")) != KIND or str(found.facts.get("format")) != str(FORMAT):
        raise SpectraError(
            f"{path} of kind {found.facts.get('kind', 'unknown')}, format {found.facts.get('format', 'unknown')}",
            f"kind {KIND}, format {FORMAT}",
            _MAKE,
        )
    return found


def _spectra(path: Path, found: Columns) -> tuple[LimbSpectra, Counts]:
    try:
        return _made(path, found)
    except LandweaveError as error:
        # What units and places refuse does not know of which file they are.
        if str(path) in error.given:
            raise
        raise type(error)(f"{path}: {error.given}", error.expected, error.do) from error


def _made(path: Path, found: Columns) -> tuple[LimbSpectra, Counts]:
    if packed := [name for name in found.about if {"scale_factor", "add_offset"} & set(found.about[name])]:
        raise SpectraError(
            f"{path} with {packed[0]} packed by a scale or an offset", "plain numbers", "unpack it before"
        )
    radiance, unit = _radiance(path, found)
    place = {name: _numbers(path, found, name) for name in ("latitude", "longitude", "tangent_altitude")}
    for name, expected in _UNITS.items():
        if (said := found.said(name, "units")) and said != expected:
            raise SpectraError(f"{path} with {name} in {said}", f"{name} in {expected}", "convert it before")
    radiance, valid = _measured(radiance, found.about.get("radiance", {}))
    radiance = to_unit(radiance, unit)
    valid &= radiance <= _MOST
    radiance = np.where(valid, radiance, np.float32(0))
    time = _time(path, found)
    east = (place["longitude"] >= 180) & (place["longitude"] <= 360)
    place["longitude"][east] -= 360
    label, classes = _label(path, found)
    truth = {name.removeprefix(TRUTH): _as_numbers(found.values[name], path, name)
             for name in found.values if name.startswith(TRUTH)}  # fmt: skip
    latitude, longitude, altitude = (place[name].astype(np.float32) for name in place)
    spectra = LimbSpectra(radiance, valid, time, latitude, longitude, altitude, label, classes, truth)
    told = time[~np.isnat(time)]
    return spectra, Counts(
        spectra=len(spectra),
        missing=int((~valid).sum()),
        not_positive=int((valid & (radiance <= 0)).sum()),
        east_of_180=int(east.sum()),
        out_of_order=int((np.diff(told) < np.timedelta64(0, "s")).sum()),
        without_time=len(time) - len(told),
    )


def _radiance(path: Path, found: Columns) -> tuple[Float[np.ndarray, "b l"], str]:
    """Radiances as they stand in the file, and their unit, once the microwindows are known to be these."""
    if found.about:
        values = _values(path, found, "radiance")
        edges = np.stack([_values(path, found, f"{COLUMN}_{name}") for name in _EDGES], 1).astype(float)
        _check_grid(path, edges)
        if values.ndim != 2 or values.shape[1] != NUM:
            raise SpectraError(f"{path} with radiance of shape {values.shape}", f"{NUM} microwindows a spectrum", _MAKE)
        return values.astype(np.result_type(values.dtype, np.float32), copy=False), found.said("radiance", "units")
    names = [name for name in found.values if _INTERVAL.fullmatch(name)]
    _check_grid(path, np.array([[float(edge) for edge in name.split("-")] for name in names]).reshape(-1, 2))
    table = [_as_numbers(found.values[name], path, name) for name in names]
    return np.stack(table, 1).astype(np.float64), str(found.facts.get("unit", ""))


_INTERVAL = re.compile(r"\d+(\.\d+)?-\d+(\.\d+)?")


def _check_grid(path: Path, edges: Float[np.ndarray, "m 2"]) -> None:
    expected = np.array([(window.lower_per_cm, window.upper_per_cm) for window in MICROWINDOWS])
    if edges.shape == expected.shape and (abs(edges - expected) < 1e-3).all():
        return
    near = abs(expected[:, None] - edges[None]).max(2) < 1e-3
    lacking = [f"{low:g}-{high:g}" for low, high in expected[~near.any(1)]]
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    without = f"without microwindow {', '.join(lacking[:3])}{more} cm-1"
    raise SpectraError(
        f"{path} {without if lacking else 'with microwindows in another order'}; it has {len(edges)}",
        f"the {NUM} microwindows of docs/methods/limb_spectra.md in their order",
        "average the spectra over these microwindows",
    )


def _measured(
    values: Float[np.ndarray, "b l"], about: Mapping[str, Any]
) -> tuple[Float32[np.ndarray, "b l"], Bool[np.ndarray, "b l"]]:
    missing = ~np.isfinite(values)
    for key in ("_FillValue", "missing_value"):
        if key in about:
            missing |= values == values.dtype.type(about[key])
    return np.where(missing, 0, values).astype(np.float32), ~missing


def _values(path: Path, found: Columns, name: str) -> NDArray[Any]:
    if name not in found.values:
        raise SpectraError(f"{path} without {name}", f"a column {name}", _MAKE)
    return found.values[name]


def _numbers(path: Path, found: Columns, name: str) -> Float[np.ndarray, " b"]:
    # A CSV file has no place for a unit but the name.
    short = name if name in found.values or found.about else {"tangent_altitude": "tangent_altitude_km"}.get(name, name)
    values = _as_numbers(_values(path, found, short), path, short).astype(np.float64)
    if values.ndim != 1:
        raise SpectraError(f"{path} with {short} of shape {values.shape}", "one value a spectrum", _MAKE)
    fill = found.about.get(name, {}).get("_FillValue")
    return values if fill is None else np.where(values == fill, np.nan, values)


def _as_numbers(values: NDArray[Any], path: Path, name: str) -> NDArray[Any]:
    """Numbers of a CSV file's text; an empty field is NaN."""
    if values.dtype.kind != "U":
        return values
    filled = np.where(values == "", "nan", values)
    try:
        return filled.astype(np.float64)
    except ValueError as error:
        wrong = str(error).rpartition("np.str_(")[2].removesuffix(")")
        raise SpectraError(f"{path} with {name} that is no number: {wrong}", "numbers", "mend the file") from error


def _time(path: Path, found: Columns) -> NDArray[np.datetime64]:
    values = _values(path, found, "time")
    if values.dtype.kind == "U":
        try:
            return np.where(values == "", "NaT", np.char.rstrip(values, "Z")).astype("datetime64[s]")
        except ValueError as error:
            raise SpectraError(f"{path} with a time that is none: {error}", "2009-06-14T12:00:00Z", _MAKE) from error
    said = re.fullmatch(
        r"(second|minute|hour|day)s? since (\d{4}-\d{2}-\d{2})([ T]00:00(:00)?Z?)?", found.said("time", "units")
    )
    if not said:
        raise SpectraError(
            f"{path} with time in {found.said('time', 'units') or 'no unit'}", _SINCE, "convert it before"
        )
    fill = found.about["time"].get("_FillValue", _NO_TIME)
    none = (values == fill) | ~np.isfinite(values.astype(np.float64))
    seconds = np.where(
        none, 0, values * (_SECONDS[said[1]] if values.dtype.kind == "f" else np.int64(_SECONDS[said[1]]))
    )
    time = np.datetime64(said[2], "s") + np.rint(seconds).astype("timedelta64[s]")
    return np.where(none, np.datetime64("NaT", "s"), time)


def _label(path: Path, found: Columns) -> tuple[UInt8[np.ndarray, " b"] | None, tuple[str, ...]]:
    if "label" not in found.values:
        return None, ()
    values = found.values["label"]
    classes = tuple((found.said("label", "flag_meanings") or str(found.facts.get("classes", ""))).split())
    if values.dtype.kind == "U":
        if unknown := sorted(set(values.tolist()) - {*classes, ""}):
            raise SpectraError(
                f"{path} with label {unknown[0]}", f"one of {', '.join(classes)}, or none", "mend the file"
            )
        table = {name: place for place, name in enumerate(classes)}
        return np.array([table.get(name, IGNORE) for name in values.tolist()], np.uint8), classes
    fill = found.about.get("label", {}).get("_FillValue", IGNORE)
    wrong = values[(values != fill) & ~np.isin(values, np.arange(len(classes)))]
    if wrong.size:
        known = f"0 to {len(classes) - 1}, places in flag_meanings, or {fill} for none"
        raise SpectraError(f"{path} with label {wrong[0]}", f"labels {known}", "mend the labels, or name all classes")
    return np.where(values == fill, IGNORE, values).astype(np.uint8), classes


def write(path: Path, spectra: LimbSpectra, attributes: Mapping[str, Any] | None = None) -> None:
    """Write spectra: CSV where the path ends so, else netCDF-4, which is HDF5 too. Same spectra, same bytes.

    Args:
        path: Where to.
        spectra: What. Radiances that are not valid become NaN.
        attributes: What else the file shall say of itself: "title", "source", "simulated".

    Raises:
        OutputError: The place cannot be written.
    """
    facts = {"kind": KIND, "format": FORMAT, "Conventions": "CF-1.8", **(attributes or {})}
    radiance = np.where(spectra.valid, spectra.radiance, np.float32(np.nan))
    if path.suffix == ".csv":
        write_csv(path, _as_text(spectra, radiance, facts))
        return
    values: dict[str, NDArray[Any]] = {"radiance": radiance}
    about: dict[str, Mapping[str, Any]] = {"radiance": {"units": UNIT, "_FillValue": np.float32(np.nan)}}
    for name in _EDGES:
        values[f"{COLUMN}_{name}"] = np.array([getattr(window, f"{name}_per_cm") for window in MICROWINDOWS])
        about[f"{COLUMN}_{name}"] = {"units": "cm-1"}
    values["time"], about["time"] = spectra.time.astype(np.int64), {"units": _SINCE, "_FillValue": np.int64(_NO_TIME)}
    for name, unit in _UNITS.items():
        values[name] = getattr(spectra, {"tangent_altitude": "tangent_altitude_km"}.get(name, name))
        about[name] = {"units": unit}
    if spectra.label is not None:
        values["label"] = spectra.label
        flags = {"flag_values": np.arange(len(spectra.classes), dtype=np.uint8)}
        about["label"] = {"flag_meanings": " ".join(spectra.classes), "_FillValue": np.uint8(IGNORE), **flags}
    for name, column in spectra.truth.items():
        values[TRUTH + name] = column.astype(np.uint8) if column.dtype == np.bool_ else column
    own = {"radiance": (ROW, COLUMN), **{f"{COLUMN}_{name}": (COLUMN,) for name in _EDGES}}
    dimensions = {name: own.get(name, (ROW,)) for name in values}
    write_columns(path, Columns(values, facts, about), dimensions, {ROW: len(spectra), COLUMN: NUM})


def _as_text(spectra: LimbSpectra, radiance: Float32[np.ndarray, "b l"], facts: Mapping[str, Any]) -> Columns:
    values: dict[str, Any] = {
        "time": ["" if np.isnat(time) else f"{time}Z" for time in spectra.time],
        "latitude": spectra.latitude.tolist(),
        "longitude": spectra.longitude.tolist(),
        "tangent_altitude_km": spectra.tangent_altitude_km.tolist(),
    }
    if spectra.label is not None:
        values["label"] = [spectra.classes[place] if place != IGNORE else "" for place in spectra.label]
    for place, window in enumerate(MICROWINDOWS):
        # As short as float32 can be told exactly.
        name = f"{window.lower_per_cm:g}-{window.upper_per_cm:g}"
        values[name] = ["" if np.isnan(value) else str(value) for value in radiance[:, place]]
    values |= {TRUTH + name: column.astype(float).tolist() for name, column in spectra.truth.items()}
    return Columns(values, {**facts, "unit": UNIT, "classes": " ".join(spectra.classes)})
