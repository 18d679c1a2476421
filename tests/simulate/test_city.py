"""Cities: the same for any strip, classes that one sensor tells and the other hardly does, files as written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.errors import ConfigError
from landweave.raster.classes import read_legend
from landweave.raster.products import recognise
from landweave.raster.read import read, read_map
from landweave.simulate.city import City, Strip, known_cities, load_city, make_strip, sunlight
from landweave.simulate.writecity import write_city

EDGE_M = 96


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("city-1", edge_m=EDGE_M)


@pytest.fixture(scope="module")
def whole(city: City) -> Strip:
    return make_strip(city, 0, EDGE_M)


def test_city_1_has_twenty_classes_of_known_spectra() -> None:
    city = load_city("city-1")
    assert len(city.legend) == 20
    assert "city-1" in known_cities()
    assert all(abs(sum(entry.first.values()) - 1) < 1e-9 for entry in city.classes)
    # Ten classes in pairs of one mixture that differ in pattern alone.
    mixtures = [str((entry.first, entry.second, entry.share)) for entry in city.classes if entry.second]
    assert sum(mixtures.count(one) == 2 for one in mixtures) == 10


def test_a_strip_is_the_part_of_the_whole(city: City, whole: Strip) -> None:
    part = make_strip(city, 40, 8)
    np.testing.assert_array_equal(part.hsi, whole.hsi[:, 40:48])
    np.testing.assert_array_equal(part.rgb, whole.rgb[:, 80:96])
    np.testing.assert_array_equal(part.truth, whole.truth[80:96])


def test_sizes_types_and_seeds(city: City, whole: Strip) -> None:
    assert (whole.rgb.shape, whole.rgb.dtype) == ((3, 192, 192), np.uint8)
    assert (whole.hsi.shape, whole.hsi.dtype) == ((48, 96, 96), np.uint16)
    assert whole.truth.shape == (192, 192)
    assert whole.truth.max() <= 20
    assert 0 < (whole.truth == 0).mean() < 0.3
    other = make_strip(load_city("city-1", 2, edge_m=EDGE_M), 0, 8)
    assert not np.array_equal(other.truth, whole.truth[:16])


def test_the_spectrometer_sees_what_is_green_beyond_the_red(city: City, whole: Strip) -> None:
    # In radiance leaves are brighter at 850 nm than at 670 nm; water and roads are not.
    ids = whole.truth[::2, ::2]
    ratio = whole.hsi[34].astype(float) / whole.hsi[20]
    names = city.legend.names
    for label in np.unique(ids[ids > 0]):
        seen = np.median(ratio[ids == label])
        if names[label - 1] in ("Lawn", "Alfalfa", "Deciduous trees", "Evergreen trees"):
            assert seen > 2, names[label - 1]
        if names[label - 1] in ("Water", "New asphalt", "Crosswalks", "Metal halls"):
            assert seen < 1.5, names[label - 1]


def test_stripes_are_seen_by_the_camera_and_hardly_by_the_spectrometer() -> None:
    # A city of two classes with one mixture: what differs from pixel to pixel differs by the pattern.
    known = load_city("city-1")
    pair = [entry.model_copy() for entry in known.classes if entry.name in ("Worn pavement", "Crosswalks")]
    two = known.model_copy(update={"classes": pair, "edge_m": EDGE_M, "gain": 0.0, "wear": 0.0})
    made = make_strip(two, 0, EDGE_M)

    def spread(values: np.ndarray, ids: np.ndarray, label: int) -> float:
        return float(values[ids == label].std() / values[ids == label].mean())

    fine, coarse = made.rgb[1].astype(float) ** 2, made.hsi[12].astype(float)
    by_camera = spread(fine, made.truth, 2) / spread(fine, made.truth, 1)
    by_spectrometer = spread(coarse, made.truth[::2, ::2], 2) / spread(coarse, made.truth[::2, ::2], 1)
    assert by_camera > 2
    assert by_spectrometer < by_camera / 1.5


def test_sunlight_is_that_of_the_sun() -> None:
    # 1.9 W m-2 nm-1 near 500 nm and 1.0 near 800 nm are what is measured, within a tenth or so.
    assert sunlight(500) == pytest.approx(190e3, rel=0.1)
    assert sunlight(800) == pytest.approx(112e3, rel=0.1)


def test_a_city_on_disk_is_two_scenes_and_a_map(tmp_path: Path, whole: Strip, city: City) -> None:
    records = list(write_city(city, tmp_path / "city"))
    assert records[-1].done == records[-1].total == 1
    found = recognise(tmp_path / "city" / "scenes")
    assert not found.unread
    assert sorted(scene.sensor.name for scene in found.scenes) == ["airborne-48", "worldview-rgb"]
    cube = next(scene for scene in found.scenes if scene.sensor.name == "airborne-48")
    values, valid = read(cube, ("H30",), cube.grid)
    assert valid.all()
    np.testing.assert_array_equal(values[0], whole.hsi[29])
    ids, grid = read_map(tmp_path / "city" / "truth" / "classes.tif")
    np.testing.assert_array_equal(ids, whole.truth)
    assert grid == city.grid(0.5)
    legend = read_legend(tmp_path / "city" / "truth" / "classes.tif")
    assert legend is not None
    assert legend.names == city.legend.names
    before = {path: path.read_bytes() for path in (tmp_path / "city").rglob("*.tif")}
    list(write_city(city, tmp_path / "city"))
    assert all(path.read_bytes() == content for path, content in before.items())


def test_cities_that_are_none_are_refused() -> None:
    for name, changed in (("city-0", {}), ("city-1", {"edge_m": 7}), ("city-1", {"heigth": 3})):
        with pytest.raises(ConfigError) as caught:
            load_city(name, **changed)
        assert caught.value.given
        assert caught.value.expected
        assert caught.value.do
