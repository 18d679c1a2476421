"""What indices must hold for any reflectance: their range, their signs, what brightness does to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.sensors import known_sensors
from landweave.spectra.indices import INDICES, bare_soil, evi, indices, known_indices, ndsi, ndvi, ndwi, roles

VALUES = st.integers(0, 1000).map(lambda seed: np.random.default_rng(seed).random((5, 30), np.float32))
RATIOS = [name for name in INDICES if name != "evi"]


@given(VALUES)
def test_ratios_lie_between_minus_one_and_one(bands: np.ndarray) -> None:
    for name in RATIOS:
        function, needed = INDICES[name]
        found = function(*bands[: len(needed)])
        assert found.min() >= -1
        assert found.max() <= 1


@given(VALUES, st.floats(0.1, 10))
def test_brightness_does_not_change_a_ratio(bands: np.ndarray, factor: float) -> None:
    for name in RATIOS:
        function, needed = INDICES[name]
        brighter = [band * np.float32(factor) for band in bands[: len(needed)]]
        np.testing.assert_allclose(function(*brighter), function(*bands[: len(needed)]), atol=2e-5)


@given(VALUES)
def test_water_is_the_opposite_of_leaves(bands: np.ndarray) -> None:
    one, other = bands[:2]
    np.testing.assert_allclose(ndvi(one, other), -ndwi(other, one) * -1, atol=1e-6)
    np.testing.assert_allclose(ndvi(one, other), -ndvi(other, one), atol=1e-6)
    np.testing.assert_allclose(ndsi(one, other), -ndsi(other, one), atol=1e-6)


@given(VALUES)
def test_more_infrared_means_more_leaves_and_less_soil(bands: np.ndarray) -> None:
    blue, red, nir, swir = bands[:4]
    more = nir + np.float32(0.1)
    assert (ndvi(red, more) >= ndvi(red, nir) - 1e-6).all()
    assert (bare_soil(blue, red, more, swir) <= bare_soil(blue, red, nir, swir) + 1e-6).all()


@given(VALUES)
def test_nothing_is_nan_or_infinite(bands: np.ndarray) -> None:
    bands[:, ::3] = 0
    bands[:, 1::3] *= -1
    for function, needed in INDICES.values():
        assert np.isfinite(function(*bands[: len(needed)])).all()
    assert abs(evi(*bands[:3])).max() <= 2


@given(VALUES)
def test_names_choose_and_order_the_indices(bands: np.ndarray) -> None:
    found = {"blue": 0, "green": 1, "red": 2, "nir": 3, "swir16": 4}
    whole = indices(bands.T, found)
    for place, name in enumerate(INDICES):
        np.testing.assert_array_equal(indices(bands.T, found, [name])[..., 0], whole[..., place])
    back = indices(bands.T, found, list(INDICES)[::-1])
    np.testing.assert_array_equal(back, whole[..., ::-1])


@pytest.mark.parametrize("name", known_sensors())
def test_every_sensor_has_each_role_at_most_once(name: str) -> None:
    sensor = known_sensors()[name]
    found = roles(sensor, sensor.band_names)
    assert len(set(found.values())) == len(found)
    assert all(0 <= place < len(sensor.bands) for place in found.values())
    for index in known_indices(found):
        assert set(INDICES[index][1]) <= set(found)
    # The order in which bands are asked for decides places only.
    back = roles(sensor, sensor.band_names[::-1])
    assert {role: sensor.band_names[place] for role, place in found.items()} == {
        role: sensor.band_names[::-1][place] for role, place in back.items()
    }
