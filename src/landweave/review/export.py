"""decisions.parquet: everything that people said of the events, as GeoParquet. The one writer; series/ reads it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from landweave.atomic import aside
from landweave.errors import ReviewError
from landweave.review.events import geo_words
from landweave.review.job import Job
from landweave.review.state import State, fold
from landweave.review.store import FILE, Decision, address_of, open_store

FORMAT = 1
NAME = "decisions.parquet"
SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("decision", pa.string()),
        ("from_id", pa.uint8()),
        ("to_id", pa.uint8()),
        ("reviewer", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
        ("note", pa.string()),
        ("is_last", pa.bool_()),
        ("undone", pa.bool_()),
        ("geometry", pa.binary()),
        ("date", pa.date32()),
        ("year", pa.int16()),
        ("kind", pa.string()),
        ("mapped_from_id", pa.uint8()),
        ("mapped_to_id", pa.uint8()),
        ("stratum", pa.string()),
        ("chance", pa.float64()),
    ]
)


def export(job: Job, decisions: Sequence[Decision], out: Path) -> dict[str, int]:
    """Write all decisions on the events of a job, in the order in which they were made; equal ones give equal bytes.

    Args:
        job: What was reviewed.
        decisions: The whole history, as `Store.since` gives it.
        out: The file.

    Returns:
        Counts: decisions in force by kind, events without a decision, decisions that were undone, and those on events
        that the job does not have any more, which are left out.

    Raises:
        ReviewError: Nothing was decided.
        OutputError: The place cannot be written.
    """
    state = fold(decisions)
    rows = [_row(job, state, one) for one in state.history.values() if one.event in job.rows]
    if not rows:
        raise ReviewError(
            f"a review of {job.path} without a decision", "at least one", "decide first: landweave review"
        )
    more = {key: job.header.more[key] for key in ("strata", "design") if key in job.header.more}
    own = json.dumps({"format": FORMAT, "job": job.header.job, "events": job.path.name, **more}, ensure_ascii=False)
    words = {b"geo": geo_words(job.header.crs), b"landweave": own.encode()}
    with aside(out) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(words)), temporary)
    kinds = Counter(row["decision"] for row in rows if row["is_last"])
    return {
        **{kind: kinds[kind] for kind in ("approve", "discard", "relabel")},
        "undecided": len(job.events) - kinds.total(),
        "undone": sum(row["undone"] for row in rows),
        "foreign": len(state.history) - len(rows),
    }


def history(job: Job, database: str | None = None) -> list[Decision]:
    """Everything that was decided on a job so far, undoings among it.

    Args:
        job: What was reviewed.
        database: Where decisions are kept, as for `serve.make_server`.

    Raises:
        ReviewError: It was never reviewed, or the database is of another job.
        OutputError: The database does not answer.
    """
    if database is None and not (job.folder / FILE).is_file():
        raise ReviewError(f"{job.path.parent}, which nobody has reviewed", "a reviewed job", "decide on the page first")
    store = open_store(address_of(database, job.folder), job.header.job)
    try:
        return store.since()
    finally:
        store.close()


def _row(job: Job, state: State, decision: Decision) -> dict[str, Any]:
    event = job.events[job.rows[decision.event]]
    last = state.in_force(decision.event)
    own = {name: getattr(event, name) for name in ("date", "year", "kind", "stratum", "chance")}
    return own | {
        "event_id": decision.event,
        "decision": decision.kind,
        **{name: getattr(decision, name) for name in ("from_id", "to_id", "reviewer", "time", "note")},
        "is_last": last is not None and last.key == decision.key,
        "undone": decision.key in state.undone,
        "geometry": shapely.to_wkb(event.shape),
        "mapped_from_id": event.from_id,
        "mapped_to_id": event.to_id,
    }
