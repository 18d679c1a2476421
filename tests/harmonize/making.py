"""Tiny scenes of two sensors that show the same made land."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landweave.harmonize.pairs import PairsJob
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, MaskFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor

DAY = dt.date(2018, 4, 20)
S2, L8 = "sentinel-2-l2a", "landsat-8-c2l2"
SOURCE, TARGET = PairsJob.model_fields["bands"].default, PairsJob.model_fields["target_bands"].default
EDGE_PX = 288
CORNER = (399_960.0, 5_300_040.0)


def land(edge_px: int = EDGE_PX, seed: int = 0) -> NDArray[np.float32]:
    """Reflectance of pixels of 10 m: fields of 60 m, and a slope, so that no place looks like another."""
    generator = np.random.default_rng(seed)
    fields = generator.uniform(0.05, 0.4, (edge_px // 6 + 2, edge_px // 6 + 2)).repeat(6, 0).repeat(6, 1)
    return np.asarray(fields[:edge_px, :edge_px] + np.linspace(0, 0.1, edge_px)[:, None], np.float32)


def means(values: NDArray[Any], ratio: int) -> NDArray[np.float32]:
    """Means of blocks."""
    height, width = (side // ratio for side in values.shape)
    cut = values[: height * ratio, : width * ratio]
    return np.asarray(cut.reshape(height, ratio, width, ratio).mean((1, 3)), np.float32)


def grid(
    size_m: float, shape: tuple[int, ...], corner: tuple[float, float] = CORNER, crs: str | None = "EPSG:32633"
) -> GeoBox:
    """Pixels of a size from a corner on."""
    return GeoBox((shape[0], shape[1]), Affine(size_m, 0, corner[0], 0, -size_m, corner[1]), crs)


def scene(
    folder: Path,
    name: str,
    *,
    values: NDArray[np.float32] | None = None,
    day: dt.date = DAY,
    corner: tuple[float, float] = CORNER,
    mask: Sequence[tuple[slice, slice, int]] = (),
    cloud: float | None = 5.0,
    id: str | None = None,
) -> Scene:
    """A scene of a sensor as files: each band shows the land times a little more than the one before.

    Args:
        folder: Where its files go.
        name: Of the sensor.
        values: The land in pixels of 10 m.
        day: When.
        corner: Where it says that it lies.
        mask: Rows and columns of the mask (20 or 30 m), and the number that stands there.
        cloud: Per cent of clouds that it tells.
        id: Its name.
    """
    values, known = land() if values is None else values, sensor(name)
    names, own = (SOURCE, id or f"S2A_{day}") if name == S2 else (TARGET, id or f"LC08_{day}")
    files = {}
    for place, band in enumerate(known.select(names)):
        seen = means(values, round(band.pixel_size_m / 10)) * np.float32(1 + place / 20)
        numbers = np.rint((seen - band.offset) / band.scale).astype(np.uint16)
        path = folder / own / f"{band.name}.tif"
        write_tile(path, numbers[None], grid(band.pixel_size_m, numbers.shape, corner), 0)
        files[band.name] = BandFile(str(path), 1, band.scale, band.offset, 0)
    kind, size, clear = ("scl", 20, 4) if name == S2 else ("qa_pixel", 30, 1 << 6)
    flags = np.full(tuple(side * 10 // size for side in values.shape), clear, np.uint16)
    for rows, cols, number in mask:
        flags[rows, cols] = number
    write_tile(folder / own / "mask.tif", flags[None], grid(size, flags.shape, corner))
    finest = min(known.band(band).pixel_size_m for band in names)
    whole = grid(finest, means(values, round(finest / 10)).shape, corner)
    time = dt.datetime.combine(day, dt.time(10), dt.UTC)
    return Scene(own, known, time, whole, files, MaskFile(str(folder / own / "mask.tif"), kind), "05.09", cloud)  # type: ignore[arg-type]


def catalog(folder: Path, *scenes: Scene) -> Path:
    """A catalog of scenes; one day of both sensors where none are given."""
    write_catalog(scenes or [scene(folder, S2), scene(folder, L8)], folder / "catalog.parquet")
    return folder / "catalog.parquet"


def job(path: Path, **more: Any) -> PairsJob:
    """A job with small patches."""
    return PairsJob(**{"scenes": path, "patch_px": 16, "block_patches": 1, "gap_px": 2, "min_valid": 0.5, **more})
