"""Legends: ids and indices go there and back, foreign ids are refused, crosswalks drop what they do not name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import ConfigError, LegendError
from landweave.legend import IGNORE, Crosswalk, LandClass, Legend, crosswalk, known_legends, legend, load_legends

TWO = Legend("two", "here", (LandClass(10, "land", "#00ff00"), LandClass(20, "water", "#0000ff")))
WITH_ZERO = Legend("zero", "here", (LandClass(0, "other", "#000000"), LandClass(1, "building", "#ff0000")))


@pytest.mark.parametrize("name", list(known_legends()))
def test_every_known_legend_is_sound(name: str) -> None:
    known = legend(name)
    assert known.source
    assert known.nodata not in known.ids
    assert len(set(known.names)) == len(known)
    assert len({entry.color for entry in known.classes}) == len(known), "two classes of one colour"


@given(st.lists(st.sampled_from([0, 1, IGNORE]), min_size=1))
def test_indices_to_ids_and_back(values: list[int]) -> None:
    indices = np.array(values, np.uint8)
    for known in (TWO, WITH_ZERO):
        np.testing.assert_array_equal(known.to_indices(known.to_ids(indices)), indices)


def test_nodata_is_zero_unless_zero_is_a_class() -> None:
    assert (TWO.nodata, WITH_ZERO.nodata) == (0, 255)


def test_foreign_ids_are_named() -> None:
    with pytest.raises(LegendError) as caught:
        TWO.to_indices(np.array([[10, 7], [9, 20]]))
    assert "[7, 9]" in caught.value.given
    assert "[10, 20]" in caught.value.expected
    assert "crosswalk" in caught.value.do


def test_a_crosswalk_drops_what_it_does_not_name() -> None:
    walk = Crosswalk(TWO, WITH_ZERO, "here", {"land": "building"})
    np.testing.assert_array_equal(walk.apply(np.array([0, 1, IGNORE], np.uint8)), [1, IGNORE, IGNORE])


def test_colours_are_numbers() -> None:
    assert TWO.classes[0].rgb == (0, 255, 0)


@pytest.mark.parametrize(
    "classes",
    [
        [],
        [LandClass(1, "a", "#000000"), LandClass(1, "b", "#000001")],
        [LandClass(1, "a", "#000000"), LandClass(2, "a", "#000001")],
        [LandClass(1, "a", "black")],
        [LandClass(300, "a", "#000000")],
        [LandClass(0, "a", "#000000"), LandClass(255, "b", "#000001")],
    ],
)
def test_legends_that_cannot_be(classes: list[LandClass]) -> None:
    with pytest.raises(LegendError) as caught:
        Legend("bad", "here", tuple(classes))
    assert "bad" in caught.value.given
    assert caught.value.expected
    assert caught.value.do


def test_a_users_own_legend(tmp_path: Path) -> None:
    path = tmp_path / "legends.toml"
    path.write_text('[legends.mine]\nsource = "me"\nclasses = [{ id = 3, name = "moss", color = "#00aa00" }]\n')
    assert legend("mine", load_legends(path)).names == ("moss",)
    path.write_text('[legends.mine]\nsource = "me"\nclases = []\n')
    with pytest.raises(ConfigError, match="classes"):
        load_legends(path)


def test_unknown_names_get_the_nearest_one() -> None:
    with pytest.raises(LegendError, match="simulated-8"):
        legend("simulated8")
    with pytest.raises(LegendError, match="water"):
        TWO.index("watr")
    with pytest.raises(LegendError, match="choose a known pair"):
        crosswalk("simulated-8", "nothing")
