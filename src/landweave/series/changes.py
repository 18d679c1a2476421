"""Finding change, and mapping what a person confirmed: jobs from a folder of maps to events and consistent maps."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from landweave.atomic import write_text
from landweave.config import Config
from landweave.errors import SeriesError
from landweave.jobs.executor import Executor, Function
from landweave.jobs.phases import Phases, held, here
from landweave.jobs.run import Progress
from landweave.legend import legend as known_legend
from landweave.legend import load_legends
from landweave.provenance import file_sha256, fingerprint
from landweave.raster.read import grid_of
from landweave.series.change import Rules
from landweave.series.decisions import read_decisions
from landweave.series.events import NAME, read_events
from landweave.series.final import FinalOrder, FinalTask, assemble_layer, layer_tasks, write_final
from landweave.series.findings import ChangeOrder, FindTask, find_tile
from landweave.series.gather import CHANGE, GatherTask, gather
from landweave.series.hmm import allowed_changes
from landweave.series.maps import SeriesMaps, open_maps, yearly_maps
from landweave.series.sequence import check_length
from landweave.tiling import Tile, Tiling

CORE_PX = 512


class ChangeJob(Config):
    """What `landweave series change` is to do."""

    maps: tuple[Path, ...]
    """A folder that landweave series map wrote, or maps of several years with the year in each name."""
    legend: str | None = None
    """Legend of maps of several years; that which stands beside the first where left away."""
    legends: Path | None = None
    """A TOML file with legends of your own."""
    rules: Rules = Rules()
    """How changes are found in sequences of labels."""
    space: Literal["none", "mode", "median"] = "none"
    """Filter of every map in space; the published median depends on the order of the legend."""
    space_px: int = Field(default=11, ge=1)
    """Edge of the square that it sees; odd."""
    min_area_px: int = Field(default=100, ge=1)
    """Events with fewer pixels are dropped; 100 pixels of 10 m are a hectare."""
    tolerance_days: int = Field(default=60, ge=0)
    """How far apart in time two neighbours may have changed and still be one event."""
    core_px: int = Field(default=CORE_PX, ge=1)
    """Edge of the square that a task sees; all maps of it are in memory at once."""


class DecideJob(Config):
    """What `landweave series map --decisions` is to do."""

    change: Path
    """Folder that landweave series change wrote."""
    decisions: Path
    """The decisions.parquet of its review."""
    core_px: int = Field(default=CORE_PX, ge=1)
    """Edge of the square that a task maps."""


def find_changes(job: ChangeJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Find changes, and give records of how it goes; run again it goes on where it was stopped.

    `out` then holds events.parquet, change.json (rules, and areas by class and year), annual/YEAR.tif, base.tif (before
    any change), and of each pixel's last change date.tif, from.tif, to.tif and probability.tif.

    Raises:
        LandweaveError: Something that the user can mend; what is done is kept.
    """
    executor = here(executor)
    maps = _open(job)
    _check(job, maps)
    configuration = _configuration(job, maps)
    order = ChangeOrder(
        maps, job.rules, job.space, job.space_px, job.min_area_px, job.tolerance_days, out.resolve(),
        fingerprint(configuration),
    )  # fmt: skip
    tiles = _tiles(maps, job.core_px, order.margin_px)
    with held(out, "series change", configuration, executor) as phases:
        yield from _phase(phases, find_tile, [FindTask(order, tile) for tile in tiles], "find", "tiles")
        yield from _phase(phases, gather, [GatherTask(order, tuple(tiles))], "gather", "files")
        final = FinalOrder(
            folder=order.folder,
            events=order.folder / NAME,
            decisions=None,
            base=None,
            grid=maps.grid,
            legend=maps.legend,
            years=maps.line.years,
            job=order.job,
            stamp=file_sha256(order.folder / NAME)[:12],
        )
        yield from _final(phases, final, tiles)


