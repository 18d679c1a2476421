"""Parts of a benchmark that took long are kept as small files and not measured again. Not a benchmark itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landweave.provenance import commit

RESULTS = Path(__file__).parent / "results"


def measured(folder: str, name: str, measure: Callable[[], dict[str, Any]], *, again: bool = False) -> dict[str, Any]:
    """What a part gave, from benchmarks/results/FOLDER/NAME.json where it was measured before, with its commit."""
    path = RESULTS / folder / f"{name}.json"
    if path.is_file() and not again:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    print(f"measuring {name}", file=sys.stderr, flush=True)
    found = {**measure(), "commit": commit()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found
