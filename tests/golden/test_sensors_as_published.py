"""Bands, order and encoding of sensors as their agencies publish them."""

from __future__ import annotations

import pytest

from landweave.errors import RadiometryError
from landweave.sensors import known_sensors, sensor

S2 = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
# Names in order. Sentinel-2: PSD; Landsat: LSDS-1619; EuroSAT: Helber et al. 2019, B8A last.
ORDERS = {
    "sentinel-2-l1c": S2,
    "sentinel-2-l2a": tuple(name for name in S2 if name != "B10"),
    "eurosat": (*(name for name in S2 if name != "B8A"), "B8A"),
    "landsat-8-c2l2": ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "ST_B10"),
    "landsat-9-c2l2": ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "ST_B10"),
    "naip": ("R", "G", "B", "N"),
    "sat-4": ("R", "G", "B", "N"),
    "sat-6": ("R", "G", "B", "N"),
    "worldview-rgb": ("R", "G", "B"),
    "aerial-rgb": ("R", "G", "B"),
    "airborne-48": tuple(f"H{index:02d}" for index in range(1, 49)),
}


@pytest.mark.parametrize("name", ORDERS)
def test_band_orders(name: str) -> None:
    assert sensor(name).band_names == ORDERS[name]


def test_no_sensor_is_forgotten() -> None:
    assert set(ORDERS) <= set(known_sensors())


SIZES = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20, "B09": 60,
         "B10": 60, "B11": 20, "B12": 20}  # fmt: skip


@pytest.mark.parametrize("name", ["sentinel-2-l1c", "sentinel-2-l2a"])
def test_pixel_sizes_of_sentinel_2(name: str) -> None:
    assert {band.name: band.pixel_size_m for band in sensor(name).bands}.items() <= SIZES.items()


# Processing baseline, and the number to add before scaling (RADIO_ADD_OFFSET, BOA_ADD_OFFSET).
BASELINES = [
    ("02.04", 0), ("02.14", 0), ("03.01", 0), ("04.00", -1000), ("05.00", -1000), ("05.09", -1000), ("05.11", -1000),
    ("0213", 0), ("N0400", -1000), ("N0510", -1000),
]  # fmt: skip


@pytest.mark.parametrize("name", ["sentinel-2-l1c", "sentinel-2-l2a"])
@pytest.mark.parametrize(("baseline", "offset"), BASELINES)
def test_offsets_of_sentinel_2(name: str, baseline: str, offset: float) -> None:
    assert sensor(name).offset_number(baseline) == offset


@pytest.mark.parametrize("baseline", ["N9999", "99.99", "9999", None, "", "unknown"])
def test_baselines_that_do_not_tell(baseline: str | None) -> None:
    with pytest.raises(RadiometryError):
        sensor("sentinel-2-l2a").offset_number(baseline)
    assert sensor("sentinel-2-l2a").offset_number(baseline, told=0) == 0


@pytest.mark.parametrize("name", ["landsat-8-c2l2", "landsat-9-c2l2"])
def test_encodings_of_landsat(name: str) -> None:
    for band in sensor(name).bands:
        thermal = band.name == "ST_B10"
        assert (band.scale, band.offset) == ((0.00341802, 149.0) if thermal else (0.0000275, -0.2))
        assert band.unit == ("brightness_temperature" if thermal else "reflectance")
        assert band.pixel_size_m == 30


# Centre wavelengths in nm that a band must lie near: what its name stands for.
COLOURS = {"sentinel-2-l2a": {"B02": 490, "B03": 560, "B04": 665, "B08": 842, "B11": 1610, "B12": 2190},
           "landsat-8-c2l2": {"SR_B2": 482, "SR_B3": 562, "SR_B4": 655, "SR_B5": 865, "SR_B6": 1609, "SR_B7": 2201},
           "naip": {"B": 460, "G": 560, "R": 635, "N": 860}}  # fmt: skip


@pytest.mark.parametrize("name", COLOURS)
def test_wavelengths(name: str) -> None:
    for band, wavelength_nm in COLOURS[name].items():
        assert sensor(name).band(band).wavelength_nm == pytest.approx(wavelength_nm, abs=15)


def test_units_of_what_has_no_calibration() -> None:
    for name in ("naip", "worldview-rgb", "aerial-rgb", "sat-4", "sat-6"):
        assert {(band.unit, band.dtype) for band in sensor(name).bands} == {("digital_number", "uint8")}
    assert {band.unit for band in sensor("airborne-48").bands} == {"radiance"}


def test_the_airborne_imager_covers_its_range() -> None:
    bands = sensor("airborne-48").bands
    assert bands[0].wavelength_nm - bands[0].width_nm / 2 == pytest.approx(380, abs=0.2)  # type: ignore[operator]
    assert bands[-1].wavelength_nm + bands[-1].width_nm / 2 == pytest.approx(1050, abs=0.2)  # type: ignore[operator]
