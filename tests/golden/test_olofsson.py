"""Olofsson et al. 2014 (Remote Sensing of Environment 148, 42-57): the worked example of their section 5.

Input: map areas in pixels of 30 m and counts of their Table 8. Results recomputed from their equations, to the digits
that are given.
"""

from __future__ import annotations

import numpy as np
import pytest

from landweave.metrics.area import Estimates, by_map_class, stratified

PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000], np.float64)
HA = PIXELS * 30 * 30 / 10_000
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]], np.int64)

AREAS = [21_158, 11_686, 285_770, 581_386]
AREAS_WITHIN = [6_158, 3_756, 15_510, 16_282]
USERS = [0.880, 0.733, 0.927, 0.963]
USERS_WITHIN = [0.074, 0.101, 0.040, 0.021]
PRODUCERS = [0.749, 0.847, 0.935, 0.962]
PRODUCERS_WITHIN = [0.213, 0.254, 0.034, 0.018]


@pytest.fixture(params=["map classes as strata", "any strata"])
def found(request: pytest.FixtureRequest) -> Estimates:
    if request.param == "map classes as strata":
        return by_map_class(COUNTS, HA)
    # The same strata in another order, each with a place in the map of its own class.
    order = [2, 0, 3, 1]
    counts = np.zeros((4, 4, 4), np.int64)
    for stratum, row in enumerate(order):
        counts[stratum, row] = COUNTS[row]
    return stratified(counts, HA[order], [f"stratum {row}" for row in order])


def test_areas_in_hectares(found: Estimates) -> None:
    assert found.areas is not None
    assert [round(area.value) for area in found.areas] == AREAS
    assert [round(area.half_width) for area in found.areas] == AREAS_WITHIN


def test_standard_errors(found: Estimates) -> None:
    # The paper's confidence intervals are 1.96 standard errors.
    assert found.areas is not None
    assert [round(1.96 * area.standard_error) for area in found.areas] == AREAS_WITHIN


def test_overall_accuracy(found: Estimates) -> None:
    assert (round(found.overall.value, 3), round(found.overall.half_width, 3)) == (0.947, 0.018)


def test_users_accuracy(found: Estimates) -> None:
    assert [round(each.value, 3) for each in found.users] == USERS
    assert [round(each.half_width, 3) for each in found.users] == USERS_WITHIN


def test_producers_accuracy(found: Estimates) -> None:
    assert [round(each.value, 3) for each in found.producers] == PRODUCERS
    assert [round(each.half_width, 3) for each in found.producers] == PRODUCERS_WITHIN
