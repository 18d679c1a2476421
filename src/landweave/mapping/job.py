"""A map job: from a card and a catalog to a map with its STAC item, one record after the other."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from landweave.atomic import write_text
from landweave.errors import SceneError, TaskError
from landweave.jobs.executor import Executor, Function, Summary
from landweave.jobs.ledger import Ledger, opened
from landweave.jobs.run import Progress, add, fulfil
from landweave.jobs.serial import Serial
from landweave.mapping.assemble import AssembleTask, assemble
from landweave.mapping.blend import SPREAD, BlendTask, SpreadTask, blend_tile, spread_tile
from landweave.mapping.item import map_item
from landweave.mapping.prepare import MapJob, Prepared, prepare
from landweave.mapping.summary import shown, summarise
from landweave.mapping.tile import MapTask, map_tile
from landweave.provenance import fingerprint, write_record

_TILES_PER_COMPARISON, _MOST_COMPARISONS = 16, 8
IN_FLIGHT = 3


def run(job: MapJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Map, and give records of how it goes; run again it goes on where it was stopped.

    `out` then holds map.tif, map.json (STAC), job.json (what decided it), summary.json (how it went), and the layers
    asked for. On one machine with the same threads and versions they are the same bytes however often the job was
    stopped, and with any executor; but for summary.json, which tells times.

    Raises:
        LandweaveError: Something that the user can mend; what is done is kept.
    """
    began = time.time()
    prepared = prepare(job)
    with opened(out, prepared.configuration) as ledger:
        write_record(out / "job.json", "map", prepared.configuration)
        yield from _Run(prepared, out, executor or Serial(in_flight=IN_FLIGHT), ledger, began).records()


@dataclass
class _Run:
    """A prepared job under way in a folder that it holds."""

    prepared: Prepared
    out: Path
    executor: Executor
    ledger: Ledger
    began: float
    before: Summary = field(default_factory=dict)
    has_run: bool = False

    def records(self) -> Iterator[Progress]:
        tasks = self._tasks()
        blends = self._blends(tasks) if self.prepared.plan.is_tapered else []
        total: Summary = {}
        if blends:
            needed = {seer.key: seer for blend in self._lacking(blends) for seer in blend.seers}
            last = yield from self._phase(spread_tile, list(needed.values()), "predict", lambda task: task.is_written)
            total = last.summary
            last = yield from self._phase(blend_tile, self._fed(blends), "blend", lambda blend: blend.task.is_written)
        else:
            last = yield from self._phase(map_tile, tasks, "map", lambda task: task.is_written)
        total = add(total, last.summary)
        done = tuple(task.key for task in tasks if task.key in self.ledger.done)
        self._check(done, total)
        last = yield from self._phase(assemble, self._assembling(done), "assemble", lambda task: task.path.is_file())
        if failed := [line for key, line in self.ledger.failed.items() if key.startswith("assemble")]:
            raise TaskError(failed[0], "a map put together from its tiles", "mend the cause and run it again")
        self._finish(tasks, done, add(total, last.summary))

    def _phase(
        self, function: Function[Any], tasks: Sequence[Any], phase: str, intact: Callable[[Any], bool]
    ) -> Generator[Progress, None, Progress]:
        """Run one phase; gives its last record as the generator's value, with all figures."""
        unit = "layers" if phase == "assemble" else "tiles"
        began, first, last = time.time(), None, Progress(phase, 0, 0, unit)
        for last in fulfil(function, tasks, self.executor, self.ledger, phase=phase, unit=unit, intact=intact):
            if first is None:
                first, self.before = last, add(self.before, last.summary)
            self.has_run |= last.done > first.done
            yield replace(last, summary=shown(first.summary, last.summary, time.time() - began))
        return last

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
        return [blend for blend in blends if blend.key not in self.ledger.done or not blend.task.is_written]

    def _fed(self, blends: Iterable[BlendTask]) -> list[BlendTask]:
        """The blends that are done or can be: those whose tiles were all predicted."""
        lacking = {blend.key for blend in self._lacking(blends)}
        return [b for b in blends if b.key not in lacking or all(seer.key in self.ledger.done for seer in b.seers)]

    def _check(self, done: Sequence[str], total: Summary) -> None:
        if not done:
            cause = next(iter(self.ledger.failed.values()), "no tile was mapped")
            raise TaskError(f"a job of which every tile failed: {cause}", "at least one tile that can be mapped", _MEND)
        if not total.get("valid_px"):
            raise SceneError(
                f"{', '.join(scene.id for scene in self.prepared.scenes[:3])} without one valid pixel in the area",
                "at least one pixel that is inside, cloud free and has data",
                "choose another area or other scenes",
            )

    def _assembling(self, done: tuple[str, ...]) -> list[AssembleTask]:
        plan, card, order = self.prepared.plan, self.prepared.card, self.prepared.order(self.out)
        tags = (("landweave_card", card.identity), ("landweave_job", fingerprint(self.prepared.configuration)))
        return [AssembleTask(order, layer, done, plan.output_grid, card.legend, tags) for layer in order.layers]

    def _finish(self, tasks: Sequence[MapTask], done: Sequence[str], total: Summary) -> None:
        prepared, missing = self.prepared, [task.key for task in tasks if task.key not in set(done)]
        facts: dict[str, Any] = {
            "landweave:job": fingerprint(prepared.configuration),
            "landweave:precision": prepared.precision,
            "landweave:margin_px": prepared.plan.margin_px,
        }
        if missing:
            facts["landweave:tiles_missing"] = missing
        item = map_item(
            f"landcover-{fingerprint(prepared.configuration)[:16]}",
            prepared.plan.output_grid,
            prepared.scenes,
            prepared.card,
            rule=prepared.job.rule,
            layers=prepared.job.layers,
            facts=facts,
            is_blended=prepared.plan.is_tapered,
        )
        write_text(self.out / "map.json", item)
        path = self.out / "summary.json"
        # A finished job that is run again has done nothing to tell of.
        if self.has_run or not path.is_file():
            found = summarise(
                prepared.plan,
                prepared.card,
                total,
                before=self.before,
                num_workers=self.executor.num_workers,
                period=(self.began, time.time()),
            )
            found |= {"precision": prepared.precision, "device": prepared.device, "scenes": len(prepared.scenes)}
            write_text(path, json.dumps({**found, "tiles_missing": missing}, indent=1, ensure_ascii=False) + "\n")
        shutil.rmtree(self.out / SPREAD, ignore_errors=True)


_MEND = "mend the cause and run the same command again"


def compared_tiles(num_tiles: int) -> frozenset[int]:
    """Which tiles tell what bf16 changes: one of sixteen, at least one, at most eight, evenly spread."""
    num = min(max(num_tiles // _TILES_PER_COMPARISON, 1), _MOST_COMPARISONS)
    return frozenset((2 * index + 1) * num_tiles // (2 * num) for index in range(num))
