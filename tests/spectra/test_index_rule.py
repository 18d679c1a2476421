"""The rule of two indices: where it parts, what it does at edges, and what it tells of simulated spectra."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.legend import IGNORE
from landweave.simulate.spectra import database
from landweave.spectra.clouds import cloud_index, nat_index
from landweave.spectra.index_rule import CLASSES, LINE, by_indices, nat_above
from landweave.spectra.microwindows import CLASSES as CLOUDS

CLEAR, NAT, OTHER = (CLASSES.index(name) for name in ("clear", "nat", "other_cloud"))


@pytest.mark.parametrize(
    ("cloud", "nat", "told"),
    [
        (4.5, 0.9, CLEAR),
        (7.0, 0.1, CLEAR),
        (4.49, 0.40, NAT),
        (4.49, 0.38, OTHER),
        (3.0, 0.52, NAT),
        (3.0, 0.50, OTHER),
        (2.25, 0.65, NAT),
        (2.25, 0.64, OTHER),
        (1.2, 0.95, NAT),
        (1.2, 0.93, OTHER),
        (np.nan, 0.5, IGNORE),
        (3.0, np.nan, IGNORE),
        (np.inf, 0.5, IGNORE),
    ],
)
def test_rule(cloud: float, nat: float, told: int) -> None:
    assert by_indices(np.array([cloud]), np.array([nat]))[0] == told


def test_the_line_falls_with_the_cloud_index() -> None:
    at, line = np.transpose(LINE)
    assert (np.diff(at) > 0).all()
    assert (np.diff(line) < 0).all()
    np.testing.assert_allclose(nat_above(at), line, rtol=1e-6)
    np.testing.assert_allclose(nat_above(np.array([0.5, 9.0])), [line[0], line[-1]], rtol=1e-6)


def test_on_simulated_spectra_it_tells_small_nat_from_others() -> None:
    # Another seed than that by which the line was drawn.
    spectra = database("limb-published-1", 600, 11)
    told = by_indices(cloud_index(spectra.radiance), nat_index(spectra.radiance))
    small = spectra.label == CLOUDS.index("nat_small")
    assert (told[small] == NAT).mean() > 0.7
    assert (told[~small] == NAT).mean() < 0.04
    assert (told != CLEAR).all()
