"""Samples walked down the trees of a forest, a block at a time, on several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

Walk = Callable[[NDArray[np.float32], NDArray[np.float64]], None]
"""Adds the class shares of each sample's leaves, over all trees, to a row of sums for each."""


def mean_shares(
    walk: Walk, x: Float32[np.ndarray, "n f"], num_classes: int, num_trees: int, *, block: int, num_threads: int
) -> Float32[np.ndarray, "n k"]:
    """Mean over the trees of the class shares of each sample's leaf, whatever the number of threads.

    Args:
        walk: Down all trees; lets other threads run.
        x: Samples.
        num_classes: How many shares there are.
        num_trees: How many trees.
        block: So many samples are walked at once.
        num_threads: How many blocks at once.
    """
    values = np.ascontiguousarray(x, np.float32)
    # Double precision, because the order of trees must not show in the sum.
    sums = np.zeros((len(values), num_classes))

    def part(start: int) -> None:
        rows = slice(start, start + block)
        walk(values[rows], sums[rows])

    with ThreadPoolExecutor(num_threads) as threads:
        list(threads.map(part, range(0, len(values), block)))
    return (sums / num_trees).astype(np.float32)
