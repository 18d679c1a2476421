"""Grow a classification tree on the differences of all pairs of columns, which are computed where a node needs them.

A node reads a few columns of as many numbers as it has samples, so that no table of differences is ever made. Splits
are by Gini's impurity (Breiman 2001), as scikit-learn's: between any two values where a node has few samples; between
bins of equal width from its least to its greatest difference, whose edges then lie between samples, where it has many.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Nodes of so few samples are sorted; larger ones are counted in bins, more of them the larger the node.
_SORTED = 24
_FEWEST_BINS, _MOST_BINS = 16, 256
# The samples of a subtree of this size are copied side by side: with 142 columns they fit into the second cache.
_BLOCK = 1024


class Limits(NamedTuple):
    """When a node is not split any more, and how many differences are tried where it is."""

    num_tried: int
    max_depth: int
    min_split: int
    min_leaf: int


class Desk(NamedTuple):
    """What a tree works on, made once: samples in the order of nodes, and space for a node's numbers."""

    order: NDArray[np.int32]
    own: NDArray[np.uint8]
    block: NDArray[np.float32]
    values: NDArray[np.float32]
    tags: NDArray[np.uint8]
    spare: NDArray[np.int32]
    bins: NDArray[np.int32]
    counts: NDArray[np.int64]
    drawn: NDArray[np.int32]
    state: NDArray[np.uint64]


class Tree(NamedTuple):
    """Nodes: place of the difference (-1 at a leaf), threshold, left child or leaf. Leaves: class counts. And gains."""

    pair: NDArray[np.int32]
    threshold: NDArray[np.float32]
    following: NDArray[np.int32]
    leaves: NDArray[np.float32]
    gain: NDArray[np.float64]


def grow(  # noqa: PLR0917
    columns: NDArray[np.float32],
    labels: NDArray[np.uint8],
    rows: NDArray[np.intp],
    pairs: NDArray[np.int32],
    num_classes: int,
    limits: Limits,
    seed: int,
) -> Tree:
    """A tree grown on `rows` of samples; the same for the same seed.

    Args:
        columns: L,N and contiguous: a row for each column, finite.
        labels: Class of each sample.
        rows: Samples that the tree is grown on; some more than once where they were drawn so.
        pairs: The two columns of each difference, 2,P.
        num_classes: How many classes there are.
        limits: How far it grows.
        seed: Of the differences that are drawn at each node.
    """
    num = len(rows)
    order = np.sort(rows).astype(np.int32)
    desk = Desk(
        order, labels[order], np.empty((len(columns), _BLOCK), np.float32), np.empty(num, np.float32),
        np.empty(num, np.uint8), np.empty(num, np.int32), np.empty((_MOST_BINS, num_classes), np.int32),
        np.zeros((3, num_classes), np.int64), np.arange(pairs.shape[1], dtype=np.int32), np.array([seed], np.uint64),
    )  # fmt: skip
    tree = Tree(
        np.empty(2 * num, np.int32), np.zeros(2 * num, np.float32), np.empty(2 * num, np.int32),
        np.empty((num, num_classes), np.float32), np.zeros(pairs.shape[1]),
    )  # fmt: skip
    num_nodes, num_leaves = _compiled_grow()(columns, pairs, limits, desk, tree)
    return Tree(
        tree.pair[:num_nodes].copy(), tree.threshold[:num_nodes].copy(), tree.following[:num_nodes].copy(),
        tree.leaves[:num_leaves].copy(), tree.gain,
    )  # fmt: skip


