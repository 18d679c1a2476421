"""Sampling units on a change map: how many are needed, drawn at random in strata, written as events to be judged."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import shapely
from jaxtyping import Int64, UInt8
from numpy.typing import NDArray

from landweave.atomic import locked
from landweave.errors import OutputError, ReviewError
from landweave.evaluation.parts import whole
from landweave.evaluation.truth import Layer, check_grids
from landweave.evaluation.units import allocate
from landweave.jobs.run import Progress
from landweave.legend import IGNORE
from landweave.provenance import file_sha256, fingerprint
from landweave.raster.classes import read_nodata
from landweave.review.events import NAME, UNIT, Event, write_events
from landweave.review.job import Job
from landweave.review.strata import EXPECTED, Strata, make_strata, near_change, num_units
from landweave.tiling import Window

Labels = UInt8[np.ndarray, "h w"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What sample is wanted.

    Attributes:
        year: The changes between the map of the year before and that of this one; None for the last year with both.
        error: Standard error that the overall accuracy shall have.
        expected: User's accuracy expected by kind of stratum.
        num: How many units; as many as `error` asks for where None.
        least: How many each stratum gets at least.
        rim_px: How far around changes omissions are looked for on purpose.
        seed: Of the draw.
    """

    year: int | None = None
    error: float = 0.01
    expected: Mapping[str, float] = field(default_factory=lambda: dict(EXPECTED))
    num: int | None = None
    least: int = 50
    rim_px: int = 3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Maps:
    """The maps of two years that follow each other."""

    before: Layer
    after: Layer
    year: int

    def read(self, window: Window) -> tuple[Labels, Labels]:
        """Class indices of a window, which may reach outside: IGNORE there."""
        grid = window.on(self.before.grid)
        return self.before.indices(grid), self.after.indices(grid)


def sample(job: Job, out: Path, wish: Wish) -> Iterator[Progress]:
    """Draw units on the maps around a job's events, and write them as a job of their own; memory does not grow.

    The draw depends on the maps and the seed alone. Units come in random order: whoever stops early has judged a
    smaller random sample.

    Args:
        job: The events whose maps are judged.
        out: A new folder: `landweave review OUT` shows the units.
        wish: How many, and where.

    Raises:
        OutputError: `out` holds something.
        ReviewError: There are no maps of two years.
        SampleError: Too few units for the strata, or a wish that means nothing.
        LegendError: A map has classes that the events' legend lacks.
    """
    maps = _find_maps(job, wish.year)
    with locked(out):
        if any(not entry.name.startswith(".") for entry in out.iterdir()):
            raise OutputError(f"{out}, which holds something", "an empty folder", "choose another with -o")
        strata = yield from _count(maps, job, wish.rim_px)
        sizes = np.array([stratum.num_pixels for stratum in strata.strata])
        needed = num_units(sizes.tolist(), [wish.expected[one.kind] for one in strata.strata], wish.error)
        num = wish.num or max(needed, int(np.minimum(sizes, wish.least).sum()))
        drawn = allocate(sizes, num, wish.least)
        rng = np.random.default_rng(wish.seed)
        ranks = [np.sort(rng.choice(size, count, replace=False)) for size, count in zip(sizes, drawn, strict=True)]
        places = yield from _find(maps, strata, ranks)
        order = rng.permutation(len(places)).tolist()
        units = _units(job, maps, strata, drawn, [places[place] for place in order])
        _write(job, out, maps, units, {"strata": _told(strata, drawn, wish), "design": _design(maps, wish, needed)})
        yield Progress("draw", len(units), len(units), "units", {"units": len(units), "needed": needed})


def _find_maps(job: Job, year: int | None) -> _Maps:
    folder = None if job.maps is None else job.maps / "annual"
    years = (
        [] if folder is None else sorted(int(path.stem) for path in folder.glob("[0-9]*.tif") if path.stem.isdigit())
    )
    both = [one for one in years if one - 1 in years and year in (None, one)]
    if folder is None or not both:
        wanted = "two years that follow each other" if year is None else f"{year - 1} and {year}"
        raise ReviewError(
            f"maps of the years {', '.join(map(str, years)) or '(none)'} in {folder}",
            f"annual/YEAR.tif of {wanted}",
            "name the folder of annual maps with --maps, or another year with --year",
        )
    paths = folder / f"{both[-1] - 1}.tif", folder / f"{both[-1]}.tif"
    check_grids(*paths, False)
    before, after = (Layer(path, job.legend, read_nodata(path)) for path in paths)
    return _Maps(before, after, both[-1])


