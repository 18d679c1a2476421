"""Planck's law, its inverse, and units of radiance."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.errors import RadiometryError
from landweave.spectra.brightness import UNIT, UNITS, brightness_temperature, planck, to_unit
from landweave.spectra.microwindows import CENTRES_PER_CM


def test_there_and_back() -> None:
    temperature = np.linspace(150, 320, 5 * 142).reshape(5, 142)
    found, valid = brightness_temperature(planck(temperature).astype(np.float32))
    np.testing.assert_allclose(found, temperature, atol=1e-4)
    assert valid.all()
    assert found.dtype == np.float32


def test_planck_by_hand() -> None:
    # 1.191042972e-8 W/(m2 sr cm-4) and 1.438776877 cm K (CODATA 2018), times 1e5 for nW/(cm2 sr cm-1).
    by_hand = 1.191042972e-3 * 900.0**3 / (np.exp(1.438776877 * 900.0 / 200.0) - 1)
    np.testing.assert_allclose(planck(np.array([[200.0]]), np.array([900.0])), by_hand, rtol=1e-7)


def test_what_has_no_temperature_is_masked() -> None:
    radiance = planck(np.full((1, 142), 200.0)).astype(np.float32)
    radiance[0, :4] = [0, -3, np.nan, np.inf]
    found, valid = brightness_temperature(radiance)
    assert (~valid).sum() == np.isnan(found).sum() == 4
    assert not valid[0, :4].any()


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        (UNIT, 1),
        ("W/(cm2 sr cm-1)", 1e-9),
        ("W/(m2 sr cm-1)", 1e-5),
        ("mW/(m2 sr cm-1)", 1e-2),
        ("W/(m2 sr m-1)", 1e-7),
    ],
)
def test_units(unit: str, factor: float) -> None:
    # 1 nW/(cm2 sr cm-1) is 1e-9 W from 1e-4 m2: 1e-5 W/(m2 sr cm-1); a wavenumber of 1 cm-1 is 100 m-1.
    one = np.ones(3, np.float32)
    np.testing.assert_allclose(to_unit(one, UNIT, unit), factor, rtol=1e-6)
    np.testing.assert_allclose(to_unit(to_unit(one, UNIT, unit), unit), 1, rtol=1e-6)
    assert to_unit(one, unit).dtype == np.float32


@pytest.mark.parametrize("unit", ["", "K", "W/(m2 sr um)", "nW/(cm2 sr)"])
def test_units_that_are_not_known_are_refused(unit: str) -> None:
    for given in ((unit, UNIT), (UNIT, unit)):
        with pytest.raises(RadiometryError) as caught:
            to_unit(np.ones(1), *given)
        assert caught.value.expected == f"one of {', '.join(UNITS)}"
        assert caught.value.given and caught.value.do
    assert unit not in UNITS


def test_another_number_of_microwindows_is_refused() -> None:
    with pytest.raises(RadiometryError, match="141 microwindows"):
        brightness_temperature(np.ones((2, 141), np.float32))
    assert brightness_temperature(np.ones((2, 3), np.float32), CENTRES_PER_CM[:3])[0].shape == (2, 3)