def _grow(
    columns: NDArray[np.float32], pairs: NDArray[np.int32], limits: Limits, desk: Desk, tree: Tree
) -> tuple[int, int]:
    """Fill the tree, depth first; gives how many nodes and leaves it has."""
    waiting = np.empty((len(desk.order) + 1, 4), np.int64)
    waiting[0, 0], waiting[0, 1], waiting[0, 2], waiting[0, 3] = 0, len(desk.order), 0, 0
    num_waiting, num_nodes, num_leaves, block_end, block_start = 1, 1, 0, 0, 0
    while num_waiting:
        num_waiting -= 1
        start, end, depth, node = (waiting[num_waiting, 0], waiting[num_waiting, 1], waiting[num_waiting, 2],
                                   waiting[num_waiting, 3])  # fmt: skip
        order, own, size = desk.order[start:end], desk.own[start:end], end - start
        most = _count(own, desk.counts)
        pair, threshold = -1, np.float32(0)
        if depth < limits.max_depth and size >= max(limits.min_split, 2 * limits.min_leaf) and most < size:
            if size <= _BLOCK and not block_start <= start < block_end:
                # Depth first: until this range is done, all nodes lie within it.
                block_start, block_end = start, end
                for c in range(len(columns)):
                    for k in range(size):
                        desk.block[c, k] = columns[c, order[k]]
                for k in range(size):
                    order[k] = k
            table = desk.block if block_start <= start < block_end else columns
            pair, threshold = _split(table, pairs, limits, desk, order, own, tree.gain)
        tree.pair[node], tree.threshold[node] = pair, threshold
        if pair < 0:
            tree.following[node] = num_leaves
            for c in range(desk.counts.shape[1]):
                tree.leaves[num_leaves, c] = desk.counts[0, c]
            num_leaves += 1
        else:
            middle = start + _part(table[pairs[0, pair]], table[pairs[1, pair]], threshold, order, own, desk)
            tree.following[node] = num_nodes
            for a, b, below in ((middle, end, num_nodes + 1), (start, middle, num_nodes)):
                waiting[num_waiting, 0], waiting[num_waiting, 1] = a, b
                waiting[num_waiting, 2], waiting[num_waiting, 3] = depth + 1, below
                num_waiting += 1
            num_nodes += 2
    return num_nodes, num_leaves


def _count(own: NDArray[np.uint8], counts: NDArray[np.int64]) -> int:
    """Count the samples of each class into the first row; gives how many the largest has."""
    most = 0
    for c in range(counts.shape[1]):
        counts[0, c] = 0
    for k in range(len(own)):
        counts[0, own[k]] += 1
        most = max(most, counts[0, own[k]])
    return most


def _split(  # noqa: PLR0917
    table: NDArray[np.float32],
    pairs: NDArray[np.int32],
    limits: Limits,
    desk: Desk,
    order: NDArray[np.int32],
    own: NDArray[np.uint8],
    gain: NDArray[np.float64],
) -> tuple[int, np.float32]:
    """The best of differences drawn at random, -1 where none parts the samples, and its threshold."""
    size, drawn, values = len(order), desk.drawn, desk.values
    best, threshold, score, tried = -1, np.float32(0), -1.0, 0
    # As in scikit-learn more are tried while nothing parts the samples. Nothing is better than two pure children.
    while tried < len(drawn) and (tried < limits.num_tried or best < 0) and score < size:
        place = tried + _below(desk.state, len(drawn) - tried)
        drawn[tried], drawn[place] = drawn[place], drawn[tried]
        first, second = table[pairs[0, drawn[tried]]], table[pairs[1, drawn[tried]]]
        low = high = first[order[0]] - second[order[0]]
        for k in range(size):
            value = first[order[k]] - second[order[k]]
            values[k] = value
            low, high = min(low, value), max(high, value)
        if low < high:
            if size <= _SORTED:
                found, where = _by_sorting(limits.min_leaf, desk, own, score)
            else:
                found, where = _by_bins(limits.min_leaf, desk, own, low, high, score)
            if found > score:
                best, threshold, score = drawn[tried], where, found
        tried += 1
    if best >= 0:
        least = 0.0
        for c in range(desk.counts.shape[1]):
            least += desk.counts[0, c] ** 2
        gain[best] += score - least / size
    return best, threshold


def _by_sorting(min_leaf: int, desk: Desk, own: NDArray[np.uint8], score: float) -> tuple[float, np.float32]:
    """The best threshold between any two of a node's values, where it is better than `score`."""
    values, tags, size = desk.values, desk.tags, len(own)
    for k in range(size):
        value, place = values[k], k
        while place > 0 and values[place - 1] > value:
            values[place], tags[place] = values[place - 1], tags[place - 1]
            place -= 1
        values[place], tags[place] = value, own[k]
    for c in range(desk.counts.shape[1]):
        desk.counts[1, c] = 0
    where = np.float32(0)
    for k in range(size - 1):
        desk.counts[1, tags[k]] += 1
        if values[k] < values[k + 1] and min_leaf <= k + 1 <= size - min_leaf:
            found = _purity(desk.counts, k + 1, size)
            if found > score:
                score, where = found, _between(values[k], values[k + 1])
    return score, where


