"""Layouts: bands by pixel size, numbers that come back as they were, what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patches.making import LEGEND, make

from landweave.errors import ConfigError, LandweaveError, RadiometryError, SensorError
from landweave.patches.layout import Layout, check_same_bands, make_layout
from landweave.sensors import Band, Sensor, sensor


def test_bands_stand_by_pixel_size_in_the_sensors_order() -> None:
    layout = make(bands=("B09", "B05", "B8A", "B08", "B02"))
    assert [(view.key, [band.name for band in view.bands], view.px) for view in layout.views] == [
        ("data_10m", ["B02", "B08"], 12),
        ("data_20m", ["B05", "B8A"], 6),
        ("data_60m", ["B09"], 2),
    ]
    assert layout.bands == ("B02", "B08", "B05", "B8A", "B09")
    assert (layout.unit, layout.pixel_size_m, layout.step_px) == ("reflectance", 10, 6)


@pytest.mark.parametrize(("bands", "step"), [(("B02",), 1), (("B02", "B05"), 2), (("B05", "B01"), 3), (("B01",), 1)])
def test_steps_are_those_of_the_coarsest_band(bands: tuple[str, ...], step: int) -> None:
    assert make(bands=bands).step_px == step


def test_a_layout_survives_json() -> None:
    layout = make(targets=("mask", "classes"))
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout


def test_pixel_sizes_keep_their_ratio() -> None:
    layout = make_layout(sensor("sentinel-2-l2a"), ["B02", "B05"], 12, LEGEND, pixel_size_m=30)
    assert [view.key for view in layout.views] == ["data_30m", "data_60m"]
    assert [view.px for view in layout.views] == [12, 6]


@given(st.integers(1, 65535), st.sampled_from(["B02", "B05"]))
def test_numbers_come_back_as_they_were(number: int, name: str) -> None:
    view = make(bands=(name,)).views[0]
    numbers = np.full(view.shape, number, np.uint16)
    again, num_cut = view.to_numbers(view.to_physical(numbers), np.ones(view.shape[1:], bool))
    np.testing.assert_array_equal(again, numbers)
    assert num_cut == 0


def test_what_leaves_the_range_is_cut_and_counted() -> None:
    view = make(bands=("B02",)).views[0]
    values = np.zeros(view.shape, np.float32)
    values[0, 0, :4] = (-0.2, -0.1, 9.0, 6.4)
    valid = np.ones(view.shape[1:], bool)
    valid[0, 2] = False
    numbers, num_cut = view.to_numbers(values, valid)
    assert numbers[0, 0, :5].tolist() == [1, 1, 0, 65000, 1000]
    assert num_cut == 2


def test_floats_are_stored_as_they_are() -> None:
    made = Sensor("own", "Own", "test", (Band("x", None, None, 1, "radiance", dtype="float32"),), ("x",) * 3, np.nan)
    view = make_layout(made, ["x"], 4, LEGEND).views[0]
    values = np.random.default_rng(0).normal(size=view.shape).astype(np.float32)
    valid = values[0] > 0
    numbers, num_cut = view.to_numbers(values, valid)
    np.testing.assert_array_equal(numbers, np.where(valid, values, 0))
    assert (numbers.dtype, num_cut, view.nodata) == (np.float32, 0, None)


@pytest.mark.parametrize(
    ("bands", "patch_px", "kind", "given_", "expected", "do"),
    [
        (("B02", "B01"), 100, ConfigError, "100 pixels", "multiple of 6", "102"),
        (("B02", "B05"), 0, ConfigError, "0 pixels", "multiple of 2", "2"),
        (("B2",), 12, SensorError, "B2", "B", "name a band"),
        ((), 12, SensorError, "(none)", "each band once", "once"),
    ],
)
def test_what_does_not_fit_is_refused(
    bands: tuple[str, ...], patch_px: int, kind: type[LandweaveError], given_: str, expected: str, do: str
) -> None:
    with pytest.raises(kind) as caught:
        make(patch_px, bands)
    assert given_ in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def test_units_are_not_mixed() -> None:
    with pytest.raises(RadiometryError) as caught:
        make_layout(sensor("landsat-8-c2l2"), ["SR_B4", "ST_B10"], 12, LEGEND)
    assert "brightness_temperature" in caught.value.given and "reflectance" in caught.value.given
    assert "one unit" in caught.value.expected
    assert "--bands" in caught.value.do


def test_bands_that_an_archive_lacks_are_refused() -> None:
    check_same_bands(make(), ("B05", "B02"))
    with pytest.raises(SensorError) as caught:
        check_same_bands(make(), ("B02", "B8A"))
    assert "B8A" in caught.value.given
    assert "B0" in caught.value.expected
    assert "cut it again" in caught.value.do
