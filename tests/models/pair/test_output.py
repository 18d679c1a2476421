"""What a card tells of reflectance as another sensor sees it: written, read, refused where it contradicts itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.test_card import CARD

from landweave.errors import CardError
from landweave.models.card import load_parts, save_card
from landweave.models.pair.output import Output

OUTPUT = Output("landsat-8-like", ("SR_B2", "SR_B3"), 30, "reflectance", (0.1, 0.2), (0.05, 1), (10, 10, 20))


def card(output: Output | None = OUTPUT, **changed: Any) -> Any:
    legend = (output or OUTPUT).legend
    return replace(CARD, **{"task": "reflectance", "legend": legend, "output": output, **changed})


def test_a_card_of_reflectance_comes_back(tmp_path: Path) -> None:
    written = save_card(tmp_path / "card", card(), {"w": np.zeros(2)})
    found, _ = load_parts(tmp_path / "card")
    assert found.output == OUTPUT
    assert found.legend.names == ("SR_B2", "SR_B3")
    assert found.identity == written.identity


def test_any_number_of_bands_has_colours_of_its_own() -> None:
    bands = tuple(f"B{place}" for place in range(100))
    legend = Output("many", bands, 30, "reflectance", (0,) * 100, (1,) * 100, (30,)).legend
    assert len({entry.color for entry in legend.classes}) == 100


@pytest.mark.parametrize(
    "changed",
    [
        {"bands": ()},
        {"bands": ("SR_B2", "SR_B2")},
        {"mean": (0.1,)},
        {"mean": (0.1, float("nan"))},
        {"std": (0.1, 0.0)},
        {"pixel_size_m": 0},
        {"input_sizes_m": (10, -10, 20)},
    ],
)
def test_what_contradicts_itself_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(CardError) as told:
        replace(OUTPUT, **changed)
    assert all((told.value.given, told.value.expected, told.value.do))


@pytest.mark.parametrize(
    "changed", [{"output": None}, {"task": "pixels"}, {"output": replace(OUTPUT, input_sizes_m=(10, 20))}]
)
def test_output_belongs_to_reflectance_alone(changed: dict[str, Any]) -> None:
    with pytest.raises(CardError) as told:
        card(**changed)
    assert "reflectance" in told.value.expected
