"""The index of an archive: one row a patch in a GeoParquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet
import pyproj
import shapely
from numpy.typing import NDArray

from landweave.atomic import aside
from landweave.patches.sample import Row
from landweave.patches.split import Place

_EVERYWHERE = "EPSG:4326"


def write(path: Path, rows: Sequence[Row], places: Sequence[tuple[str, int]]) -> None:
    """Write the index at `path`.

    The columns `footprint` (the patch) and `labelled` (the part that has labels) are in the patches' CRS when all have
    one, else in longitude and latitude; `crs` and the four bounds hold each patch's own.

    Args:
        path: Where it goes.
        rows: One for each patch, in the order of the archive's indices.
        places: Shard and row in the shard of each.
    """
    # In one CRS rectangles stay rectangles, to the last bit; evaluation relies on their pixels.
    systems = {row.crs for row in rows}
    shared = systems.pop() if len(systems) == 1 else _EVERYWHERE
    footprints = _moved([footprint(row) for row in rows], rows, shared)
    labelled = [shapely.from_wkt(row.labelled) if row.labelled else footprint(row) for row in rows]
    columns = {
        "id": [row.id for row in rows],
        "shard": [shard for shard, _ in places],
        "row": np.array([row for _, row in places], np.int32),
        "split": [row.split for row in rows],
        "block": [row.block for row in rows],
        "scene": [row.scene for row in rows],
        "source": [row.source for row in rows],
        "datetime": [row.datetime for row in rows],
        "crs": [row.crs for row in rows],
        **{side: [row.bounds[i] for row in rows] for i, side in enumerate(("left", "bottom", "right", "top"))},
        "footprint": geopandas.GeoSeries(footprints, crs=shared or None),
        "labelled": geopandas.GeoSeries(_moved(labelled, rows, shared), crs=shared or None),
    }
    # No row numbers and no times: the index is hashed.
    frame = geopandas.GeoDataFrame(columns, geometry="footprint")
    with aside(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read(path: Path) -> geopandas.GeoDataFrame:
    """The whole index, in the order of the archive's indices."""
    return geopandas.read_parquet(path)


def read_column(path: Path, name: str) -> list[str]:
    """One column of text, in the order of the archive's indices; nothing else is read."""
    return list(pyarrow.parquet.read_table(path, columns=[name])[name].to_pylist())


def footprint(row: Row) -> shapely.Geometry:
    """The rectangle of a patch in its own CRS."""
    return shapely.box(*row.bounds)


def places(rows: Sequence[Row]) -> list[Place]:
    """The land of each patch with its part, to measure how far parts lie from each other."""
    return [
        Place(row.crs or row.scene, shapely.from_wkt(row.labelled) if row.labelled else footprint(row), row.split)
        for row in rows
    ]


def _moved(shapes: Sequence[shapely.Geometry], rows: Sequence[Row], new: str) -> NDArray[Any]:
    """Shapes from each row's CRS to another, those of one CRS at once."""
    found = np.array(shapes, object)
    for old in sorted({row.crs for row in rows} - {new, ""}):
        here = np.array([row.crs == old for row in rows])
        transformer = pyproj.Transformer.from_crs(old, new, always_xy=True)
        found[here] = shapely.transform(found[here], transformer.transform, interleaved=False)
    return found
