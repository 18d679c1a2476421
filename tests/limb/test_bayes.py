"""The Bayesian rule as printed, and histograms that are fitted."""

from __future__ import annotations

import numpy as np
import pytest
from tests.limb.making import clouds

from landweave.errors import CardError
from landweave.limb.bayes import CONSTITUENTS, FEATURES, OUTPUT, Bayes, decide, fit, quantities
from landweave.spectra.brightness import planck
from landweave.spectra.clouds import cloud_index, nat_index
from landweave.spectra.microwindows import CLASSES

TEMPERATURE, LABEL = clouds(600, seed=1)
FITTED = fit(TEMPERATURE, LABEL, bins=8)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((0.51, 0.29, 0.20), "ice"),
        ((0.20, 0.60, 0.20), "NAT"),
        ((0.00, 0.00, 1.00), "STS_mix"),
        ((0.50, 0.50, 0.00), "ICE_NAT"),
        ((0.10, 0.45, 0.45), "NAT_STS"),
        ((0.40, 0.15, 0.45), "ICE_STS"),
        ((0.35, 0.34, 0.31), "unknown"),
        # Not mentioned in the paper: one from 40 to 50 %, both others below.
        ((0.45, 0.30, 0.25), "unknown"),
        ((0.501, 0.499, 0.0), "ice"),
    ],
)
def test_the_rule_as_printed(shares: tuple[float, float, float], told: str) -> None:
    assert OUTPUT[decide(np.array([shares]))[0]] == told


def test_thirteen_features_of_seven_quantities_and_seven_outputs() -> None:
    assert (len(FEATURES), len(set(FEATURES)), len(OUTPUT)) == (13, 13, 7)
    assert {place for pair in FEATURES for place in pair} == set(range(7))


def test_quantities_are_the_indices_and_differences() -> None:
    found, radiance = quantities(TEMPERATURE[:9]), planck(TEMPERATURE[:9].astype(np.float64))
    np.testing.assert_allclose(found[:, 0], cloud_index(radiance), rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], nat_index(radiance), rtol=1e-5)
    np.testing.assert_array_equal(found[:, 4], TEMPERATURE[:9, 61] - TEMPERATURE[:9, 83])


def test_probabilities_are_products_over_features() -> None:
    """As printed, without logarithms."""
    place = np.stack(
        [np.searchsorted(edges, column) for edges, column in zip(FITTED.edges, quantities(TEMPERATURE).T, strict=True)]
    )
    product = np.ones((len(TEMPERATURE), 3))
    for table, (one, other) in zip(FITTED.tables.astype(np.float64), FEATURES, strict=True):
        product *= table[place[one], place[other]]
    expected = product / product.sum(1, keepdims=True)
    np.testing.assert_allclose(FITTED.probabilities(TEMPERATURE), expected, atol=1e-5)


def test_fitted_tables_know_the_constituent_of_what_they_were_fitted_on() -> None:
    index, share = FITTED.predict(TEMPERATURE)
    constituent = np.array([0 if name == "ice" else 1 if "nat" in name else 2 for name in CLASSES])[LABEL]
    right = index == 1 + constituent
    assert right.mean() > 0.95
    assert (share[right] > 0.5).all()
    np.testing.assert_allclose(FITTED.tables.sum(-1), 1, rtol=1e-5)


def test_constituents_count_alike_however_many_spectra_they_have() -> None:
    some = np.flatnonzero((LABEL != 0) | (np.arange(len(LABEL)) % 2 == 0))
    fewer = fit(TEMPERATURE[some], LABEL[some], bins=8)
    index, _ = fewer.predict(TEMPERATURE[LABEL == 0])
    assert (index == 1 + CONSTITUENTS.index("ice")).mean() > 0.9


def test_there_and_back_and_what_is_no_classifier() -> None:
    arrays = FITTED.to_arrays()
    back = Bayes.from_arrays(arrays)
    np.testing.assert_array_equal(back.predict(TEMPERATURE)[0], FITTED.predict(TEMPERATURE)[0])
    for broken in ({}, {**arrays, "tables": arrays["tables"][:5]}, {**arrays, "tables": 0 * arrays["tables"]}):
        with pytest.raises(CardError, match="Bayesian"):
            Bayes.from_arrays(broken)
