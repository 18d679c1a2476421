"""Columns with units as netCDF, HDF5 and CSV files hold them: what any of these formats says, as one value."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file

from landweave.atomic import aside
from landweave.errors import SpectraError

_HDF5, _CLASSIC = b"\x89HDF\r\n\x1a\n", b"CDF"
_HIDDEN = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties"}
_MAKE = "write it in the layout of docs/formats.md, or name another file"


@dataclass(frozen=True, eq=False)
class Columns:
    """What a file holds.

    Attributes:
        values: Arrays by name. Those of a CSV file are of text.
        facts: What the file says of itself.
        about: The same of each array: units, fill value, meanings.
        length: Number of rows in the file, whichever of them were read.
    """

    values: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    length: int = 0

    def said(self, name: str, key: str) -> str:
        """What the file says of an array; "" where it does not."""
        return str(self.about.get(name, {}).get(key, ""))


def read_columns(
    path: Path, dimensions: tuple[str, str], rows: slice = slice(None), names: Iterable[str] | None = None
) -> Columns:
    """Everything in a file, whichever of the three formats it has.

    Args:
        path: A netCDF file (classic or 4), an HDF5 file, or a CSV file with lines "# key: value" before its header.
        dimensions: Names of that of rows and that of columns.
        rows: Which of them.
        names: Which arrays; all where left away.

    Raises:
        SpectraError: The file is missing, damaged, or of another kind.
    """
    if not path.is_file():
        raise SpectraError(f"{path}, which is no file", "a file of limb spectra", "check the path")
    wanted = None if names is None else frozenset(names)
    try:
        return _reader(path)(path, dimensions, rows, wanted)
    except (OSError, KeyError, ValueError, TypeError, IndexError, UnicodeDecodeError, csv.Error) as error:
        if isinstance(error, SpectraError):
            raise
        raise SpectraError(f"{path}, which cannot be read: {error}", "a whole file of limb spectra", _MAKE) from error


def _reader(path: Path) -> Callable[[Path, tuple[str, str], slice, frozenset[str] | None], Columns]:
    with path.open("rb") as file:
        begins = file.read(8)
    if begins == _HDF5:
        return _read_hdf5
    if begins.startswith(_CLASSIC):
        return _read_classic
    if path.suffix == ".csv":
        return _read_csv
    raise SpectraError(f"{path} of an unknown kind", "netCDF, HDF5, or CSV by its name", _MAKE)


def _read_hdf5(path: Path, dimensions: tuple[str, str], rows: slice, names: frozenset[str] | None) -> Columns:
    row, column = dimensions
    with h5py.File(path, "r") as file:
        sets = {name: one for name, one in file.items() if isinstance(one, h5py.Dataset) and _is_asked(name, names)}
        along = {name: _first_dimension(one) for name, one in sets.items()}
        if not (tables := [one.shape[0] for one in file.values() if isinstance(one, h5py.Dataset) and one.ndim == 2]):
            raise SpectraError(f"{path} without radiance", "a table of radiances", _MAKE)
        length = tables[0]
        # Plain HDF5 files name no dimensions: there what is named after the columns lies along them.
        for name in (name for name, told in along.items() if not told):
            along[name] = column if name.startswith(column) else row
        values = {name: one[rows] if along[name] == row else one[()] for name, one in sets.items()}
        about = {name: {key: _plain(one.attrs[key]) for key in one.attrs if key not in _HIDDEN}
                 for name, one in sets.items()}  # fmt: skip
        facts = {key: _plain(value) for key, value in file.attrs.items() if key not in _HIDDEN}
    return Columns(values, facts, about, length)


def _first_dimension(one: h5py.Dataset) -> str:
    if one.is_scale:
        return str(one.name).lstrip("/")
    scales = one.dims[0].values() if one.ndim else []
    return str(scales[0].name).lstrip("/") if scales else ""


def _read_classic(path: Path, dimensions: tuple[str, str], rows: slice, names: frozenset[str] | None) -> Columns:
    row, _ = dimensions
    # Not mapped into memory: its arrays live on after the file.
    with netcdf_file(path, "r", mmap=False) as file:
        found = {name: one for name, one in file.variables.items() if _is_asked(name, names)}
        along = {name: one.dimensions[0] if one.dimensions else "" for name, one in found.items()}
        values = {name: one[rows] if along[name] == row else one[...] for name, one in found.items()}
        native = {name: value.astype(value.dtype.newbyteorder("=")) for name, value in values.items()}
        about = {name: {key: _plain(value) for key, value in one._attributes.items()} for name, one in found.items()}
        facts = {key: _plain(value) for key, value in file._attributes.items()}
        # Of a dimension without limit the file does not tell the length but by its variables.
        length = max(one.shape[0] for one in file.variables.values() if one.dimensions[:1] == (row,))
    return Columns(native, facts, about, length)


def _read_csv(path: Path, _: tuple[str, str], rows: slice, names: frozenset[str] | None) -> Columns:
    # Some programs begin a text with a mark of its encoding.
    with path.open(encoding="utf-8-sig", newline="") as file:
        facts, header = {}, ""
        for line in file:
            if not line.startswith("#"):
                header = line
                break
            key, colon, value = line[1:].partition(":")
            if colon:
                facts[key.strip()] = value.strip()
        columns = next(csv.reader([header]), [])
        table = [line for line in csv.reader(file) if line]
    if (ragged := [number for number, line in enumerate(table) if len(line) != len(columns)]) or not columns:
        where = f"line {ragged[0]} after its header of another length" if ragged else "no header"
        raise SpectraError(f"{path} with {where}", "as many values a line as names in the header", _MAKE)
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise SpectraError(f"{path} with two columns {twice}", "every column once", _MAKE)
    wide = np.array(table[rows], dtype=np.str_).reshape(len(table[rows]), len(columns))
    values = {name: wide[:, place] for place, name in enumerate(columns) if _is_asked(name, names)}
    return Columns(values, facts, {}, len(table))


def _is_asked(name: str, names: frozenset[str] | None) -> bool:
    return names is None or name in names


def _plain(value: Any) -> Any:
    # Attributes come as bytes, arrays of one, or numbers of NumPy.
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1 else value


def write_columns(
    path: Path, columns: Columns, dimensions: Mapping[str, tuple[str, ...]], sizes: Mapping[str, int]
) -> None:
    """Write a netCDF-4 file, which is an HDF5 file too; aside and renamed. Same columns, same bytes.

    Args:
        path: Where to.
        columns: What it shall hold.
        dimensions: Names of the dimensions of each array.
        sizes: Length of each dimension.

    Raises:
        OutputError: The place cannot be written.
    """
    with aside(path) as temporary, h5py.File(temporary, "w", libver="v110", track_order=True) as file:
        for name, size in sizes.items():
            file.create_dataset(name, data=np.arange(size, dtype=np.int32)).make_scale(name)
        for name, array in columns.values.items():
            # In pieces of some hundred rows, packed: truth repeats itself.
            chunks = (min(len(array), 512), *array.shape[1:]) if array.size else None
            packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if chunks else {}
            made = file.create_dataset(name, data=array, chunks=chunks, **packed)
            for place, dimension in enumerate(dimensions[name]):
                made.dims[place].attach_scale(file[dimension])
            for key, value in columns.about.get(name, {}).items():
                made.attrs[key] = value
        for key, value in columns.facts.items():
            file.attrs[key] = value


def write_csv(path: Path, columns: Columns) -> None:
    """Write a CSV file with its facts in lines before the header; aside and renamed.

    Raises:
        OutputError: The place cannot be written.
    """
    with aside(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in columns.facts.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.values)
        writer.writerows(zip(*columns.values.values(), strict=True))
