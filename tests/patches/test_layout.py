"""Layouts: bands by pixel size, numbers that come back as they were, what does not fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patches.making import LEGEND, make, rows

from landweave.datasets.archive import ArchiveDataset
from landweave.errors import ConfigError, LandweaveError, RadiometryError, SensorError
from landweave.patches.archive import finish, write_shard
from landweave.patches.layout import Layout, Paired, check_same_bands, make_layout
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


def paired() -> Layout:
    layout = make(bands=("B02", "B11"))
    bands = sensor("landsat-8-c2l2").select(["SR_B2", "SR_B6"])
    return dataclasses.replace(layout, targets=(), pair=Paired(30, 4, bands, 0, "landsat-8-c2l2"))


def test_a_pair_stands_beside_the_views_with_valid_on_its_pixels() -> None:
    layout = paired()
    assert list(layout.shapes()) == ["data_10m", "data_20m", "target_30m", "valid"]
    assert layout.shapes()["valid"][0] == (4, 4) == layout.shapes()["target_30m"][0][1:]
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout
    assert "pair" not in make().to_json()


def test_valid_on_the_finest_pixels() -> None:
    valid = np.zeros((2, 4, 4), bool)
    valid[1, 2, 3] = True
    fine = paired().finest(valid)
    assert fine.shape == (2, 12, 12)
    assert fine.sum() == 9 and fine[1, 6:9, 9:12].all()
    assert make().finest(valid) is valid


def test_an_archive_of_pairs_tells_the_statistics_of_both_sensors(tmp_path: Path) -> None:
    layout, generator = paired(), np.random.default_rng(0)
    made = {
        key: generator.integers(1, 9000, (3, *shape)).astype(dtype) for key, (shape, dtype) in layout.shapes().items()
    }
    made["valid"] = made["valid"] > 0
    made["valid"][0, 0, 0] = False
    write_shard(tmp_path, "000000", layout, made, rows(3))
    told = finish(tmp_path, layout, {}).mean_and_std()
    physical = layout.views[0].to_physical(made["data_10m"][:1])[0, 0]
    usable = layout.finest(made["valid"])[0]
    assert told["B02"][0] == pytest.approx(physical[usable].mean(), rel=1e-5)
    other = layout.pair.to_physical(made["target_30m"][:1])[0, 1][made["valid"][0]]
    assert told["SR_B6"] == pytest.approx((other.mean(), other.std()), rel=1e-4)
    sample = ArchiveDataset(tmp_path, "train")[0]
    assert sample.views["target_30m"].shape == (2, 4, 4) and not sample.views["data_10m"][:, :3, :3].any()
