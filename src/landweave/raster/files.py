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
from landweave.raster.arrays import is_array, open_array, path_of
from landweave.tiling import Window

# Whether a file without a place on Earth is welcome is decided where its scene is made.
warnings.simplefilter("ignore", NotGeoreferencedWarning)

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


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file, its grid, and the memory that it lies in where it is no file."""

    href: str
    dataset: Any
    grid: GeoBox
    memory: Any = None

    @property
    def window(self) -> Window:
        """All its pixels."""
        height, width = self.grid.shape
        return Window(0, 0, height, width)


@dataclass
class _Place:
    """Where an open file is kept: one thread at a time uses it. `stamp` tells when another file took its name."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: Opened | None = None
    stamp: tuple[int, ...] = ()
    is_gone: bool = False


_places: OrderedDict[str, _Place] = OrderedDict()
_lock = threading.Lock()


class _Had(threading.local):
    num_bytes = 0


_had = _Had()


def note_read(num_bytes: int) -> None:
    """Count what this thread had from a file."""
    _had.num_bytes += num_bytes


def bytes_had() -> int:
    """Bytes of stored numbers, unpacked, that this thread had from files so far."""
    return _had.num_bytes


@contextmanager
def using(href: str) -> Iterator[Opened]:
    """Give the open file at `href` to this thread alone; it stays open for the next one.

    A local file that was replaced since is opened anew.

    Raises:
        SceneError: It is missing, empty, truncated or no raster.
    """
    while True:
        place = _place(href)
        with place.lock:
            if place.is_gone:
                continue
            with _naming(href), _settings(href):
                yield _opened(place, href)
            return


def close_files() -> None:
    """Close every file that this process has open; the next read opens them again."""
    with _lock:
        places = list(_places.values())
        _places.clear()
    for place in places:
        _close(place)


def grid_of(href: str) -> GeoBox:
    """The grid of the raster at `href`; its CRS is None where the file has none.

    Raises:
        SceneError: It cannot be opened.
    """
    with using(href) as file:
        return file.grid


def layer_names(href: str) -> tuple[str, ...]:
    """What the raster at `href` calls each of its bands, "" where it does not say.

    Raises:
        SceneError: It cannot be opened.
    """
    with using(href) as file:
        return tuple(name or "" for name in file.dataset.descriptions)


def check_whole(href: str) -> None:
    """Refuse a file that was cut short: cut in its header it may open, but knows less of itself.

    Raises:
        SceneError: Its last pixel cannot be read.
    """
    with using(href) as file:
        height, width = file.dataset.shape
        file.dataset.read(1, window=((height - 1, height), (width - 1, width)))


def is_remote(href: str) -> bool:
    """Whether `href` is read over a network."""
    return "://" in href or href.startswith("/vsi")


def _place(href: str) -> _Place:
    oldest = None
    with _lock:
        if href not in _places:
            _places[href] = _Place()
            if len(_places) > _MAX_OPEN:
                _, oldest = _places.popitem(last=False)
        # Used last, closed last.
        _places.move_to_end(href)
        place = _places[href]
    # Closed without the common lock: another thread may be reading from it.
    if oldest is not None:
        _close(oldest)
    return place


def _close(place: _Place) -> None:
    with place.lock:
        place.is_gone = True
        if place.opened is not None:
            place.opened.dataset.close()


def _opened(place: _Place, href: str) -> Opened:
    stamp = _stamp(href)
    # Writers rename a new file over the old one, whose handle would go on giving the old pixels.
    if place.opened is not None and place.stamp != stamp:
        place.opened.dataset.close()
        place.opened = None
    if place.opened is None:
        dataset, memory = open_array(href) if is_array(href) else (rasterio.open(href), None)
        place.opened, place.stamp = Opened(href, dataset, _grid(dataset), memory), stamp
    return place.opened


def _stamp(href: str) -> tuple[int, ...]:
    """What changes when a local file is replaced; nothing for what is no plain file."""
    if is_remote(href):
        return ()
    try:
        found = path_of(href).stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _grid(dataset: Any) -> GeoBox:
    """The grid, with the short name of its CRS where it has one for certain: it compares faster and reads better."""
    own = dataset.crs or None
    code = own.to_epsg() if own else None
    is_named = code is not None and CRS.from_epsg(code) == own
    return GeoBox(dataset.shape, dataset.transform, f"EPSG:{code}" if is_named else own)


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
    except UnicodeEncodeError as error:
        shown = href.encode("utf-8", "backslashreplace").decode("utf-8")
        raise SceneError(f"the path {shown}", "a path in UTF-8", "rename the folder or file") from error
    except RasterioError as error:
        # The cause names what failed inside the file; the error itself only says that reading failed.
        reason = str(error.__cause__ or error).encode("utf-8", "backslashreplace").decode("utf-8")
        shown = href.encode("utf-8", "backslashreplace").decode("utf-8")
        raise SceneError(
            f"{shown}, which cannot be read: {reason}",
            "a whole raster file that GDAL reads",
            "fetch the file again, or take it out of the catalog",
        ) from error