def _by_bins(  # noqa: PLR0917
    min_leaf: int, desk: Desk, own: NDArray[np.uint8], low: np.float32, high: np.float32, score: float
) -> tuple[float, np.float32]:
    """The best threshold between bins of a node's values, where it is better than `score`."""
    values, bins, size = desk.values, desk.bins, len(own)
    num_bins = min(max(size // 8, _FEWEST_BINS), _MOST_BINS)
    per_bin = np.float32(num_bins) * np.float32(0.999999) / (high - low)
    for b in range(num_bins):
        for c in range(bins.shape[1]):
            bins[b, c] = 0
    for k in range(size):
        bins[int((values[k] - low) * per_bin), own[k]] += 1
    for c in range(desk.counts.shape[1]):
        desk.counts[1, c] = 0
    num_left, cut = 0, -1
    for b in range(num_bins - 1):
        inside = 0
        for c in range(bins.shape[1]):
            desk.counts[1, c] += bins[b, c]
            inside += bins[b, c]
        num_left += inside
        if inside and min_leaf <= num_left <= size - min_leaf:
            found = _purity(desk.counts, num_left, size)
            if found > score:
                score, cut = found, b
    below, above = low, high
    if cut >= 0:
        # A threshold amid the gap between the bins' samples holds for other spectra better than the bins' edge.
        for k in range(size):
            if int((values[k] - low) * per_bin) <= cut:
                below = max(below, values[k])
            else:
                above = min(above, values[k])
    return score, _between(below, above)


def _purity(counts: NDArray[np.int64], num_left: int, size: int) -> float:
    """Sum of squared counts over size, of both children: the larger, the less of Gini's impurity is left."""
    left = right = 0
    for c in range(counts.shape[1]):
        ours = counts[1, c]
        others = counts[0, c] - ours
        left += ours * ours
        right += others * others
    return left / num_left + right / (size - num_left)


def _between(below: np.float32, above: np.float32) -> np.float32:
    """A threshold that parts two values: not less than the one, less than the other."""
    middle = np.float32(below + (above - below) * np.float32(0.5))
    return middle if middle < above else below


def _part(  # noqa: PLR0917
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    threshold: np.float32,
    order: NDArray[np.int32],
    own: NDArray[np.uint8],
    desk: Desk,
) -> int:
    """Put the samples of the left child first, both sides in the order that they had; gives how many are left."""
    num_left, num_right = 0, 0
    for k in range(len(order)):
        row, tag = order[k], own[k]
        if first[row] - second[row] <= threshold:
            order[num_left], own[num_left] = row, tag
            num_left += 1
        else:
            desk.spare[num_right], desk.tags[num_right] = row, tag
            num_right += 1
    for k in range(num_right):
        order[num_left + k], own[num_left + k] = desk.spare[k], desk.tags[k]
    return num_left


def _below(state: NDArray[np.uint64], limit: int) -> int:
    """A random number below `limit`, by splitmix64 (Steele et al. 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = state[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int(((mixed >> np.uint64(32)) * np.uint64(limit)) >> np.uint64(32))


@cache
def _compiled_grow() -> Callable[..., tuple[int, int]]:
    # Imported and compiled at first use: seconds that no other command should pay.
    import numba

    made: dict[str, Any] = {}
    for function in (_count, _below, _between, _purity, _part, _by_sorting, _by_bins, _split, _grow):
        # Tests wrap functions to check shapes; numba needs the bare ones, and these need one another compiled.
        bare = inspect.unwrap(function)
        linked = types.FunctionType(bare.__code__, {**bare.__globals__, **made}, bare.__name__)
        made[bare.__name__] = numba.njit(nogil=True, error_model="numpy")(linked)
    compiled: Callable[..., tuple[int, int]] = made["_grow"]
    return compiled
