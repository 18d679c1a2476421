"""How long a map job takes on more workers, from what one run of it measured: rounds of tiles and of sheets. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job is made of, in seconds on the clock.

    Attributes:
        alone_s: What one process does alone, whatever the number of workers: plan, item, starting.
        tile_s: One tile, read, mapped and written, by one worker.
        sheet_s: One sheet, assembled by one worker.
    """

    alone_s: float
    tile_s: float
    sheet_s: float

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> Self:
        """From the summary of a run that did the whole job; phases beside tiles and sheets count as done alone."""
        wall = summary["wall_s"]
        tiles = sum(wall.get(name, 0.0) for name in ("route", "map", "predict", "blend"))
        alone = max(summary["seconds"] - tiles - wall["assemble"], 0.0)
        workers = summary["workers"]
        layers = max(summary.get("layers", 1), 1)
        return cls(
            alone,
            tiles / rounds(summary["tiles"], workers),
            wall["assemble"] / rounds(summary["sheets"] * layers, workers),
        )

    def seconds(self, num_tiles: int, num_sheets: int, num_workers: int, num_merging: int | None = None) -> float:
        """Seconds of a job of equal tiles.

        Args:
            num_tiles: How many tiles.
            num_sheets: How many sheets.
            num_workers: Processes, each as fast as the one that was measured.
            num_merging: Processes that assemble; all where None. With 1 it is the job of a program in which one worker
                puts all together.
        """
        sheets = rounds(num_sheets, num_merging or num_workers) * self.sheet_s
        return self.alone_s + rounds(num_tiles, num_workers) * self.tile_s + sheets


def rounds(num_tasks: int, num_workers: int) -> int:
    """How often workers of equal speed take a task until none is left."""
    return math.ceil(num_tasks / num_workers)
