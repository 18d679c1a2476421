"""GeoTIFFs with a sidecar."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.raster.making import SIDECAR, WHEN, grid, numbers, write_sidecar_tif

from landweave.errors import ConfigError, GridError, LandweaveError, RadiometryError, SceneError, SensorError
from landweave.raster.files import grid_of
from landweave.raster.read import read
from landweave.raster.scene import MaskFile
from landweave.raster.sidecar import read_sidecar
from landweave.raster.write import write_tile
from landweave.sensors import load_sensors


def test_a_plain_sidecar(tmp_path: Path) -> None:
    path = write_sidecar_tif(tmp_path)
    found = read_sidecar(path, None)
    assert found.id == "mine"
    assert found.sensor.name == "sentinel-2-l2a"
    assert found.datetime == WHEN
    assert found.bands == ("B02", "B03", "B04", "B08")
    assert found.grid == grid()
    assert found.baseline == "05.10"
    assert found.mask is None
    file = found.files["B08"]
    assert (file.index, file.scale, file.offset, file.nodata) == (4, 0.0001, pytest.approx(-0.1), 0)
    values, valid = read(found, ["B08", "B02"], found.grid)
    assert valid.all()
    assert 0.0099 < values.min() < values.max() <= 0.4


def sidecar(*lines: str, without: str = "", bands: str = '["B02", "B03", "B04", "B08"]') -> str:
    kept = [line for line in SIDECAR.strip().splitlines() if not (without and line.startswith(without))]
    kept = [f"bands = {bands}" if line.startswith("bands") else line for line in kept]
    return "\n".join([*kept, *lines]) + "\n"


# What the sidecar adds, what a user tells, and the offset of the physical values that follows.
OFFSETS = [
    (sidecar(), None, -0.1),
    (sidecar('baseline = "02.14"', without="baseline"), None, 0.0),
    (sidecar('baseline = "N9999"', without="baseline"), 0, 0.0),
    (sidecar('baseline = "N9999"', without="baseline"), -1000, -0.1),
    (sidecar("offset = -0.1", without="baseline"), None, -0.1),
    (sidecar("offset = 0.0", without="baseline"), None, 0.0),
    (sidecar("offset = -0.1"), None, -0.1),
    (sidecar('unit = "digital_number"', without="baseline"), None, 0.0),
]


@pytest.mark.parametrize(("text", "told", "offset"), OFFSETS)
def test_offsets(tmp_path: Path, text: str, told: float | None, offset: float) -> None:
    found = read_sidecar(write_sidecar_tif(tmp_path, text), told)
    assert found.files["B02"].offset == pytest.approx(offset)


REFUSED: dict[str, tuple[str, float | None, type[LandweaveError], str, str, str]] = {
    "nobody tells": (sidecar(without="baseline"), None, RadiometryError, "unknown", "04.00", "--offset"),
    "N9999": (sidecar('baseline = "N9999"', without="baseline"), None, RadiometryError, "N9999", "04.00", "--offset"),
    "doubled": (sidecar("offset = 0.0"), None, RadiometryError, "offset = 0", "offset = -0.1", "correct its baseline"),
    "told twice": (sidecar("offset = -0.1"), 0, RadiometryError, "offset 0", "one of them", "leave --offset away"),
    "raw and scaled": (
        sidecar('unit = "digital_number"', "scale = 0.0001"),
        None,
        RadiometryError,
        "digital_number with scale",
        "digital numbers as they are",
        "leave scale and offset away",
    ),
    "unknown band": (
        sidecar(bands='["B02", "B03", "B4", "B08"]'), None, SensorError, "B4", "B04", "name a band",
    ),
    "too few": (sidecar(bands='["B02", "B03"]'), None, SensorError, "2 bands in mine.toml and 4", "order", '"-"'),
    "twice": (sidecar(bands='["B02", "B03", "B02", "B08"]'), None, SensorError, "B02", "each once", "correct"),
    "none used": (sidecar(bands='["-", "-", "-", "-"]'), None, SensorError, "-", "at least one band", "correct"),
    "unknown sensor": (
        sidecar('sensor = "sentinel-2-l3"', without="sensor"),
        None,
        SensorError,
        "sentinel-2-l3",
        "sentinel-2-l",
        "--sensors",
    ),
    "unknown key": (sidecar('sensr = "x"'), None, ConfigError, "unknown key sensr", "sensor", "formats.md"),
    "no time": (sidecar(without="datetime"), None, ConfigError, "datetime is missing", "required", "mend"),
    "scale 0": (sidecar("scale = 0.0"), None, ConfigError, "scale = 0.0", "greater than 0", "mend"),
    "scale NaN": (sidecar("scale = nan"), None, ConfigError, "scale = nan", "finite", "mend"),
    "offset NaN": (sidecar("offset = nan", without="baseline"), None, ConfigError, "offset = nan", "finite", "mend"),
    "mask beyond": (
        sidecar("[mask]", 'kind = "valid"', "index = 9"), None, SceneError, "index 9", "which has 4", "correct index",
    ),
    "wrong mask": (sidecar('[mask]', 'kind = "clouds"'), None, ConfigError, "clouds", "scl", "mend"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_and_how(tmp_path: Path, case: str) -> None:
    text, told, kind, given, expected, do = REFUSED[case]
    array = np.concatenate([numbers(grid(), seed) for seed in range(4)])
    path = write_sidecar_tif(tmp_path, text, array)
    with pytest.raises(kind) as caught:
        read_sidecar(path, told)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    path = write_sidecar_tif(tmp_path, array=np.ones((4, *grid().shape), np.complex64))
    with pytest.raises(SceneError) as caught:
        read_sidecar(path, None)
    assert "complex64" in caught.value.given
    assert "floating-point" in caught.value.expected
    assert "write amplitudes" in caught.value.do


def test_bands_that_are_not_used(tmp_path: Path) -> None:
    text = sidecar(bands='["B08", "-", "B02", "-"]')
    found = read_sidecar(write_sidecar_tif(tmp_path, text), None)
    assert found.bands == ("B02", "B08")
    assert (found.files["B08"].index, found.files["B02"].index) == (1, 3)


def test_units(tmp_path: Path) -> None:
    raw = read_sidecar(write_sidecar_tif(tmp_path, sidecar('unit = "digital_number"')), None)
    assert {band.unit for band in raw.sensor.bands} == {"digital_number"}
    values, _ = read(raw, ["B02"], raw.grid)
    assert values.min() >= 1100
    radiance = read_sidecar(write_sidecar_tif(tmp_path, sidecar('unit = "radiance"', "scale = 0.01", "offset = 0.0",
                                                                without="baseline")), None)  # fmt: skip
    assert {band.unit for band in radiance.sensor.bands} == {"radiance"}
    assert radiance.files["B02"].scale == 0.01


# The sidecar's nodata, the file's, and what counts.
NODATA = [(None, None, 0), (None, 7.0, 7), ("65535", 7.0, 65535), ("nan", None, float("nan"))]


@pytest.mark.parametrize(("stated", "own", "counts"), NODATA)
def test_nodata(tmp_path: Path, stated: str | None, own: float | None, counts: float) -> None:
    path = write_sidecar_tif(tmp_path, sidecar(*([f"nodata = {stated}"] if stated else [])))
    array = np.concatenate([numbers(grid(), seed) for seed in range(4)])
    write_tile(path, array, grid(), own)
    np.testing.assert_equal(read_sidecar(path, None).files["B02"].nodata, counts)


def test_floats_have_no_number_for_nodata_unless_told(tmp_path: Path) -> None:
    array = np.full((4, 60, 60), 0.25, np.float32)
    text = sidecar("scale = 1.0", "offset = 0.0", without="baseline")
    found = read_sidecar(write_sidecar_tif(tmp_path, text, array), None)
    assert found.files["B02"].nodata is None
    values, valid = read(found, ["B02"], found.grid)
    assert valid.all()
    assert (values == 0.25).all()


def test_a_baseline_tells_nothing_of_numbers_on_another_scale(tmp_path: Path) -> None:
    array = np.full((4, 60, 60), 0.25, np.float32)
    text = sidecar("scale = 1.0", "offset = 0.0", 'baseline = "05.09"', without="baseline")
    found = read_sidecar(write_sidecar_tif(tmp_path, text, array), None)
    assert (found.baseline, found.files["B02"].offset) == ("05.09", 0)


def test_masks(tmp_path: Path) -> None:
    inside = read_sidecar(write_sidecar_tif(tmp_path, sidecar("[mask]", 'kind = "valid"', "index = 4")), None)
    assert inside.mask == MaskFile(str(tmp_path / "mine.tif"), "valid", 4)
    write_tile(tmp_path / "scl.tif", np.full((1, 30, 30), 4, np.uint8), grid(30, 20))
    beside = read_sidecar(write_sidecar_tif(tmp_path, sidecar("[mask]", 'kind = "scl"', 'file = "scl.tif"')), None)
    assert beside.mask == MaskFile(str(tmp_path / "scl.tif"), "scl", 1)


def test_cut_in_its_header_is_cut_and_not_without_a_place(tmp_path: Path) -> None:
    path = write_sidecar_tif(tmp_path)
    content = path.read_bytes()
    opens = 0
    for keep in range(0, 1200, 40):
        path.write_bytes(content[:keep])
        with pytest.raises(SceneError, match="cannot be read"):
            read_sidecar(path, None)
        with contextlib.suppress(SceneError):
            opens += grid_of(str(path)).crs is None
    assert opens


def test_no_place_on_earth(tmp_path: Path) -> None:
    plain = GeoBox((60, 60), Affine.identity(), None)
    with pytest.raises(GridError) as caught:
        read_sidecar(write_sidecar_tif(tmp_path, box=plain), None)
    assert "no CRS" in caught.value.given
    assert "says where it lies" in caught.value.expected
    assert 'georeference = "none"' in caught.value.do
    found = read_sidecar(write_sidecar_tif(tmp_path, sidecar('georeference = "none"'), box=plain), None)
    assert found.grid == GeoBox((60, 60), Affine.scale(10, -10), None)
    _, valid = read(found, ["B02", "B08"], found.grid)
    assert valid.all()


def test_times_without_a_zone_are_utc(tmp_path: Path) -> None:
    text = sidecar("datetime = 2024-07-01T10:15:30", without="datetime")
    assert read_sidecar(write_sidecar_tif(tmp_path, text), None).datetime == WHEN
    text = sidecar("datetime = 2024-07-01", without="datetime")
    assert read_sidecar(write_sidecar_tif(tmp_path, text), None).datetime == dt.datetime(2024, 7, 1, tzinfo=dt.UTC)


def test_sensors_of_one_s_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[sensors.drone]\ntitle = "Drone"\nsource = "its maker"\nunit = "digital_number"\nrgb = ["R", "G", "B"]\n'
        'bands = [{ name = "R", pixel_size_m = 0.1 }, { name = "G", pixel_size_m = 0.1 }, '
        '{ name = "B", pixel_size_m = 0.1 }]\n'
    )
    text = 'sensor = "drone"\nbands = ["R", "G", "B"]\ndatetime = 2024-07-01\nid = "flight 1"\ncloud_cover = 0\n'
    found = read_sidecar(write_sidecar_tif(tmp_path, text), None, load_sensors(own))
    assert (found.id, found.sensor.name, found.cloud_cover) == ("flight 1", "drone", 0)


def test_digital_numbers_declared_as_reflectance_are_refused(tmp_path: Path) -> None:
    path = write_sidecar_tif(tmp_path, sidecar("scale = 1.0", "offset = 0.0", without="baseline"))
    with pytest.raises(RadiometryError) as caught:
        read_sidecar(path, None)
    assert "mine.tif: band B02 with a median of" in caught.value.given
    assert "looks like digital numbers" in caught.value.given
    assert "reflectance, nominally 0-1" in caught.value.expected
    assert "unit = digital_number" in caught.value.do


def test_an_offset_removed_twice_shows(tmp_path: Path) -> None:
    dark = np.concatenate([numbers(grid(), seed, 100, 400) for seed in range(4)])
    with pytest.raises(RadiometryError) as caught:
        read_sidecar(write_sidecar_tif(tmp_path, SIDECAR, dark), None)
    assert "removed twice" in caught.value.given
    assert "reflectance" in caught.value.expected
    assert "baseline" in caught.value.do


def describe(path: Path, names: list[str]) -> Path:
    with rasterio.open(path, "r+") as file:
        for index, name in enumerate(names, start=1):
            file.set_band_description(index, name)
    return path


# Names that the file gives to its bands, and whether the sidecar's B02 B03 B04 B08 contradict them.
ORDERS = [
    (["B02", "B03", "B04", "B08"], True),
    (["B2", "B3", "B4", "B8"], True),
    (["b02", "b03", "b04", "b08"], True),
    (["blue", "green", "red", "nir"], True),
    (["B04", "B03", "B02", "B08"], False),
    (["B2", "B3", "B4", "B8A"], False),
]


@pytest.mark.parametrize(("names", "agrees"), ORDERS)
def test_the_file_s_own_names_count(tmp_path: Path, names: list[str], agrees: bool) -> None:
    path = describe(write_sidecar_tif(tmp_path), names)
    if agrees:
        assert read_sidecar(path, None).bands == ("B02", "B03", "B04", "B08")
        return
    with pytest.raises(SensorError) as caught:
        read_sidecar(path, None)
    assert "in mine.toml; mine.tif calls that band B" in caught.value.given
    assert f"bands in the file's order: {', '.join(names)}" in caught.value.expected
    assert "into that order" in caught.value.do