def _count(maps: _Maps, job: Job, rim_px: int) -> Generator[Progress, None, Strata]:
    """Strata with their sizes, from one pass over both maps."""
    num = len(job.legend)
    counts, rims = np.zeros((num, num), np.int64), np.zeros(num, np.int64)
    places = whole(maps.before.grid)
    for done, place in enumerate(places):
        yield Progress("count", done, len(places), "windows")
        before, after = maps.read(place.window.grow(rim_px))
        core = place.window.inside(place.window.grow(rim_px)).slices
        near = near_change(before, after, rim_px)[core]
        before, after = before[core], after[core]
        known = (before != IGNORE) & (after != IGNORE)
        both = before[known].astype(np.int64) * num + after[known]
        counts += np.bincount(both, minlength=num * num).reshape(num, num)
        rims += np.bincount(before[near], minlength=num)[:num]
    yield Progress("count", len(places), len(places), "windows")
    return make_strata(counts, rims, job.legend, rim_px)


_Place = tuple[int, int, int, int, int]


def _find(maps: _Maps, strata: Strata, ranks: Sequence[NDArray[np.int64]]) -> Generator[Progress, None, list[_Place]]:
    """(stratum, row, col, index before, index after) of the pixels that have these ranks in the order of windows."""
    places = whole(maps.before.grid)
    seen, found = np.zeros(len(ranks), np.int64), []
    for done, place in enumerate(places):
        yield Progress("draw", done, len(places), "windows")
        grown = place.window.grow(strata.rim_px)
        before, after = maps.read(grown)
        core = place.window.inside(grown).slices
        numbers, before, after = strata.of(before, after)[core], before[core], after[core]
        for number, wanted in enumerate(ranks):
            here = np.flatnonzero(numbers == number)
            # Ranks and pixels both ascend, so that each window finds its own ranks at once.
            first, last = np.searchsorted(wanted, [seen[number], seen[number] + here.size])
            for row, col in zip(*np.unravel_index(here[wanted[first:last] - seen[number]], before.shape), strict=True):
                labels = int(before[row, col]), int(after[row, col])
                found.append((number, place.window.row + int(row), place.window.col + int(col), *labels))
            seen[number] += here.size
    return found


def _units(
    job: Job, maps: _Maps, strata: Strata, drawn: Int64[np.ndarray, " s"], places: Sequence[_Place]
) -> list[Event]:
    grid, ids = maps.before.grid, job.legend.ids
    chances = [int(num) / stratum.num_pixels for num, stratum in zip(drawn, strata.strata, strict=True)]
    made = []
    for number, (stratum, row, col, before, after) in enumerate(places, start=1):
        window = Window(row, col, 1, 1)
        box = window.on(grid).boundingbox
        made.append(
            Event(
                id=f"unit-{number:05d}",
                shape=shapely.box(box.left, box.bottom, box.right, box.top),
                date=_date(job, maps.year, shapely.Point((box.left + box.right) / 2, (box.bottom + box.top) / 2)),
                year=maps.year,
                from_id=ids[before],
                to_id=ids[after],
                probability=None,
                num_pixels=1,
                area_ha=abs(grid.affine.determinant) / 10_000,
                window=window,
                stratum=strata.strata[stratum].name,
                chance=chances[stratum],
                kind=UNIT,
            )
        )
    return made


def _date(job: Job, year: int, point: shapely.Point) -> dt.date:
    """When the event around a place happened; where there is none, the day between the two years."""
    for row in job.near(point.bounds):
        event = job.events[row]
        if event.year == year and event.shape.intersects(point):
            return event.date
    return dt.date(year, 1, 1)


def _told(strata: Strata, drawn: Int64[np.ndarray, " s"], wish: Wish) -> list[dict[str, object]]:
    return [
        {**asdict(stratum), "num_drawn": int(num), "expected": wish.expected[stratum.kind]}
        for stratum, num in zip(strata.strata, drawn, strict=True)
    ]


def _design(maps: _Maps, wish: Wish, needed: int) -> dict[str, object]:
    """Everything that decided the draw."""
    hashes = [file_sha256(layer.path) for layer in (maps.before, maps.after)]
    return {
        "kind": "stratified random sample",
        "year": maps.year,
        "maps_sha256": hashes,
        **{name: getattr(wish, name) for name in ("seed", "error", "num", "least", "rim_px")},
        "needed": needed,
    }


def _write(job: Job, out: Path, maps: _Maps, units: Sequence[Event], more: dict[str, object]) -> None:
    """The units as a job of its own, which names the series and the maps of the one that it is drawn on."""
    # Decisions on other units are decisions of another job.
    own = fingerprint({"job": job.header.job, **json.loads(json.dumps(more))})
    beside = job.path.resolve().parent
    series = None if not job.header.series else os.path.relpath(beside / job.header.series, out.resolve())
    folder = os.path.relpath(maps.before.path.resolve().parent.parent, out.resolve())
    write_events(out / NAME, replace(job.header, job=own, series=series, maps=folder, more=more), units)
