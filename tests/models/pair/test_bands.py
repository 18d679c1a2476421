"""Bands of another sensor: text that comes back as the value, and what contradicts itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from landweave.errors import CardError
from landweave.models.pair.bands import OtherBands
from landweave.models.pair.output import CardOutput, Output
from landweave.models.pair.second import CardSecond, Second

TWO = OtherBands("other", ("a", "b"), 30, "reflectance", (0.1, 0.2), (1, 2))


def test_the_text_holds_floats_and_lists() -> None:
    assert TWO.to_json() == {
        "sensor": "other",
        "bands": ["a", "b"],
        "pixel_size_m": 30.0,
        "unit": "reflectance",
        "mean": [0.1, 0.2],
        "std": [1.0, 2.0],
    }
    assert isinstance(TWO.to_json()["pixel_size_m"], float)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Second("other", ("a",), 1, "radiance", (0,), (3,)), CardSecond),
        (Output("other", ("a",), 30, "reflectance", (0,), (3,), (10, 20)), CardOutput),
    ],
)
def test_there_and_back(value: Any, text: Any) -> None:
    assert text.model_validate(json.loads(json.dumps(value.to_json()))).made() == value


@pytest.mark.parametrize(
    "changed",
    [
        {"bands": ("a", "a")},
        {"bands": (), "mean": (), "std": ()},
        {"mean": (0.1, float("inf"))},
        {"std": (1.0, 0.0)},
        {"pixel_size_m": -30.0},
        {"pixel_size_m": float("inf")},
    ],
)
def test_what_contradicts_itself_says_so(changed: dict[str, Any]) -> None:
    with pytest.raises(CardError) as told:
        replace(TWO, **changed)
    assert "other" in told.value.given
    assert "each once" in told.value.expected
    assert "training part" in told.value.do
