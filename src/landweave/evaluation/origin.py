"""Where a map comes from, as the STAC item beside it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def name_of(path: Path) -> str:
    """The network that made a map; the file's name where nothing tells."""
    return str(_properties(path).get("landweave:network", path.stem))


def scenes_of(path: Path) -> frozenset[str]:
    """Ids of the scenes that a map was made from; empty where nothing tells."""
    told = _properties(path).get("landweave:scenes")
    return frozenset(map(str, told)) if isinstance(told, list) else frozenset()


def _properties(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["properties"]
    except (OSError, ValueError, KeyError, TypeError):
        # Any raster may be judged; the item is a help, not a need.
        return {}
    return found if isinstance(found, dict) else {}
