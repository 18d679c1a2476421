"""Kinds: what can stand on the ground."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND, classes, kinds, numbers, roofs
from landweave.simulate.reflectance import spectra


@pytest.mark.parametrize("name", kinds())
def test_a_kind_is_whole(name: str) -> None:
    kind = kinds()[name]
    known = set(spectra().names)
    assert kind.land_class in legend(LEGEND).names
    assert set(kind.mix) <= known
    assert kind.gap in known | {"shade", "soil"}
    assert kind.days[0] == 1
    assert kind.days[-1] == 366
    assert all(before < after for before, after in zip(kind.days, kind.days[1:], strict=False))
    assert all(len(knots) == len(kind.days) for knots in kind.mix.values())


@pytest.mark.parametrize("name", kinds())
def test_shares_of_a_kind_add_up_to_1_at_most(name: str) -> None:
    total = np.sum(list(kinds()[name].mix.values()), axis=0)
    assert total.max() <= 1 + 1e-9
    assert min(min(knots) for knots in kinds()[name].mix.values()) >= 0


@pytest.mark.parametrize("name", kinds())
def test_a_year_ends_as_it_begins(name: str) -> None:
    for knots in kinds()[name].mix.values():
        assert abs(knots[0] - knots[-1]) < 0.11


@pytest.mark.parametrize("name", kinds())
def test_flecks_are_known_kinds_and_the_smaller_part(name: str) -> None:
    flecks = kinds()[name].flecks
    assert set(flecks) <= set(kinds())
    assert sum(flecks.values()) < 0.25


def test_every_class_has_a_kind() -> None:
    found = classes()[: len(kinds())]
    assert set(found.tolist()) == set(range(len(legend(LEGEND))))
    assert (classes()[len(kinds()) :] == 255).all()


def test_roofs_are_built_up() -> None:
    built = legend(LEGEND).index("Built-up")
    assert roofs().sum() == sum(name.startswith("roof_") for name in kinds()) >= 4
    assert (classes()[roofs() == 1] == built).all()
    assert roofs()[numbers()["lawn"]] == 0
