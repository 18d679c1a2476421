"""Tiny scenes with labels on disk, in memory, and in a catalog, for tests of cutting."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, open_archive
from landweave.patches.job import ScenesJob, run_catalog
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, MaskFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor

UTM = "EPSG:32633"
CORNER = (399960.0, 5300040.0)
SIZES = {"B02": 10, "B03": 10, "B05": 20, "B09": 60}
LEGENDS = """
[legends.three]
source = "made for tests"
classes = [
  { id = 1, name = "a", color = "#ff0000" },
  { id = 2, name = "b", color = "#00ff00" },
  { id = 5, name = "c", color = "#0000ff" },
]
"""


def grid(
    edge_m: int = 1200, pixel_m: float = 10, corner: tuple[float, float] = CORNER, crs: str | None = UTM
) -> GeoBox:
    edge = int(edge_m / pixel_m)
    return GeoBox((edge, edge), Affine(pixel_m, 0, corner[0], 0, -pixel_m, corner[1]), crs)


def numbers(band: str, edge_m: int, seed: int = 0) -> NDArray[np.uint16]:
    """Numbers of a band, never nodata, with the offset of the newest baseline."""
    edge = edge_m // SIZES[band]
    return np.random.default_rng([seed, *band.encode()]).integers(1001, 6000, (1, edge, edge), np.uint16)


def write_scene(
    folder: Path,
    name: str = "S2",
    *,
    edge_m: int = 1200,
    corner: tuple[float, float] = CORNER,
    crs: str = UTM,
    bands: Sequence[str] = tuple(SIZES),
    changed: Mapping[str, NDArray[np.uint16]] | None = None,
    offset: float = -0.1,
    valid: NDArray[np.uint8] | None = None,
    date: dt.date = dt.date(2023, 7, 12),
) -> Scene:
    """A scene of Sentinel-2 with bands of 10, 20 and 60 m."""
    files = {}
    for band in bands:
        path = folder / f"{name}_{band}.tif"
        array = (changed or {}).get(band)
        box = grid(edge_m, SIZES[band], corner, crs)
        write_tile(path, numbers(band, edge_m) if array is None else array, box)
        files[band] = BandFile(str(path), 1, 1e-4, offset, 0)
    mask = None
    if valid is not None:
        write_tile(folder / f"{name}_valid.tif", valid[None], grid(edge_m, 10, corner, crs))
        mask = MaskFile(str(folder / f"{name}_valid.tif"), "valid")
    when = dt.datetime(date.year, date.month, date.day, 10, 30, tzinfo=dt.UTC)
    finest = min(SIZES[band] for band in bands)
    return Scene(name, sensor("sentinel-2-l2a"), when, grid(edge_m, finest, corner, crs), files, mask, "05.09", 0.0)


def labels(edge_m: int = 1200) -> NDArray[np.uint8]:
    """Ids 1, 2, 5 in squares of 7 pixels, and 0 (no data) here and there."""
    rows, cols = np.mgrid[: edge_m // 10, : edge_m // 10] // 7
    return np.asarray(np.array([1, 2, 5, 2, 0])[(rows * 3 + cols) % 5], np.uint8)


def write_labels(path: Path, ids: NDArray[np.uint8] | None = None, edge_m: int = 1200) -> Path:
    write_tile(path, (labels(edge_m) if ids is None else ids)[None], grid(edge_m))
    return path


def write_polygons(path: Path, squares: Sequence[tuple[float, float, float, str]], key: str = "class") -> Path:
    """Squares (left, bottom, edge in m; label) in UTM as GeoJSON."""
    features = []
    for left, bottom, edge, label in squares:
        x, y, far = CORNER[0] + left, CORNER[1] - 1200 + bottom, edge
        ring = [[x, y], [x + far, y], [x + far, y + far], [x, y + far], [x, y]]
        shape = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": {key: label}, "geometry": shape})
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    return path


def job(folder: Path, scenes: Sequence[Scene], label_path: Path, **changed: Any) -> ScenesJob:
    """A job of small patches over `scenes`, catalogued in `folder`."""
    write_catalog(scenes, folder / "catalog.parquet")
    (folder / "legends.toml").write_text(LEGENDS)
    values: dict[str, Any] = {"patch_px": 12, "block_patches": 2, "gap_px": 6, "patches_per_shard": 8}
    if label_path.suffix == ".tif":
        values |= {"legend": "three", "legends": folder / "legends.toml"}
    return ScenesJob(scenes=folder / "catalog.parquet", labels=label_path, **{**values, **changed})


def cut(wanted: ScenesJob, out: Path, executor: Executor | None = None) -> tuple[Archive, list[Progress]]:
    """Run a job to its end; gives the archive and all records."""
    records = list(run_catalog(wanted, out, executor=executor or Serial()))
    return open_archive(out), records


def hashes(folder: Path) -> dict[str, bytes]:
    """Content of every file of an archive but its ledgers, which tell times, and the commit that wrote it."""
    return {
        str(path.relative_to(folder)): re.sub(rb'"commit": .*', b"", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(("ledger", ".landweave"))
    }
