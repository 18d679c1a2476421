"""Read windows of scenes and maps, on any grid, with a mask of what is valid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Shaped, UInt8
from odc.geo.geobox import GeoBox
from rasterio import Affine
from rasterio.windows import Window as RioWindow

from landweave.errors import GridError, SceneError
from landweave.raster.clouds import snowy, usable
from landweave.raster.files import Opened, close_files, grid_of, note_read, using
from landweave.raster.radiometry import scale_into
from landweave.raster.resample import Seen, aligned_window, block_means, look, reduced, reduction, same_crs
from landweave.raster.scene import BandFile, MaskFile, Scene
from landweave.tiling import Window

__all__ = ["close_files", "grid_of", "read", "read_map", "read_numbers", "read_snow"]

_Place = tuple[int, BandFile]


@dataclass(frozen=True, slots=True)
class _Target:
    """What is being read, and how the grids met so far lie on it."""

    grid: GeoBox
    out: Float32[np.ndarray, "c h w"]
    valid: Bool[np.ndarray, "h w"]
    looked: dict[GeoBox, tuple[int, Seen]] = field(default_factory=dict)
    nearest: bool = False


def read(
    scene: Scene, bands: Sequence[str], grid: GeoBox, nearest: bool = False
) -> tuple[Float32[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    """Physical values of `bands` on `grid`, and where they are valid.

    Bands on the same pixels are copied. All others come by bilinear interpolation; where the grid's pixels are larger
    than the file's by a factor, from means of that many pixels. A tile has no seam: it equals the part of the whole,
    and coarser bands with parallel axes come up as by torch's `interpolate(align_corners=False)` of the whole file.
    Masks come by the nearest pixel.

    Args:
        scene: What to read.
        bands: Names, in the order of the result.
        grid: Any CRS and pixel size; it may reach outside the scene.
        nearest: Every pixel has the value of the file's pixel that its centre lies in: nothing is mixed.

    Returns:
        Values in the unit of each band, 0 where not valid; and valid: False outside the scene, under clouds and their
        shadows, and where any of the bands has no data, NaN or an infinite number.

    Raises:
        SensorError: A band is missing.
        SceneError: A file cannot be read.
        GridError: Only one of grid and file has a CRS.
    """
    scene.require(bands)
    out = np.empty((len(bands), *grid.shape), np.float32)
    valid = np.ones(grid.shape, np.bool_)
    target = _Target(grid, out, valid, nearest=nearest)
    for href, places in _by_file(scene, bands):
        with using(href) as file:
            _fill(file, _source(scene, file), places, target)
    if scene.mask is not None and valid.any():
        valid &= _read_mask(scene, scene.mask, grid)
    # A number that is not valid must not leak into a sum or a network by mistake.
    if not valid.all():
        np.copyto(out, 0, where=~valid)
    return out, valid


def read_numbers(href: str, window: Window, indexes: Sequence[int] = (1,)) -> Shaped[np.ndarray, "c h w"]:
    """The stored numbers of a window in the file's own pixels and type.

    Raises:
        SceneError: The file cannot be read.
        GridError: The window reaches outside the file.
    """
    with using(href) as file:
        if window.clip(file.window) != window:
            raise GridError(
                f"{window} of {href}", f"a window within {tuple(file.grid.shape)} pixels", "clip the window first"
            )
        return _numbers(file, list(indexes), window)


def read_map(
    path: Path | str, grid: GeoBox | None = None, outside: int | None = None
) -> tuple[UInt8[np.ndarray, "h w"], GeoBox]:
    """Class ids of a map on `grid` (its own where None) by the nearest pixel, and the grid.

    Args:
        path: A raster of ids within 0-255 in its first band.
        grid: Any CRS and pixel size.
        outside: The id where the grid reaches outside the map; the file's nodata where None, else 0.

    Raises:
        SceneError: It cannot be read, or holds ids that are none.
        GridError: Only one of grid and file has a CRS.
    """
    with using(str(path)) as file:
        if outside is None:
            outside = int(file.dataset.nodata or 0)
        onto = grid or file.grid
        numbers, inside = _nearest(file, file.grid, 1, onto)
    if not _fit_bytes(numbers):
        raise SceneError(
            f"{path} of {numbers.dtype} with numbers from {numbers.min()} to {numbers.max()}",
            "class ids, whole numbers within 0-255",
            "name a map of classes, or translate its ids by a crosswalk",
        )
    ids = numbers.astype(np.uint8, copy=False)
    return (ids if inside.all() else np.where(inside, ids, np.uint8(outside))), onto


def _fit_bytes(numbers: Shaped[np.ndarray, "h w"]) -> bool:
    if numbers.dtype == np.uint8:
        return True
    whole = numbers.dtype.kind in "ui" or bool((np.mod(numbers, 1) == 0).all())
    return whole and bool(numbers.min() >= 0 and numbers.max() <= 255)


def _by_file(scene: Scene, bands: Sequence[str]) -> Iterator[tuple[str, list[_Place]]]:
    """Files with what they hold of `bands`, so that several bands of one file are read at once."""
    files: dict[str, list[_Place]] = {}
    for position, name in enumerate(bands):
        files.setdefault(scene.files[name].href, []).append((position, scene.files[name]))
    yield from files.items()


def _source(scene: Scene, file: Opened) -> GeoBox:
    """The file's grid; where the scene has no place on Earth, the scene's extent in the file's pixels."""
    if scene.grid.crs is not None:
        return file.grid
    (height, width), (own_height, own_width) = scene.grid.shape, file.grid.shape
    # Bands of several pixel sizes cover the same ground, however each file counts its pixels.
    step = scene.grid.affine * Affine.scale(width / own_width, height / own_height)
    return GeoBox((own_height, own_width), step, None)


