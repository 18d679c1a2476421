"""Raster files, each opened once a process and shared by its threads."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import rasterio
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landweave.errors import SceneError
from landweave.raster.arrays import is_array, open_array
from landweave.tiling import Window

# Far below the usual limit of 1,024 open files, far above the bands of one scene.
_MAX_OPEN = 256
# Without the first, every remote open lists the server's folder; the others retry what a busy server refuses.
_REMOTE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
}


@dataclass
class Opened:
    """An open file, its grid, the memory that it lies in, and the lock that lets one thread at a time use it."""

    href: str
    dataset: Any
    grid: GeoBox
    memory: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def window(self) -> Window:
        """All its pixels."""
        height, width = self.grid.shape
        return Window(0, 0, height, width)


_opened: OrderedDict[str, Opened] = OrderedDict()
_opening = threading.Lock()


@contextmanager
def using(href: str) -> Iterator[Opened]:
    """Give the open file at `href` to this thread alone; it stays open for the next one.

    Raises:
        SceneError: It is missing, empty, truncated or no raster.
    """
    while True:
        file = _get(href)
        with file.lock:
            if file.dataset.closed:
                continue
            with _naming(href), _settings(href):
                yield file
            return


def close_files() -> None:
    """Close every file that this process has open; the next read opens them again."""
    with _opening:
        while _opened:
            _close_oldest()


def grid_of(href: str) -> GeoBox:
    """The grid of the raster at `href`; its CRS is None where the file has none.

    Raises:
        SceneError: It cannot be opened.
    """
    with using(href) as file:
        return file.grid


def is_remote(href: str) -> bool:
    """Whether `href` is read over a network."""
    return "://" in href or href.startswith("/vsi")


def _get(href: str) -> Opened:
    with _opening:
        if href not in _opened:
            _opened[href] = _open(href)
            if len(_opened) > _MAX_OPEN:
                _close_oldest()
        _opened.move_to_end(href)
        return _opened[href]


def _open(href: str) -> Opened:
    with _naming(href), _settings(href), warnings.catch_warnings():
        # Whether a file without a place on Earth is welcome is decided where its scene is made.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset, memory = open_array(href) if is_array(href) else (rasterio.open(href), None)
        return Opened(href, dataset, _grid(dataset), memory)


def _grid(dataset: Any) -> GeoBox:
    """The grid, with the short name of its CRS where it has one for certain: it compares faster and reads better."""
    own = dataset.crs or None
    code = own.to_epsg() if own else None
    is_named = code is not None and CRS.from_epsg(code) == own
    return GeoBox(dataset.shape, dataset.transform, f"EPSG:{code}" if is_named else own)


def _close_oldest() -> None:
    _, file = _opened.popitem(last=False)
    with file.lock:
        file.dataset.close()


def _settings(href: str) -> Any:
    return rasterio.Env(**_REMOTE) if is_remote(href) else _Nothing()


class _Nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@contextmanager
def _naming(href: str) -> Iterator[None]:
    """Turn what GDAL says into an error that names the file."""
    try:
        yield
    except (RasterioError, UnicodeEncodeError) as error:
        reason = str(error.__cause__ or error).encode("utf-8", "backslashreplace").decode("utf-8")
        shown = href.encode("utf-8", "backslashreplace").decode("utf-8")
        raise SceneError(
            f"{shown}, which cannot be read: {reason}",
            "a whole raster file that GDAL reads",
            "fetch the file again, or take it out of the catalog",
        ) from error
