"""Ward's tree against scikit-learn's own cuts, the spread within clusters, and where to stop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering

from landweave.classical.agglomerative import centroids, knee, nearest, variances, ward
from landweave.errors import SampleError


def clouds(seed: int, num: int, per_cloud: int = 12, spread: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(num), per_cloud)
    middles = 10 * np.eye(num)[:, : max(num, 2)]
    return (middles[kinds] + generator.normal(0, spread, (len(kinds), middles.shape[1]))).astype(np.float32), kinds


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 20))
def test_a_cut_is_that_of_clustering_into_so_many(seed: int, num: int) -> None:
    x = np.random.default_rng(seed).normal(size=(20, 3)).astype(np.float32)
    mine = ward(x).cut(num)
    theirs = AgglomerativeClustering(num, linkage="ward").fit_predict(x)
    assert len(np.unique(mine)) == num
    # The same groups, whatever they are called.
    assert len(set(zip(mine.tolist(), theirs.tolist(), strict=True))) == num


def test_clusters_are_numbered_by_size_then_by_their_first_sample() -> None:
    x = np.array([[0.0], [5.0], [5.1], [5.2], [9.0], [0.1]], np.float32)
    assert ward(x).cut(3).tolist() == [1, 0, 0, 0, 2, 1]


def test_clouds_are_found_and_counted() -> None:
    x, kinds = clouds(0, 4)
    tree = ward(x)
    assert tree.num_samples == 48
    counts = list(range(1, 9))
    assert knee(counts, variances(x, tree, counts)) == 4
    labels = tree.cut(4)
    assert len(set(zip(labels.tolist(), kinds.tolist(), strict=True))) == 4


def test_the_spread_is_the_mean_squared_distance_from_the_centroid() -> None:
    x = np.array([[0.0], [2.0], [10.0], [14.0]], np.float32)
    tree = ward(x)
    # One cluster: mean 6.5, squares 42.25 + 20.25 + 12.25 + 56.25; two: 1 + 1 + 4 + 4.
    assert variances(x, tree, [1, 2, 4]) == pytest.approx([32.75, 2.5, 0.0])


@given(st.integers(0, 1000))
def test_more_clusters_are_never_spread_more(seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(15, 2)).astype(np.float32)
    found = variances(x, ward(x), range(1, 16))
    assert all(later <= before + 1e-9 for before, later in itertools.pairwise(found))
    assert found[-1] == pytest.approx(0)


@pytest.mark.parametrize(
    ("counts", "values", "wanted"),
    [
        ([1, 2, 3, 4, 5], [100, 20, 15, 11, 10], 2),
        ([1, 2, 3, 4, 5], [100, 60, 20, 18, 15], 3),
        # A straight line has no knee: its first point.
        ([1, 2, 3], [3.0, 2.0, 1.0], 1),
        # Two counts leave no curve, and a curve that does not fall has nothing to stop.
        ([2, 3], [5.0, 1.0], 2),
        ([2, 3, 4], [1.0, 1.0, 1.0], 2),
        ([6], [1.0], 6),
    ],
)
def test_the_knee_is_where_the_curve_stops_falling(counts: list[int], values: list[float], wanted: int) -> None:
    assert knee(counts, values) == wanted


def test_centroids_are_means_and_the_nearest_is_the_first_of_equals() -> None:
    x = np.array([[0, 0], [2, 0], [9, 9]], np.float32)
    centres = centroids(x, np.array([0, 0, 1]))
    np.testing.assert_array_equal(centres, [[1, 0], [9, 9]])
    np.testing.assert_array_equal(nearest(x, centres), [0, 0, 1])
    assert nearest(np.array([[5, 4.5]], np.float32), np.array([[1, 0], [9, 9]], np.float32)).tolist() == [0]


def test_the_nearest_of_many_is_the_nearest_of_each() -> None:
    x, centres = np.random.default_rng(0).normal(size=(9000, 2)), np.random.default_rng(1).normal(size=(3, 2))
    together = nearest(x.astype(np.float32), centres.astype(np.float32))
    alone = [int(nearest(row[None].astype(np.float32), centres.astype(np.float32))[0]) for row in x[::500]]
    assert together[::500].tolist() == alone


@pytest.mark.parametrize("x", [np.zeros((1, 3)), np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, 1.0]])])
def test_what_cannot_be_clustered_is_refused(x: np.ndarray) -> None:
    with pytest.raises(SampleError) as caught:
        ward(x.astype(np.float32))
    assert "samples" in caught.value.given
    assert "at least two" in caught.value.expected
    assert "encoder" in caught.value.do
