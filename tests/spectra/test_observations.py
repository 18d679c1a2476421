"""Limb spectra as a value: what does not fit is refused at birth, parts come together again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from landweave.errors import LandweaveError, SpectraError
from landweave.legend import IGNORE
from landweave.spectra.observations import LimbSpectra, concatenate


def columns(num: int = 6) -> dict[str, Any]:
    steps = np.arange(num)
    return {
        "radiance": (steps[:, None] + np.ones((num, 142))).astype(np.float32),
        "valid": np.ones((num, 142), np.bool_),
        "time": np.datetime64("2009-05-01T00:00:00", "s") + steps,
        "latitude": np.full(num, -75, np.float32),
        "longitude": np.linspace(-180, 180, num, dtype=np.float32),
        "tangent_altitude_km": np.full(num, 20, np.float32),
        "label": (steps % 3).astype(np.uint8),
        "classes": ("ice", "nat", "sts"),
        "truth": {"radius_um": steps.astype(np.float32)},
    }


WHOLE = LimbSpectra(**columns())


def same(one: LimbSpectra, other: LimbSpectra) -> None:
    assert len(one) == len(other) > 0
    np.testing.assert_array_equal(one.radiance, other.radiance)
    np.testing.assert_array_equal(one.time, other.time)
    np.testing.assert_array_equal(one.truth["radius_um"], other.truth["radius_um"])
    assert one.label is not None and other.label is not None
    np.testing.assert_array_equal(one.label, other.label)


def test_parts_come_together_again() -> None:
    same(concatenate([WHOLE.select(slice(0, 2)), WHOLE.select(np.arange(2, 6))]), WHOLE)
    same(WHOLE.select(np.array([True, False] * 3)), WHOLE.select(np.array([0, 2, 4])))


def test_spectra_need_no_labels() -> None:
    bare = LimbSpectra(**{**columns(), "label": None, "classes": (), "truth": {}})
    assert bare.select(slice(1, 3)).label is None
    assert len(concatenate([bare, bare])) == 12


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"radiance": np.ones((6, 141), np.float32)}, "141 microwindows"),
        ({"valid": np.ones((6, 3), np.bool_)}, "rows"),
        ({"latitude": np.zeros(5, np.float32)}, "'latitude': 5"),
        ({"truth": {"radius_um": np.zeros(2)}}, "'radius_um': 2"),
        ({"time": np.arange(6)}, "int64"),
        ({"latitude": np.full(6, 91, np.float32)}, "latitude 91"),
        ({"longitude": np.linspace(0, 300, 6, dtype=np.float32)}, "longitude 240.0 of spectrum 4 (2 such"),
        ({"tangent_altitude_km": np.full(6, np.nan, np.float32)}, "tangent altitude"),
        ({"tangent_altitude_km": np.full(6, 20_000, np.float32)}, "20000"),
        ({"radiance": np.full((6, 142), np.nan, np.float32)}, "not finite"),
        ({"label": np.array([0, 1, 2, IGNORE, 3, 0], np.uint8)}, "label 3 of 3"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(LandweaveError) as caught:
        LimbSpectra(**{**columns(), **change})
    assert word in caught.value.given
    assert all((caught.value.expected, caught.value.do))


def test_unlike_parts_are_refused() -> None:
    for change in ({"truth": {}}, {"label": None}, {"classes": ("ice", "nat", "other")}):
        with pytest.raises(SpectraError, match="beside spectra with"):
            concatenate([WHOLE, LimbSpectra(**{**columns(), **change})])
    with pytest.raises(SpectraError, match="no spectra"):
        concatenate([])


def test_fill_values_may_be_anything_where_they_are_not_valid() -> None:
    radiance, valid = WHOLE.radiance.copy(), WHOLE.valid.copy()
    radiance[0, 0], valid[0, 0] = np.nan, False
    radiance[1, 0] = -4
    assert len(LimbSpectra(**{**columns(), "radiance": radiance, "valid": valid})) == 6
