"""The archive as one file: virtual data sets over its shards in HDF5, for programs that know nothing of landweave."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from landweave.atomic import write_bytes

FORMAT = 1
NAME = "archive.h5"

Shapes = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]


def write(folder: Path, shapes: Shapes, files: Sequence[tuple[str, int]]) -> None:
    """Write `folder`/archive.h5, in which plain h5py sees each array of all files as one; same input, same bytes.

    Paths in it are relative, so that the folder can be moved; it holds no pixel, so that it stays small.

    Args:
        folder: The archive.
        shapes: Shape of one patch and type of each array, by its name in the files.
        files: Path of each file in `folder` and patches in it, in the archive's order.

    Raises:
        OutputError: It cannot be written.
    """
    # In memory, because the HDF5 library does not survive a disk that is full, and knows such files by their names.
    options = {"driver": "core", "backing_store": False, "libver": "v110"}
    with h5py.File(f"virtual-{threading.get_ident()}", "w", **options) as file:
        file.attrs["format"] = FORMAT
        for key, (shape, dtype) in shapes.items():
            _add(file, key, shape, dtype, files)
        file.flush()
        content = file.id.get_file_image()
    write_bytes(folder / NAME, content)


def _add(
    file: h5py.File, key: str, shape: tuple[int, ...], dtype: np.dtype[Any], files: Sequence[tuple[str, int]]
) -> None:
    whole = h5py.h5s.create_simple((sum(num for _, num in files), *shape))
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    # h5py's own way of making these leaves the time of writing in the file.
    options.set_obj_track_times(False)
    first = 0
    for name, num in files:
        whole.select_hyperslab((first, *(0 for _ in shape)), (num, *shape))
        source = h5py.h5s.create_simple((num, *shape))
        options.set_virtual(whole, name.encode(), key.encode(), source)
        first += num
    whole.select_all()
    h5py.h5d.create(file.id, key.encode(), h5py.h5t.py_create(dtype, logical=True), whole, dcpl=options)
