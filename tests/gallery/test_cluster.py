"""Soft labels: features that weigh the same, clusters of a sample, one rule for all, and the space they lie in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import GalleryError, SampleError
from landweave.gallery.cluster import Space, cluster, scaled

COUNTS = range(2, 9)


def clouds(num_clouds: int = 4, per_cloud: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features whose patterns differ by cloud, some numbers far larger than others, one the same for all."""
    generator = np.random.default_rng(seed)
    kinds = np.tile(np.arange(num_clouds), per_cloud)
    middles = generator.normal(0, 1, (num_clouds, 6))
    rows = middles[kinds] + generator.normal(0, 0.1, (len(kinds), 6))
    rows[:, 0] *= 1000
    return np.c_[rows, np.full(len(kinds), 7.0)].astype(np.float32), kinds


def test_clouds_become_clusters_whatever_their_numbers_are() -> None:
    features, kinds = clouds()
    found = cluster(features, np.arange(80), COUNTS, 1000, 1)
    assert found.space.num == 4
    assert found.space.counts.tolist() == [1, *COUNTS]
    assert len(set(zip(found.labels.tolist(), kinds.tolist(), strict=True))) == 4
    assert len(found.labels) == 120


def test_only_the_training_part_decides() -> None:
    features, _ = clouds()
    train = np.arange(80)
    changed = features.copy()
    changed[80:] = np.random.default_rng(5).normal(0, 50, (40, 7))
    before, after = (cluster(rows, train, COUNTS, 1000, 1) for rows in (features, changed))
    np.testing.assert_array_equal(before.space.centroids, after.space.centroids)
    np.testing.assert_array_equal(before.labels[:80], after.labels[:80])


def test_a_sample_finds_the_same_clusters() -> None:
    features, kinds = clouds(per_cloud=100)
    found = cluster(features, np.arange(400), COUNTS, 60, 1)
    assert found.space.num == 4
    assert len(set(zip(found.labels.tolist(), kinds.tolist(), strict=True))) == 4
    again = cluster(features, np.arange(400), COUNTS, 60, 1)
    np.testing.assert_array_equal(found.labels, again.labels)


@pytest.mark.parametrize("num", [2, 3, 6])
def test_one_number_leaves_no_choice(num: int) -> None:
    features, _ = clouds()
    found = cluster(features, np.arange(120), range(num, num + 1), 1000, 1)
    assert found.space.num == num
    assert found.space.counts.tolist() == [1, num]


def test_every_patch_joins_its_nearest_centroid() -> None:
    features, _ = clouds()
    found = cluster(features, np.arange(80), COUNTS, 1000, 1)
    rows = found.space.scaled(features)
    apart = ((rows[:, None] - found.space.centroids) ** 2).sum(2)
    np.testing.assert_array_equal(found.labels, apart.argmin(1))


@pytest.mark.parametrize(("num", "most"), [(5, 8), (20, 30)])
def test_fewer_patches_than_clusters_are_refused(num: int, most: int) -> None:
    features, _ = clouds()
    with pytest.raises(SampleError) as caught:
        cluster(features, np.arange(num), range(2, most + 1), 1000, 1)
    assert f"{num} patches to put into up to {most} clusters" in caught.value.given
    assert "one for each" in caught.value.expected
    assert "fewer clusters" in caught.value.do


def test_features_that_are_no_numbers_are_refused() -> None:
    features, _ = clouds()
    features[3, 2] = np.nan
    with pytest.raises(SampleError) as caught:
        cluster(features, np.arange(80), COUNTS, 1000, 1)
    assert "NaN" in caught.value.given


@given(st.integers(0, 1000))
def test_scaled_features_weigh_the_same_and_do_not_change_with_units(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(3, 2, (20, 4)).astype(np.float32)
    mean, std = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    found = scaled(rows, mean, std)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-5)
    np.testing.assert_allclose(scaled(100 * rows + 5, 100 * mean + 5, 100 * std), found, atol=1e-3)


def test_a_feature_that_is_the_same_for_all_says_nothing() -> None:
    rows = np.array([[3.0, 7.0]], np.float32)
    assert scaled(rows, np.array([1.0, 2.0]), np.array([4.0, np.inf])).tolist() == [[0.5, 0.0]]


def test_the_plane_shows_where_features_differ_most() -> None:
    features, kinds = clouds(2, 60)
    space = cluster(features, np.arange(120), COUNTS, 1000, 1).space
    places = space.plane(features)
    assert places.shape == (120, 2)
    np.testing.assert_allclose(places.mean(0), 0, atol=1e-4)
    # Two clouds lie on both sides of the first axis, which has the larger spread.
    assert len({bool(side) for side in places[kinds == 0, 0] > 0}) == 1
    assert (places[kinds == 0, 0] > 0)[0] != (places[kinds == 1, 0] > 0)[0]
    assert places[:, 0].std() > places[:, 1].std()


def test_the_space_comes_back(tmp_path: Path) -> None:
    features, _ = clouds()
    space = cluster(features, np.arange(80), COUNTS, 1000, 1).space
    for name in ("a", "b"):
        space.save(tmp_path / name)
    found = Space.load(tmp_path / "a")
    np.testing.assert_array_equal(found.plane(features), space.plane(features))
    np.testing.assert_array_equal(found.centroids, space.centroids)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_damaged_space_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "space.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GalleryError) as caught:
        Space.load(path)
    assert "space.safetensors" in caught.value.given
    assert "space of a gallery" in caught.value.expected
    assert caught.value.do
