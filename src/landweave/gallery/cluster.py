"""Soft labels: clusters of features, as many as the spread within them asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float32, Float64, Int64

from landweave.atomic import write_bytes
from landweave.classical import agglomerative
from landweave.errors import GalleryError, SampleError
from landweave.train.draw import order

Features = Float32[np.ndarray, "n d"]


@dataclass(frozen=True, eq=False)
class Space:
    """Where features are compared, and the clusters that were found there.

    Attributes:
        mean: Of each feature over the training part.
        std: Of each feature over the training part; infinite where it is the same for all.
        centroids: The mean of each cluster, in scaled features.
        origin: The mean of scaled features, where the plane has its middle.
        axes: The two directions in which scaled features differ most, for pictures.
        counts: Numbers of clusters that were looked at.
        variances: The mean within-cluster variance of each.
    """

    mean: Float64[np.ndarray, " d"]
    std: Float64[np.ndarray, " d"]
    centroids: Float32[np.ndarray, "k d"]
    origin: Float64[np.ndarray, " d"]
    axes: Float64[np.ndarray, "d 2"]
    counts: Int64[np.ndarray, " m"]
    variances: Float64[np.ndarray, " m"]

    @property
    def num(self) -> int:
        """How many clusters there are."""
        return len(self.centroids)

    def scaled(self, features: Features) -> Features:
        """Features that weigh the same: each less its mean and by its deviation."""
        return scaled(features, self.mean, self.std)

    def plane(self, features: Features) -> Float32[np.ndarray, "n 2"]:
        """Where patches lie on the plane of pictures (the first two principal components)."""
        return np.asarray((self.scaled(features) - self.origin) @ self.axes, np.float32)

    def save(self, path: Path) -> None:
        """Write all of it; equal ones give equal bytes.

        Raises:
            OutputError: It cannot be written.
        """
        arrays = {entry.name: np.ascontiguousarray(getattr(self, entry.name)) for entry in dataclasses.fields(self)}
        write_bytes(path, safetensors.numpy.save(arrays))

    @classmethod
    def load(cls, path: Path) -> Space:
        """What `save` wrote.

        Raises:
            GalleryError: The file is missing or damaged.
        """
        try:
            return cls(**safetensors.numpy.load(path.read_bytes()))
        except (OSError, safetensors.SafetensorError, TypeError) as error:
            raise GalleryError(
                f"{path}: {error}", "the features' space of a gallery", "build the gallery again, or copy it again"
            ) from error


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters that were found.

    Attributes:
        labels: The cluster of every patch: that of its nearest centroid.
        space: Where they lie.
    """

    labels: Int64[np.ndarray, " n"]
    space: Space


def scaled(features: Features, mean: Float64[np.ndarray, " d"], std: Float64[np.ndarray, " d"]) -> Features:
    """Features less their mean and by their deviation, so that all weigh the same."""
    return np.ascontiguousarray((features - mean) / std, np.float32)


def cluster(
    features: Features, train: Int64[np.ndarray, " m"], counts: Sequence[int], sample: int, seed: int
) -> Clusters:
    """Cluster patches by Ward's tree of a sample of the training part, cut where its spread stops falling.

    Args:
        features: Of every patch, from an encoder.
        train: Numbers of the patches of the training part: no other decides anything.
        counts: Numbers of clusters to choose from, ascending; the curve begins with one cluster whatever they are.
        sample: Most patches that the tree is grown on; all join the nearest of its centroids.
        seed: Decides which.

    Raises:
        SampleError: There are fewer patches than clusters, or features that are not finite.
    """
    drawn = np.sort(order(seed, 0, train)[:sample])
    if len(drawn) < max(counts):
        raise SampleError(
            f"{len(drawn)} patches to put into up to {max(counts)} clusters",
            "at least one for each",
            "raise sample, cut more patches, or ask for fewer clusters",
        )
    mean, std = features[train].mean(0, dtype=np.float64), features[train].std(0, dtype=np.float64)
    # A feature that is the same for all patches says nothing, and must not divide by zero.
    std = np.where(std > 1e-9, std, np.inf)
    rows = scaled(features, mean, std)
    tree = agglomerative.ward(rows[drawn])
    looked = list(dict.fromkeys([1, *counts]))
    spread = agglomerative.variances(rows[drawn], tree, looked)
    told = tree.cut(max(agglomerative.knee(looked, spread), counts[0]))
    centroids = agglomerative.centroids(rows[drawn], told)
    # Those of the sample too: one rule for old patches and for new ones.
    labels = agglomerative.nearest(rows, centroids)
    origin, axes = _principal(rows[train])
    return Clusters(labels, Space(mean, std, centroids, origin, axes, np.array(looked), np.array(spread)))


def _principal(rows: Features) -> tuple[Float64[np.ndarray, " d"], Float64[np.ndarray, "d 2"]]:
    origin = rows.mean(0, dtype=np.float64)
    inner = rows.astype(np.float64) - origin
    axes = np.linalg.eigh(inner.T @ inner)[1][:, :-3:-1]
    # The sign of an axis is free: fixed by its largest part, so that pictures do not flip.
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0))
    return origin, np.ascontiguousarray(axes * signs)
