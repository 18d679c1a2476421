"""Agglomerative clustering (Ward 1963): one tree, cut into any number of clusters, and where to cut it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from landweave.errors import SampleError

_BLOCK = 4096
Features = Float32[np.ndarray, "n d"]


@dataclass(frozen=True, eq=False)
class Tree:
    """Which clusters were joined, one pair after the other.

    Attributes:
        merges: Of each join the two clusters; below n they are samples, n + i is what join i made.
    """

    merges: Int64[np.ndarray, "m 2"]

    @property
    def num_samples(self) -> int:
        """How many samples there are."""
        return len(self.merges) + 1

    def cut(self, num_clusters: int) -> Int64[np.ndarray, " n"]:
        """The cluster of each sample where `num_clusters` are left, the largest first, equals by their first sample."""
        num = self.num_samples
        parent = np.arange(2 * num - 1)
        for made, pair in enumerate(self.merges[: num - num_clusters]):
            parent[pair] = num + made
        # Parents have higher numbers, so that one pass from the top leads everyone to the top of its cluster.
        for node in reversed(range(len(parent))):
            parent[node] = parent[parent[node]]
        _, first, cluster, counts = np.unique(parent[:num], return_index=True, return_inverse=True, return_counts=True)
        order = np.lexsort((first, -counts))
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return np.asarray(rank[cluster], np.int64)


def ward(x: Features) -> Tree:
    """The tree that joins those two clusters whose union is least spread, until one is left.

    It needs memory for all pairs of samples: 200 MB for 5,000 of them. Nothing is random.

    Raises:
        SampleError: There are fewer than two samples, or some are not finite.
    """
    if len(x) < 2 or not np.isfinite(x).all():
        raise SampleError(
            f"{len(x)} samples, {int((~np.isfinite(x)).any(1).sum())} of them with NaN or infinite features",
            "at least two samples with finite features",
            "take more patches, or look why the encoder gives such features",
        )
    from sklearn.cluster import AgglomerativeClustering

    found = AgglomerativeClustering(n_clusters=1, linkage="ward", compute_full_tree=True).fit(x)
    return Tree(np.asarray(found.children_, np.int64))


def centroids(x: Features, labels: Int64[np.ndarray, " n"]) -> Float32[np.ndarray, "k d"]:
    """The mean of each cluster's samples."""
    sums = np.zeros((int(labels.max()) + 1, x.shape[1]))
    np.add.at(sums, labels, x)
    return np.asarray(sums / np.bincount(labels)[:, None], np.float32)


def nearest(x: Features, centres: Float32[np.ndarray, "k d"]) -> Int64[np.ndarray, " n"]:
    """The nearest of `centres` to each sample, the first of equals."""
    found = np.empty(len(x), np.int64)
    # By differences, not by products: the same sample must have the same answer in whatever block it comes.
    for start in range(0, len(x), _BLOCK):
        some = x[start : start + _BLOCK]
        distances = np.stack([((some - centre) ** 2).sum(1) for centre in centres], 1)
        found[start : start + _BLOCK] = distances.argmin(1)
    return found


def variances(x: Features, tree: Tree, counts: Sequence[int]) -> list[float]:
    """For each number of clusters the mean within-cluster variance: squared distance from the centroid, averaged."""
    exact = x.astype(np.float64)
    return [_variance(exact, tree.cut(num)) for num in counts]


def _variance(x: Float64[np.ndarray, "n d"], labels: Int64[np.ndarray, " n"]) -> float:
    total = sum(float(((part - part.mean(0)) ** 2).sum()) for part in (x[labels == k] for k in np.unique(labels)))
    return total / len(x)


def knee(counts: Sequence[int], values: Sequence[float]) -> int:
    """The count at which `values` stop falling: where the curve lies farthest below its chord (Satopaa et al. 2011).

    Both axes are scaled to 0-1 first; of equals the smallest. A curve that does not fall ends at its first count.

    Args:
        counts: Ascending.
        values: One for each.
    """
    if len(counts) < 3 or values[0] <= values[-1]:
        return counts[0]
    across = (np.array(counts, float) - counts[0]) / (counts[-1] - counts[0])
    down = (np.array(values) - values[-1]) / (values[0] - values[-1])
    return counts[int(np.argmax(1 - across - down))]
