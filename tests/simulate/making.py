"""Small worlds for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from landweave.simulate.world import World, load_world

JULY = dt.date(2023, 7, 12)
S2 = {"sensor": "sentinel-2-l2a", "date": JULY}


def world(*scenes: dict[str, Any], size_px: int = 120, seed: int = 5, **keys: Any) -> World:
    """A world of demo-1's kind with other scenes."""
    return load_world("demo-1", seed, height_px=size_px, width_px=size_px, scenes=list(scenes) or [S2], **keys)
