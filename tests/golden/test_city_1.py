"""city-1 as it was when its figures were measured: a change makes a new version, and its figures anew.

Source: src/landweave/simulate/cities.toml at the commit that first had it. The legend's names and order, which classes
are pairs, and what both sensors see of one strip.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from landweave.simulate.city import load_city, make_strip
from landweave.simulate.reflectance import spectra

NAMES = (
    "Lawn",
    "Alfalfa",
    "Sparse lawn",
    "Seedlings in rows",
    "Deciduous trees",
    "Evergreen trees",
    "Dry grass",
    "Pale soil",
    "Old asphalt",
    "Shingle roofs",
    "New asphalt",
    "Water",
    "Worn pavement",
    "Crosswalks",
    "Clay courts",
    "Seats",
    "Gravel yards",
    "Railways",
    "Metal halls",
    "Containers",
)
ALIKE_BUT_FOR_THE_PATTERN = (
    ("Sparse lawn", "Seedlings in rows"),
    ("Worn pavement", "Crosswalks"),
    ("Clay courts", "Seats"),
    ("Gravel yards", "Railways"),
    ("Metal halls", "Containers"),
)
ALIKE_BUT_FOR_THE_SPECTRUM = (
    ("Lawn", "Alfalfa"),
    ("Deciduous trees", "Evergreen trees"),
    ("Dry grass", "Pale soil"),
    ("Old asphalt", "Shingle roofs"),
    ("New asphalt", "Water"),
)
CITY = load_city("city-1")
CLASSES = {entry.name: entry for entry in CITY.classes}


def test_its_classes_and_sizes() -> None:
    assert CITY.legend.names == NAMES
    assert CITY.legend.ids == tuple(range(1, 21))
    assert (CITY.edge_m, CITY.object_m, CITY.rgb, CITY.hsi) == (720, 30, "worldview-rgb", "airborne-48")
    assert (CITY.gain, CITY.wear, CITY.grain) == (0.22, 0.12, 0.10)


def test_every_class_is_in_one_pair() -> None:
    pairs = (*ALIKE_BUT_FOR_THE_PATTERN, *ALIKE_BUT_FOR_THE_SPECTRUM)
    assert sorted(name for pair in pairs for name in pair) == sorted(NAMES)


@pytest.mark.parametrize(("even", "striped"), ALIKE_BUT_FOR_THE_PATTERN)
def test_pairs_that_differ_in_pattern_have_one_mixture(even: str, striped: str) -> None:
    one, other = CLASSES[even], CLASSES[striped]
    assert (one.first, one.second, one.share) == (other.first, other.second, other.share)
    assert (one.pattern, other.pattern) == ("even", "stripes")


@pytest.mark.parametrize(("one", "other"), ALIKE_BUT_FOR_THE_SPECTRUM)
def test_pairs_that_differ_in_spectrum_have_one_pattern(one: str, other: str) -> None:
    assert CLASSES[one].pattern == CLASSES[other].pattern
    assert CLASSES[one].first != CLASSES[other].first


def test_every_material_has_a_source() -> None:
    known = spectra()
    used = {name for entry in CITY.classes for mixture in (entry.first, entry.second) for name in mixture}
    assert all(known.sources[known.index(name)] for name in used)


def test_a_strip_has_every_kind_of_number() -> None:
    strip = make_strip(CITY.model_copy(update={"edge_m": 120}), 0, 12)
    assert strip.truth.shape == (24, 240)
    assert len(np.unique(strip.truth)) > 3
    # Twice the same, whatever was made before: nothing is drawn from a generator that goes on.
    again = make_strip(CITY.model_copy(update={"edge_m": 120}), 0, 12)
    digests = [hashlib.sha256(one.hsi.tobytes() + one.rgb.tobytes()).hexdigest() for one in (strip, again)]
    assert digests[0] == digests[1]
