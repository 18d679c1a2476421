"""A map job: from a card and a catalog to a map with its STAC item, one record after the other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from landweave.errors import SceneError
from landweave.jobs.executor import Executor, Function
from landweave.jobs.ledger import LACKS
from landweave.jobs.phases import Phases, has_file, held, here
from landweave.jobs.run import Progress
from landweave.mapping import objects
from landweave.mapping.assemble import assemble, assembling, bind
from landweave.mapping.blend import SPREAD, BlendTask, SpreadTask, blend_tile, spread_tile
from landweave.mapping.buckets import write_buckets
from landweave.mapping.finish import Ended, finish
from landweave.mapping.prepare import MapJob, Prepared, prepare
from landweave.mapping.route import RouteTask, Sent, by_card, route_tile, sent
from landweave.mapping.sheet import Sheet, sheets
from landweave.mapping.summary import shown
from landweave.mapping.tile import MapTask, map_tile
from landweave.provenance import fingerprint

_TILES_PER_COMPARISON, _MOST_COMPARISONS = 16, 8
IN_FLIGHT = 3
_UNITS = {"assemble": "sheets", "stitch": "sheets", "link": "tasks", "gather": "files"}


def run(job: MapJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Map, and give records of how it goes; run again it goes on where it was stopped.

    `out` then holds map.tif (or map.vrt and the sheets that it names), map.json (STAC), job.json (what decided it),
    summary.json (how it went), and the layers asked for. On one machine with the same threads and versions they are
    the same bytes however often the job was stopped, and with any executor; but for summary.json, which tells times.

    Raises:
        LandweaveError: Something that the user can mend; what is done is kept.
    """
    began, executor = time.time(), here(executor, IN_FLIGHT)
    prepared = prepare(job)
    with held(out, "map", prepared.configuration, executor) as phases:
        yield from _Run(prepared, out, phases, began).records()


