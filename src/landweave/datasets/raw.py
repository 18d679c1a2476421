"""A published series as its reader gives it: arrays by point, names of classes, no parts yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox


@dataclass(frozen=True, eq=False)
class Raw:
    """N points with T dates and C bands, as `Points` has them, but for parts and legend.

    Attributes:
        values: Physical values; those that are not valid may be anything.
        valid: Which dates are valid.
        days: Since 1 January 1970.
        label: Place in `classes`, -1 where nobody knows.
        classes: Names; empty where nothing is labelled.
        year: That the label is of.
        x: Map coordinate, or place in the published order.
        y: The same.
        block: Anything that is the same for points that must be of one part.
        sensor: Its name.
        bands: Their names.
        pixel_size_m: Edge of a pixel.
        crs: What x and y mean, "" where nobody tells.
    """

    values: Float[np.ndarray, "n t c"]
    valid: Bool[np.ndarray, "n t"]
    days: Int[np.ndarray, "n t"]
    label: Int[np.ndarray, " n"]
    classes: Sequence[str]
    year: Int[np.ndarray, " n"]
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    block: Shaped[np.ndarray, " n"]
    sensor: str
    bands: tuple[str, ...]
    pixel_size_m: float
    crs: str = ""


def labels_of(names: Sequence[str] | NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Places in the sorted names of classes, and these names."""
    classes, label = np.unique(np.asarray(names, str), return_inverse=True)
    return label, tuple(str(name) for name in classes)


def cells(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], edge: float) -> NDArray[np.int64]:
    """A number for each point that those in one square of `edge` share."""
    places = np.stack([np.floor(x / edge), np.floor(y / edge)], 1)
    return np.asarray(np.unique(places, axis=0, return_inverse=True)[1].reshape(-1))


def of_image(
    values: Float[np.ndarray, "t c h w"], valid: Bool[np.ndarray, "t h w"], wanted: Bool[np.ndarray, "h w"]
) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """The wanted pixels of a series of images as points: values (n, t, c), valid (n, t), rows and columns."""
    rows, cols = np.nonzero(wanted)
    points = np.ascontiguousarray(values[:, :, rows, cols].transpose(2, 0, 1))
    return points, np.ascontiguousarray(valid[:, rows, cols].T), rows, cols


def centres(
    grid: GeoBox, rows: NDArray[np.int64], cols: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Map coordinates of the middles of pixels."""
    a, b, c, d, e, f = grid.affine[:6]
    x, y = cols + 0.5, rows + 0.5
    return np.asarray(a * x + b * y + c), np.asarray(d * x + e * y + f)


def year_of(day: int) -> int:
    """The calendar year of a day since 1970."""
    return int(np.datetime64(day, "D").astype("datetime64[Y]").astype(int)) + 1970
