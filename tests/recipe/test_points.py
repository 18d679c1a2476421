"""What a recipe finds in its samples: which points, which dates, which statistics and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.recipe.series_making import DAYS, make_points, recipe

from landweave.datasets.points import Points
from landweave.errors import ConfigError, SampleError
from landweave.legend import IGNORE
from landweave.recipe.points import SeriesMaterial, class_weights, count_classes, find

NOWHERE = Path("samples.h5")


def found(points: Points | None = None, **changes: Any) -> SeriesMaterial:
    return find(recipe(NOWHERE, **changes), points or make_points())


def test_parts_are_those_of_the_points_and_the_test_part_is_not_even_held() -> None:
    points = make_points()
    material = found(points)
    assert len(material.points) == (points.part < 2).sum()
    np.testing.assert_array_equal(material.points.part[material.train], 0)
    np.testing.assert_array_equal(material.points.part[material.validation], 1)
    assert len(material.train) + len(material.validation) == len(material.points)


def test_points_without_a_label_are_left_out() -> None:
    label = make_points().label.copy()
    label[:7] = -1
    material = found(make_points(label=label))
    assert len(material.train) == (make_points().part == 0).sum() - 7
    assert (material.points.label >= 0).all()


def test_of_dates_a_point_with_one_labelled_date_is_kept() -> None:
    labels = np.full((120, 9), -1, np.int16)
    labels[:5, 4] = 2
    material = found(make_points(labels_by_date=labels), per="date")
    assert len(material.train) == 5
    known = material.target != IGNORE
    np.testing.assert_array_equal(known.sum(1), material.points.valid[:, 4])
    assert set(material.target[known].tolist()) <= {2}


def test_labels_of_dates_that_are_not_valid_do_not_count() -> None:
    material = found(per="date")
    np.testing.assert_array_equal(material.target != IGNORE, material.points.valid)


@pytest.mark.parametrize(("years", "expected"), [(None, {2019, 2020}), ([2019], {2019}), ([2020, 2031], {2020})])
def test_years(years: list[int] | None, expected: set[int]) -> None:
    assert set(found(years=years).points.year.tolist()) == expected


@given(seed=st.integers(0, 50), most=st.integers(1, 40))
def test_so_many_of_each_class_are_drawn_and_always_the_same(seed: int, most: int) -> None:
    one, again = (found(per_class=most, seed=seed) for _ in range(2))
    all_of_them = count_classes(found())
    np.testing.assert_array_equal(count_classes(one), np.minimum(all_of_them, most))
    assert one.identity == again.identity
    # A larger draw holds the smaller one, so that more samples are the same ones and others.
    more = found(per_class=most + 5, seed=seed)
    places = [set(material.points.x[material.train].tolist()) for material in (one, more)]
    assert places[0] <= places[1]


def test_other_seeds_draw_other_points() -> None:
    assert len({found(per_class=5, seed=seed).identity for seed in range(8)}) == 8


@pytest.mark.parametrize("per_year", [1, 4, 9, 30])
def test_days_lie_evenly_between_the_first_and_the_last_valid_one(per_year: int) -> None:
    taken = found(dates={"per_year": per_year}).taken
    assert taken.days_of_year is not None
    width = (DAYS[-1] - DAYS[0]) / per_year
    np.testing.assert_allclose(taken.days_of_year, DAYS[0] + (np.arange(per_year) + 0.5) * width, atol=0.51)


def test_a_series_of_two_years_gets_so_many_days_a_year() -> None:
    points = make_points()
    days = np.concatenate([points.days, points.days + 365], 1)
    values, valid = (np.concatenate([array, array], 1) for array in (points.values, points.valid))
    taken = found(make_points(values=values, valid=valid, days=days), dates={"per_year": 6}).taken
    assert taken.num_dates == 12
    assert taken.days_of_year is not None
    assert max(taken.days_of_year) > 600


def test_days_of_ones_own() -> None:
    taken = found(dates={"days": [10, 100, 400], "how": "nearest", "limit_days": 20}).taken
    assert (taken.days_of_year, taken.how, taken.limit_days) == ((10, 100, 400), "nearest", 20)


def test_dates_that_no_point_has_seen_are_not_valid() -> None:
    material = found(dates={"days": [0, 95, 700], "limit_days": 25})
    assert material.dated.valid[:, 1].mean() > 0.7
    assert not material.dated.valid[:, 2].any()
    assert (material.dated.values[~material.dated.valid] == 0).all()


def test_points_without_a_valid_date_give_no_days() -> None:
    with pytest.raises(SampleError, match="without a valid date"):
        found(make_points(valid=np.zeros((120, 9), np.bool_)), dates={"per_year": 4})
    with pytest.raises(ConfigError, match="fewer dates"):
        found(dates={"days": [5, 5]})


def test_class_weights() -> None:
    label = np.where(np.arange(120) % 10 == 0, 0, 1).astype(np.int16)
    material = found(make_points(label=label))
    assert class_weights("none", material) is None
    counts = count_classes(material)
    assert counts[2] == 0
    balanced = class_weights("balanced", material)
    assert balanced is not None
    # n / (k n_c) over the classes that are there; a class that nobody has keeps 1.
    expected = torch.tensor([counts.sum() / (2 * counts[0]), counts.sum() / (2 * counts[1]), 1.0])
    torch.testing.assert_close(balanced, expected.float())
    named = class_weights({"late": 3.0}, material)
    assert named is not None
    assert named.tolist() == [1, 3, 1]


def test_what_is_learnt_from_decides_the_identity() -> None:
    same = found().identity
    assert found().identity == same
    assert found(make_points(seed=1)).identity != same
    assert found(years=[2019]).identity != same
    part = np.where(make_points().part == 2, 2, 0).astype(np.uint8)
    assert found(make_points(part=part)).identity != same
