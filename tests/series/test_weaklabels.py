"""What a class looks like, where years agree: each step by hand on small arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.classical import forest
from landweave.errors import SampleError, SensorError
from landweave.legend import IGNORE
from landweave.series.weaklabels import (
    Annual,
    agreement,
    annual,
    index_features,
    purify,
    training_places,
    unseen_by,
)

ROLES = {"blue": 0, "green": 1, "red": 2, "nir": 3, "swir16": 4}


def series(num: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two years of three dates at `num` places."""
    generator = np.random.default_rng(seed)
    days = np.array([100, 150, 200, 465, 515, 565])
    years = np.array([2018] * 3 + [2019] * 3)
    return generator.random((6, 2, num), np.float32), np.ones((6, num), bool), days, years


def test_a_year_alone_without_gaps() -> None:
    values, valid, days, years = series()
    valid[4, 0] = False
    found = annual(values, valid, days, years, 2019)
    assert found.values.shape == (5, 3, 2)
    np.testing.assert_array_equal(found.values[1:], values[3:, :, 1:].transpose(2, 0, 1))
    np.testing.assert_allclose(found.values[0, 1], (values[3, :, 0] + values[5, :, 0]) / 2, rtol=1e-6)
    assert found.seen.all()
    assert found.flat.shape == (5, 6)


def test_a_year_does_not_borrow_from_another() -> None:
    values, valid, days, years = series()
    valid[:3, 2] = False
    one = annual(values, valid, days, years, 2018)
    np.testing.assert_array_equal(one.seen, [True, True, False, True, True])
    assert not one.values[2].any()
    changed = values.copy()
    changed[3:] = 9
    np.testing.assert_array_equal(annual(changed, valid, days, years, 2018).values, one.values)


def test_one_clear_date_stands_for_the_year() -> None:
    values, valid, days, years = series()
    valid[[0, 2], 3] = False
    found = annual(values, valid, days, years, 2018)
    np.testing.assert_array_equal(found.values[3], np.tile(values[1, :, 3], (3, 1)))
    assert found.seen[3]


