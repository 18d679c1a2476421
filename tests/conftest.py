"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data beside the checkout, or where LANDWEAVE_REAL_DATA says."""
    default = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("LANDWEAVE_REAL_DATA", default))
    if not folder.is_dir():
        pytest.fail(f"no real data in {folder}; set LANDWEAVE_REAL_DATA")
    return folder
