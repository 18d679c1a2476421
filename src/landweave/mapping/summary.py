"""How a map job went, in figures. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from landweave.jobs.executor import Summary
from landweave.mapping.plan import Plan
from landweave.models.card import Card
from landweave.provenance import versions

FORMAT = 1
_PHASES = ("load", "read", "route", "wait", "compute", "compare", "blend", "encode", "write", "assemble", "outline",
           "link", "stitch", "gather")  # fmt: skip
_BUSY = ("compute_s", "compare_s", "route_s")
_GB = 1e9


def shown(before: Summary, now: Summary, seconds: float) -> dict[str, float | int | str]:
    """The figures to draw beside a bar: the pace since this run began, and the share of valid pixels."""
    written = _number(now, "written_px")
    if not written:
        return {}
    pace = (written - _number(before, "written_px")) / max(seconds, 1e-9) / 1e6
    return {"Mpx/s": round(pace, 3), "valid": f"{_number(now, 'valid_px') / written:.0%}"}


def summarise(
    plan: Plan,
    card: Card,
    total: Summary,
    *,
    before: Summary,
    num_workers: int,
    period: tuple[float, float],
    wall_s: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """What stands in summary.json.

    Args:
        plan: What was mapped.
        card: With what.
        total: The summaries of all tasks, added up; those of earlier runs of the job included.
        before: Of those, what earlier runs had done.
        num_workers: Processes of this run.
        period: When this run began and ended, in seconds since 1970.
        wall_s: Seconds of this run on the clock, by phase.
    """
    phases = {name: round(_number(total, f"{name}_s"), 3) for name in _PHASES if f"{name}_s" in total}
    worked = max(sum(seconds for name, seconds in phases.items() if name != "wait"), 1e-9)
    written = _number(total, "written_px")
    seconds = max(period[1] - period[0], 1e-9)
    # What this run wrote, so that a job that was stopped and went on is not flattered.
    now = {name: _number(total, name) - _number(before, name) for name in total}
    pace = now.get("written_px", 0.0) / seconds / 1e6
    busy = sum(now.get(name, 0.0) for name in _BUSY)
    return {
        "format": FORMAT,
        "kind": "map",
        "began": _text(period[0]),
        "ended": _text(period[1]),
        "seconds": round(seconds, 3),
        "workers": num_workers,
        "network": card.network,
        "card": card.identity,
        "tiles": int(_number(total, "tiles")),
        "tiles_planned": len(plan.pieces),
        "core_px": plan.core_px,
        "margin_px": plan.margin_px,
        "blended": plan.is_tapered,
        "seen_px": int(_number(total, "seen_px")),
        "written_px": int(written),
        "valid_px": int(_number(total, "valid_px")),
        "seen_per_written": round(_number(total, "seen_px") / max(written, 1), 4),
        "mpx_per_s": round(pace, 4),
        "km2_per_s": round(pace * card.pixel_size_m**2, 4),
        "tiles_per_s": round(now.get("tiles", 0.0) / seconds, 4),
        **_bytes(total, now, seconds),
        "phases_s": phases,
        "wait_s": phases.get("wait", 0.0),
        "wall_s": {name: round(value, 3) for name, value in (wall_s or {}).items()},
        "device_busy_share": round(busy / (seconds * num_workers), 4),
        "compute_share": round(_number(total, "compute_s") / worked, 4),
        "bf16": _bf16(total),
        "versions": versions(),
    }


def _bytes(total: Summary, now: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Read: the scenes' numbers as GDAL hands them over, unpacked, margins and masks included. Written: files."""
    found = {}
    for name in ("read", "written"):
        found[f"{name}_gb"] = round(_number(total, f"{name}_bytes") / _GB, 6)
        found[f"{name}_gb_per_s"] = round(now.get(f"{name}_bytes", 0.0) / seconds / _GB, 6)
    return found


def _bf16(total: Summary) -> Mapping[str, float | int] | None:
    """What bf16 changed where a part of some tiles was computed in fp32 too; None where it was not."""
    compared = int(_number(total, "compared_px"))
    if not compared:
        return None
    changed = int(_number(total, "changed_px"))
    return {"compared_px": compared, "changed_px": changed, "changed_share": round(changed / compared, 6)}


def _number(summary: Summary, name: str) -> float:
    value = summary.get(name, 0)
    return 0.0 if isinstance(value, str) else float(value)


def _text(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")
