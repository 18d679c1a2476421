"""Spectral indices: their formulas by hand, their bands by wavelength."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.errors import SensorError
from landweave.sensors import sensor
from landweave.spectra.indices import INDICES, bare_soil, evi, indices, known_indices, ndsi, ndvi, ndwi, roles

S2 = sensor("sentinel-2-l2a")
BLUE, GREEN, RED, NIR, SWIR = (np.float32([v]) for v in (0.03, 0.06, 0.05, 0.45, 0.2))


def test_formulas_by_hand() -> None:
    assert ndvi(RED, NIR)[0] == pytest.approx(0.4 / 0.5)
    assert evi(BLUE, RED, NIR)[0] == pytest.approx(2.5 * 0.4 / (0.45 + 0.3 - 0.225 + 1))
    assert ndwi(GREEN, NIR)[0] == pytest.approx(-0.39 / 0.51)
    assert ndsi(GREEN, SWIR)[0] == pytest.approx(-0.14 / 0.26)
    assert bare_soil(BLUE, RED, NIR, SWIR)[0] == pytest.approx((0.25 - 0.48) / 0.73)


def test_nothing_reflected_gives_zero_and_no_warning() -> None:
    none = np.zeros(3, np.float32)
    for function, needed in INDICES.values():
        found = function(*[none] * len(needed))
        np.testing.assert_array_equal(found, none)
        assert found.dtype == np.float32


def test_the_vegetation_index_of_a_cloud_stays_within_its_limits() -> None:
    # Near the zero of its divisor it would be as large as one likes.
    bright = np.linspace(0.3, 1.2, 50, dtype=np.float32)
    found = evi(bright, bright * np.float32(0.9), bright * np.float32(0.95))
    assert found.min() >= -1
    assert found.max() <= 2


@pytest.mark.parametrize(
    ("name", "bands", "expected"),
    [
        (
            "sentinel-2-l2a",
            ("B02", "B03", "B04", "B05", "B08", "B8A", "B11", "B12"),
            {"blue": 0, "green": 1, "red": 2, "rededge1": 3, "nir": 4, "swir16": 6, "swir22": 7},
        ),
        (
            "landsat-8-c2l2",
            ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7"),
            {"coastal": 0, "blue": 1, "green": 2, "red": 3, "nir": 4, "swir16": 5, "swir22": 6},
        ),
        ("sentinel-2-l2a", ("B8A", "B04"), {"nir": 0, "red": 1}),
    ],
)
def test_bands_by_their_wavelengths(name: str, bands: tuple[str, ...], expected: dict[str, int]) -> None:
    assert roles(sensor(name), bands) == expected


def test_indices_along_the_last_axis() -> None:
    bands = ("B02", "B03", "B04", "B08", "B11")
    values = np.random.default_rng(0).random((4, 3, 5), np.float32)
    found = roles(S2, bands)
    got = indices(values, found)
    assert got.shape == (4, 3, 5)
    assert known_indices(found) == ("ndvi", "evi", "ndwi", "ndsi", "bare_soil")
    np.testing.assert_array_equal(got[..., 0], ndvi(values[..., 2], values[..., 3]))
    np.testing.assert_array_equal(got[..., 3], ndsi(values[..., 1], values[..., 4]))
    np.testing.assert_array_equal(indices(values, found, ["ndwi"])[..., 0], got[..., 2])


def test_missing_bands_are_named() -> None:
    assert known_indices(roles(S2, ["B04", "B08"])) == ("ndvi",)
    with pytest.raises(SensorError) as caught:
        indices(np.ones((1, 2), np.float32), {"red": 0, "nir": 1}, ["ndsi"])
    assert "red, nir" in caught.value.given
    assert "green, swir16 for ndsi" in caught.value.expected
    assert caught.value.do
    with pytest.raises(SensorError, match="any index"):
        indices(np.ones((1, 1), np.float32), {"coastal": 0})
