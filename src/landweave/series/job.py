"""Mapping a series: from series.json and a card to annual maps or maps of sliding spans, one record after the other."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from landweave.atomic import write_text
from landweave.config import Config
from landweave.errors import SceneError
from landweave.jobs.executor import Executor
from landweave.jobs.ledger import LACKS
from landweave.jobs.phases import Phases, held, here
from landweave.jobs.run import Progress
from landweave.provenance import versions
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
    began, executor = time.time(), here(executor, IN_FLIGHT)
    prepared = prepare(job, out)
    with held(out, "series map", prepared.configuration, executor) as phases:
        if prepared.lacking:
            yield from _Run(prepared, out, phases, began).records()


@dataclass
class _Run:
    """A prepared job under way in a folder that it holds."""

    prepared: Prepared
    out: Path
    phases: Phases
    began: float

    def records(self) -> Iterator[Progress]:
        tasks = self.prepared.tasks(self.out)
        done = yield from self.phases.run(map_spans, tasks, "map", "tiles")
        self._check(tasks)
        putting = list(self._putting(done))
        yield from self.phases.run(assemble, putting, "assemble", "maps")
        self.phases.must_have(putting, "a map put together from its tiles")
        lost = self.phases.lacks(done)
        # What a scene is missing in is not whole either: with --retry-failed it is mapped again.
        write_maps(self._maps(len(tasks) - len(done) + len(lost)))
        write_text(self.out / "summary.json", json.dumps(self._summary(lost), indent=1, ensure_ascii=False) + "\n")
        for key, why in lost.items():
            yield Progress("scenes", len(done), len(done), "tiles", failed=f"{key}: {why}")

    def _check(self, tasks: list[SpansTask]) -> None:
        self.phases.must_have_some(tasks)
        if not self.phases.total.get("valid_px"):
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
        total = {name: value for name, value in self.phases.total.items() if name != LACKS}
        seconds = max(time.time() - self.began, 1e-9)
        pixels = float(total.get("pixels", 0))
        return {
            "format": 1,
            "kind": "series map",
            "began": dt.datetime.fromtimestamp(self.began, dt.UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "workers": self.phases.executor.num_workers,
            "network": self.prepared.card.network,
            "precision": self.prepared.precision,
            "device": self.prepared.device,
            "scenes": len(self.prepared.scenes),
            "maps": len(self.prepared.spans),
            "maps_new": len(self.prepared.lacking),
            **total,
            "px_per_s": round(pixels / seconds, 1),
            "never_valid_share": round(float(total.get("never_valid_px", 0)) / max(pixels, 1), 6),
            "tiles_missing": [key for key in self.phases.ledger.failed if not key.startswith("assemble")],
            "scenes_lost": lost,
            "maps_file": NAME,
            "versions": versions(),
        }
