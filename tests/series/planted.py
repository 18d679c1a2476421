"""Maps of sliding spans with planted events, written as a job writes them. Imported by worker processes too."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
from tests.mapping.places import LEGEND, grid_at

from landweave.raster.write import write_map, write_tile
from landweave.series.maps import OneMap, SeriesMaps, write_maps
from landweave.series.spans import sliding

SHAPE = (60, 70)
DATES = [dt.date(year, 1, 10) + dt.timedelta(days=24 * number) for year in (2018, 2019, 2020) for number in range(15)]
# Rows, columns, first date that shows it, class index before and after.
EVENTS = (
    (slice(5, 20), slice(8, 30), 13, 0, 1),
    (slice(25, 45), slice(20, 50), 24, 2, 3),
    (slice(50, 58), slice(55, 68), 20, 4, 0),
    (slice(2, 5), slice(60, 64), 22, 0, 1),
)
"""The last one has 12 pixels; the second one crosses borders of tiles of 32 pixels."""


def truth() -> np.ndarray:
    """Class index of every pixel at every date."""
    ground = np.zeros(SHAPE, np.uint8)
    ground[22:48, 10:60] = 2
    ground[48:, 40:] = 4
    dates = np.repeat(ground[None], len(DATES), 0)
    for rows, cols, first, _, new in EVENTS:
        dates[first:, rows, cols] = new
    return dates


def write_spans(folder: Path, noise: float = 0.02, seed: int = 0) -> SeriesMaps:
    """Maps of spans of 15 dates as a network would make them: the class of most dates, with noise."""
    generator = np.random.default_rng(seed)
    dates, grid = truth(), grid_at(*SHAPE)
    maps = []
    for span in sliding(DATES, 15, 1):
        part = dates[span.slice]
        counts = np.stack([(part == label).sum(0) for label in range(len(LEGEND))])
        labels = counts.argmax(0).astype(np.uint8)
        wrong = generator.random(SHAPE) < noise
        labels[wrong] = generator.integers(0, len(LEGEND), int(wrong.sum()))
        top = np.where(wrong, 100, 230).astype(np.uint8)
        write_map(folder / f"{span.key}.tif", LEGEND.to_ids(labels), grid, LEGEND)
        write_tile(folder / f"{span.key}_top.tif", top[None], grid)
        maps.append(OneMap(span.key, span.start, span.stop, f"{span.key}.tif", f"{span.key}_top.tif"))
    scenes = tuple(f"s{number}" for number in range(len(DATES)))
    made = SeriesMaps(folder, "spans", grid, LEGEND, tuple(DATES), scenes, 15, 1, tuple(maps), "c" * 64, "series.json")
    write_maps(made)
    return made


def write_years(folder: Path) -> list[Path]:
    """One map a year: the class at its end."""
    paths = [folder / f"map_{year}.tif" for year in (2018, 2019, 2020)]
    for number, path in enumerate(paths):
        write_map(path, LEGEND.to_ids(truth()[15 * number + 14]), grid_at(*SHAPE), LEGEND)
    return paths