def decide(job: DecideJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Write the maps of every year with the changes that a person confirmed and the classes that they gave.

    `out` then holds decided.json, and as after finding changes annual/YEAR.tif, base.tif, date.tif, from.tif, to.tif,
    probability.tif.

    Raises:
        LandweaveError: The decisions are of another job, or something else that the user can mend.
    """
    executor = here(executor)
    told = _read_change(job.change)
    events = read_events(job.change / NAME)
    # Before anything is written: decisions of another job are refused.
    read_decisions(job.decisions, told["job"])
    stamp = fingerprint([file_sha256(path) for path in (job.change / NAME, job.decisions)])[:12]
    configuration = {"job": told["job"], "decisions": file_sha256(job.decisions), "core_px": job.core_px}
    base = job.change.resolve() / "base.tif"
    grid = grid_of(str(base))
    order = FinalOrder(
        folder=out.resolve(),
        events=(job.change / NAME).resolve(),
        decisions=job.decisions.resolve(),
        base=base,
        grid=grid,
        legend=events.origin.legend,
        years=tuple(told["years"]),
        job=told["job"],
        stamp=stamp,
    )
    kept = order.believed
    with held(out, "series decisions", configuration, executor) as phases:
        yield from _final(phases, order, list(Tiling((grid.shape[0], grid.shape[1]), job.core_px, 0)))
        content = {"format": 1, "job": told["job"], "events": len(events.rows), "confirmed": len(kept)}
        write_text(out / "decided.json", json.dumps(content, indent=1) + "\n")


def _phase(phases: Phases, function: Function[Any], tasks: Sequence[Any], phase: str, unit: str) -> Generator[Progress]:
    """Run one phase; all its tasks are needed.

    Raises:
        TaskError: One failed.
    """
    yield from phases.run(function, tasks, phase, unit)
    phases.must_have(tasks, "every part of the job done")


def _final(phases: Phases, order: FinalOrder, tiles: Sequence[Tile]) -> Generator[Progress]:
    """Write the layers of all tiles and put them together."""
    tasks = [FinalTask(order, tile) for tile in tiles]
    yield from _phase(phases, write_final, tasks, "map", "tiles")
    yield from _phase(phases, assemble_layer, list(layer_tasks(order, tasks)), "assemble", "layers")


def _open(job: ChangeJob) -> SeriesMaps:
    if len(job.maps) == 1 and job.maps[0].is_dir():
        return open_maps(job.maps[0].resolve())
    own = load_legends(job.legends) if job.legends else {}
    return yearly_maps(job.maps, known_legend(job.legend, own) if job.legend else None)


def _check(job: ChangeJob, maps: SeriesMaps) -> None:
    check_length(job.rules.filter_length)
    check_length(job.space_px)
    # Before the folder is held: names of classes that are none are mended and run again there.
    allowed_changes(maps.legend, job.rules.allowed)
    if len(maps.line.years) < 2:
        raise SeriesError(
            f"maps of {len(maps.line.years)} year ({', '.join(map(str, maps.line.years))})",
            "maps of at least two years",
            "map later scenes too: landweave series map --append",
        )
    if any(one.tiles_missing for one in maps.maps):
        raise SeriesError(
            f"{maps.folder} with {max(one.tiles_missing for one in maps.maps)} tiles that are missing or lack scenes",
            "maps that are whole",
            "run landweave series map again with --retry-failed",
        )


def _configuration(job: ChangeJob, maps: SeriesMaps) -> dict[str, Any]:
    told = job.model_dump(mode="json", exclude={"maps", "legend", "legends"})
    # The maps' own bytes: paths tell nothing, and maps of others have no identity.
    content = [file_sha256(maps.folder / one.labels) for one in maps.maps]
    return {**told, "maps": dict(maps.identity) | {"maps": [one.key for one in maps.maps]}, "content": content}


def _tiles(maps: SeriesMaps, core_px: int, margin_px: int) -> list[Tile]:
    return list(Tiling((maps.grid.shape[0], maps.grid.shape[1]), core_px, margin_px))


def _read_change(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / CHANGE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SeriesError(
            f"{folder / CHANGE}: {error}", "a folder that landweave series change wrote", "name it with --change"
        ) from error
    return told