def looks(sizes: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(0)
    parts = [10 * place + generator.normal(0, 0.1, (size, 3)) for place, size in enumerate(sizes)]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize(
    ("keep_share", "num_kept", "num_places"),
    [(0.0, 1, 60), (0.5, 1, 60), (0.7, 2, 90), (0.9, 2, 90), (0.95, 3, 100), (1.0, 3, 100)],
)
def test_clusters_are_kept_from_the_largest_on(keep_share: float, num_kept: int, num_places: int) -> None:
    found = purify(looks((30, 60, 10)), 3, keep_share)
    assert found.sizes == (60, 30, 10)
    assert found.num_kept == num_kept
    assert found.kept.sum() == num_places
    # The dominant cluster is always among them.
    assert found.kept[30:90].all()


@given(num=st.integers(1, 40), clusters=st.integers(1, 8), share=st.floats(0, 1))
def test_something_is_always_kept(num: int, clusters: int, share: float) -> None:
    found = purify(np.random.default_rng(num).random((num, 2), np.float32), clusters, share)
    assert found.kept.sum() >= share * num - 1e-6
    assert found.kept.sum() == sum(found.sizes[: found.num_kept]) > 0
    assert sum(found.sizes) == num
    assert list(found.sizes) == sorted(found.sizes, reverse=True)


def test_a_class_without_places_has_no_clusters() -> None:
    with pytest.raises(SampleError, match="0 samples"):
        purify(np.zeros((0, 3), np.float32), 3)


def test_features_are_the_indices_of_every_date() -> None:
    values = np.random.default_rng(0).random((4, 3, 5), np.float32)
    found = index_features(Annual(values, np.ones(4, bool)), ROLES)
    assert found.shape == (4, 3 * 5)
    red, nir = values[..., 2], values[..., 3]
    np.testing.assert_allclose(found[:, ::5], (nir - red) / (nir + red), rtol=1e-5)
    with pytest.raises(SensorError):
        index_features(Annual(values, np.ones(4, bool)), {"blue": 0})


def test_training_places_follow_the_map_with_a_floor() -> None:
    label = np.array([0] * 50 + [1] * 30 + [2] * 4, np.uint8)
    kept = np.ones(84, bool)
    kept[:10] = False
    rows = training_places(label, kept, [700, 290, 10], 20, 3)
    np.testing.assert_array_equal(np.bincount(label[rows]), [12, 5, 3])
    assert kept[rows].all()
    # The first of each class, which stand in the order of their chance.
    np.testing.assert_array_equal(rows[:12], np.arange(10, 22))
    # Where a class has lost all its places, the others go on.
    kept[80:] = False
    assert 2 not in label[training_places(label, kept, [700, 290, 10], 20, 3)]


ONE = np.zeros(41, np.int64)


def grown(seed: int = 0) -> tuple[dict[int, Annual], dict[int, list[forest.Forest]], np.ndarray]:
    """Two years in which class 1 is bright; the last place is bright in the second year only."""
    label = np.array([0] * 20 + [1] * 20 + [0], np.uint8)
    generator = np.random.default_rng(seed)
    years, forests = {}, {}
    for year in (2018, 2019):
        bright = label.astype(np.float32)
        bright[-1] = year == 2019
        values = (bright[:, None, None] + 0.05 * generator.random((41, 2, 3))).astype(np.float32)
        years[year] = Annual(values, np.ones(41, bool))
        forests[year] = [forest.fit(years[year].flat[:40], label[:40], 2, num_trees=5, min_leaf=1)]
    return years, forests, label


def test_stable_is_what_all_years_and_the_map_tell_alike() -> None:
    years, forests, label = grown()
    agreed, everywhere = agreement(label, ONE, years, forests)
    np.testing.assert_array_equal(agreed[2018], np.ones(41, bool))
    np.testing.assert_array_equal(agreed[2019], [True] * 40 + [False])
    np.testing.assert_array_equal(everywhere, agreed[2019])


def test_what_nobody_labelled_or_saw_is_not_stable() -> None:
    years, forests, label = grown()
    label[3] = IGNORE
    years[2018].seen[5] = False
    agreed, everywhere = agreement(label, ONE, years, forests)
    assert not agreed[2018][3]
    assert not agreed[2019][3]
    assert not agreed[2018][5]
    assert agreed[2019][5]
    assert everywhere.sum() == 38


def test_a_wrong_label_is_not_stable() -> None:
    years, forests, label = grown()
    wrong = label.copy()
    wrong[[2, 30]] = 1 - wrong[[2, 30]]
    _, everywhere = agreement(wrong, ONE, years, forests)
    np.testing.assert_array_equal(np.flatnonzero(~everywhere), [2, 30, 40])


def test_a_place_that_is_less_itself_in_one_year_than_in_another_is_not_stable() -> None:
    years, forests, label = grown()
    # Half of the dates of the last year are another class's: its forest still tells the label, by fewer trees.
    years[2019].values[7, 1] = years[2019].values[30, 1]
    own = [forests[year][0].predict_probabilities(years[year].flat)[7, 0] for year in (2018, 2019)]
    assert own[0] - own[1] > 0
    at = [agreement(label, ONE, years, forests, fall=own[0] - own[1] + step)[1] for step in (-0.01, 0.01)]
    assert not at[0][7]
    assert at[1][7] == (own[1] >= 0.5)
    assert at[0][:7].all()


def test_every_part_of_the_land_is_judged_by_its_own_forest() -> None:
    years, forests, label = grown()
    fold = (np.arange(41) % 2).astype(np.int64)
    for year, series in years.items():
        # The forest of the second part was grown on labels that are the other way round.
        forests[year].append(forest.fit(series.flat[:40], 1 - label[:40], 2, num_trees=5, min_leaf=1))
    _, everywhere = agreement(label, fold, years, forests)
    np.testing.assert_array_equal(everywhere[:40], fold[:40] == 0)


def test_a_forest_that_was_grown_on_a_wrong_label_tells_it_and_one_that_was_not_does_not() -> None:
    generator = np.random.default_rng(0)
    label = (np.arange(200) % 2).astype(np.uint8)
    x = (label[:, None] + 0.2 * generator.standard_normal((200, 6))).astype(np.float32)
    # A felled stand: ten neighbours with the look of class 1 and the label of class 0.
    label[91:111:2] = 0
    series = {2020: Annual(x[:, None], np.ones(200, bool))}
    fold = (np.arange(200) >= 80).astype(np.int64) * (np.arange(200) < 120)
    kept, wrong = np.ones(200, bool), np.arange(91, 111, 2)
    grown_on = [unseen_by(label, kept, fold, number, 5) for number in (0, 1)]
    assert not (grown_on[1] & (fold == 1)).any()
    apart = [forest.fit(x[each], label[each], 2, num_trees=20, min_leaf=1) for each in grown_on]
    by_heart = [forest.fit(x, label, 2, num_trees=20, min_leaf=1)] * 2
    assert agreement(label, fold, series, {2020: by_heart})[1][wrong].mean() > 0.8
    found = agreement(label, fold, series, {2020: apart})[1]
    assert not found[wrong].any()
    assert found[np.setdiff1d(np.flatnonzero(fold == 1), wrong)].mean() > 0.9


def test_a_class_that_lies_in_one_part_alone_is_learnt_there() -> None:
    label, fold = np.repeat([0, 1, 2], 30).astype(np.uint8), np.tile([0, 1, 2], 30)
    fold[label == 2] = 1
    kept = np.ones(90, bool)
    kept[0] = False
    elsewhere = unseen_by(label, kept, fold.astype(np.int64), 1, 5)
    np.testing.assert_array_equal(elsewhere, kept & ((fold != 1) | (label == 2)))
    # So is one that has too few places elsewhere.
    assert (unseen_by(label, kept, fold.astype(np.int64), 0, 25) == kept)[label != 2].all()
