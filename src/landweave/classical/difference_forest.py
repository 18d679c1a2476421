"""Random forest (Breiman 2001) on the differences of all pairs of features, which are never made as columns.

Grown and walked by our own loops, kept as arrays, predicting from the features themselves. Why it is ours:
docs/decisions/0004-a-forest-of-our-own.md.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Shaped, UInt8
from numpy.typing import NDArray

from landweave.classical.growing import Limits, Tree, grow
from landweave.classical.samples import check_features, check_samples
from landweave.classical.walking import mean_shares
from landweave.errors import CardError, SampleError

# Twelve bytes, as those of the plain forest: five nodes in a line of the cache.
NODE = np.dtype([("first", np.int16), ("second", np.int16), ("threshold", np.float32), ("next", np.int32)])
# So many samples share each tree while both are in the cache.
_BLOCK = 2048
_NO_LIMIT = 1 << 30


@dataclass(frozen=True, eq=False)
class DifferenceForest:
    """A fitted forest as arrays.

    Attributes:
        nodes: All nodes of all trees. A sample goes left where feature `first` less feature `second` <= threshold.
            `next` is the left child, the right child stands after it; at a leaf, where `first` is -1, it is the leaf's
            row in `shares`.
        shares: Share of every class among the training samples of each leaf.
        roots: The first node of every tree.
        importance: Of each difference i < j, in the order 0-1, 0-2, ...: by how much it decreased Gini's impurity, the
            mean over trees of shares; they sum up to 1.
        num_features: Length of a sample.
    """

    nodes: Shaped[np.ndarray, " n"]
    shares: Float32[np.ndarray, "leaves k"]
    roots: Int32[np.ndarray, " t"]
    importance: Float64[np.ndarray, " p"]
    num_features: int

    @property
    def num_classes(self) -> int:
        """Length of a prediction."""
        return int(self.shares.shape[1])

    def predict_probabilities(self, x: Float32[np.ndarray, "n f"], num_threads: int = 1) -> Float32[np.ndarray, "n k"]:
        """Mean over the trees of the class shares of each sample's leaf, whatever the number of threads.

        Args:
            x: Samples with finite values.
            num_threads: How many blocks of samples are walked at once.

        Raises:
            CardError: The samples have another number of features.
        """
        check_features(x.shape[1], self.num_features)
        walk = _compiled_walk()

        def down(values: NDArray[np.float32], sums: NDArray[np.float64]) -> None:
            walk(values, self.nodes, self.shares, self.roots, sums)

        return mean_shares(down, x, self.num_classes, len(self.roots), block=_BLOCK, num_threads=num_threads)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The forest as named arrays, for a card."""
        return {
            **{name: self.nodes[name].copy() for name in NODE.names or ()},
            "shares": self.shares,
            "roots": self.roots,
            "importance": self.importance,
            "num_features": np.array([self.num_features], np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> DifferenceForest:
        """The forest that `to_arrays` gave.

        Raises:
            CardError: The arrays are no forest.
        """
        try:
            nodes = np.empty(len(arrays["first"]), NODE)
            for name in NODE.names or ():
                nodes[name] = arrays[name]
            rest = [arrays[name] for name in ("shares", "roots", "importance")]
            found = cls(nodes, rest[0], rest[1], rest[2], int(arrays["num_features"][0]))
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise _no_forest(str(error)) from error
        if reason := _defect(found):
            raise _no_forest(reason)
        return found


def fit(
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"],
    num_classes: int,
    *,
    num_trees: int = 100,
    max_features: float | str = "sqrt",
    max_depth: int | None = None,
    min_split: int = 2,
    min_leaf: int = 1,
    bootstrap: bool = False,
    kept: Bool[np.ndarray, " p"] | None = None,
    seed: int = 0,
    num_threads: int = 1,
) -> DifferenceForest:
    """A forest on the differences of every two features.

    Args:
        x: Samples.
        y: A class index a sample; IGNORE is left out.
        num_classes: How many classes there are; those without samples get probability 0.
        num_trees: More trees are slower and a little better.
        max_features: How many differences are tried at each node: "sqrt" ("auto" is the same) or a share of them.
        max_depth: Greatest depth of a tree; None for any.
        min_split: Fewest samples that are split.
        min_leaf: Fewest samples in a leaf.
        bootstrap: Grow each tree on samples drawn with replacement instead of on all.
        kept: Which differences are used, in the order of pairs; None for all.
        seed: Of what is drawn. The forest does not depend on the number of threads.
        num_threads: How many trees grow at once.

    Raises:
        SampleError: There are too few samples, some are not finite, or no difference is kept.
    """
    samples, labels = check_samples(x, y, num_classes)
    pairs, used = _pairs(x.shape[1], kept)
    limits = Limits(
        _num_tried(max_features, len(used)), _NO_LIMIT if max_depth is None else max_depth, min_split, min_leaf
    )
    columns = np.ascontiguousarray(samples.T)

    def tree(index: int) -> Tree:
        drawn = np.random.default_rng((seed, index))
        rows = drawn.integers(0, len(labels), len(labels)) if bootstrap else np.arange(len(labels))
        return grow(columns, labels, rows, pairs, num_classes, limits, int(drawn.integers(0, 2**63)))

    with ThreadPoolExecutor(num_threads) as threads:
        trees = list(threads.map(tree, range(num_trees)))
    importance = np.zeros(x.shape[1] * (x.shape[1] - 1) // 2)
    importance[used] = _mean_shares([found.gain for found in trees])
    return _joined(trees, pairs, importance, x.shape[1])


def _pairs(num: int, kept: NDArray[np.bool_] | None) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Features of the differences that are used, and the places of these among all."""
    pairs = np.stack(np.triu_indices(num, 1)).astype(np.int32)
    used = np.arange(pairs.shape[1]) if kept is None else np.flatnonzero(kept)
    if not len(used) or (kept is not None and kept.shape != (pairs.shape[1],)):
        raise SampleError(
            f"{len(used)} differences to use of {0 if kept is None else kept.size}",
            f"some of the {pairs.shape[1]} differences of {num} features",
            "keep more differences, in the order of pairs",
        )
    return np.ascontiguousarray(pairs[:, used]), used


def _num_tried(max_features: float | str, num: int) -> int:
    # "auto" is what scikit-learn once called the root, and what the paper's Table 5 calls it.
    if max_features in {"sqrt", "auto"}:
        return max(1, math.isqrt(num))
    if isinstance(max_features, str) or not 0 < max_features <= 1:
        raise SampleError(f"max_features {max_features}", '"sqrt" or a share above 0', "mend [arguments]")
    return max(1, int(max_features * num))


def _mean_shares(gains: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    # As scikit-learn: each tree counts the same, and a tree that is one leaf not at all.
    mean = np.sum([gain / gain.sum() for gain in gains if gain.sum() > 0], axis=0)
    return np.asarray(mean / np.sum(mean)) if np.sum(mean) > 0 else np.zeros_like(gains[0])


def _joined(trees: Sequence[Tree], pairs: NDArray[np.int32], importance: NDArray[Any], num: int) -> DifferenceForest:
    starts = list(accumulate((len(tree.pair) for tree in trees), initial=0))
    leaves = list(accumulate((len(tree.leaves) for tree in trees), initial=0))
    nodes = np.empty(starts[-1], NODE)
    for tree, start, first_leaf in zip(trees, starts, leaves, strict=False):
        own, is_leaf = nodes[start : start + len(tree.pair)], tree.pair < 0
        own["first"], own["second"] = np.where(is_leaf, -1, pairs[:, tree.pair])
        own["threshold"] = tree.threshold
        own["next"] = tree.following + np.where(is_leaf, first_leaf, start)
    counts = np.concatenate([tree.leaves for tree in trees])
    return DifferenceForest(
        nodes, counts / counts.sum(1, keepdims=True), np.array(starts[:-1], np.int32), importance, num
    )


def _walk(
    x: NDArray[np.float32],
    nodes: NDArray[Any],
    shares: NDArray[np.float32],
    roots: NDArray[np.int32],
    sums: NDArray[np.float64],
) -> None:
    """Add the shares of each sample's leaves to `sums`, two samples at once, so that neither waits for memory alone."""
    last = len(x) - 1
    for root in roots:
        for i in range(0, len(x), 2):
            j = min(i + 1, last)
            a = b = root
            going = True
            while going:
                at_a, at_b = nodes[a], nodes[b]
                going = False
                if at_a.first >= 0:
                    a = at_a.next + (x[i, at_a.first] - x[i, at_a.second] > at_a.threshold)
                    going = True
                if at_b.first >= 0:
                    b = at_b.next + (x[j, at_b.first] - x[j, at_b.second] > at_b.threshold)
                    going = True
            for k in range(shares.shape[1]):
                sums[i, k] += shares[nodes[a].next, k]
            if j > i:
                for k in range(shares.shape[1]):
                    sums[j, k] += shares[nodes[b].next, k]


@cache
def _compiled_walk() -> Callable[..., None]:
    # Imported and compiled at first use: half a second that no other command should pay.
    import numba

    # Tests wrap functions to check shapes; numba needs the bare one.
    compiled: Callable[..., None] = numba.njit(nogil=True)(inspect.unwrap(_walk))
    return compiled


def _defect(forest: DifferenceForest) -> str:
    """Why these arrays are no forest, or "". What passes can be walked without leaving the arrays or going round."""
    nodes, shares, roots, num = forest.nodes, forest.shares, forest.roots, forest.num_features
    if shares.ndim != 2 or shares.dtype != np.float32 or not len(shares) or not np.isfinite(shares).all():
        return "shares that are no table of finite float32"
    if roots.ndim != 1 or roots.dtype != np.int32 or not len(roots) or roots.min() < 0 or roots.max() >= len(nodes):
        return "roots outside the nodes"
    if forest.importance.shape != (num * (num - 1) // 2,) or not np.isfinite(forest.importance).all():
        return "no importance for each difference"
    return _defect_of_nodes(nodes, len(shares), num)


def _defect_of_nodes(nodes: NDArray[Any], num_leaves: int, num: int) -> str:
    is_leaf = nodes["first"] < 0
    used = [nodes[name][~is_leaf] for name in ("first", "second")]
    if any((part < 0).any() or (part >= num).any() for part in used) or np.isnan(nodes["threshold"]).any():
        return f"features outside 0-{num - 1}, or thresholds that are NaN"
    following = nodes["next"]
    if (following[is_leaf] < 0).any() or (following[is_leaf] >= num_leaves).any():
        return "leaves outside the shares"
    # A child that comes after its parent, always, is what keeps a walk from going round for ever.
    inner = np.flatnonzero(~is_leaf)
    if (following[inner] <= inner).any() or (following[inner] >= len(nodes) - 1).any():
        return "children that do not come after their parents"
    return ""


def _no_forest(reason: str) -> CardError:
    return CardError(f"arrays of a forest: {reason}", "what landweave train wrote", "copy the whole card folder again")
