"""From the groups of all tiles to events.parquet: joined over borders, those too small dropped, dated, named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from jaxtyping import Float64

from landweave.atomic import write_text
from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch
from landweave.raster.outlines import plain
from landweave.series.events import NAME, Event, Origin, write_events
from landweave.series.findings import ChangeOrder, Findings, read_findings
from landweave.series.group import Border, Sums, joined, meeting
from landweave.series.timeline import date_of
from landweave.tiling import Tile

CHANGE = "change.json"
FORMAT = 1
_M2_A_HA = 10_000.0
_Name = tuple[str, int]


@dataclass(frozen=True, slots=True)
class GatherTask:
    """All events of the job, in one file."""

    order: ChangeOrder
    tiles: tuple[Tile, ...]

    @property
    def key(self) -> str:
        """There is one."""
        return f"gather-{len(self.tiles)}"

    @property
    def path(self) -> Path:
        """The events."""
        return self.order.folder / NAME


@dataclass(frozen=True, slots=True)
class _Group:
    """A group whose pixels all are known, with its outline in (col, row)."""

    sums: Sums
    outline: shapely.Geometry


def gather(task: GatherTask) -> Summary:
    """Join the groups that go on over borders of tiles and write all that are large enough as events."""
    watch, order = Stopwatch(), task.order
    with watch("gather"):
        found = list(_groups(task))
        large = [group for group in found if int(group.sums.num_px[0]) >= order.min_area_px]
        # By their first pixel, so that names do not depend on how the map was cut.
        large.sort(key=lambda group: (*group.sums.window[0].tolist(), int(group.sums.new[0])))
        events = [_event(order, number, group) for number, group in enumerate(large, 1)]
    with watch("write"):
        write_text(order.folder / CHANGE, json.dumps(summary(order, events), indent=1, ensure_ascii=False) + "\n")
        write_events(task.path, events, order.maps.grid.crs, _origin(order))
    return {**watch.seconds, "events": len(events), "event_px": sum(event.num_pixels for event in events)}


def summary(order: ChangeOrder, events: list[Event]) -> dict[str, Any]:
    """What stands in change.json: the rules, and how much of which class became which, by year."""
    areas: dict[tuple[int, str, str], list[float]] = {}
    for event in events:
        row = areas.setdefault((event.year, event.from_name, event.to_name), [0, 0, 0.0])
        for place, value in enumerate((1, event.num_pixels, event.area_ha)):
            row[place] += value
    return {
        "format": FORMAT,
        "job": order.job,
        "rules": order.rules.model_dump(mode="json"),
        "space": {"filter": order.space, "size_px": order.space_px},
        "min_area_px": order.min_area_px,
        "tolerance_days": order.tolerance_days,
        "years": list(order.maps.line.years),
        "events": len(events),
        "areas": [
            {"year": year, "from": old, "to": new, "events": int(n), "num_pixels": int(px), "area_ha": round(ha, 6)}
            for (year, old, new), (n, px, ha) in sorted(areas.items())
        ],
    }


def _groups(task: GatherTask) -> Iterator[_Group]:
    """Every group once; of groups that lie in one tile only those that this tile found large enough are there."""
    opened: dict[_Name, _Group] = {}
    pairs: list[tuple[_Name, _Name]] = []
    sides: dict[tuple[int, int], tuple[str, dict[str, Border]]] = {}
    for tile in task.tiles:
        found = read_findings(task.order.part(f"{tile.key}.npz"))
        reached = {int(number) for border in found.borders.values() for number in border.group}
        for place, number in enumerate(found.numbers.tolist()):
            group = _Group(found.sums.at([place]), found.outlines[place])
            if number in reached:
                opened[tile.key, number] = group
            else:
                yield group
        for row, col, its, ours in (
            (tile.row, tile.col - 1, "right", "left"),
            (tile.row - 1, tile.col, "bottom", "top"),
        ):
            if (row, col) in sides:
                pairs += _met(sides[row, col], (tile.key, found), (its, ours), task.order.tolerance_days)
        sides[tile.row, tile.col] = tile.key, found.borders
        # Of the row above nothing is needed once its tile below is done.
        sides.pop((tile.row - 1, tile.col), None)
    names = list(opened)
    for places in joined(names, pairs):
        parts = [opened[names[place]] for place in places]
        yield _merged(parts) if len(parts) > 1 else parts[0]


def _met(
    before: tuple[str, dict[str, Border]], now: tuple[str, Findings], sides: tuple[str, str], tolerance_days: int
) -> Iterator[tuple[_Name, _Name]]:
    for its, ours in meeting(before[1][sides[0]], now[1].borders[sides[1]], tolerance_days):
        yield (before[0], its), (now[0], ours)


def _merged(parts: list[_Group]) -> _Group:
    every = Sums(*(np.concatenate([getattr(part.sums, name) for part in parts]) for name in Sums.__slots__))
    return _Group(every.merged(), shapely.union_all([part.outline for part in parts]))


def _event(order: ChangeOrder, number: int, group: _Group) -> Event:
    sums, line, legend = group.sums, order.maps.line, order.maps.legend
    num = int(sums.num_px[0])
    # The median pixel tells the place in the sequence, and with it the day and the year of the whole.
    place = int(np.searchsorted(np.cumsum(sums.place[0]), (num + 1) // 2))
    day = line.seen[place]
    old, new = int(sums.old[0].argmax()), int(sums.new[0])
    grid = order.maps.grid
    pixel_m2 = abs(grid.affine.determinant) if grid.crs is None or grid.crs.projected else 0.0

    def on_map(points: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        a, b, c, d, e, f = grid.affine[:6]
        return np.stack([a * points[:, 0] + b * points[:, 1] + c, d * points[:, 0] + e * points[:, 1] + f], 1)

    return Event(
        f"e{number:07d}",
        shapely.transform(_plain(group.outline), on_map),
        date_of(day),
        line.year_of(day),
        legend.ids[old],
        legend.names[old],
        legend.ids[new],
        legend.names[new],
        float(np.float32(sums.probability[0] / num)),
        num,
        num * pixel_m2 / _M2_A_HA,
        *sums.window[0].tolist(),
    )


def _plain(shape: shapely.Geometry) -> shapely.Geometry:
    """With corners alone, in a fixed order, however it was put together."""
    if isinstance(shape, shapely.Polygon):
        return plain(shape)
    return shapely.normalize(shapely.MultiPolygon([plain(part) for part in shape.geoms]))


def _origin(order: ChangeOrder) -> Origin:
    maps, folder = order.maps, order.folder
    series = os.path.relpath(maps.folder / maps.series, folder) if maps.series else ""
    return Origin(order.job, maps.legend, series, os.path.relpath(maps.folder, folder))
