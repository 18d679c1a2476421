"""Sensors: the known ones are sound, users can bring theirs, and offsets are never guessed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from landweave.errors import ConfigError, RadiometryError, SensorError
from landweave.sensors import known_sensors, load_sensors, sensor

OWN = """
[sensors.drone]
title = "A drone's camera"
source = "its manual"
unit = "digital_number"
dtype = "uint8"
rgb = ["red", "green", "blue"]
bands = [
  { name = "red", wavelength_nm = 660, width_nm = 50, pixel_size_m = 0.1 },
  { name = "green", wavelength_nm = 560, width_nm = 50, pixel_size_m = 0.1 },
  { name = "blue", wavelength_nm = 480, width_nm = 50, pixel_size_m = 0.1, scale = 2, unit = "radiance" },
]
"""


def own(tmp_path: Path, text: str = OWN) -> Path:
    path = tmp_path / "sensors.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", list(known_sensors()))
def test_every_known_sensor_is_sound(name: str) -> None:
    known = sensor(name)
    assert known.name == name
    assert known.source
    assert len(known.select(known.rgb)) == 3
    assert known.pixel_size_m == min(band.pixel_size_m for band in known.bands)


@pytest.mark.parametrize(
    ("baseline", "told", "number"),
    [
        ("02.14", None, 0),
        ("N0214", None, 0),
        ("03.01", None, 0),
        ("04.00", None, -1000),
        ("0510", None, -1000),
        ("05.10", -1000, -1000),
        ("N9999", 0, 0),
        ("N9999", -1000, -1000),
        (None, 0, 0),
    ],
)
def test_the_offset_of_a_processing_baseline(baseline: str | None, told: float | None, number: float) -> None:
    assert sensor("sentinel-2-l2a").offset_number(baseline, told) == number


@pytest.mark.parametrize(("baseline", "told"), [("N9999", None), (None, None), ("unknown", None)])
def test_a_baseline_that_does_not_tell_is_refused(baseline: str | None, told: float | None) -> None:
    with pytest.raises(RadiometryError) as caught:
        sensor("sentinel-2-l2a").offset_number(baseline, told)
    assert "does not tell" in caught.value.given
    assert "04.00" in caught.value.expected
    assert "--offset 0" in caught.value.do


@pytest.mark.parametrize("told", [5, -0.1, 1000, float("nan")])
def test_an_offset_that_no_baseline_has_is_refused(told: float) -> None:
    with pytest.raises(RadiometryError) as caught:
        sensor("sentinel-2-l2a").offset_number("N9999", told)
    assert f"offset {told:g}" in caught.value.given
    assert "0 or -1000" in caught.value.expected
    assert "correct --offset" in caught.value.do


def test_before_the_first_rule_nothing_is_added() -> None:
    own = dataclasses.replace(sensor("sentinel-2-l2a"), baseline_offsets={"04.00": -1000.0})
    assert own.offset_number("03.01") == 0
    assert own.offset_number("04.00") == -1000


def test_an_offset_that_contradicts_the_baseline_is_refused() -> None:
    with pytest.raises(RadiometryError) as caught:
        sensor("sentinel-2-l2a").offset_number("05.10", 0)
    assert "offset 0" in caught.value.given
    assert "-1000" in caught.value.expected
    assert "--offset" in caught.value.do


def test_a_users_own_sensor(tmp_path: Path) -> None:
    drone = sensor("drone", load_sensors(own(tmp_path)))
    assert drone.band_names == ("red", "green", "blue")
    assert (drone.band("red").unit, drone.band("blue").unit) == ("digital_number", "radiance")
    assert (drone.band("red").scale, drone.band("blue").scale) == (1, 2)


@pytest.mark.parametrize(
    ("old", "new", "kind", "given"),
    [
        ('name = "green"', 'name = "red"', SensorError, "red"),
        ('rgb = ["red"', 'rgb = ["rad"', SensorError, "band rad"),
        ("pixel_size_m = 0.1 }", "pixel_size_m = -1 }", ConfigError, "-1"),
        ("title", "titel", ConfigError, "unknown key"),
        ("digital_number", "numbers", ConfigError, "numbers"),
    ],
)
def test_sensors_that_contradict_themselves(
    tmp_path: Path, old: str, new: str, kind: type[ConfigError], given: str
) -> None:
    with pytest.raises(kind) as caught:
        load_sensors(own(tmp_path, OWN.replace(old, new)))
    assert given in caught.value.given
    assert caught.value.expected
    assert caught.value.do


def test_unknown_names_get_the_nearest_one() -> None:
    with pytest.raises(SensorError, match="did you mean"):
        sensor("sentinel2-l2a")
    with pytest.raises(SensorError, match="B04"):
        sensor("sentinel-2-l2a").band("B4")
