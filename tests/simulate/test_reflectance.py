"""Reflectance: spectra with sources, bands, mixtures, light on slopes."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landweave.errors import SensorError
from landweave.sensors import Band, sensor
from landweave.simulate.kinds import numbers
from landweave.simulate.lattice import Axes
from landweave.simulate.reflectance import Season, Sun, _response, reflect, seen_by, shade, spectra
from landweave.simulate.region import Ground, Region
from landweave.tiling import Window

S2 = sensor("sentinel-2-l2a").bands
SUN = Sun(35, 150)


def near(name: str, nm: float) -> float:
    known = spectra()
    return float(known.values[known.index(name), np.argmin(abs(known.wavelength_nm - nm))])


def test_spectra_stand_every_10_nm_and_are_reflectances() -> None:
    known = spectra()
    assert known.wavelength_nm.tolist() == list(range(400, 2501, 10))
    assert known.values.shape == (len(known.names), 211)
    assert known.values.min() >= 0
    assert known.values.max() <= 1


def test_every_spectrum_has_a_source() -> None:
    known = spectra()
    assert len(set(known.names)) == len(known.names) == len(known.sources) >= 50
    for name, source in zip(known.names, known.sources, strict=True):
        assert any(word in source for word in ("ICRAF", "Herold", "Joint Fire", "4SAIL", "Gordon", "Kokhanovsky")), name


@pytest.mark.parametrize("name", ["wheat", "maize", "grass", "broadleaf", "conifer", "shrub"])
def test_green_plants_have_a_red_edge_and_water_in_the_shortwave(name: str) -> None:
    assert near(name, 860) > 6 * near(name, 670)
    assert near(name, 560) > near(name, 670)
    assert near(name, 860) > near(name, 1610) > near(name, 2200)


def test_conifers_are_darker_than_broad_leaved_trees() -> None:
    assert near("conifer", 860) < 0.65 * near("broadleaf", 860)


def test_soils_rise_into_the_shortwave() -> None:
    for name in ("soil_brown", "soil_red", "soil_pale"):
        assert near(name, 450) < near(name, 650) < near(name, 860) < near(name, 1610)


def test_water_is_black_beyond_the_visible_and_snow_in_the_shortwave() -> None:
    assert near("water_clear", 860) < 0.02
    assert near("water_turbid", 560) > 2 * near("water_clear", 560)
    assert near("snow_fresh", 560) > 0.9
    assert near("snow_old", 1610) < 0.05
    assert near("cloud", 560) > 0.7


def test_a_band_sees_the_mean_under_its_response() -> None:
    flat = Band("X", 800, 100, 10, "reflectance")
    known = spectra()
    found = seen_by([flat])[0]
    inside = abs(known.wavelength_nm - 800) < 150
    for name in ("wheat", "soil_brown", "water_turbid"):
        values = known.values[known.index(name)][inside]
        assert values.min() <= found[known.index(name)] <= values.max()
    assert seen_by(S2).shape == (12, len(known.names))


def test_a_narrow_band_sees_its_own_wavelength() -> None:
    known, name = spectra(), "soil_brown"
    found = seen_by([Band("X", 1650, 1, 10, "reflectance")])[0][known.index(name)]
    assert abs(found - near(name, 1650)) < 0.002


@pytest.mark.parametrize(("wavelength", "width"), [(None, None), (11_000, 600), (865, None)])
def test_bands_outside_the_spectra_are_refused(wavelength: float | None, width: float | None) -> None:
    with pytest.raises(SensorError) as caught:
        seen_by([Band("T1", wavelength, width, 30, "reflectance")])
    assert "T1" in caught.value.given
    assert "400-2500 nm" in caught.value.expected
    assert caught.value.do


def test_level_ground_gets_full_light() -> None:
    zero = np.zeros((2, 3), np.float32)
    assert np.allclose(shade(zero, zero, SUN), 1)


def test_slopes_toward_the_sun_are_brighter() -> None:
    zero, rising = np.zeros((1, 1), np.float32), np.full((1, 1), 0.2, np.float32)
    south_sun = Sun(40, 180)
    # Ground that rises to the north looks south: its height falls with the rows.
    assert shade(zero, -rising, south_sun)[0, 0] > 1.05
    assert shade(zero, rising, south_sun)[0, 0] < 0.95
    assert abs(shade(rising, zero, south_sun)[0, 0] - 1) < 0.03
    assert shade(rising, zero, Sun(40, 270))[0, 0] > 1.05


def test_a_slope_in_its_own_shadow_keeps_the_light_of_the_sky() -> None:
    steep, zero = np.full((1, 1), 3.0, np.float32), np.zeros((1, 1), np.float32)
    assert shade(zero, steep, Sun(70, 180))[0, 0] == 0.25


def ground(kind: str, owner: int = 1, soil: int = 0, region: int = 0, size: int = 40) -> Ground:
    shape = (size, size)
    bytes_of = [np.full(shape, value, np.uint8) for value in (numbers()[kind], 0, soil, region)]
    zeros = [np.zeros(shape, np.float32) for _ in range(4)]
    return Ground(
        bytes_of[0], bytes_of[1], np.full(shape, owner, np.uint32), bytes_of[2], bytes_of[3],
        zeros[0], np.zeros(shape, np.int32), zeros[1], zeros[2], zeros[3],
    )  # fmt: skip


AXES = Axes.of(Window(0, 0, 40, 40), 10 / 3)


def colour(kind: str, date: dt.date, **options: int) -> np.ndarray:
    season = Season(date.timetuple().tm_yday, SUN, seen_by(S2))
    regions = [Region(), Region(soils=["soil_red", "soil_ochre"], delay_days=30)]
    return np.asarray(reflect(ground(kind, **options), AXES, 3, regions, season).mean(axis=(1, 2)))


NAMES = [band.name for band in S2]
JULY, MARCH, OCTOBER = dt.date(2023, 7, 12), dt.date(2023, 3, 10), dt.date(2023, 11, 1)


def ndvi(values: np.ndarray) -> float:
    red, near_infrared = values[NAMES.index("B04")], values[NAMES.index("B08")]
    return float((near_infrared - red) / (near_infrared + red))


def test_crops_follow_their_calendar() -> None:
    assert ndvi(colour("maize", MARCH)) < 0.4 < 0.6 < ndvi(colour("maize", dt.date(2023, 8, 10)))
    assert ndvi(colour("wheat", dt.date(2023, 5, 25))) > 0.7 > 0.5 > ndvi(colour("wheat", dt.date(2023, 8, 10)))
    assert ndvi(colour("broadleaf_stand", MARCH)) < 0.5 < 0.8 < ndvi(colour("broadleaf_stand", JULY))
    assert ndvi(colour("conifer_stand", MARCH)) > 0.75


def test_a_late_region_is_late() -> None:
    early, late = (ndvi(colour("maize", dt.date(2023, 7, 1), region=region)) for region in (0, 1))
    assert late < early - 0.1


def test_soils_show_through_bare_fields() -> None:
    brown, red = (colour("maize", MARCH, region=region) for region in (0, 1))
    green, redness = NAMES.index("B03"), NAMES.index("B04")
    assert red[redness] / red[green] > 1.2 * brown[redness] / brown[green]


def test_objects_of_a_kind_differ_but_one_object_is_one() -> None:
    fields = np.stack([colour("wheat", JULY, owner=owner) for owner in range(2, 40)])
    assert 0.03 < (fields.std(axis=0) / fields.mean(axis=0)).mean() < 0.6
    assert np.array_equal(colour("wheat", JULY, owner=5), colour("wheat", JULY, owner=5))


def test_shrubs_are_rougher_than_leys() -> None:
    season = Season(193, SUN, seen_by(S2))

    def roughness(kind: str, owner: int) -> float:
        return float(reflect(ground(kind, owner), AXES, 3, [Region()], season)[NAMES.index("B04")].std())

    rough, even = (np.mean([roughness(kind, owner) for owner in range(8)]) for kind in ("shrubs", "ley"))
    assert rough > 1.4 * even


# Responses.

SEEN_BY = ("sentinel-2-l2a", "landsat-8-c2l2", "landsat-9-c2l2", "worldview-rgb", "naip")
BANDS = [(name, band) for name in SEEN_BY for band in sensor(name).bands if 400 <= (band.wavelength_nm or 0) <= 2500]


@pytest.mark.parametrize(("name", "band"), BANDS, ids=[f"{name}-{band.name}" for name, band in BANDS])
def test_the_response_of_a_band_integrates_to_1_around_its_centre(name: str, band: Band) -> None:
    wavelength = spectra().wavelength_nm
    weight = _response(band, wavelength)
    assert weight.sum() == pytest.approx(1)
    assert weight.min() >= 0
    assert abs(wavelength[weight.argmax()] - (band.wavelength_nm or 0)) <= 5
    # Half of the maximum is reached half a width from the centre.
    width = max(band.width_nm or 0, 20.0)
    above = wavelength[weight >= weight.max() / 2]
    assert np.ptp(above) == pytest.approx(width, abs=20)


@settings(deadline=None, max_examples=30)
@given(st.floats(430, 2400), st.floats(5, 300))
def test_what_a_band_sees_lies_within_what_there_is(wavelength: float, width: float) -> None:
    found = seen_by([Band("X", wavelength, width, 10, "reflectance")])[0]
    values = spectra().values
    assert (found >= values.min(axis=1) - 1e-6).all()
    assert (found <= values.max(axis=1) + 1e-6).all()


def test_every_column_of_the_file_has_kind_title_and_source() -> None:
    text = importlib.resources.files("landweave.simulate").joinpath("spectra.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert [row[0] for row in rows[:4]] == ["material", "kind", "title", "source"]
    assert {len(row) for row in rows} == {len(spectra().names) + 1}
    assert all(all(row) for row in rows)
    # A source names its paper or library and its year, or the measurement itself.
    assert all(len(source) > 30 for source in rows[3][1:])


def test_every_spectrum_is_smooth() -> None:
    known = spectra()
    for name, values in zip(known.names, known.values, strict=True):
        assert abs(np.diff(values)).max() < 0.12, name


# Kinds under the sun.


@pytest.mark.parametrize("day", [15, 105, 193, 290])
def test_every_kind_reflects_less_than_all_light_on_every_day(day: int) -> None:
    season = Season(day, SUN, seen_by(S2))
    for kind in numbers():
        found = reflect(ground(kind, owner=day, size=12), Axes.of(Window(0, 0, 12, 12), 10 / 3), 3, [Region()], season)
        assert found.min() > 0, kind
        assert found.max() < 1, kind
        assert np.isfinite(found).all(), kind


@settings(deadline=None, max_examples=40)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 80), st.floats(0, 360))
def test_light_on_slopes_is_bounded(east: float, south: float, zenith: float, azimuth: float) -> None:
    plane = [np.full((1, 1), slope, np.float32) for slope in (east, south)]
    found = shade(plane[0], plane[1], Sun(zenith, azimuth))[0, 0]
    # The sky alone gives a quarter; a slope that faces the sun gets 1 over the cosine of its zenith angle.
    assert 0.25 <= found <= 0.25 + 0.75 / np.cos(np.deg2rad(zenith)) + 1e-4


@settings(deadline=None, max_examples=20)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0, 60))
def test_turning_the_land_and_the_sun_changes_nothing(east: float, south: float, zenith: float) -> None:
    slopes = [np.full((1, 1), slope, np.float32) for slope in (east, south, -east)]
    # A quarter turn clockwise: what rose to the east rises to the south, what rose to the south falls to the east.
    before = shade(slopes[0], slopes[1], Sun(zenith, 100))
    after = shade(-slopes[1], slopes[0], Sun(zenith, 190))
    assert np.allclose(before, after, atol=1e-5)
