"""Mapping a series: from series.json and a card to annual maps or maps of sliding spans, one record after the other."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from landweave.atomic import write_text
from landweave.config import Config
from landweave.errors import SceneError, TaskError
from landweave.jobs.executor import Executor, Function, Summary
from landweave.jobs.ledger import LACKS, Ledger, opened
from landweave.jobs.pool import staying
from landweave.jobs.run import Progress, add, fulfil
from landweave.jobs.serial import Serial
from landweave.jobs.worker import prepare as ready
from landweave.provenance import versions, write_record
from landweave.series.maps import NAME, OneMap, SeriesMaps, write_maps
from landweave.series.prepare import Prepared, prepare
from landweave.series.spans import Span
from landweave.series.tile import AssembleTask, SpansTask, assemble, map_spans

CORE_PX = 256
IN_FLIGHT = 2
_LAYERS = ("labels", "top")


class SeriesMapJob(Config):
    """What `landweave series map` is to do with a card."""

    series: Path
    """The series.json to map."""
    card: Path
    """Folder of a card of series."""
    kind: Literal["annual", "spans"] = "annual"
    """annual: each year's series alone; spans: one map a new date, from the end of the first year on."""
    span: int | None = Field(default=None, ge=1)
    """Dates of a span; as many as the card was fitted on where left away."""
    shift: int = Field(default=1, ge=1)
    """Dates from one span to the next."""
    append: bool = False
    """Map only the spans of scenes that came since; refused where others changed."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """What networks compute in; auto takes bf16 where the machine is faster with it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks compute; auto takes a GPU where there is one."""
    core_px: int = Field(default=CORE_PX, ge=1)
    """Edge of the square that a task maps; all its dates are in memory at once."""


def run(job: SeriesMapJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Map, and give records of how it goes; run again it goes on where it was stopped.

    `out` then holds annual/YEAR.tif and annual/YEAR_top.tif, or spans/DATE/labels.tif and top.tif; series_map.json
    (what lies there), job.json (what decided it), summary.json (how it went).

    Raises:
        LandweaveError: Something that the user can mend; what is done is kept.
    """
    began, executor = time.time(), executor or Serial(in_flight=IN_FLIGHT)
    if isinstance(executor, Serial):
        # GDAL settles the size of its cache when the first file is opened.
        ready(executor.setup)
    prepared = prepare(job, out)
    with opened(out, prepared.configuration) as ledger, staying(executor) as crew:
        write_record(out / "job.json", "series map", prepared.configuration)
        if prepared.lacking:
            yield from _Run(prepared, out, crew, ledger, began).records()


@dataclass
class _Run:
    """A prepared job under way in a folder that it holds."""

    prepared: Prepared
    out: Path
    executor: Executor
    ledger: Ledger
    began: float
    total: Summary = field(default_factory=dict)

    def records(self) -> Iterator[Progress]:
        tasks = self.prepared.tasks(self.out)
        yield from self._phase(map_spans, tasks, "map", "tiles")
        done = [task for task in tasks if task.key in self.ledger.done]
        self._check(done)
        putting = list(self._putting(done))
        yield from self._phase(assemble, putting, "assemble", "maps")
        for task in putting:
            if task.key in self.ledger.failed:
                raise TaskError(self.ledger.failed[task.key], "a map put together from its tiles", _MEND)
        told = ((task.key, self.ledger.done[task.key].get(LACKS)) for task in done)
        lost = {key: str(text) for key, text in told if text}
        # What a scene is missing in is not whole either: with --retry-failed it is mapped again.
        write_maps(self._maps(len(tasks) - len(done) + len(lost)))
        write_text(self.out / "summary.json", json.dumps(self._summary(lost), indent=1, ensure_ascii=False) + "\n")
        for key, why in lost.items():
            yield Progress("scenes", len(done), len(done), "tiles", failed=f"{key}: {why}")

    def _phase(self, function: Function[Any], tasks: list[Any], phase: str, unit: str) -> Generator[Progress]:
        last = Progress(phase, 0, 0, unit)
        for last in fulfil(function, tasks, self.executor, self.ledger, phase=phase, unit=unit, intact=_has_file):
            yield last
        self.total = add(self.total, last.summary)

    def _check(self, done: list[SpansTask]) -> None:
        if not done:
            cause = next(iter(self.ledger.failed.values()), "no tile was mapped")
            raise TaskError(f"a job of which every tile failed: {cause}", "at least one tile that can be mapped", _MEND)
        if not self.total.get("valid_px"):
            raise SceneError(
                f"{len(self.prepared.scenes)} scenes without one valid pixel",
                "at least one pixel that is inside, cloud free and has data",
                "select other scenes",
            )

    def _putting(self, done: list[SpansTask]) -> Iterator[AssembleTask]:
        """One task a map and layer; of the layers labels stand first in the files of tiles."""
        tiles = tuple(task.path.name for task in done)
        order, legend = self.prepared.order(self.out), self.prepared.card.legend
        for number, span in enumerate(self.prepared.lacking):
            for place, layer in enumerate(_LAYERS):
                band = 1 + number + place * len(self.prepared.lacking)
                yield AssembleTask(order, span, layer, tiles, band, self._name(span, layer), legend)

    def _name(self, span: Span, layer: str) -> str:
        if self.prepared.job.kind == "spans":
            return f"spans/{span.key}/{layer}.tif"
        return f"annual/{span.key}.tif" if layer == "labels" else f"annual/{span.key}_top.tif"

    def _maps(self, num_missing: int) -> SeriesMaps:
        prepared = self.prepared
        fresh = {span.key: self._one(span, num_missing) for span in prepared.lacking}
        every = {one.key: one for one in prepared.before} | fresh
        return SeriesMaps(
            folder=self.out,
            kind=prepared.job.kind,
            grid=prepared.series.grid,
            legend=prepared.card.legend,
            dates=prepared.dates,
            scenes=tuple(scene.id for scene in prepared.scenes),
            span=prepared.length,
            shift=prepared.job.shift,
            maps=tuple(every[span.key] for span in prepared.spans),
            card=prepared.card.identity,
            series=os.path.relpath(prepared.job.series.resolve(), self.out.resolve()),
        )

    def _one(self, span: Span, num_missing: int) -> OneMap:
        labels, top = (self._name(span, layer) for layer in _LAYERS)
        return OneMap(span.key, span.start, span.stop, labels, top, num_missing)

    def _summary(self, lost: dict[str, str]) -> dict[str, Any]:
        total = {name: value for name, value in self.total.items() if name != LACKS}
        seconds = max(time.time() - self.began, 1e-9)
        pixels = float(total.get("pixels", 0))
        return {
            "format": 1,
            "kind": "series map",
            "began": dt.datetime.fromtimestamp(self.began, dt.UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "workers": self.executor.num_workers,
            "network": self.prepared.card.network,
            "precision": self.prepared.precision,
            "device": self.prepared.device,
            "scenes": len(self.prepared.scenes),
            "maps": len(self.prepared.spans),
            "maps_new": len(self.prepared.lacking),
            **total,
            "px_per_s": round(pixels / seconds, 1),
            "never_valid_share": round(float(total.get("never_valid_px", 0)) / max(pixels, 1), 6),
            "tiles_missing": [key for key in self.ledger.failed if not key.startswith("assemble")],
            "scenes_lost": lost,
            "maps_file": NAME,
            "versions": versions(),
        }


def _has_file(task: Any) -> bool:
    """Whether the file that a task writes is there."""
    return bool(task.path.is_file())


_MEND = "mend the cause and run the same command again with --retry-failed"
