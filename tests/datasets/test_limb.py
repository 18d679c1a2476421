"""Limb spectra in files: what comes back, in all formats, and what is refused or counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio

from landweave.datasets import limb
from landweave.errors import LandweaveError, RadiometryError, SpectraError
from landweave.legend import IGNORE
from landweave.spectra.brightness import UNIT
from landweave.spectra.microwindows import MICROWINDOWS
from landweave.spectra.observations import LimbSpectra

NUM = 7
SIMULATED = {"simulated": 1, "title": "simulated for a test"}


def spectra(num: int = NUM, **changed: Any) -> LimbSpectra:
    """Spectra with one radiance that is missing and one that is negative."""
    rng = np.random.default_rng(3)
    radiance = rng.uniform(1, 2000, (num, 142)).astype(np.float32)
    valid = np.ones(radiance.shape, bool)
    valid[1, 5], radiance[1, 5], radiance[2, 8] = False, 0, -3.5
    columns: dict[str, Any] = {
        "radiance": radiance,
        "valid": valid,
        "time": np.datetime64("2009-06-14T12:00:00", "s") + np.arange(num).astype("timedelta64[m]"),
        "latitude": np.linspace(-80, -60, num).astype(np.float32),
        "longitude": np.linspace(-180, 179.5, num).astype(np.float32),
        "tangent_altitude_km": np.linspace(15, 30, num).astype(np.float32),
        "label": np.array([0, 1, 2, 3, 4, 5, IGNORE], np.uint8)[np.arange(num) % 7],
        "classes": ("ice", "nat_small", "nat_large", "sts_1", "sts_2", "sts_3"),
        "truth": {"temperature_k": np.linspace(185, 200, num).astype(np.float32), "left_out": np.arange(num) == 2},
    }
    return LimbSpectra(**{**columns, **changed})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    limb.write(tmp_path / "a.nc", spectra(), SIMULATED)
    return tmp_path / "a.nc"


@pytest.mark.parametrize("name", ["a.nc", "a.h5", "a.csv"])
def test_what_was_written_comes_back(tmp_path: Path, name: str) -> None:
    given, path = spectra(), tmp_path / name
    limb.write(path, given, SIMULATED)
    found, counts = limb.read_counted([path])
    np.testing.assert_array_equal(found.radiance[given.valid], given.radiance[given.valid])
    for column in ("valid", "time", "latitude", "longitude", "tangent_altitude_km", "label"):
        np.testing.assert_array_equal(getattr(found, column), getattr(given, column), err_msg=column)
    assert found.classes == given.classes
    assert set(found.truth) == {"temperature_k", "left_out"}
    for column, values in given.truth.items():
        np.testing.assert_allclose(found.truth[column].astype(float), values.astype(float), rtol=1e-6)
    assert counts == limb.Counts(spectra=NUM, missing=1, not_positive=1)
    assert limb.count(path) == NUM
    assert str(limb.facts(path)["simulated"]) == "1"
    assert limb.facts(path)["title"] == "simulated for a test"
    assert limb.is_simulated(path)
    some = limb.read([path], rows=slice(2, 5))
    np.testing.assert_array_equal(some.radiance, found.radiance[2:5])
    np.testing.assert_array_equal(some.time, found.time[2:5])
    before = path.read_bytes()
    limb.write(path, given, SIMULATED)
    assert path.read_bytes() == before


def test_without_labels_truth_or_times(tmp_path: Path) -> None:
    bare = spectra(label=None, classes=(), truth={}, time=np.full(NUM, np.datetime64("NaT", "s")))
    for name in ("a.nc", "a.csv"):
        limb.write(tmp_path / name, bare)
        found, counts = limb.read_counted([tmp_path / name])
        assert found.label is None
        assert not found.truth
        assert np.isnat(found.time).all()
        assert counts.without_time == NUM


def test_other_programs_read_it_as_netcdf(path: Path) -> None:
    with rasterio.open(f"NETCDF:{path}:radiance") as file:
        assert file.shape == (NUM, 142)
        tags = file.tags()
        assert tags["radiance#units"] == UNIT
        assert tags["NC_GLOBAL#kind"] == limb.KIND
        assert tags["NC_GLOBAL#simulated"] == "1"


def test_files_follow_one_another(tmp_path: Path) -> None:
    first, second = spectra(), spectra(5)
    limb.write(tmp_path / "a.nc", first)
    limb.write(tmp_path / "b.csv", second)
    found, counts = limb.read_counted([tmp_path / "a.nc", tmp_path / "b.csv"])
    assert len(found) == counts.spectra == 12
    np.testing.assert_array_equal(found.radiance[7:], np.where(second.valid, second.radiance, 0))
    assert counts.missing == 2
    limb.write(tmp_path / "c.nc", spectra(label=None, classes=()))
    for paths in ([tmp_path / "a.nc", tmp_path / "c.nc"], []):
        with pytest.raises(SpectraError):
            limb.read(paths)


def changed(path: Path, mend: Callable[[h5py.File], None]) -> Path:
    with h5py.File(path, "r+") as file:
        mend(file)
    return path


def test_units_by_name(path: Path) -> None:
    given = limb.read([path])

    def in_watts(file: h5py.File) -> None:
        file["radiance"].attrs["units"] = "W/(m2 sr cm-1)"
        file["radiance"][...] = file["radiance"][...] * 1e-5

    found = limb.read([changed(path, in_watts)])
    np.testing.assert_allclose(found.radiance, given.radiance, rtol=1e-5)
    for wrong in ("W/(m2 sr um)", "K", ""):
        with pytest.raises(RadiometryError) as caught:
            limb.read([changed(path, lambda file, unit=wrong: file["radiance"].attrs.__setitem__("units", unit))])
        assert (wrong or "without a name") in caught.value.given
        assert caught.value.expected
        assert caught.value.do


def test_fill_values_nan_and_longitudes_are_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def mend(file: h5py.File) -> None:
        file["radiance"].attrs["_FillValue"] = np.float32(-9999)
        file["radiance"][3, :10] = -9999
        file["radiance"][4, 0] = np.inf
        file["longitude"][:] = [0, 90, 180, 270, 359.5, 360, 10]

    with caplog.at_level(logging.WARNING):
        found, counts = limb.read_counted([changed(path, mend)])
    np.testing.assert_array_equal(found.longitude, np.array([0, 90, -180, -90, -0.5, 0, 10], np.float32))
    assert counts == limb.Counts(NUM, missing=12, not_positive=1, east_of_180=4)
    assert not found.valid[3, :10].any()
    assert found.valid[3, 10:].all()
    assert "7 spectra, with 12 radiances missing" in caplog.text
    assert "1 radiances of 0 or less" in caplog.text
    assert "4 longitudes above 180" in caplog.text


@pytest.mark.parametrize("value", [9.969209968386869e36, 1e20, 99_999.0])
def test_fill_values_of_which_a_file_does_not_tell_are_missing(path: Path, value: float) -> None:
    def mend(file: h5py.File) -> None:
        del file["radiance"].attrs["_FillValue"]
        file["radiance"][3, :10] = value

    found, counts = limb.read_counted([changed(path, mend)])
    assert counts.missing == 11
    assert not found.valid[3, :10].any()
    assert (found.radiance[3, :10] == 0).all()


@pytest.mark.parametrize("name", ["a.nc", "a.csv"])
def test_counting_refuses_what_reading_would(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    limb.write(path, spectra(), SIMULATED)
    assert limb.count(path) == NUM
    path.write_bytes(path.read_bytes().replace(UNIT.encode(), b"K".ljust(len(UNIT))))
    with pytest.raises(RadiometryError, match=str(path)):
        limb.count(path)


def test_times_out_of_order_are_counted_and_kept(path: Path, tmp_path: Path) -> None:
    given = limb.read([path])
    turned = given.select(np.array([0, 3, 1, 2, 6, 5, 4]))
    limb.write(tmp_path / "b.nc", turned)
    found, counts = limb.read_counted([tmp_path / "b.nc"])
    assert counts.out_of_order == 3
    np.testing.assert_array_equal(found.time, turned.time)
    np.testing.assert_array_equal(found.radiance, turned.radiance)


def test_times_in_other_units(path: Path) -> None:
    given = limb.read([path]).time

    def in_days(file: h5py.File) -> None:
        days = (given - np.datetime64("2000-01-01", "s")) / np.timedelta64(86400, "s")
        del file["time"]
        file["time"] = days
        file["time"].attrs["units"] = "days since 2000-01-01 00:00:00"
        file["time"].dims[0].attach_scale(file["spectrum"])

    np.testing.assert_array_equal(limb.read([changed(path, in_days)]).time, given)


def set_to(name: str, value: Any) -> Callable[[h5py.File], None]:
    def mend(file: h5py.File) -> None:
        file[name][1] = value

    return mend


def said(name: str, key: str, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: (file[name] if name else file).attrs.__setitem__(key, value)


def without(name: str) -> Callable[[h5py.File], None]:
    def mend(file: h5py.File) -> None:
        del file[name]

    return mend


def fewer(file: h5py.File) -> None:
    for name in ("microwindow_lower", "microwindow_upper"):
        kept = np.delete(file[name][...], 37)
        del file[name]
        file[name] = kept


def shifted(file: h5py.File) -> None:
    file["microwindow_lower"][...] += 0.5
    file["microwindow_upper"][...] += 0.5


def swapped(file: h5py.File) -> None:
    for name in ("microwindow_lower", "microwindow_upper"):
        file[name][:2] = file[name][:2][::-1]


def narrower(file: h5py.File) -> None:
    values = file["radiance"][:, :141]
    del file["radiance"]
    file["radiance"] = values
    file["radiance"].attrs["units"] = UNIT
    file["radiance"].dims[0].attach_scale(file["spectrum"])


def plain(path: Path, name: str, values: Any, **about: Any) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = values
        file[name].attrs.update(about)


@pytest.mark.parametrize("num", [NUM, 142])
def test_plain_hdf5_without_dimensions(tmp_path: Path, num: int) -> None:
    given = spectra(num)
    limb.write(tmp_path / "a.h5", given)
    with h5py.File(tmp_path / "a.h5", "r") as file, h5py.File(tmp_path / "b.h5", "w") as bare:
        for name in (name for name in file if name not in (limb.ROW, limb.COLUMN)):
            bare[name] = file[name][...]
            bare[name].attrs.update({key: value for key, value in file[name].attrs.items() if key != "DIMENSION_LIST"})
        bare.attrs.update(dict(file.attrs))
    found = limb.read([tmp_path / "b.h5"], slice(1, 4))
    np.testing.assert_array_equal(found.radiance, np.where(given.valid, given.radiance, 0)[1:4])
    assert found.label is not None
    assert found.label.tolist() == given.label[1:4].tolist()
    assert limb.count(tmp_path / "b.h5") == num


@pytest.mark.parametrize(
    ("values", "fill", "told"),
    [
        ([0, 1, 2, 3, 4, 5, 300], 255, "label 300"),
        ([0, 1, 2, 3, 4, 5, -2], -1, "label -2"),
        ([0.5] * 7, 255, "label 0.5"),
    ],
)
def test_labels_that_are_none(path: Path, values: list[float], fill: int, told: str) -> None:
    flags = {"flag_meanings": "ice nat_small nat_large sts_1 sts_2 sts_3", "_FillValue": fill}
    plain(path, "label", np.array(values), **flags)
    with pytest.raises(SpectraError) as caught:
        limb.read([path])
    assert told in caught.value.given
    plain(path, "label", np.array([0, 1, 2, 3, 4, 5, fill]), **flags)
    assert limb.read([path]).label.tolist() == [0, 1, 2, 3, 4, 5, IGNORE]


def test_no_spectra_are_none(tmp_path: Path) -> None:
    for name in ("a.nc", "a.csv"):
        limb.write(tmp_path / name, spectra().select(slice(0, 0)), SIMULATED)
        found, counts = limb.read_counted([tmp_path / name])
        assert len(found) == limb.count(tmp_path / name) == 0
        assert counts == limb.Counts()


REFUSED: list[tuple[Callable[[h5py.File], Any], str]] = [
    (fewer, "without microwindow 819-820"),
    (shifted, "without microwindow 782-783, 783-784, 784-785 and"),
    (swapped, "in another order"),
    (narrower, "(7, 141)"),
    (without("radiance"), "without radiance"),
    (said("radiance", "scale_factor", 0.1), "radiance packed"),
    (without("latitude"), "without latitude"),
    (without("time"), "without time"),
    (without("microwindow_upper"), "microwindow_upper"),
    (set_to("latitude", 91), "latitude 91"),
    (set_to("latitude", np.nan), "latitude nan"),
    (set_to("longitude", 361), "longitude 361"),
    (set_to("longitude", -181), "longitude -181"),
    (set_to("tangent_altitude", 15_000), "tangent altitude in km 15000"),
    (set_to("label", 6), "label 6"),
    (said("tangent_altitude", "units", "m"), "tangent_altitude in m"),
    (said("latitude", "units", "radian"), "latitude in radian"),
    (said("time", "units", "months since 2000-01-01"), "months since"),
    (said("", "format", 2), "format 2"),
    (said("", "kind", "something else"), "something else"),
]


@pytest.mark.parametrize(("mend", "told"), REFUSED, ids=[told for _, told in REFUSED])
def test_what_is_wrong_is_refused(path: Path, mend: Callable[[h5py.File], Any], told: str) -> None:
    with pytest.raises((SpectraError, RadiometryError)) as caught:
        limb.read([changed(path, mend)])
    assert told in caught.value.given
    assert caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "is no file"),
        (b"", "unknown kind"),
        (b"not spectra", "unknown kind"),
        (b"CDF\x01 cut", "cannot be read"),
        (b"\x89HDF\r\n\x1a\n cut", "cannot be read"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "a.nc"
    if content is not None:
        path.write_bytes(content)
    for call in (lambda: limb.read([path]), lambda: limb.count(path)):
        with pytest.raises(SpectraError) as caught:
            call()
        assert told in caught.value.given
        assert caught.value.do


def test_a_file_cut_short_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(SpectraError, match="cannot be read"):
        limb.read([path])


def test_text_may_begin_with_a_mark_and_hold_remarks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    limb.write(path, spectra(), SIMULATED)
    path.write_text("\ufeff# a remark\n" + path.read_text())
    assert len(limb.read([path])) == limb.count(path) == NUM


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("819-820", "818-819", "two columns 818-819"),
        ("819-820", "819-820.5", "without microwindow 819-820"),
        (",788.2-796.2", "", "of another length"),
        ("latitude", "lat", "without latitude"),
        (f"unit: {UNIT}", "unit: K", "radiance in K"),
        (f"# unit: {UNIT}\n", "", "a unit without a name"),
        ("-80.0", "south", "latitude that is no number"),
        ("2009-06-14T12:01:00", "yesterday", "a time that is none"),
        (",nat_small,", ",nat,", "label nat"),
        ("# format: 1", "# format: 9", "format 9"),
    ],
)
def test_what_is_wrong_in_text_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "a.csv"
    limb.write(path, spectra(), SIMULATED)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(LandweaveError) as caught:
        limb.read([path])
    assert told in caught.value.given
    assert caught.value.expected
    assert caught.value.do


def test_text_names_microwindows_by_their_edges(tmp_path: Path) -> None:
    limb.write(tmp_path / "a.csv", replace(spectra(), truth={}))
    header = next(line for line in (tmp_path / "a.csv").read_text().splitlines() if not line.startswith("#")).split(",")
    assert header[:5] == ["time", "latitude", "longitude", "tangent_altitude_km", "label"]
    assert len(header[5:]) == len(MICROWINDOWS)
    assert header[5] == "782-783"
    assert header[-1] == "947.5-950"


@pytest.mark.parametrize(("said", "is_simulated"), [(1, True), (0, False), ("yes", True), ("False", False)])
def test_a_file_says_whether_it_is_simulated(said: Any, is_simulated: bool, tmp_path: Path) -> None:
    for name in ("a.nc", "a.csv"):
        limb.write(tmp_path / name, spectra(), {"simulated": said})
        assert limb.is_simulated(tmp_path / name) == is_simulated
