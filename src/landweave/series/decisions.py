"""decisions.parquet as a person's word on events: which changes are kept, and with which classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from landweave.errors import LegendError, ReviewError
from landweave.legend import Legend
from landweave.series.events import Event, Events, words_of

FORMAT = 1
_COLUMNS = ("event_id", "decision", "from_id", "to_id", "reviewer", "is_last")
_MAKE = "make it with landweave review export"
_KNOWN = ("approve", "discard", "relabel")


@dataclass(frozen=True, slots=True)
class Decision:
    """The word in force on one event.

    Attributes:
        event_id: Which event.
        decision: "approve", "discard" or "relabel".
        from_id: Class id before, as decided; None where nothing was said.
        to_id: Class id after, as decided; None where nothing was said.
        reviewer: Who said so.
    """

    event_id: str
    decision: str
    from_id: int | None
    to_id: int | None
    reviewer: str


@dataclass(frozen=True, slots=True)
class Believed:
    """An event that changes maps.

    Attributes:
        event: With the classes that are in force.
        tells_before: Whether a person said what it was before, for all its pixels.
    """

    event: Event
    tells_before: bool


def read_decisions(path: Path, job: str) -> dict[str, Decision]:
    """The decisions in force about the events of a job, by event; those that were undone or overruled are left out.

    Args:
        path: A decisions.parquet.
        job: Fingerprint of the job whose events were judged.

    Raises:
        ReviewError: It is missing, damaged, of another format, of another job, or says what is no decision.
    """
    try:
        table = pq.read_table(path)
        told = words_of(path, table.schema, FORMAT, _MAKE)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise ReviewError(f"{path}: {error}", "decisions of a review", _MAKE) from error
    if missing := [name for name in _COLUMNS if name not in table.schema.names]:
        raise ReviewError(f"{path} without {', '.join(missing)}", "the columns of decisions", _MAKE)
    if told.get("job") != job:
        raise ReviewError(
            f"{path}, decisions about job {str(told.get('job'))[:12]}",
            f"about job {job[:12]}, whose events are to be mapped",
            "export the review of these events, or name the folder that was reviewed",
        )
    told_of = [name for name in (*_COLUMNS, "kind") if name in table.schema.names]
    # Sampling units of the same job are judged on the same page, but are no changes.
    rows = (row for row in table.select(told_of).to_pylist() if row["is_last"] and row.get("kind") != "unit")
    return {row["event_id"]: _decision(path, row) for row in rows}


def _decision(path: Path, row: Mapping[str, Any]) -> Decision:
    if row["decision"] not in _KNOWN:
        raise ReviewError(f"{path} with the decision {row['decision']}", " or ".join(_KNOWN), _MAKE)
    return Decision(*(row[name] for name in _COLUMNS[:-1]))


def confirmed(events: Events, decisions: Mapping[str, Decision]) -> Iterator[Believed]:
    """The events that a person confirmed, with the classes that they gave; all others are no change.

    Raises:
        ReviewError: A decision is about an event that is not there.
        LegendError: A class that was given is none of the legend.
    """
    known = {event.id: event for event in events.rows}
    if foreign := sorted(decisions.keys() - known.keys()):
        raise ReviewError(f"a decision about {foreign[0]}", "events of this job", _MAKE)
    for event in events.rows:
        decision = decisions.get(event.id)
        if decision is None or decision.decision == "discard":
            continue
        if decision.decision == "approve":
            yield Believed(event, False)
        else:
            changed = _relabelled(event, decision, events.origin.legend)
            # One and the same class says that nothing changed, and what it was all the time.
            yield Believed(changed, changed.from_id == changed.to_id or changed.from_id != event.from_id)


def _relabelled(event: Event, decision: Decision, legend: Legend) -> Event:
    old = event.from_id if decision.from_id is None else decision.from_id
    new = event.to_id if decision.to_id is None else decision.to_id
    for number in (old, new):
        if number not in legend.ids:
            raise LegendError(
                f"class {number} for {event.id}", f"ids {list(legend.ids)} of {legend.name}", "relabel it again"
            )
    names = dict(zip(legend.ids, legend.names, strict=True))
    return replace(event, from_id=old, from_name=names[old], to_id=new, to_name=names[new])
