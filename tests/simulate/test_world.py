"""Worlds: any part alone is the part of the whole."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from landweave.errors import ConfigError
from landweave.simulate.scene import observe
from landweave.simulate.truth import cover
from landweave.simulate.world import load_world
from landweave.tiling import Window

DATE = dt.date(2023, 7, 12)


def test_a_part_of_the_truth_made_alone_is_the_part_of_the_whole() -> None:
    world = load_world("demo-1", seed=5)
    whole = cover(world, Window(60, 120, 240, 180), DATE)
    part = cover(world, Window(97, 151, 61, 83), DATE)
    assert len(np.unique(whole)) >= 4
    assert np.array_equal(part, whole[37:98, 31:114])


def test_a_part_of_a_scene_made_alone_is_the_part_of_the_whole() -> None:
    world = load_world("demo-1", seed=5)
    whole = observe(world, world.scenes[0], Window(60, 120, 120, 180)).layers
    part = observe(world, world.scenes[0], Window(120, 180, 60, 60)).layers
    assert np.array_equal(part["B04"], whole["B04"][60:120, 60:120])
    assert np.array_equal(part["B11"], whole["B11"][30:60, 30:60])
    assert np.array_equal(part["B01"], whole["B01"][10:20, 10:20])


def test_an_unknown_world_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        load_world("demo-9")
    assert "demo-9" in caught.value.given
    assert "demo-1" in caught.value.expected
    assert "--worlds" in caught.value.do
