"""Numbers and physical values."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import RadiometryError
from landweave.raster.radiometry import check_physical, to_numbers, to_physical
from landweave.sensors import Band, sensor

# Stored number, scale, offset, physical value. Sentinel-2: PSD 15, reflectance = (DN - 1000) / 10000 from baseline
# 04.00 on. Landsat Collection 2: LSDS-1619, DN * 0.0000275 - 0.2 and DN * 0.00341802 + 149.0.
FACTS = [
    (1000, 0.0001, -0.1, 0.0),
    (11000, 0.0001, -0.1, 1.0),
    (500, 0.0001, -0.1, -0.05),
    (5000, 0.0001, 0.0, 0.5),
    (7273, 0.0000275, -0.2, 0.0000075),
    (43636, 0.0000275, -0.2, 0.99999),
    (40000, 0.00341802, 149.0, 285.7208),
    (17, 1.0, 0.0, 17.0),
]


@pytest.mark.parametrize(("number", "scale", "offset", "value"), FACTS)
def test_facts(number: int, scale: float, offset: float, value: float) -> None:
    found = to_physical(np.array([number], np.uint16), scale, offset)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-6)


@given(
    st.lists(st.integers(0, 65535), min_size=1, max_size=50),
    st.sampled_from([(0.0001, -0.1), (0.0001, 0.0), (0.0000275, -0.2), (0.00341802, 149.0), (1.0, 0.0)]),
)
def test_there_and_back(stored: list[int], encoding: tuple[float, float]) -> None:
    numbers = np.array(stored, np.uint16)
    physical = to_physical(numbers, *encoding)
    back = to_numbers(physical, numbers != 0, *encoding)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, numbers)


def test_not_valid_becomes_nodata_and_valid_never_does() -> None:
    values = np.array([-0.1, -0.1, 0.5, np.nan, np.inf], np.float32)
    valid = np.array([True, False, True, False, False])
    assert to_numbers(values, valid, 0.0001, -0.1).tolist() == [1, 0, 6000, 0, 0]
    assert to_numbers(values, valid, 0.0001, -0.1, nodata=65535).tolist() == [0, 65535, 6000, 65535, 65535]
    assert to_numbers(values, valid, 0.0001, -0.1, nodata=None).tolist()[:3] == [0, 0, 6000]


def test_values_beyond_the_type_stop_at_its_ends() -> None:
    values = np.array([-5.0, 0.0, 20.0], np.float32)
    assert to_numbers(values, np.ones(3, bool), 0.0001, -0.1).tolist() == [1, 1000, 65535]
    assert to_numbers(values, np.ones(3, bool), 0.0001, 0.0, dtype="int16", nodata=-9999).tolist() == [-32768, 0, 32767]


def test_floats_are_kept() -> None:
    values = np.array([0.25, 0.5, np.nan], np.float32)
    valid = np.array([True, True, False])
    found = to_numbers(values, valid, 1.0, 0.0, dtype="float32", nodata=-1)
    assert found.dtype == np.float32
    assert found.tolist() == [0.25, 0.5, -1]
    np.testing.assert_array_equal(to_numbers(values, valid, 1.0, 0.0, dtype="float32", nodata=None), values)


S2 = sensor("sentinel-2-l2a").select(["B02", "B08"])
ALL = np.ones((4, 4), bool)


def values(first: float, second: float) -> np.ndarray:
    return np.stack([np.full((4, 4), first), np.full((4, 4), second)]).astype(np.float32)


@pytest.mark.parametrize("pair", [(0.05, 0.4), (0.9, 1.3), (-0.02, 0.01)])
def test_reflectance_that_looks_like_reflectance(pair: tuple[float, float]) -> None:
    check_physical(values(*pair), ALL, S2, "a scene")


@pytest.mark.parametrize(("pair", "band", "word"), [
    ((0.05, 4000.0), "B08", "digital numbers"),
    ((812.0, 4000.0), "B02", "digital numbers"),
    ((-0.09, 0.3), "B02", "removed twice"),
])  # fmt: skip
def test_values_that_cannot_be_reflectance(pair: tuple[float, float], band: str, word: str) -> None:
    with pytest.raises(RadiometryError) as caught:
        check_physical(values(*pair), ALL, S2, "scene X")
    assert "scene X" in caught.value.given
    assert band in caught.value.given
    assert word in caught.value.given
    assert "reflectance" in caught.value.expected
    assert "offset" in caught.value.do


@pytest.mark.parametrize(("share", "refused"), [(0.4, False), (0.6, True)])
def test_of_many_values_the_middle_decides(share: float, refused: bool) -> None:
    many = np.full((2, 300, 401), 0.2, np.float32)
    many[:, :, : round(401 * share)] = 2000
    with pytest.raises(RadiometryError) if refused else contextlib.nullcontext():
        check_physical(many, np.ones((300, 401), np.bool_), S2, "a scene")


def test_temperatures() -> None:
    (band,) = sensor("landsat-8-c2l2").select(["ST_B10"])
    check_physical(np.full((1, 4, 4), 290.0, np.float32), ALL, (band,), "a scene")
    for wrong in (17.0, 40000.0):
        with pytest.raises(RadiometryError) as caught:
            check_physical(np.full((1, 4, 4), wrong, np.float32), ALL, (band,), "a scene")
        assert "ST_B10" in caught.value.given
        assert "100 and 400 K" in caught.value.expected
        assert "digital_number" in caught.value.do


def test_digital_numbers_and_empty_scenes_pass() -> None:
    raw = (Band("R", None, None, 1.0, "digital_number"),)
    check_physical(np.full((1, 4, 4), 4000.0, np.float32), ALL, raw, "a scene")
    check_physical(values(4000.0, 4000.0), ~ALL, S2, "a scene under clouds")
