"""Rows of images.parquet: every patch of an archive with its code, its bucket and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
from jaxtyping import Float32, UInt64

from landweave.errors import LandweaveError
from landweave.models.patch.hashing import nearest
from landweave.patches.archive import Archive
from landweave.raster.catalog import read_catalog

_EVERYWHERE = "EPSG:4326"


def frame_of(
    archive: Archive,
    identity: str,
    codes: UInt64[np.ndarray, " n"],
    centroids: UInt64[np.ndarray, " k"],
    plane: Float32[np.ndarray, "n 2"],
) -> geopandas.GeoDataFrame:
    """One row a patch, in the archive's order.

    Args:
        archive: The patches.
        identity: Of the archive.
        codes: The code of each patch.
        centroids: The code of each bucket.
        plane: Where each patch lies on the plane of embeddings.
    """
    index = archive.table()
    bucket, distance = nearest(codes, centroids)
    files = _files(archive)
    windows = _windows(index)
    columns = {
        "id": index["id"],
        "code": codes,
        "bucket": bucket.astype(np.int32),
        "distance": distance.astype(np.uint8),
        "part": index["split"],
        "sensor": archive.layout.sensor,
        "datetime": index["datetime"],
        "scene": index["scene"],
        "source": [files.get(scene, "") for scene in index["scene"]],
        **{name: windows[:, place] for place, name in enumerate(("row", "col"))},
        "px": np.int32(archive.layout.patch_px),
        "crs": index["crs"],
        **{side: index[side] for side in ("left", "bottom", "right", "top")},
        "plane_x": plane[:, 0],
        "plane_y": plane[:, 1],
        "archive": identity,
        "number": np.arange(len(archive), dtype=np.int64),
    }
    shapes = geopandas.GeoSeries(index.geometry, crs=index.crs)
    return geopandas.GeoDataFrame({**columns, "footprint": shapes}, geometry="footprint")


def entry(archive: Archive, identity: str) -> dict[str, Any]:
    """What gallery.json says of an archive whose patches it holds."""
    return {"folder": str(archive.folder.resolve()), "identity": identity, "images": len(archive)}


def joined(old: geopandas.GeoDataFrame, new: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Rows of two archives; footprints in longitude and latitude where their CRS differ."""
    both = [old, new]
    if old.crs != new.crs and None not in (old.crs, new.crs):
        both = [frame.to_crs(_EVERYWHERE) for frame in both]
    # Pixels without a place on Earth have footprints in pixels; beside others' they mean nothing.
    elif old.crs != new.crs:
        both = [frame.set_crs(None, allow_override=True) for frame in both]
    return geopandas.GeoDataFrame(pandas.concat(both, ignore_index=True), geometry="footprint", crs=both[0].crs)


def _files(archive: Archive) -> Mapping[str, str]:
    """The file of each scene's first band, as far as the catalog that the archive was cut from can still be read."""
    told: Any = archive.manifest["configuration"].get("scenes")
    if not isinstance(told, str | Path) or not Path(told).is_file():
        return {}
    try:
        return {scene.id: next(iter(scene.files.values())).href for scene in read_catalog(Path(told))}
    except LandweaveError:
        return {}


def _windows(index: geopandas.GeoDataFrame) -> np.ndarray[Any, np.dtype[np.int32]]:
    """(row, col) of each patch on the grid that it was cut from, -1 where nobody tells."""
    found = [_window(name, scene) for name, scene in zip(index["id"], index["scene"], strict=True)]
    return np.array(found, np.int32).reshape(-1, 2)


def _window(name: str, scene: str) -> tuple[int, int]:
    # Patches that were cut on a lattice are named for their place on it (patches/plan.py).
    parts = name.removeprefix(f"{scene}_").split("_")
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return -1, -1
