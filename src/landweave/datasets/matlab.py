"""Arrays in MATLAB files: version 5 by SciPy, and 7.3, which is HDF5 with the axes the other way round."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray
from scipy.io.matlab import MatReadError

from landweave.errors import SceneError

# What SciPy and h5py raise on files that are none or were cut short.
_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, zlib.error, MatReadError)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shape of each array of a file, as MATLAB says it. No array is read.

    Raises:
        SceneError: It cannot be read.
    """
    with _naming(path):
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return {name: entry.shape[::-1] for name, entry in file.items() if isinstance(entry, h5py.Dataset)}
        return {name: tuple(shape) for name, shape, _ in scipy.io.whosmat(path)}


def read(path: Path, name: str, first: int, last: int) -> NDArray[Any]:
    """Entries `first` to before `last` of the last axis of an array, in MATLAB's order of axes.

    Version 7.3 is read in parts; of version 5 the whole array is read once a process and kept.

    Raises:
        SceneError: It cannot be read.
    """
    with _naming(path):
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return np.asarray(file[name][first:last]).transpose()
        stamp = path.stat()
        return _whole(path, name, stamp.st_mtime_ns, stamp.st_size)[..., first:last]


@functools.lru_cache(maxsize=2)
def _whole(path: Path, name: str, *stamp: int) -> NDArray[Any]:
    return np.asarray(scipy.io.loadmat(path, variable_names=[name])[name])


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise SceneError(
            f"{path}, which cannot be read: {error}",
            "a whole MATLAB file of version 5 or 7.3",
            "copy or unpack that file again, and compare its size with the published one",
        ) from error
