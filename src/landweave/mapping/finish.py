"""What is written when a map is done: its STAC item and the summary of the job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from landweave.atomic import write_text
from landweave.jobs.executor import Summary
from landweave.mapping.assemble import STEMS, name_of, whole_name
from landweave.mapping.buckets import told
from landweave.mapping.item import map_item
from landweave.mapping.prepare import Prepared
from landweave.mapping.route import Sent
from landweave.mapping.sheet import Sheet
from landweave.mapping.summary import summarise
from landweave.provenance import fingerprint


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended.

    Attributes:
        sheets: The sheets that were written.
        missing: Keys of the tiles that are not in the map.
        lost: What each scene that is not everywhere in the map lacks, by its id.
        total: The summaries of all tasks, added up; those of earlier runs of the job included.
        before: Of those, what earlier runs had done.
        num_workers: Processes of this run.
        period: When this run began and ended, in seconds since 1970.
        wall_s: Seconds of this run by phase.
        has_run: Whether this run did anything.
        routes: Where tiles were sent, where a gallery decided.
    """

    sheets: tuple[Sheet, ...]
    missing: tuple[str, ...]
    lost: dict[str, str]
    total: Summary
    before: Summary
    num_workers: int
    period: tuple[float, float]
    wall_s: dict[str, float]
    has_run: bool
    routes: Mapping[str, Sent]


def finish(prepared: Prepared, ended: Ended, out: Path) -> None:
    """Write map.json, and summary.json unless this run found everything done."""
    write_text(out / "map.json", _item(prepared, ended))
    path = out / "summary.json"
    # A finished job that is run again has done nothing to tell of.
    if ended.has_run or not path.is_file():
        write_text(path, json.dumps(_summary(prepared, ended), indent=1, ensure_ascii=False) + "\n")


def _item(prepared: Prepared, ended: Ended) -> str:
    facts: dict[str, Any] = {
        "landweave:job": fingerprint(prepared.configuration),
        "landweave:precision": prepared.precision,
        "landweave:margin_px": prepared.plan.margin_px,
    }
    if ended.missing:
        facts["landweave:tiles_missing"] = list(ended.missing)
    if ended.lost:
        facts["landweave:scenes_lost"] = ended.lost
    if prepared.routing:
        route = told(ended.routes, prepared.routing.drift_share)
        facts["landweave:gallery"] = prepared.routing.identity
        facts |= {f"landweave:{name}": route[name] for name in ("far_share", "drift_share", "has_drifted")}
    return map_item(
        f"landcover-{fingerprint(prepared.configuration)[:16]}",
        prepared.plan.output_grid,
        prepared.mapped,
        prepared.card,
        rule=prepared.job.rule,
        layers=prepared.job.layers,
        facts=facts,
        is_blended=prepared.plan.is_tapered,
        sheets=_sheets(prepared, ended),
        has_objects=bool(prepared.job.objects),
        has_buckets=prepared.routing is not None,
    )


def _sheets(prepared: Prepared, ended: Ended) -> dict[str, dict[str, GeoBox]]:
    """The files of every layer with their grids, where they are several."""
    if ended.sheets[0].is_whole:
        return {}
    return {
        STEMS[layer]: {name_of(layer, sheet): sheet.window.on(prepared.plan.grid) for sheet in ended.sheets}
        for layer in prepared.job.layers
    }


def _summary(prepared: Prepared, ended: Ended) -> dict[str, Any]:
    found = summarise(
        prepared.plan,
        prepared.card,
        ended.total,
        before=ended.before,
        num_workers=ended.num_workers,
        period=ended.period,
        wall_s=ended.wall_s,
    )
    routing = prepared.routing
    route = {"route": told(ended.routes, routing.drift_share)} if routing else {}
    return found | {
        **route,
        "precision": prepared.precision,
        "device": prepared.device,
        "scenes": len(prepared.mapped),
        "map": whole_name("labels", ended.sheets),
        "sheets": len(ended.sheets),
        "tiles_missing": list(ended.missing),
        "scenes_lost": ended.lost,
        "scenes_of_other_sensors": list(prepared.others),
    }
