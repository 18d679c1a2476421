"""Microwindows and the order of their pairs."""

from __future__ import annotations

import itertools

import numpy as np

from landweave.spectra.microwindows import CENTRES_PER_CM, MICROWINDOWS, NUM_PAIRS, pair_index, pairs


def test_narrow_ones_are_one_wide_and_do_not_overlap() -> None:
    narrow = MICROWINDOWS[:137]
    assert {window.upper_per_cm - window.lower_per_cm for window in narrow} == {1.0}
    assert all(before.upper_per_cm <= after.lower_per_cm for before, after in itertools.pairwise(narrow))


def test_what_no_table_fixes_is_said() -> None:
    assert [window.index for window in MICROWINDOWS if window.is_ours] == [*range(88, 99), *range(107, 113)]


def test_every_pair_has_one_place() -> None:
    first, second = pairs()
    assert [pair_index(i, j) for i, j in zip(first[::97], second[::97], strict=True)] == list(range(0, NUM_PAIRS, 97))
    assert pair_index(141, 140) == pair_index(140, 141) == NUM_PAIRS - 1
    assert (first < second).all()
    assert not np.shares_memory(first, CENTRES_PER_CM)
