"""Shadows of houses and trees."""

from __future__ import annotations

import numpy as np
from tests.simulate.test_reflectance import ground

from landweave.simulate.kinds import numbers
from landweave.simulate.reflectance import Sun
from landweave.simulate.shadows import LONGEST_M, cast

CELL_M = 0.5


def darkened(sun: Sun, kind: str = "roof_tile") -> np.ndarray:
    """Light on a lawn of 60 x 60 m with one house of 10 x 10 m in its middle."""
    lawn = ground("lawn", size=120)
    lawn.kind[50:70, 50:70] = numbers()[kind]
    return cast(np.ones((1, 120, 120), np.float32), lawn, CELL_M, sun)[0]


def test_a_house_darkens_what_lies_away_from_the_sun() -> None:
    light = darkened(Sun(45, 180))
    # A roof of 6.5 m under a sun at 45 degrees in the south shades 6.5 m to its north.
    assert (light[38:49, 51:69] < 0.6).all()
    assert (light[:36] == 1).all()
    assert (light[71:] == 1).all()
    assert (light[50:70, 50:70] == 1).all()


def test_shadows_turn_and_lengthen_with_the_sun() -> None:
    morning = darkened(Sun(45, 90))
    assert (morning[55:65, 40:49] < 0.6).all()
    assert (morning[55:65, 71:] == 1).all()
    assert (darkened(Sun(60, 180)) < 1).sum() > 1.4 * (darkened(Sun(45, 180)) < 1).sum()


def test_low_sun_casts_no_endless_shadow() -> None:
    light = darkened(Sun(89, 180))
    length = int(LONGEST_M / CELL_M)
    assert (light[50 - length + 1 : 49, 55:65] < 0.6).all()
    assert (light[: 50 - length - 1] == 1).all()


def test_level_ground_has_no_shadow() -> None:
    assert (darkened(Sun(60, 150), "yard") == 1).all()
