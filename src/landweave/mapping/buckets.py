"""The second layer of a map by a gallery: bucket and distance of every tile, as polygons and as a raster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
from jaxtyping import Float32
from odc.geo.geobox import GeoBox

from landweave.atomic import aside
from landweave.gallery.models import NO_BUCKET
from landweave.mapping.plan import Plan
from landweave.mapping.route import Sent
from landweave.mapping.sheet import corner_of
from landweave.raster.write import write_layer

NAME = "buckets"
NONE = -1.0
_BANDS = ("bucket", "distance")


def told(routes: Mapping[str, Sent], drift_share: float) -> dict[str, Any]:
    """What summary and item say of the routes: tiles by bucket and card, share of far ones, whether that is too many.

    A tile without a valid pixel is near nothing and far from nothing: it does not count.
    """
    seen = [route for route in routes.values() if route.bucket != NO_BUCKET]
    far = sum(route.is_far for route in seen) / max(len(seen), 1)
    return {
        "tiles_by_bucket": dict(sorted(Counter(str(route.bucket) for route in routes.values()).items())),
        "tiles_by_card": dict(sorted(Counter(route.identity for route in routes.values()).items())),
        "tiles_far": sum(route.is_far for route in seen),
        "far_share": round(far, 4),
        "drift_share": drift_share,
        "has_drifted": far > drift_share,
    }


def write_buckets(folder: Path, routes: Mapping[str, Sent], plan: Plan) -> None:
    """Write buckets.parquet, a row with a polygon a tile, and buckets.tif, a pixel a tile."""
    tiles = [piece.tile for piece in plan.pieces if piece.tile.key in routes]
    every = [routes[tile.key] for tile in tiles]
    columns = {
        "tile": [tile.key for tile in tiles],
        "bucket": np.array([route.bucket for route in every], np.int32),
        "distance": np.array([np.nan if route.distance is None else route.distance for route in every]),
        "is_far": [route.is_far for route in every],
        "card": [route.identity for route in every],
    }
    outlines = [tile.core.on(plan.grid).extent.geom for tile in tiles]
    frame = geopandas.GeoDataFrame(columns, geometry=outlines, crs=plan.grid.crs and str(plan.grid.crs))
    with aside(folder / f"{NAME}.parquet") as temporary:
        frame.to_parquet(temporary, index=False)
    array, grid = layer(routes, plan)
    write_layer(folder / f"{NAME}.tif", array, grid, nodata=NONE, band_names=_BANDS)


def layer(routes: Mapping[str, Sent], plan: Plan) -> tuple[Float32[np.ndarray, "2 h w"], GeoBox]:
    """Bucket and distance of every tile as a raster with a pixel a tile, -1 where there is none, and its grid."""
    tiles = [piece.tile for piece in plan.pieces]
    height, width = max(tile.row for tile in tiles) + 1, max(tile.col for tile in tiles) + 1
    found = np.full((len(_BANDS), height, width), NONE, np.float32)
    for tile in tiles:
        if route := routes.get(tile.key):
            found[:, tile.row, tile.col] = route.bucket, NONE if route.distance is None else route.distance
    row, col = corner_of(plan.area, tiles, plan.core_px)
    whole = plan.grid.translate_pix(col, row).crop((height * plan.core_px, width * plan.core_px))
    return found, whole.zoom_out(plan.core_px)
