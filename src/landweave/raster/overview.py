"""Large windows in few pixels, from the overviews that files hold: for pictures, never for numbers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from landweave.raster.files import note_read, using


def has_overview(href: str, factor: int) -> bool:
    """Whether a file can be looked at in pixels `factor` times as large without reading all of it.

    Raises:
        SceneError: It cannot be opened.
    """
    with using(href) as file:
        # From an overview of half that size it is still a quarter of the work and no more.
        return 2 * max(file.dataset.overviews(1), default=0) > factor and file.grid.crs is not None


def read_overview(href: str, indexes: list[int], grid: GeoBox, nodata: float = 0) -> Shaped[np.ndarray, "c h w"]:
    """Stored numbers of bands on a grid with a CRS by the nearest pixel of the overview that fits.

    Args:
        href: The file.
        indexes: Its bands, from 1.
        grid: Pixels larger than the file's.
        nodata: The number where the file is not, or has no data.

    Raises:
        SceneError: It cannot be read.
    """
    words = {"crs": grid.crs, "transform": grid.affine, "height": grid.shape[0], "width": grid.shape[1]}
    with using(href) as file, WarpedVRT(file.dataset, resampling=Resampling.nearest, nodata=nodata, **words) as seen:
        numbers: Shaped[np.ndarray, "c h w"] = seen.read(indexes)
    note_read(numbers.nbytes)
    return numbers
