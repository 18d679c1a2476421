"""The four networks of buildings are one line of a recipe apart."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("name", ["fcn", "segnet", "deeplab"])
def test_one_line_apart(name: str) -> None:
    first, other = (
        [line for line in (FOLDER / f"buildings-{which}.toml").read_text().splitlines() if not line.startswith("#")]
        for which in ("unet", name)
    )
    assert [(a, b) for a, b in zip(first, other, strict=True) if a != b] == [
        ('network = "unet"', f'network = "{name}"')
    ]
