"""k-means (Lloyd 1982) begun as by k-means++ (Arthur and Vassilvitskii 2007), on features of one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from landweave.classical.agglomerative import nearest
from landweave.errors import SampleError

_TRIES = 4


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres of clusters, largest cluster first, on features that were scaled by their own spread.

    Attributes:
        centres: On the scale of features that were divided by `spread` after `middle` was taken away.
        middle: Mean of each feature.
        spread: Standard deviation of each feature, 1 where it does not vary.
        sizes: How many of the samples lie nearest to each centre.
    """

    centres: Float32[np.ndarray, "k f"]
    middle: Float32[np.ndarray, " f"]
    spread: Float32[np.ndarray, " f"]
    sizes: Int64[np.ndarray, " k"]

    def predict(self, x: Float32[np.ndarray, "n f"]) -> Int64[np.ndarray, " n"]:
        """The nearest centre to each sample: 0 is the cluster that was largest."""
        return nearest(((x - self.middle) / self.spread).astype(np.float32), self.centres)


def fit(x: Float32[np.ndarray, "n f"], num_clusters: int, seed: int = 0) -> Clusters:
    """At most `num_clusters` clusters of samples whose features each have mean 0 and deviation 1.

    Fewer where fewer samples differ. The same samples and seed give the same clusters.

    Raises:
        SampleError: There is no sample, or values are not finite.
    """
    if not len(x) or not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).any(1).sum())
        raise SampleError(
            f"{len(x)} samples, {bad} of them with NaN or infinite features",
            "at least one sample, all of them finite",
            "leave invalid pixels out",
        )
    middle, spread = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    spread[spread == 0] = 1
    scaled = ((x - middle) / spread).astype(np.float32)
    centres = _centres(scaled, min(num_clusters, len(np.unique(scaled, axis=0))), seed)
    sizes = np.bincount(nearest(scaled, centres), minlength=len(centres))
    # A stable order, so that clusters of one size keep theirs.
    order = np.argsort(-sizes, kind="stable")
    return Clusters(centres[order], middle.astype(np.float32), spread.astype(np.float32), sizes[order])


def _centres(scaled: Float32[np.ndarray, "n f"], num: int, seed: int) -> Float32[np.ndarray, "k f"]:
    from sklearn.cluster import KMeans

    found = KMeans(num, n_init=_TRIES, random_state=seed, algorithm="lloyd").fit(scaled)
    return np.asarray(found.cluster_centers_, np.float32)
