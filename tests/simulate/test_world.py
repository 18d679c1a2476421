"""Worlds: what is known, what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulate.making import world

from landweave.errors import ConfigError, SensorError
from landweave.simulate.deliver import deliveries, parts_of
from landweave.simulate.lattice import Axes
from landweave.simulate.world import known_worlds, load_world, region_of, truth_dates
from landweave.tiling import Window


@pytest.mark.parametrize("name", known_worlds())
def test_every_known_world_is_whole(name: str) -> None:
    made = load_world(name)
    assert made.name == name
    assert name.rpartition("-")[2].isdigit()
    assert tuple(made.grid.shape) == (made.height_px, made.width_px)
    assert len({layer.path for each in deliveries(made) for layer in each.layers}) == sum(
        len(each.layers) for each in deliveries(made)
    )


def test_parts_partition_each_delivery() -> None:
    made = world({"date": "2023-07-12"}, {"date": "2022-07-12", "sensor": "landsat-8-c2l2"}, size_px=810)
    for each in deliveries(made):
        count = np.zeros(each.window.shape, int)
        for part in parts_of(made, each):
            count[part.inside(each.window).slices] += 1
        assert (count == 1).all(), each.name


def test_the_truth_comes_with_the_scene_of_its_day() -> None:
    made = world({"date": "2023-07-12"}, {"date": "2022-07-12", "sensor": "landsat-8-c2l2"}, {"date": "2023-05-01"})
    assert truth_dates(made) == [dt.date(2022, 7, 12), dt.date(2023, 7, 12)]
    paths = {each.name: [layer.path for layer in each.layers if "truth" in layer.path] for each in deliveries(made)}
    assert paths == {
        "scene-000": ["truth/2023.tif"],
        "scene-001": [],
        "scene-002": [],
        "truth": ["truth/2022.tif", "truth/change.tif"],
    }


def test_seed_and_keys_override() -> None:
    assert load_world("demo-1").seed == 1
    assert load_world("demo-1", 7).seed == 7
    assert load_world("demo-1", height_px=600).height_px == 600


def test_worlds_of_a_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[worlds.mine-1]\nheight_px = 60\nwidth_px = 60\nscenes = [{ date = 2022-05-01 }]\n")
    assert load_world("mine-1", file=path).width_px == 60
    with pytest.raises(ConfigError, match="demo-1"):
        load_world("demo-1", file=path)


def test_regions_alternate() -> None:
    made = world(size_px=120, regions=[{}, {"delay_days": 20}], region_km=1)
    found = region_of(made, Axes.of(Window(0, 0, 300, 300), 40.0))
    assert 0.3 < found.mean() < 0.7
    assert (found[:, 1:] == found[:, :-1]).mean() > 0.9
    assert (region_of(world(), Axes.of(Window(0, 0, 30, 30), 40.0)) == 0).all()


def test_an_unknown_world_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        load_world("demo-9")
    assert "demo-9" in caught.value.given
    assert "demo-1" in caught.value.expected
    assert "--worlds" in caught.value.do


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"height_px": 100}, "height_px"),
        ({"first": "2020-01-01", "last": "2019-01-01"}, "first must be before last"),
        ({"scenes": []}, "scenes"),
        ({"scenes": [{"date": "2023-07-12", "cloud": 1.5}]}, "cloud"),
        ({"scenes": [{"date": "2023-07-12", "window_px": [0, 0, 5000, 60]}]}, "window_px"),
        ({"scenes": [{"date": "2023-07-12", "window_px": [0, 0, 50, 60]}]}, "window_px"),
        ({"region": []}, "region"),
        ({"crs": "EPSG:9999999"}, "crs not found"),
        ({"crs": "EPSG:4326"}, "a CRS in metres"),
        ({"corner": [float("inf"), 0.0]}, "corner"),
        ({"region_km": float("inf")}, "region_km"),
    ],
)
def test_wrong_keys_are_refused(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_world("demo-1", **keys)
    assert named in caught.value.given + caught.value.expected
    assert caught.value.do


def test_a_sensor_without_wavelengths_is_refused() -> None:
    made = world({"date": "2023-07-12", "sensor": "aerial-rgb"})
    with pytest.raises(SensorError) as caught:
        deliveries(made)
    assert "aerial-rgb" in caught.value.given
    assert "sentinel-2-l2a" in caught.value.expected
    assert caught.value.do
