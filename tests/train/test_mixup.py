"""Pairs and shares of mixup: drawn from keys alone, with the distribution that is promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from landweave.train.draw import sample_keys
from landweave.train.mixup import partners, shares

KEYS = sample_keys(1, 2, np.arange(20_000))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_have_the_beta_distribution(alpha: float) -> None:
    drawn = shares(KEYS, alpha)
    assert drawn.dtype == np.float32
    assert drawn.min() >= 0 and drawn.max() <= 1
    # In single precision shares near 1 become 1, which a test of chance would notice.
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).statistic < 0.02


def test_partners_are_drawn_evenly_from_the_whole_batch() -> None:
    drawn = partners(KEYS, 10)
    assert set(drawn) == set(range(10))
    assert stats.chisquare(np.bincount(drawn)).pvalue > 1e-3


@given(st.integers(1, 50), st.integers(0, 20))
def test_what_a_sample_draws_depends_on_its_key_alone(num: int, first: int) -> None:
    some = KEYS[first : first + 5]
    assert (partners(some, num) == partners(KEYS, num)[first : first + 5]).all()
    assert (shares(some, 0.2) == shares(KEYS[:30], 0.2)[first : first + 5]).all()


def test_partner_share_and_symmetry_are_drawn_apart() -> None:
    place, share = partners(KEYS, 1000) / 1000, shares(KEYS, 1.0)
    assert abs(np.corrcoef(place, share)[0, 1]) < 0.03
