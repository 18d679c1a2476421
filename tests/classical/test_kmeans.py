"""k-means: clusters that anybody sees, and the answer of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from landweave.classical.kmeans import fit
from landweave.errors import SampleError


def blobs(sizes: tuple[int, ...] = (30, 50, 20), spread: float = 0.1) -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [4, 1, 0], [0, 3, 500]], float)
    parts = [centre + generator.normal(0, spread, (size, 3)) for centre, size in zip(centres, sizes, strict=True)]
    return np.concatenate(parts).astype(np.float32)


def test_clusters_that_anybody_sees_the_largest_first() -> None:
    found = fit(blobs(), 3)
    np.testing.assert_array_equal(found.sizes, [50, 30, 20])
    labels = found.predict(blobs())
    np.testing.assert_array_equal(labels, np.repeat([1, 0, 2], [30, 50, 20]))


def test_the_partition_of_scikit_learn_on_scaled_features() -> None:
    x = np.random.default_rng(1).normal(size=(200, 4)).astype(np.float32) * np.float32([1, 10, 0.1, 3])
    found = fit(x, 4, seed=3)
    scaled = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    theirs = KMeans(4, n_init=4, random_state=3).fit(scaled).labels_
    mine = found.predict(x)
    pairs = {(int(a), int(b)) for a, b in zip(mine, theirs, strict=True)}
    assert len(pairs) == 4


def test_the_scale_of_a_feature_does_not_matter() -> None:
    x = blobs()
    np.testing.assert_array_equal(fit(x, 3).predict(x), fit(x * 1000, 3).predict(x * 1000))


def test_fewer_samples_than_clusters_and_features_that_do_not_vary() -> None:
    found = fit(np.float32([[1, 5], [2, 5], [1, 5]]), 4)
    np.testing.assert_array_equal(found.sizes, [2, 1])
    np.testing.assert_array_equal(found.spread[1:], [1])
    alone = fit(np.ones((7, 2), np.float32), 3)
    np.testing.assert_array_equal(alone.sizes, [7])


def test_same_seed_same_clusters() -> None:
    x = np.random.default_rng(2).normal(size=(300, 6)).astype(np.float32)
    np.testing.assert_array_equal(fit(x, 5, seed=1).centres, fit(x, 5, seed=1).centres)


@pytest.mark.parametrize("x", [np.zeros((0, 2), np.float32), np.float32([[1, np.nan], [2, 3]])])
def test_samples_that_do_not_do(x: np.ndarray) -> None:
    with pytest.raises(SampleError) as caught:
        fit(x, 2)
    assert f"{len(x)} samples" in caught.value.given
    assert "finite" in caught.value.expected
    assert caught.value.do
