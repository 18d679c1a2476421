"""Databases of limb spectra as they were when their figures were measured, and how hard they are.

Source: src/landweave/simulate/limbs.toml, particles.toml and gases.toml at the commit that first had them. A change
makes a new version, and its figures anew. Radiances hold within what exponentials of other processors differ by.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.svm import SVC

from landweave.simulate.spectra import database
from landweave.simulate.winter import day_of, load_season
from landweave.spectra.brightness import brightness_temperature
from landweave.spectra.observations import LimbSpectra

PLACES = [10, 37, 57, 70, 90, 105, 110, 120, 137]
# Labels, tangent altitudes, radii, and radiances of some microwindows, of the first three spectra.
FIRST = {
    "limb-published-1": (
        [1, 0, 4],
        [17.0, 14.0, 24.0],
        [2.0, 2.0, 1.0],
        [
            [1508.78, 1281.19, 979.40, 776.00, 248.08, 114.45, 6.8398, 5.6154, 1407.49],
            [1652.50, 583.75, 719.14, 129.00, 229.06, 74.44, 4.2789, 2.3206, 1368.53],
            [670.84, 178.62, 146.52, 91.04, 44.52, 23.89, 1.8253, 1.2348, 498.58],
        ],
    ),
    "limb-hard-1": (
        [5, 5, 1],
        [26.44, 12.463, 18.769],
        [0.1, 0.1, 2.0],
        [
            [500.29, 209.33, 201.96, 246.15, 90.43, 21.12, 1.3224, 0.0671, 402.20],
            [2119.75, 676.43, 1014.65, 504.96, 350.29, 132.93, 6.9680, 3.2500, 1828.69],
            [1171.38, 519.56, 375.36, 165.94, 108.41, 47.50, 2.3279, 1.2921, 942.15],
        ],
    ),
}


@pytest.mark.parametrize("name", FIRST)
def test_first_spectra(name: str) -> None:
    label, altitude, radius, radiance = FIRST[name]
    found = database(name, 3)
    assert found.label is not None
    assert found.label.tolist() == label
    np.testing.assert_allclose(found.tangent_altitude_km, altitude, atol=5e-4)
    np.testing.assert_allclose(found.truth["radius_um"], radius, rtol=1e-6)
    np.testing.assert_allclose(found.radiance[:, PLACES], radiance, rtol=1e-3, atol=6e-3)


def test_a_day_of_winter() -> None:
    world = load_season("limb-season-1")
    found = day_of(world, world.winter("south"), dt.date(2009, 7, 22))
    assert len(found) == 600
    assert np.bincount(found.label, minlength=256)[[0, 1, 2, 3, 4, 5, 255]].tolist() == [194, 61, 49, 14, 7, 22, 253]
    assert found.time[0] == np.datetime64("2009-07-22T01:09:18")
    assert (found.latitude[0], found.longitude[0]) == pytest.approx((-67.57289, 155.37987), abs=1e-4)
    assert found.radiance[0, [10, 57]] == pytest.approx([1423.42, 659.90], rel=1e-3)
    assert found.truth["temperature_k"].min() == pytest.approx(178.969, abs=0.01)


def accuracy(spectra: LimbSpectra, num: int) -> float:
    """Of a plain support vector machine on principal components, learnt from the first `num` spectra."""
    temperature, valid = brightness_temperature(spectra.radiance)
    usable = valid.all(1)
    # Levels are left away, as differences of temperatures leave them.
    level = temperature[usable] - temperature[usable].mean(1, keepdims=True)
    label = spectra.label[usable]
    components = PCA(20, random_state=0).fit(level[:num])
    reduced = components.transform(level) / components.singular_values_[0] * np.sqrt(num)
    machine = SVC(C=1000, gamma=1.0).fit(reduced[:num], label[:num])
    return float((machine.predict(reduced[num:]) == label[num:]).mean())


def test_published_is_easy_and_hard_is_hard() -> None:
    # From 500 spectra; the paper has more than 80 % from 1,200 of its own, and Table 6 some 94 % from 600.
    assert accuracy(database("limb-published-1", 700), 500) > 0.95
    assert 0.6 < accuracy(database("limb-hard-1", 700), 500) < 0.92
