"""Jobs and events in the words that the page is told."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import shapely

from landweave.review.desk import ORDERS, SHOWN, Desk
from landweave.review.events import Event
from landweave.review.frame import outline
from landweave.review.previews import SIDES, Previews
from landweave.review.state import State
from landweave.review.store import Decision

# More than these would hide the event that they are neighbours of.
_NEIGHBOURS = 60


def show_job(desk: Desk) -> dict[str, Any]:
    """What all events have in common: legend, dates of the scenes, how events can be ordered."""
    job = desk.job
    with desk.state() as state:
        reviewers = list(state.reviewers)
    return {
        "job": job.header.job,
        "events": len(job.events),
        "units": sum(event.kind == "unit" for event in job.events),
        "legend": [{"id": entry.id, "name": entry.name, "color": entry.color} for entry in job.legend.classes],
        "scenes": [
            {"date": scene.datetime.date().isoformat(), "sensor": scene.sensor.title, "id": scene.id}
            for scene in job.scenes
        ],
        # Scales in metres mean nothing in degrees.
        "is_metric": job.grid.crs is not None and bool(job.grid.crs.projected),
        "orders": ORDERS,
        "order": desk.order,
        "shown": SHOWN,
        "reviewers": reviewers,
    }


def show_event(desk: Desk, previews: Previews, row: int, reviewer: str) -> dict[str, Any]:
    """One event: what the map says of it, where it lies, and what was decided. Reads no picture.

    What others say is told only when this reviewer has judged it, so that nobody follows anybody.
    """
    event = desk.job.events[row]
    with desk.state() as state:
        decided = _decided(state, event, reviewer)
    return {
        "row": row,
        **_facts(event),
        **decided,
        "outline": outline(event.shape, previews.frame(row).grid(desk.job.grid)),
        "is_part": previews.frame(row).is_part,
        "labels": {side: _has_map(desk, event, side) for side in SIDES},
        "map": _surroundings(desk, previews, row),
    }


def _facts(event: Event) -> dict[str, Any]:
    """Everything but shape and window, which the page has no use for."""
    told = {name: getattr(event, name) for name in ("id", "year", "from_id", "to_id", "probability", "num_pixels")}
    told |= {"date": event.date.isoformat(), "area_ha": round(event.area_ha, 2)}
    return told | {"kind": event.kind, "stratum": event.stratum}


def _decided(state: State, event: Event, reviewer: str) -> dict[str, Any]:
    mine = state.in_force(event.id, reviewer)
    others = [one for name in state.reviewers if name != reviewer and (one := state.in_force(event.id, name))]
    return {
        "mine": None if mine is None else _told(mine),
        "others": [_told(one) for one in others] if mine else [],
        "num_others": len(others),
    }


def _told(decision: Decision) -> dict[str, Any]:
    told = asdict(decision)
    return {name: told[name] for name in ("key", "kind", "from_id", "to_id", "reviewer", "note")} | {
        "time": decision.time.isoformat(timespec="seconds")
    }


def _has_map(desk: Desk, event: Event, side: str) -> bool:
    maps = desk.job.maps
    return maps is not None and (maps / "annual" / f"{event.year - (side == 'before')}.tif").is_file()


def _surroundings(desk: Desk, previews: Previews, row: int) -> dict[str, Any]:
    """The wider view: its bounds, and the polygons in it."""
    job = desk.job
    box = previews.frame(row, "wide").grid(job.grid).boundingbox
    bounds = (box.left, box.bottom, box.right, box.top)
    others = [other for other in job.near(bounds) if other != row][:_NEIGHBOURS]
    pixel = abs(job.grid.affine.a)
    return {
        "bounds": bounds,
        "rings": _rings(job.events[row].shape, pixel),
        "others": [{"row": other, "rings": _rings(job.events[other].shape, pixel)} for other in others],
    }


def _rings(shape: shapely.Geometry, pixel: float) -> list[list[list[float]]]:
    """Outer and inner rings in map coordinates."""
    fine = shape.simplify(pixel / 2)
    parts = getattr(fine, "geoms", [fine])
    return [shapely.get_coordinates(ring).tolist() for part in parts for ring in (part.exterior, *part.interiors)]
