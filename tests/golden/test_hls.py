"""Published numbers of the physical baseline, and kernels where they can be computed by hand."""

from __future__ import annotations

import math

import pytest

from landweave.harmonize.angles import Angles
from landweave.harmonize.physical import adjustment, nadir_factors, published, spread_px
from landweave.sensors import sensor
from landweave.spectra.anisotropy import geometry_kernel, volume_kernel

BANDS = ("B01", "B02", "B03", "B04", "B8A", "B11", "B12")
# HLS User Guide 1.4, slopes and offsets from Sentinel-2 to Landsat 8; the same in sen2like's S2L_Sbaf.
ROWS = {
    "S2A": [(0.9959, -0.0002), (0.9778, -0.0040), (1.0053, -0.0009), (0.9765, 0.0009), (0.9983, -0.0001),
            (0.9987, -0.0011), (1.0030, -0.0012)],
    "S2B": [(0.9959, -0.0002), (0.9778, -0.0040), (1.0075, -0.0008), (0.9761, 0.0010), (0.9966, 0.0000),
            (1.0000, -0.0003), (0.9867, 0.0004)],
}  # fmt: skip
# Roy et al. 2016, Table 1: weights of the kernels iso, geo, vol.
BRDF = {
    "blue": (0.0774, 0.0079, 0.0372),
    "green": (0.1306, 0.0178, 0.0580),
    "red": (0.1690, 0.0227, 0.0574),
    "nir": (0.3093, 0.0330, 0.1535),
    "swir16": (0.3430, 0.0453, 0.1154),
    "swir22": (0.2658, 0.0387, 0.0639),
}


@pytest.mark.parametrize("name", ROWS)
def test_band_adjustment_is_as_published(name: str) -> None:
    slopes, offsets = adjustment(name, BANDS)
    assert list(zip(slopes.tolist(), offsets.tolist(), strict=True)) == [
        (pytest.approx(slope), pytest.approx(offset)) for slope, offset in ROWS[name]
    ]


def test_the_wide_near_infrared_has_no_row() -> None:
    slopes, offsets = adjustment("S2A", ("B08",))
    assert (slopes[0], offsets[0]) == (1, 0)


def test_weights_of_kernels_are_as_published() -> None:
    assert {name: tuple(row) for name, row in published()["brdf"].items() if name != "source"} == BRDF
    assert all("source" in published()[table] for table in ("adjust", "brdf", "optics"))


def test_kernels_are_nothing_straight_above_under_a_high_sun() -> None:
    # Lucht et al. 2000: both are 0 for the sun and the sensor at the zenith.
    assert volume_kernel(0, 0, 0) == pytest.approx(0, abs=1e-12)
    assert geometry_kernel(0, 0, 0) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("sun", [20.0, 45.0, 70.0])
def test_kernels_by_hand(sun: float) -> None:
    angle = math.radians(sun)
    # The phase is the sun's own angle when one looks straight down.
    by_hand = ((math.pi / 2 - angle) * math.cos(angle) + math.sin(angle)) / (1 + math.cos(angle)) - math.pi / 4
    assert volume_kernel(sun, 0, 0) == pytest.approx(by_hand)
    # In the hot spot crowns hide their own shadows: the overlap is sec s, and half of 2 sec s sec s is added.
    assert geometry_kernel(sun, sun, 0) == pytest.approx(math.cos(angle) ** -2 - 1 / math.cos(angle))
    assert geometry_kernel(30, sun, 50) == pytest.approx(geometry_kernel(sun, 30, 50))


def test_factors_are_one_at_nadir_and_darken_the_side_of_the_sun() -> None:
    known, bands = sensor("sentinel-2-l2a"), ("B02", "B03", "B04", "B08", "B11", "B12", "B05")
    assert nadir_factors(known, bands, Angles(40, 0, 0)) == pytest.approx([1] * 7)
    back, forward = (nadir_factors(known, bands, Angles(40, 10, azimuth)) for azimuth in (0.0, 180.0))
    # Toward the sun's own side land looks brighter, so that it must be darkened; B05 has no weights.
    assert (back[:6] < 1).all() and (forward[:6] > 1).all() and back[6] == forward[6] == 1


def test_the_point_spread_makes_up_for_finer_optics() -> None:
    # A Gaussian that with the pixel's square leaves so much of the contrast at Nyquist.
    fine, coarse = (math.sqrt(2 * math.log(2 / math.pi / left)) / math.pi for left in (0.25, 0.31))
    assert fine == pytest.approx(0.435, abs=0.001)
    # An edge that rises by 0.027 per metre: OLI's requirement for pixels of 30 m.
    assert math.erf(0.5 / coarse / math.sqrt(2)) / 30 == pytest.approx(0.027, abs=0.0002)
    assert spread_px() == pytest.approx(math.sqrt(coarse**2 - (fine / 3) ** 2))
