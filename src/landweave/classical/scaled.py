"""Features of one scale, and distances between samples in blocks: what models that compare samples share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from landweave.errors import CardError

# So many distances at once: 64 MiB in double precision.
_AT_ONCE = 1 << 23


def scale_of(x: Float32[np.ndarray, "n f"]) -> tuple[Float32[np.ndarray, " f"], Float32[np.ndarray, " f"]]:
    """Mean and standard deviation of each feature; 1 where a feature has one value, which says nothing."""
    mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    return mean.astype(np.float32), np.where(std > 0, std, 1).astype(np.float32)


def squared_distances(
    x: Float32[np.ndarray, "n f"], y: Float32[np.ndarray, "m f"]
) -> Iterator[tuple[slice, Float64[np.ndarray, "b m"]]]:
    """Squared Euclidean distances from some of `x` to all of `y` at a time, with the rows that they are of.

    By one matrix product a block; on standardised features, whose lengths are near each other, they are right to about
    a millionth of the features' number.
    """
    lengths = _lengths(y)
    for rows in blocks(len(x), len(y)):
        product = x[rows] @ y.T
        yield rows, np.maximum(_lengths(x[rows])[:, None] + lengths - 2.0 * product, 0)


def blocks(num: int, others: int) -> Iterator[slice]:
    """Rows of a table of `num` by `others` numbers, so many at a time that a block fits into memory."""
    step = max(1, _AT_ONCE // max(others, 1))
    for start in range(0, num, step):
        yield slice(start, start + step)


def _lengths(x: Float32[np.ndarray, "n f"]) -> Float64[np.ndarray, " n"]:
    return np.asarray(np.einsum("nf,nf->n", x, x, dtype=np.float64))


def rows_of(labels: UInt8[np.ndarray, "..."], num_classes: int) -> UInt8[np.ndarray, "n k"]:
    """Labels as rows of 0 and 1, whether a sample has one or several."""
    return labels if labels.ndim == 2 else (labels[:, None] == np.arange(num_classes)).astype(np.uint8)


def check_arrays(
    name: str, arrays: dict[str, np.ndarray[Any, Any]], wanted: dict[str, tuple[str, int]], fits: bool
) -> None:
    """Refuse arrays of a card that are not those of the model called `name`.

    Args:
        name: For the message.
        arrays: What there is.
        wanted: Kind (as numpy's dtype.kind) and number of axes of every array.
        fits: Whether lengths agree; looked at only where all arrays are there.

    Raises:
        CardError: They are not.
    """
    found = {key: (array.dtype.kind, array.ndim) for key, array in arrays.items()}
    if found != wanted or not fits:
        shapes = {key: array.shape for key, array in arrays.items()}
        raise CardError(f"arrays {shapes} of a {name}", f"{', '.join(wanted)} of fitting shapes", "copy the card again")
