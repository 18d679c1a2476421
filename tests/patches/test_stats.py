"""Sums that add up: a zero, any order, the numbers of NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patches.making import make

from landweave.errors import SplitError
from landweave.patches import stats
from landweave.patches.stats import BandSums

WHOLE = st.builds(BandSums, st.integers(0, 10**12), st.integers(0, 10**18), st.integers(0, 10**24))


@given(WHOLE, WHOLE, WHOLE)
def test_addition_is_associative_commutative_and_has_a_zero(a: BandSums, b: BandSums, c: BandSums) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + BandSums() == a


def test_bands_that_one_part_lacks_are_kept() -> None:
    assert stats.add([{"a": BandSums(1, 2, 4)}, {}, {"b": BandSums(1, 3, 9)}, {"a": BandSums(1, 1, 1)}]) == {
        "a": BandSums(2, 3, 5),
        "b": BandSums(1, 3, 9),
    }
    assert stats.add([]) == {}


@pytest.mark.parametrize("num", [1, 5])
def test_mean_and_deviation_are_those_of_numpy(num: int) -> None:
    layout = make()
    generator = np.random.default_rng(num)
    for view in layout.views:
        numbers = generator.integers(0, 65536, (num, *view.shape)).astype(np.uint16)
        valid = np.ones((num, 12, 12), bool)
        valid[0, :6] = False
        ratio = 12 // view.px
        usable = valid[:, ::ratio, ::ratio]
        sums = stats.band_sums(view, numbers, valid)
        for channel, band in enumerate(view.bands):
            values = numbers[:, channel][usable] * 1e-4 - 0.1
            assert sums[band.name].count == usable.sum()
            assert sums[band.name].mean(band) == pytest.approx(values.mean(), rel=1e-9)
            assert sums[band.name].std(band) == pytest.approx(values.std(), rel=1e-6, abs=1e-12)


def test_a_small_spread_around_a_large_mean_is_not_lost() -> None:
    view = make(bands=("B02",)).views[0]
    numbers = np.full((2, *view.shape), 65000, np.uint16)
    numbers[0, 0, 0, 0] = 65001
    band = view.bands[0]
    sums = stats.band_sums(view, numbers, np.ones((2, 12, 12), bool))["B02"]
    assert sums.std(band) == pytest.approx(numbers.astype(float).std() * 1e-4, rel=1e-9)
    numbers[...] = 65000
    assert stats.band_sums(view, numbers, np.ones((2, 12, 12), bool))["B02"].std(band) == 0


def test_a_coarse_pixel_counts_when_all_of_it_is_valid() -> None:
    view = make(bands=("B02", "B05")).views[1]
    valid = np.ones((1, 12, 12), bool)
    valid[0, 0, 0] = False
    assert stats.band_sums(view, np.ones((1, *view.shape), np.uint16), valid)["B05"].count == 35


def test_no_valid_pixel_has_no_mean() -> None:
    band = make().views[0].bands[0]
    assert BandSums().std(band) == 0
    with pytest.raises(SplitError) as caught:
        BandSums().mean(band)
    assert "B02" in caught.value.given
    assert "at least one" in caught.value.expected
    assert "min_valid" in caught.value.do


def test_sums_survive_json() -> None:
    sums = {"B02": BandSums(3, 10**17, 10**25), "x": BandSums(1, 0.5, 0.25)}
    assert stats.from_json(stats.to_json(sums)) == sums
