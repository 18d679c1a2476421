"""samples.h5 from what the blocks of a job drew: each stable pixel once for every year, or once with all dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from landweave.datasets.points import Points, join, write_points
from landweave.datasets.raw import centres
from landweave.legend import Legend
from landweave.raster.dates import days
from landweave.series.draws import lowest
from landweave.series.labelblocks import Order, load_arrays
from landweave.series.plan import Series

_CLASSES = 256
Arrays = Mapping[str, NDArray[Any]]


def write_samples(
    path: Path, series: Series, order: Order, drawn: Sequence[Path], wanted: Int64[np.ndarray, "p k"]
) -> Points:
    """Write the samples, those of the lowest chances of each part and class, and give them.

    Args:
        path: Where to.
        series: Of the samples.
        order: Of the job.
        drawn: What its blocks drew.
        wanted: How many of each part and class.
    """
    loaded = [load_arrays(each) for each in drawn]
    arrays = {name: np.concatenate([part[name] for part in loaded], {"values": 2, "valid": 1}.get(name, 0))
              for name in ("values", "valid", "label", "chance", "block", "part", "place")}  # fmt: skip
    group = arrays["part"].astype(np.int64) * _CLASSES + arrays["label"]
    groups = {part * _CLASSES + index: int(num) for (part, index), num in np.ndenumerate(wanted)}
    rows = lowest(arrays["chance"], group, groups)
    # By place, so that the order tells nothing of the blocks that the job was cut into.
    rows = rows[np.lexsort(arrays["place"][rows].T[::-1])]
    chosen = {name: array[..., rows] if name in ("values", "valid") else array[rows] for name, array in arrays.items()}
    points = _points(series, order, chosen)
    write_points(points, path)
    return points


def _points(series: Series, order: Order, chosen: Arrays) -> Points:
    if order.job["per"] == "series":
        return points_of(series, order.legend, chosen, np.ones(len(order.years), np.bool_), max(order.years))
    years = np.array(order.years)
    return join([points_of(series, order.legend, chosen, years == year, year) for year in series.years])


def points_of(series: Series, legend: Legend, chosen: Arrays, here: NDArray[np.bool_], year: int) -> Points:
    """Pixels of a series as points, labelled for one year.

    Args:
        series: Of the pixels.
        legend: Of the labels.
        chosen: values (T, C, n), valid (T, n), place (n, 2) as (row, col) of the grid, label, block and part (n).
        here: Which dates of the series are taken.
        year: That the labels are of.
    """
    num = len(chosen["label"])
    x, y = centres(series.grid, *chosen["place"].T)
    return Points(
        values=np.ascontiguousarray(chosen["values"][here].transpose(2, 0, 1)),
        valid=np.ascontiguousarray(chosen["valid"][here].T),
        days=np.tile(days(series.dates)[here].astype(np.int32), (num, 1)),
        label=chosen["label"].astype(np.int16),
        year=np.full(num, year, np.int16),
        x=x,
        y=y,
        block=chosen["block"].astype(np.int32),
        part=chosen["part"].astype(np.uint8),
        sensor=series.sensor,
        bands=series.bands,
        unit=series.unit,
        pixel_size_m=abs(float(series.grid.affine.a)),
        crs="" if series.grid.crs is None else str(series.grid.crs),
        legend=legend,
    )
