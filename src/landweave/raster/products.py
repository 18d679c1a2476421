"""Find scenes in folders: Sentinel-2, Landsat Collection 2, STAC items, any GeoTIFF or ENVI cube with a sidecar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from landweave.errors import LandweaveError, SceneError
from landweave.raster.arrays import SUFFIX, path_of
from landweave.raster.item import item_files, read_item_file
from landweave.raster.landsat import product_names, read_landsat
from landweave.raster.scene import Scene
from landweave.raster.sentinel2 import is_band_folder, is_safe, read_band_folder, read_safe
from landweave.raster.sidecar import read_sidecar
from landweave.sensors import Sensor

_TIFF = {".tif", ".tiff", SUFFIX}
# Cubes of imaging spectrometers mostly come so: numbers in one file, a header beside it.
_ENVI = {".dat", ".img", ".pix", ".bsq", ".bil", ".bip"}


@dataclass(frozen=True, slots=True)
class Unread:
    """What looked like input and could not be read.

    Attributes:
        path: The file, folder or item.
        reason: Why.
        is_product: Whether it is a product that landweave knows, but refused or damaged; else a raster of no product.
    """

    path: Path
    reason: LandweaveError
    is_product: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave: nothing is skipped in silence."""

    scenes: tuple[Scene, ...]
    unread: tuple[Unread, ...] = ()

    def __add__(self, other: Found) -> Found:
        return Found(self.scenes + other.scenes, self.unread + other.unread)


def recognise(folder: Path, offset: float | None = None, sensors: Mapping[str, Sensor] | None = None) -> Found:
    """All scenes in `folder` and the folders below it, by time and name, and what could not be read.

    Args:
        folder: Any folder, or one GeoTIFF with a sidecar beside it.
        offset: The offset in stored numbers for products whose processing baseline does not tell.
        sensors: A user's own sensors, for sidecars.

    Raises:
        SceneError: There is no such folder.
    """
    if folder.is_file():
        outcomes = [_try(folder, partial(_sidecar, folder, offset, sensors or {}))]
    elif folder.is_dir():
        outcomes = list(_walk(folder, offset, sensors or {}, set()))
    else:
        raise SceneError(f"{folder}, which is not there", "a folder of scenes", "check the path")
    found = sum(outcomes, Found(()))
    return Found(tuple(sorted(found.scenes, key=lambda scene: (scene.datetime, scene.id))), found.unread)


def _walk(folder: Path, told: float | None, sensors: Mapping[str, Sensor], seen: set[Path]) -> Iterator[Found]:
    # Links may lead to a folder twice, or round in a circle.
    if (real := folder.resolve()) in seen:
        return
    seen.add(real)
    # A SAFE folder is one scene: nothing in it is looked at for itself.
    if is_safe(folder):
        yield _try(folder, lambda: [read_safe(folder, told)])
        return
    # What remains unclaimed is named in the end: nothing is skipped in silence.
    claimed: set[Path] = set()
    for found, files in _here(folder, told, sensors):
        claimed |= files
        yield found
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            yield from _walk(path, told, sensors, seen)
        elif _is_raster(path) and path not in claimed and not path.name.startswith("."):
            yield Found((), (Unread(path, _no_sidecar(path), is_product=False),))
        elif path.suffix.lower() == ".json" and not path.stat().st_size:
            yield Found((), (Unread(path, _empty(path), is_product=False),))


def _is_raster(path: Path) -> bool:
    """Whether a file may be a scene by itself: a GeoTIFF, an array, or an ENVI cube with its header beside it."""
    suffix = path.suffix.lower()
    if suffix in _ENVI:
        return path.with_suffix(".hdr").is_file() or path.with_name(f"{path.name}.hdr").is_file()
    return suffix in _TIFF


def _here(folder: Path, told: float | None, sensors: Mapping[str, Sensor]) -> Iterator[tuple[Found, set[Path]]]:
    """What the files of this folder alone are, and which files that explains."""
    files = {path for path in folder.iterdir() if path.is_file()}
    # What a user says of a file counts before what its folder looks like.
    for path in sorted(files):
        if _is_raster(path) and path.with_suffix(".toml").is_file():
            found = _try(path, partial(_sidecar, path, told, sensors))
            yield found, {path} | _files_of(found)
    if products := product_names(folder):
        for product in products:
            found = _try(folder / product, partial(_landsat, folder, product))
            yield found, {path for path in files if path.name.startswith(product)}
    elif items := item_files(folder):
        for path in items:
            yield _try(path, partial(_item, path, told, sensors)), files
    elif is_band_folder(folder):
        yield _try(folder, lambda: [read_band_folder(folder, told)]), files


def _sidecar(path: Path, told: float | None, sensors: Mapping[str, Sensor]) -> list[Scene]:
    return [read_sidecar(path, told, sensors)]


def _landsat(folder: Path, product: str) -> list[Scene]:
    return [read_landsat(folder, product)]


def _item(path: Path, told: float | None, sensors: Mapping[str, Sensor]) -> list[Scene]:
    return [read_item_file(path, told, sensors)]


def _files_of(found: Found) -> set[Path]:
    masks = {Path(scene.mask.href) for scene in found.scenes if scene.mask}
    return masks | {path_of(file.href) for scene in found.scenes for file in scene.files.values()}


def _try(path: Path, work: Callable[[], list[Scene]]) -> Found:
    """The scenes that `work` gives, or the reason why there are none; damaged files are no reason to stop."""
    try:
        return Found(tuple(work()))
    except LandweaveError as error:
        return Found((), (Unread(path, error),))


def _empty(path: Path) -> SceneError:
    return SceneError(f"{path}, which is empty", "a STAC item or metadata", "fetch it again, or remove it")


def _no_sidecar(path: Path) -> SceneError:
    return SceneError(
        f"{path}, which belongs to no product that landweave knows",
        f"a sidecar {path.with_suffix('.toml').name} that names sensor, bands and time",
        "write the sidecar (docs/formats.md), or move the file elsewhere",
    )
