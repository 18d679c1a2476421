"""Real observations of 29 August 2008: read, checked, and told by two indices. What their labels mean is not given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.datasets.psc_sample import ObservedIndices, read
from landweave.spectra.clouds import CLOUDY_BELOW
from landweave.spectra.index_rule import CLASSES, by_indices

pytestmark = pytest.mark.real
NAME = "psc_mipas_sample/psc_mipas_2008_A_first300.csv"


@pytest.fixture(scope="module")
def observed(real_data: Path) -> ObservedIndices:
    return read(real_data / NAME)


def test_as_published(observed: ObservedIndices) -> None:
    assert len(observed) == 300
    assert set(observed.day.astype(str).tolist()) == {"2008-08-29"}
    assert (observed.num_east, observed.num_missing) == (0, 0)
    # Around the south pole, in its winter, between 15 and 24 km.
    assert -87.2 < observed.latitude.min() < observed.latitude.max() < -62
    assert (observed.tangent_altitude_km >= 15).all()
    assert (observed.tangent_altitude_km < 24).all()
    ids, counts = np.unique(observed.label, return_counts=True)
    assert dict(zip(ids.tolist(), counts.tolist(), strict=True)) == {0: 1, 1: 32, 2: 228, 3: 31, 5: 8}


def test_only_clouds_were_published(observed: ObservedIndices) -> None:
    assert observed.cloud_index.max() < CLOUDY_BELOW
    # A thick cloud is a black body: Planck's law at 190 K gives 1.17 and 0.90.
    thickest = observed.cloud_index.argmin()
    assert 1.17 < observed.cloud_index[thickest] < 1.3
    assert observed.nat_index[observed.cloud_index < 1.5].max() < 0.9


def test_the_rule_is_counted_against_labels_of_unknown_meaning(observed: ObservedIndices) -> None:
    told = by_indices(observed.cloud_index, observed.nat_index)
    assert (told == CLASSES.index("clear")).sum() == 0
    nat = {number: int((told[observed.label == number] == CLASSES.index("nat")).sum()) for number in (0, 1, 2, 3, 5)}
    assert nat == {0: 0, 1: 0, 2: 219, 3: 27, 5: 0}