def _fill(file: Opened, source: GeoBox, places: list[_Place], target: _Target) -> None:
    _check_crs(file.href, source, target.grid)
    window = aligned_window(source, target.grid) if same_crs(source, target.grid) else None
    # The common case, in which nothing is computed but the unit: a scene on its own grid.
    if window is not None:
        _fill_same(file, places, window, target)
        return
    # Bands share few grids, and finding positions costs more than using them.
    if source not in target.looked:
        factor = 1 if target.nearest else reduction(source, target.grid)
        target.looked[source] = factor, look(reduced(source, factor), target.grid)
    _fill_resampled(file, places, target.looked[source], target)


def _check_crs(href: str, source: GeoBox, grid: GeoBox) -> None:
    if (source.crs is None) != (grid.crs is None):
        raise GridError(
            f"{href} with CRS {source.crs} and a grid with CRS {grid.crs}",
            "a CRS for both, or for none",
            "give the file its CRS, or ask for pixels of its own grid",
        )


def _fill_same(
    file: Opened,
    places: list[_Place],
    window: Window,
    target: _Target,
) -> None:
    out, valid = target.out, target.valid
    # rasterio's boundless reading would do the same through a VRT, several times slower.
    there = window.clip(file.window)
    if there != window:
        _clear_outside(there.inside(window), places, target)
        if not there.num_pixels:
            return
    rows, cols = there.inside(window).slices
    numbers = _numbers(file, [band.index for _, band in places], there)
    for (position, band), layer in zip(places, numbers, strict=True):
        values = out[position, rows, cols]
        scale_into(layer, band.scale, band.offset, values)
        _mark(layer, values, band.nodata, valid[rows, cols])


def _clear_outside(there: Window, places: list[_Place], target: _Target) -> None:
    inside = np.zeros(target.valid.shape, np.bool_)
    inside[there.slices] = True
    np.logical_and(target.valid, inside, out=target.valid)
    target.out[[position for position, _ in places]] = 0


def _mark(
    numbers: Shaped[np.ndarray, "h w"],
    values: Float32[np.ndarray, "h w"],
    nodata: float | None,
    valid: Bool[np.ndarray, "h w"],
) -> None:
    """Take away from `valid` where the numbers say no data, NaN or infinite."""
    # The smallest number costs a tenth of a comparison, and mostly tells that there is nothing to compare.
    if nodata is not None and not numbers.min() > nodata:
        valid &= numbers != nodata
    if numbers.dtype.kind == "f":
        valid &= np.isfinite(values)


def _fill_resampled(file: Opened, places: list[_Place], looked: tuple[int, Seen], target: _Target) -> None:
    out, valid = target.out, target.valid
    factor, seen = looked
    valid &= seen.inside
    window = _times(seen.window(), factor).clip(file.window)
    if not window.num_pixels:
        out[[position for position, _ in places]] = 0
        return
    numbers = _numbers(file, [band.index for _, band in places], window)
    for (position, band), layer in zip(places, numbers, strict=True):
        values = np.empty(layer.shape, np.float32)
        scale_into(layer, band.scale, band.offset, values)
        good = np.ones(layer.shape, np.bool_)
        _mark(layer, values, band.nodata, good)
        whole = bool(good.all())
        if not whole:
            # NaN spreads to every pixel that this one would be mixed into: those are not valid either.
            values[~good] = np.nan
        out[position] = seen.nearest(values) if target.nearest else seen.interpolate(block_means(values, factor))
        if not whole:
            valid &= np.isfinite(out[position])


def _times(window: Window, factor: int) -> Window:
    return Window(window.row * factor, window.col * factor, window.height * factor, window.width * factor)


def _read_mask(scene: Scene, mask: MaskFile, grid: GeoBox) -> Bool[np.ndarray, "h w"]:
    with using(mask.href) as file:
        numbers, inside = _nearest(file, _source(scene, file), mask.index, grid)
    return np.asarray(usable(numbers, mask.kind) & inside)


def read_snow(scene: Scene, grid: GeoBox) -> Bool[np.ndarray, "h w"]:
    """Where the scene's mask says that snow or ice lies, by the nearest pixel; nowhere without a mask that tells.

    Raises:
        SceneError: The mask cannot be read.
    """
    if scene.mask is None:
        return np.zeros(grid.shape, np.bool_)
    with using(scene.mask.href) as file:
        numbers, inside = _nearest(file, _source(scene, file), scene.mask.index, grid)
    return np.asarray(snowy(numbers, scene.mask.kind) & inside)


def _nearest(
    file: Opened, source: GeoBox, index: int, grid: GeoBox
) -> tuple[Shaped[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Numbers of a band by the nearest pixel in the file's type, and where the grid lies within the file."""
    _check_crs(file.href, source, grid)
    window = aligned_window(source, grid) if same_crs(source, grid) else None
    if window is not None and window.clip(file.window) == window:
        return _numbers(file, [index], window)[0], np.ones(grid.shape, np.bool_)
    seen = look(source, grid)
    needed = seen.window()
    if not needed.num_pixels:
        return np.zeros(grid.shape, file.dataset.dtypes[index - 1]), np.zeros(grid.shape, np.bool_)
    return seen.nearest(_numbers(file, [index], needed)[0]), seen.inside


def _numbers(file: Opened, indexes: list[int], window: Window) -> Shaped[np.ndarray, "c h w"]:
    rio = RioWindow(window.col, window.row, window.width, window.height)
    numbers: Shaped[np.ndarray, "c h w"] = file.dataset.read(indexes, window=rio)
    note_read(numbers.nbytes)
    return numbers
