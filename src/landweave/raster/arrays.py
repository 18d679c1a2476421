"""Arrays in NumPy's .npz as rasters: "folder/name.npz:key" stands where a file's path would stand."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped
from odc.geo.geobox import GeoBox
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from landweave.errors import SceneError
from landweave.raster.write import encode

SUFFIX = ".npz"


def is_array(href: str) -> bool:
    """Whether `href` names an array within an .npz."""
    path, separator, key = href.rpartition(":")
    return bool(separator and key) and path.lower().endswith(SUFFIX)


def load_array(href: str) -> Shaped[np.ndarray, "c h w"]:
    """The array at "name.npz:key"; (height, width, bands) and (height, width) become (bands, height, width).

    Raises:
        SceneError: The file is missing or damaged, has no such array, or it is no picture.
    """
    path, _, key = href.rpartition(":")
    try:
        with np.load(path, allow_pickle=False) as file:
            if key not in file:
                raise SceneError(
                    f"{path} with the arrays {', '.join(file)}", f"an array {key}", "name one of them in the sidecar"
                )
            array: Shaped[np.ndarray, "..."] = file[key]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, SceneError):
            raise
        raise SceneError(f"{path}, which cannot be read: {error}", "a whole .npz file", "copy it again") from error
    if array.ndim not in (2, 3) or array.dtype.kind not in "uif" or not array.size:
        raise SceneError(
            f"{href} of shape {array.shape} and type {array.dtype}",
            "numbers of shape (height, width, bands) or (height, width)",
            "name another array, or write it that way",
        )
    return np.ascontiguousarray(array.reshape(*array.shape[:2], -1).transpose(2, 0, 1))


def open_array(href: str) -> tuple[Any, MemoryFile]:
    """The array as an open raster of pixels without a place on Earth, and the memory to keep while it is used."""
    array = load_array(href)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # That is what such an array is.
        memory = MemoryFile(encode(array, GeoBox(array.shape[1:], Affine.identity(), None)))
        return memory.open(), memory


def path_of(href: str) -> Path:
    """The file that holds what `href` names."""
    return Path(href.rpartition(":")[0] if is_array(href) else href)
