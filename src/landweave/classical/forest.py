"""Random forest (Breiman 2001): grown by scikit-learn, kept as arrays, walked by our own loop, which is faster."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int32, Shaped, UInt8
from numpy.typing import NDArray

from landweave.classical.samples import check_features, check_samples
from landweave.classical.walking import mean_shares
from landweave.errors import CardError

# 12 bytes: five nodes in a line of the cache.
NODE = np.dtype([("feature", np.int32), ("threshold", np.float32), ("next", np.int32)])
# So many samples share each tree while it is in the cache; and so finely work is shared among threads.
_BLOCK = 16384


@dataclass(frozen=True, eq=False)
class Forest:
    """A fitted forest as arrays.

    Attributes:
        nodes: All nodes of all trees. `next` is the left child, the right child stands after it; at a leaf, where
            `feature` is -1, it is the leaf's row in `shares`. A sample goes left where its value <= threshold.
        shares: Share of every class among the training samples of each leaf.
        roots: The first node of every tree.
        num_features: Length of a sample.
    """

    nodes: Shaped[np.ndarray, " n"]
    shares: Float32[np.ndarray, "leaves k"]
    roots: Int32[np.ndarray, " t"]
    num_features: int

    @property
    def num_classes(self) -> int:
        """Length of a prediction."""
        return int(self.shares.shape[1])

    def predict_probabilities(self, x: Float32[np.ndarray, "n f"], num_threads: int = 1) -> Float32[np.ndarray, "n k"]:
        """Mean over the trees of the class shares of each sample's leaf; scikit-learn's within 1e-6.

        The result does not depend on the number of threads. Values must be finite.

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
            "feature": self.nodes["feature"].copy(),
            "threshold": self.nodes["threshold"].copy(),
            "next": self.nodes["next"].copy(),
            "shares": self.shares,
            "roots": self.roots,
            "num_features": np.array([self.num_features], np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Forest:
        """The forest that `to_arrays` gave.

        Raises:
            CardError: The arrays are no forest.
        """
        try:
            nodes = np.empty(len(arrays["feature"]), NODE)
            for name in NODE.names or ():
                nodes[name] = arrays[name]
            found = cls(nodes, arrays["shares"], arrays["roots"], int(arrays["num_features"][0]))
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise _no_forest(str(error)) from error
        if reason := _defect(found):
            raise _no_forest(reason)
        return found


def fit(
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"] | UInt8[np.ndarray, "n k"],
    num_classes: int,
    *,
    num_trees: int = 100,
    min_leaf: int = 5,
    max_features: float | str = "sqrt",
    seed: int = 0,
    num_threads: int = 1,
) -> Forest:
    """A forest of `num_trees` trees, each grown on a bootstrap sample.

    Args:
        x: Samples.
        y: A class index a sample (IGNORE is left out), or a row of 0 and 1 for several labels a sample.
        num_classes: How many classes there are; those without samples get probability 0.
        num_trees: More trees are slower and a little better.
        min_leaf: Fewest training samples in a leaf; 1 grows full trees, which are larger and slower.
        max_features: How many features are tried at each split: "sqrt" or a share.
        seed: Of the bootstrap and the splits. The forest does not depend on the number of threads.
        num_threads: How many trees grow at once.

    Raises:
        SampleError: There are too few samples, or some are not finite.
    """
    from sklearn.ensemble import RandomForestClassifier

    samples, labels = check_samples(x, y, num_classes)
    grown = RandomForestClassifier(
        num_trees, min_samples_leaf=min_leaf, max_features=max_features, random_state=seed, n_jobs=num_threads
    ).fit(samples, labels)
    trees = [tree.tree_ for tree in grown.estimators_]
    return joined(trees, [_shares(tree, grown.classes_, num_classes) for tree in trees], x.shape[1])


def joined(trees: Sequence[Any], leaves_of: Sequence[Float32[np.ndarray, "_ k"]], num_features: int) -> Forest:
    """Trees of scikit-learn as one forest.

    Args:
        trees: Each estimator's `tree_`.
        leaves_of: What each tree's leaves hold, in the order of its nodes.
        num_features: Length of a sample.
    """
    # A binary tree has one leaf more than inner nodes, so that leaves are counted without looking.
    starts = list(accumulate((tree.node_count for tree in trees), initial=0))
    leaves = list(accumulate(((tree.node_count + 1) // 2 for tree in trees), initial=0))
    nodes = [_nodes(tree, start, leaf) for tree, start, leaf in zip(trees, starts, leaves, strict=False)]
    return Forest(np.concatenate(nodes), np.concatenate(leaves_of), np.array(starts[:-1], np.int32), num_features)


def _nodes(tree: Any, start: int, first_leaf: int) -> NDArray[Any]:
    """A tree of scikit-learn with siblings side by side, so that one comparison finds the next node."""
    left, right, is_leaf = tree.children_left, tree.children_right, tree.children_left < 0
    place = np.zeros(tree.node_count, np.int64)
    free, waiting = 1, [0]
    while waiting:
        node = waiting.pop()
        if not is_leaf[node]:
            place[left[node]], place[right[node]] = free, free + 1
            free += 2
            waiting += [right[node], left[node]]
    nodes = np.empty(tree.node_count, NODE)
    nodes["feature"][place] = np.where(is_leaf, -1, tree.feature)
    nodes["threshold"][place] = np.where(is_leaf, 0, _rounded_down(tree.threshold))
    nodes["next"][place] = np.where(is_leaf, first_leaf + np.cumsum(is_leaf) - 1, start + place[left])
    return nodes


def _rounded_down(threshold: Float64[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """The largest float32 that is not above: a float32 value is <= one exactly where it is <= the other."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def _shares(tree: Any, classes: Any, num_classes: int) -> Float32[np.ndarray, "leaves k"]:
    values = tree.value[tree.children_left < 0]
    if isinstance(classes, list):
        # Several labels a sample: one output a class, with the shares of 0 and 1, or of the only one that there was.
        ones = [values[:, i, len(kinds) - 1] if kinds[-1] else 0 * values[:, i, 0] for i, kinds in enumerate(classes)]
        return np.stack(ones, axis=1).astype(np.float32)
    # scikit-learn numbers only the classes that it met.
    shares = np.zeros((len(values), num_classes), np.float32)
    shares[:, classes] = values[:, 0]
    return shares


def _walk(
    x: NDArray[np.float32],
    nodes: NDArray[Any],
    shares: NDArray[np.float32],
    roots: NDArray[np.int32],
    sums: NDArray[np.float64],
) -> None:
    """Add the shares of each sample's leaves to `sums`: tree by tree, so that a tree stays in the processor's cache,
    and four samples at once, so that none waits for another's memory.
    """
    last = len(x) - 1
    leaf = np.empty(len(x), np.int32)
    for root in roots:
        for i in range(0, len(x), 4):
            i1, i2, i3 = min(i + 1, last), min(i + 2, last), min(i + 3, last)
            a = b = c = d = root
            going = True
            while going:
                at_a, at_b, at_c, at_d = nodes[a], nodes[b], nodes[c], nodes[d]
                going = False
                if at_a.feature >= 0:
                    a = at_a.next + (x[i, at_a.feature] > at_a.threshold)
                    going = True
                if at_b.feature >= 0:
                    b = at_b.next + (x[i1, at_b.feature] > at_b.threshold)
                    going = True
                if at_c.feature >= 0:
                    c = at_c.next + (x[i2, at_c.feature] > at_c.threshold)
                    going = True
                if at_d.feature >= 0:
                    d = at_d.next + (x[i3, at_d.feature] > at_d.threshold)
                    going = True
            leaf[i], leaf[i1], leaf[i2], leaf[i3] = nodes[a].next, nodes[b].next, nodes[c].next, nodes[d].next
        for i in range(len(x)):
            for k in range(shares.shape[1]):
                sums[i, k] += shares[leaf[i], k]


@cache
def _compiled_walk() -> Callable[..., None]:
    # Imported and compiled at first use: half a second that no other command should pay.
    import numba

    # Tests wrap functions to check shapes; numba needs the bare one.
    compiled: Callable[..., None] = numba.njit(nogil=True)(inspect.unwrap(_walk))
    return compiled


def _defect(forest: Forest) -> str:
    """Why these arrays are no forest, or "". What passes can be walked without leaving the arrays or going round."""
    nodes, shares, roots = forest.nodes, forest.shares, forest.roots
    if shares.ndim != 2 or shares.dtype != np.float32 or not len(shares) or not np.isfinite(shares).all():
        return "shares that are no table of finite float32"
    if roots.ndim != 1 or roots.dtype != np.int32 or not len(roots) or roots.min() < 0 or roots.max() >= len(nodes):
        return "roots outside the nodes"
    feature, following = nodes["feature"], nodes["next"]
    if feature.min() < -1 or feature.max() >= forest.num_features or np.isnan(nodes["threshold"]).any():
        return f"features outside 0-{forest.num_features - 1}, or thresholds that are NaN"
    # A child that comes after its parent, always, is what keeps a walk from going round for ever.
    is_leaf = feature < 0
    if (following[is_leaf] < 0).any() or (following[is_leaf] >= len(shares)).any():
        return "leaves outside the shares"
    inner = np.flatnonzero(~is_leaf)
    if (following[inner] <= inner).any() or (following[inner] >= len(nodes) - 1).any():
        return "children that do not come after their parents"
    return ""


def _no_forest(reason: str) -> CardError:
    return CardError(f"arrays of a forest: {reason}", "what landweave train wrote", "copy the whole card folder again")
