"""Which pixels are usable, from the masks that agencies deliver. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from landweave.raster.scene import MaskKind

# Sentinel-2 scene classification: no data, defective, cloud shadow, clouds of medium and high probability, thin
# cirrus. Dark, unclassified and snow stay, they are land cover or decided by what is around them.
SCL_UNUSABLE = (0, 1, 3, 8, 9, 10)
# Landsat Collection 2 QA_PIXEL: fill, dilated cloud, cirrus, cloud, cloud shadow.
QA_PIXEL_UNUSABLE_BITS = (0, 1, 2, 3, 4)

SCL_SNOW, QA_PIXEL_SNOW_BIT = 11, 5

_SCL_TABLE = np.ones(256, np.bool_)
_SCL_TABLE[list(SCL_UNUSABLE)] = False
_QA_UNUSABLE = np.uint16(sum(1 << bit for bit in QA_PIXEL_UNUSABLE_BITS))


def usable(numbers: Shaped[np.ndarray, "h w"], kind: MaskKind) -> Bool[np.ndarray, "h w"]:
    """Where a mask of `kind` says that the pixels are inside, cloud free and without cloud shadow."""
    match kind:
        case "scl":
            return _table(_SCL_TABLE, numbers)
        case "qa_pixel":
            return np.asarray((numbers.astype(np.uint16, copy=False) & _QA_UNUSABLE) == 0)
        case "cloud_mask":
            return np.asarray(numbers == 0)
        case "valid":
            return np.asarray(numbers != 0)


def snowy(numbers: Shaped[np.ndarray, "h w"], kind: MaskKind) -> Bool[np.ndarray, "h w"]:
    """Where a mask of `kind` says that snow or ice lies; nowhere for masks that do not tell."""
    match kind:
        case "scl":
            return np.asarray(numbers == SCL_SNOW)
        case "qa_pixel":
            return np.asarray((numbers.astype(np.uint16, copy=False) & np.uint16(1 << QA_PIXEL_SNOW_BIT)) != 0)
        case _:
            return np.zeros(numbers.shape, np.bool_)


def _table(table: Any, numbers: Shaped[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    return np.asarray(table[numbers.astype(np.uint8, copy=False)])
