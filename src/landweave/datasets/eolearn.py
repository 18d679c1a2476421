"""eo-learn's test patch: NDVI and cloud masks of Slovenia, 2015 to 2017, with land use of the RABA register."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landweave.datasets.raw import Raw, of_image, year_of
from landweave.raster.dates import days

# The classes of eo-learn's land-use example, by their numbers.
_CLASSES = ("Cultivated land", "Forest", "Grassland", "Shrubland", "Water", "Wetland", "Tundra", "Artificial surface",
            "Bareland", "Snow and ice")  # fmt: skip
_BLOCK_PX, _PIXEL_M, _CRS = 10, 10.0, "EPSG:32633"


def read(folder: Path) -> Raw:
    """NDVI of every pixel with a land use on 67 dates; of two passes of one day the clearer pixel counts."""
    patch = folder / "TestEOPatch"
    ndvi, clouds, data = (
        np.load(patch / name)[..., 0] for name in ("data/NDVI.npy", "mask/CLM.npy", "mask/IS_DATA.npy")
    )
    when = days([text[:10] for text in json.loads((patch / "timestamps.json").read_text(encoding="utf-8"))])
    valid = (clouds == 0) & (data != 0) & np.isfinite(ndvi)
    ndvi, valid, when = _one_a_day(ndvi, valid, when)
    land_use = np.load(patch / "mask_timeless" / "LULC.npy")[..., 0]
    values, good, rows, cols = of_image(ndvi[:, None], valid, land_use > 0)
    left, top = _corner(patch)
    present = sorted(set(land_use[rows, cols].tolist()))
    label = np.searchsorted(present, land_use[rows, cols])
    year = np.full(len(rows), year_of(int(when[-1])))
    block = rows // _BLOCK_PX * 1000 + cols // _BLOCK_PX
    x, y = left + (cols + 0.5) * _PIXEL_M, top - (rows + 0.5) * _PIXEL_M
    classes, dates = [_CLASSES[number - 1] for number in present], np.tile(when, (len(rows), 1))
    return Raw(values, good, dates, label, classes, year, x, y, block, "sentinel-2-l1c", ("NDVI",), _PIXEL_M, _CRS)


def _one_a_day(
    values: NDArray[Any], valid: NDArray[np.bool_], when: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.int64]]:
    """Each day once: a later pass of a day fills what the first did not see."""
    kept, first = np.unique(when, return_index=True)
    filled, good = values[first].copy(), valid[first].copy()
    for place in sorted(set(range(len(when))) - set(first.tolist())):
        day = int(np.searchsorted(kept, when[place]))
        new = valid[place] & ~good[day]
        filled[day][new], good[day][new] = values[place][new], True
    return filled, good, kept


def _corner(patch: Path) -> tuple[float, float]:
    ring = json.loads((patch / "bbox.geojson").read_text(encoding="utf-8"))["coordinates"][0]
    return min(x for x, _ in ring), max(y for _, y in ring)
