"""Cloud index and NAT index by hand."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.errors import RadiometryError
from landweave.spectra.clouds import cloud_index, is_cloudy, nat_index


def spectra(w1: list[float], w3: list[float], w4: list[float]) -> np.ndarray:
    made = np.ones((len(w1), 142), np.float32)
    made[:, 137], made[:, 139], made[:, 140] = w1, w3, w4
    return made


def test_indices_are_ratios_of_the_wide_windows() -> None:
    made = spectra([9, 10, 2], [3, 20, 1], [2, 2.5, 1])
    np.testing.assert_allclose(cloud_index(made), [4.5, 4, 2])
    np.testing.assert_allclose(nat_index(made), [1 / 3, 2, 0.5])
    assert is_cloudy(cloud_index(made)).tolist() == [False, True, True]


def test_without_a_ratio_there_is_no_index() -> None:
    made = spectra([1, 1, np.nan, 0], [1, 1, 1, 1], [0, -1, 1, 1])
    assert np.isnan(cloud_index(made)).tolist() == [True, True, True, False]
    assert is_cloudy(cloud_index(made)).tolist() == [False, False, False, True]
    assert np.isnan(nat_index(made)).tolist() == [False, False, True, True]


def test_other_spectra_are_refused() -> None:
    with pytest.raises(RadiometryError, match="137 microwindows"):
        cloud_index(np.ones((1, 137), np.float32))
