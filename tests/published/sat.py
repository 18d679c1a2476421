"""SAT-4 and SAT-6, tiny, in their published layout, as MATLAB files of version 5 and 7.3."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

Version = Literal["5", "7.3"]


def pixels(part: str, num: int) -> NDArray[np.uint8]:
    """(row, col, band, patch), as MATLAB sees it; 0 and 255 are numbers like any other."""
    return np.random.default_rng([num, *part.encode()]).integers(0, 256, (28, 28, 4, num), np.uint8)


def labels(part: str, num: int, num_classes: int) -> NDArray[np.float64]:
    """(class, patch), one-hot, as doubles."""
    return np.eye(num_classes)[:, np.random.default_rng([1, *part.encode()]).integers(0, num_classes, num)]


def content(num_classes: int, num_train: int = 20, num_test: int = 6) -> dict[str, NDArray[Any]]:
    """The four arrays of the published files, and their list of names."""
    sizes = {"train": num_train, "test": num_test}
    arrays: dict[str, NDArray[Any]] = {f"{part}_x": pixels(part, num) for part, num in sizes.items()}
    return arrays | {f"{part}_y": labels(part, num, num_classes) for part, num in sizes.items()}


def write(path: Path, arrays: dict[str, NDArray[Any]], version: Version = "5", compressed: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if version == "5":
        names = np.array([["1,0,0,0", "barren land"]], object)
        scipy.io.savemat(path, {"annotations": names, **arrays}, do_compression=compressed)
        return path
    # MATLAB 7.3 is HDF5 behind 512 bytes of its own, and counts axes from the other end.
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array.transpose(), chunks=True, compression="gzip")
        file.create_group("#refs#")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan 01 00:00:00 2015 HDF5 schema 1.00 ."
    with path.open("r+b") as raw:
        raw.write(header.ljust(124, b" ") + b"\x00\x02IM")
    return path
