"""Published legends and crosswalks."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.legend import IGNORE, crosswalk, known_legends, legend

# How many classes each has, and its source.
SIZES = {
    "corine-44": 44,  # CORINE Land Cover nomenclature, level 3
    "bigearthnet-43": 43,  # Sumbul et al. 2019
    "bigearthnet-19": 19,  # Sumbul et al. 2021
    "multiyear-11": 11,  # ten in the thesis' text, ten in its table
    "multiyear-9": 9,
    "worldcover": 11,  # ESA WorldCover PUM
    "sat-4": 4,  # Basu et al. 2015
    "sat-6": 6,
    "eurosat": 10,  # Helber et al. 2019
    "houston-20": 20,  # IEEE GRSS DFC 2018
    "buildings": 2,
    "simulated-8": 8,
    "simulated-crops": 9,
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_colours(name: str) -> None:
    known = legend(name)
    assert len(known) == SIZES[name]
    assert len(set(known.names)) == len(known)
    assert known.source
    assert known.nodata == 0


def test_no_legend_is_forgotten() -> None:
    assert set(known_legends()) == set(SIZES)


# kai-tub/bigearthnet_common, the 19-class nomenclature: what becomes what; classes that stay alone under their name.
GROUPS = {
    "Urban fabric": {"Continuous urban fabric", "Discontinuous urban fabric"},
    "Arable land": {"Non-irrigated arable land", "Permanently irrigated land", "Rice fields"},
    "Permanent crops": {
        "Vineyards",
        "Fruit trees and berry plantations",
        "Olive groves",
        "Annual crops associated with permanent crops",
    },
    "Natural grassland and sparsely vegetated areas": {"Natural grassland", "Sparsely vegetated areas"},
    "Moors, heathland and sclerophyllous vegetation": {"Moors and heathland", "Sclerophyllous vegetation"},
    "Inland wetlands": {"Inland marshes", "Peatbogs"},
    "Coastal wetlands": {"Salt marshes", "Salines"},
    "Inland waters": {"Water courses", "Water bodies"},
    "Marine waters": {"Coastal lagoons", "Estuaries", "Sea and ocean"},
    "Transitional woodland, shrub": {"Transitional woodland/shrub"},
}
ALONE = {
    "Industrial or commercial units",
    "Pastures",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas",
    "Broad-leaved forest",
    "Coniferous forest",
    "Mixed forest",
    "Beaches, dunes, sands",
}
DROPPED = {
    "Road and rail networks and associated land",
    "Port areas",
    "Airports",
    "Mineral extraction sites",
    "Dump sites",
    "Construction sites",
    "Green urban areas",
    "Sport and leisure facilities",
    "Bare rock",
    "Burnt areas",
    "Intertidal flats",
}


def test_bigearthnet_43_to_19() -> None:
    found = crosswalk("bigearthnet-43", "bigearthnet-19")
    groups: dict[str, set[str]] = {}
    for old, new in found.table.items():
        groups.setdefault(new, set()).add(old)
    assert groups == {**GROUPS, **{name: {name} for name in ALONE}}
    assert set(found.old.names) - set(found.table) == DROPPED
    assert set(groups) == set(found.new.names)
    assert len(DROPPED) + sum(map(len, groups.values())) == 43


def test_dropped_classes_are_ignored() -> None:
    found = crosswalk("bigearthnet-43", "bigearthnet-19")
    every = np.arange(43, dtype=np.uint8)
    indices = found.apply(every)
    assert {found.old.names[index] for index in every[indices == IGNORE]} == DROPPED
    assert found.apply(np.array([IGNORE], np.uint8)).tolist() == [IGNORE]


def test_corine_to_19_is_both_steps() -> None:
    first, second = crosswalk("corine-44", "bigearthnet-43"), crosswalk("bigearthnet-43", "bigearthnet-19")
    every = np.arange(44, dtype=np.uint8)
    np.testing.assert_array_equal(
        crosswalk("corine-44", "bigearthnet-19").apply(every), second.apply(first.apply(every))
    )
    glaciers = legend("corine-44").index("Glaciers and perpetual snow")
    assert np.flatnonzero(first.apply(every) == IGNORE).tolist() == [glaciers]


# CORINE codes and colours: the official legend (clc_legend of the Copernicus Land Monitoring Service).
CORINE = {
    111: ("Continuous urban fabric", (230, 0, 77)),
    142: ("Sport and leisure facilities", (255, 230, 255)),
    211: ("Non-irrigated arable land", (255, 255, 168)),
    231: ("Pastures", (230, 230, 77)),
    312: ("Coniferous forest", (0, 166, 0)),
    335: ("Glaciers and perpetual snow", (166, 230, 204)),
    412: ("Peat bogs", (77, 77, 255)),
    523: ("Sea and ocean", (230, 242, 255)),
}


def test_corine_codes_and_colours() -> None:
    classes = {entry.code: entry for entry in legend("corine-44").classes}
    for code, (name, rgb) in CORINE.items():
        assert (classes[code].name, classes[code].rgb) == (name, rgb)
    codes = [entry.code for entry in legend("corine-44").classes]
    assert codes == sorted(codes)  # type: ignore[type-var]
    assert legend("corine-44").ids == tuple(range(1, 45))
    assert [entry.id for entry in legend("bigearthnet-43").classes] == [
        number for number in range(1, 45) if number != 34
    ]


# ESA WorldCover product user manual, table of map codes.
WORLDCOVER = {10: "#006400", 20: "#ffbb22", 30: "#ffff4c", 40: "#f096ff", 50: "#fa0000", 60: "#b4b4b4",
              70: "#f0f0f0", 80: "#0064c8", 90: "#0096a0", 95: "#00cf75", 100: "#fae6a0"}  # fmt: skip


def test_worldcover() -> None:
    assert {entry.id: entry.color for entry in legend("worldcover").classes} == WORLDCOVER