@dataclass
class _Run:
    """A prepared job under way in a folder that it holds."""

    prepared: Prepared
    out: Path
    phases: Phases
    began: float
    routes: dict[str, Sent] = field(default_factory=dict)

    def records(self) -> Iterator[Progress]:
        tasks = self._tasks()
        routed = yield from self._routed(tasks)
        if self.prepared.plan.is_tapered:
            yield from self._blended(routed)
        else:
            yield from self._phase(map_tile, routed, "map", self._stands)
        done = {task.key: self._stamp(task) for task in tasks if task.key in self.phases.ledger.done}
        self._check(tasks)
        every = sheets(self.prepared.plan, self.prepared.job.sheet_px)
        yield from self._put_together(every, done)
        if self.prepared.job.objects:
            yield from self._outlined(every, done)
        lost = self._lost(tasks)
        self._finish(tasks, every, done, lost)
        num = len(self.prepared.mapped)
        for name, why in lost.items():
            yield Progress("scenes", num, num, "scenes", failed=f"{name}: {why}")

    def _routed(self, tasks: Sequence[MapTask]) -> Generator[Progress, None, list[MapTask]]:
        """The tiles with the cards that they are to be mapped with."""
        routing = self.prepared.routing
        if routing is None:
            return list(tasks)
        asked = [RouteTask(t.order, routing.folder, routing.identity, t.tile, t.scenes) for t in tasks]
        yield from self._phase(route_tile, asked, "route", has_file)
        self.routes = sent(asked, self.phases.ledger.done)
        if self.routes:
            write_buckets(self.out, self.routes, self.prepared.plan)
        return by_card(tasks, self.routes, routing.cards)

    def _blended(self, tasks: Sequence[MapTask]) -> Iterator[Progress]:
        blends = self._blends(tasks)
        needed = {seer.key: seer for blend in self._lacking(blends) for seer in blend.seers}
        yield from self._phase(spread_tile, list(needed.values()), "predict", lambda task: task.is_written)
        yield from self._phase(blend_tile, self._fed(blends), "blend", lambda blend: self._stands(blend.task))

    def _put_together(self, every: Sequence[Sheet], done: dict[str, str]) -> Iterator[Progress]:
        prepared = self.prepared
        tags = (("landweave_card", prepared.card.identity), ("landweave_job", fingerprint(prepared.configuration)))
        tasks = list(assembling(prepared.order(self.out), every, done, prepared.card.legend, tags))
        yield from self._phase(assemble, tasks, "assemble", has_file)
        self.phases.must_have(tasks, _WHOLE)
        for layer in () if every[0].is_whole else prepared.job.layers:
            bind([task for task in tasks if task.layer == layer], prepared.plan.output_grid)

    def _outlined(self, every: Sequence[Sheet], done: dict[str, str]) -> Iterator[Progress]:
        order = self.prepared.object_order(self.out)
        for function, tasks, phase in objects.steps(order, self.prepared.plan, every, done):
            yield from self._phase(function, tasks, phase, has_file)
            self.phases.must_have(tasks, _WHOLE)

    def _phase(
        self, function: Function[Any], tasks: Sequence[Any], phase: str, intact: Callable[[Any], bool]
    ) -> Generator[Progress]:
        """Run one phase; its records show the pace of this run."""
        began, first = time.time(), None
        for record in self.phases.run(function, tasks, phase, _UNITS.get(phase, "tiles"), intact):
            first = first or record
            yield replace(record, summary=shown(first.summary, record.summary, time.time() - began))

    def _tasks(self) -> list[MapTask]:
        plan, order = self.prepared.plan, self.prepared.order(self.out)
        compared = compared_tiles(len(plan.pieces)) if self._compares else frozenset()
        return [
            MapTask(order, piece.tile, tuple(self.prepared.scenes[i] for i in piece.scenes), number in compared)
            for number, piece in enumerate(plan.pieces)
        ]

    @property
    def _compares(self) -> bool:
        return self.prepared.precision == "bf16"

    def _stands(self, task: MapTask) -> bool:
        """Whether a tile that is done need not be mapped again: where a scene can be read that could not, it must."""
        told = self.phases.ledger.done[task.key]
        return task.is_written and (LACKS in told or told.get("scenes_used", len(task.scenes)) == len(task.scenes))

    def _stamp(self, task: MapTask) -> str:
        """What changes when a tile is made anew from other scenes."""
        return f"{task.key}:{self.phases.ledger.done[task.key].get('scenes_used', len(task.scenes))}"

    def _blends(self, tasks: Sequence[MapTask]) -> list[BlendTask]:
        spreads = {(t.tile.row, t.tile.col): SpreadTask(t.order, t.tile, t.scenes) for t in tasks}
        near = range(-2, 3)
        return [
            BlendTask(
                task,
                tuple(
                    spreads[task.tile.row + down, task.tile.col + right]
                    for down in near
                    for right in near
                    if (seer := spreads.get((task.tile.row + down, task.tile.col + right)))
                    and task.tile.core.clip(seer.tile.seen).num_pixels
                ),
                self.prepared.plan.margin_px,
            )
            for task in tasks
        ]

    def _lacking(self, blends: Iterable[BlendTask]) -> list[BlendTask]:
        return [blend for blend in blends if blend.key not in self.phases.ledger.done or not self._stands(blend.task)]

    def _fed(self, blends: Iterable[BlendTask]) -> list[BlendTask]:
        """The blends that are done or can be: those whose tiles were all predicted."""
        lacking = {blend.key for blend in self._lacking(blends)}
        return [
            b for b in blends if b.key not in lacking or all(seer.key in self.phases.ledger.done for seer in b.seers)
        ]

    def _check(self, tasks: Sequence[MapTask]) -> None:
        self.phases.must_have_some(tasks)
        if not self.phases.total.get("valid_px"):
            raise SceneError(
                f"{', '.join(scene.id for scene in self.prepared.scenes[:3])} without one valid pixel in the area",
                "at least one pixel that is inside, cloud free and has data",
                "choose another area or other scenes",
            )

    def _lost(self, tasks: Sequence[MapTask]) -> dict[str, str]:
        """What the map lacks of its scenes, by scene or tile."""
        return dict(self.prepared.set_aside) | self.phases.lacks(tasks)

    def _finish(
        self, tasks: Sequence[MapTask], every: Sequence[Sheet], done: dict[str, str], lost: dict[str, str]
    ) -> None:
        ended = Ended(
            sheets=tuple(sheet for sheet in every if done.keys() & set(sheet.tiles)),
            missing=tuple(task.key for task in tasks if task.key not in done),
            lost=lost,
            total=self.phases.total,
            before=self.phases.before,
            num_workers=self.phases.executor.num_workers,
            period=(self.began, time.time()),
            wall_s=self.phases.wall_s,
            has_run=self.phases.has_run,
            routes=self.routes,
        )
        finish(self.prepared, ended, self.out)
        shutil.rmtree(self.out / SPREAD, ignore_errors=True)


_WHOLE = "a map put together from its tiles"


def compared_tiles(num_tiles: int) -> frozenset[int]:
    """Which tiles tell what bf16 changes: one of sixteen, at least one, at most eight, evenly spread."""
    num = min(max(num_tiles // _TILES_PER_COMPARISON, 1), _MOST_COMPARISONS)
    return frozenset((2 * index + 1) * num_tiles // (2 * num) for index in range(num))
