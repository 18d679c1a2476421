"""The desk of a review: its events, what was decided on them, and which one comes next. Knows no HTTP."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landweave.config import nearest
from landweave.errors import LegendError, ReviewError
from landweave.review.agreement import agreements, disputed
from landweave.review.events import UNIT, Event
from landweave.review.job import Job
from landweave.review.state import State
from landweave.review.store import Decision, Draft, Kind, Store

ORDERS = {
    "doubt": "most doubtful first",
    "size": "largest first",
    "date": "earliest first",
    "file": "as in the file",
}
SHOWN = {
    "mine": "not yet judged by me",
    "open": "not yet judged by anybody",
    "disputed": "judged differently",
    "all": "all",
}


@dataclass
class Desk:
    """One job under review.

    Attributes:
        job: What is reviewed.
        store: Where decisions are kept.
    """

    job: Job
    store: Store
    _state: State = field(default_factory=State)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def state(self) -> Iterator[State]:
        """All decisions as of now, those of other servers on the same database too; nobody adds to them meanwhile."""
        with self._lock:
            self._state.add(self.store.since(self._state.num_read))
            yield self._state

    def decide(
        self, *, key: str, event: str, kind: Kind, reviewer: str, labels: tuple[int, int] | None = None, note: str = ""
    ) -> Decision:
        """Keep what a reviewer says of an event.

        Args:
            key: Made by the page, so that a decision that is sent twice is kept once.
            event: Its id.
            kind: "approve", "discard" (nothing changed) or "relabel".
            reviewer: Who says so.
            labels: Class ids before and after, for "relabel".
            note: A remark.

        Raises:
            ReviewError: There is no such event, or the decision means nothing for it.
            LegendError: A label is no class of the legend.
            OutputError: It could not be kept.
        """
        found = self.event(event)
        before, after = self._labels(found, kind, labels)
        return self.store.append(Draft(key, event, kind, before, after, reviewer, note))

    def undo(self, *, key: str, undoes: str, reviewer: str) -> Decision:
        """Take a decision of the same reviewer back; what was in force before it is in force again.

        Raises:
            ReviewError: There is no such decision in force.
            OutputError: It could not be kept.
        """
        with self.state() as state:
            known = state.history.get(undoes)
        if known is None:
            raise ReviewError(f"undo of {undoes}", "a decision that was kept", "reload the page")
        labels = (known.from_id, known.to_id)
        return self.store.append(Draft(key, known.event, "undo", *labels, reviewer, undoes=undoes))

    def event(self, name: str) -> Event:
        """The event of that id.

        Raises:
            ReviewError: There is none.
        """
        if (row := self.job.rows.get(name)) is None:
            raise ReviewError(f"event {name[:80]}", "an event of this job", "reload the page")
        return self.job.events[row]

    def _labels(self, event: Event, kind: Kind, labels: tuple[int, int] | None) -> tuple[int, int]:
        mapped = (event.from_id, event.to_id)
        if kind == "approve":
            return mapped
        if kind == "discard" and event.from_id != event.to_id:
            return (event.from_id, event.from_id)
        if kind == "relabel" and labels is not None and labels != mapped:
            self._check_classes(labels)
            return labels
        told = "" if labels is None else f" with labels {list(labels)}"
        raise ReviewError(
            f"{kind}{told} for {event.id}, mapped as {list(mapped)}",
            "approve; discard, where the map tells a change; relabel, with other labels than the map's",
            "decide otherwise",
        )

    def _check_classes(self, labels: Sequence[int]) -> None:
        known = self.job.legend.ids
        if foreign := [number for number in labels if number not in known]:
            raise LegendError(
                f"class id {foreign[0]}", nearest(str(foreign[0]), map(str, known)), "choose a class of the legend"
            )

    def next_row(
        self, *, order: str, shown: str, reviewer: str, after: int | None = None, back: bool = False
    ) -> tuple[int | None, int, int]:
        """The event to look at after another one.

        Args:
            order: A key of ORDERS.
            shown: A key of SHOWN: which events count.
            reviewer: Who asks.
            after: Row of the event looked at, or None to begin; from the end it goes on at the beginning.
            back: Go the other way.

        Returns:
            Its row, or None where none is left; its place among those that count, from 1; and their number.
        """
        rows = self._orders[order]
        wanted = self._wanted(shown, reviewer)[rows]
        places = np.flatnonzero(wanted)
        if not places.size:
            return None, 0, 0
        here = -1 if after is None else int(np.flatnonzero(rows == after)[0])
        if back:
            index = int(np.searchsorted(places, here if after is not None else len(rows))) - 1
        else:
            index = int(np.searchsorted(places, here, side="right")) % places.size
        return int(rows[places[index]]), index % places.size + 1, int(places.size)

    def _wanted(self, shown: str, reviewer: str) -> NDArray[np.bool_]:
        if shown == "all":
            return np.ones(len(self.job.events), np.bool_)
        with self.state() as state:
            if shown == "disputed":
                return self._marked(disputed(state.by_reviewer()))
            return ~self._marked(state.judged(None if shown == "open" else reviewer))

    def _marked(self, names: Mapping[str, object] | set[str]) -> NDArray[np.bool_]:
        marks = np.zeros(len(self.job.events), np.bool_)
        # Decisions on events that this file does not have any more stay in the history.
        marks[[self.job.rows[name] for name in names if name in self.job.rows]] = True
        return marks

    @cached_property
    def _orders(self) -> dict[str, NDArray[np.int64]]:
        events = self.job.events
        # What the map is not sure of at all comes first.
        doubt = np.array([-1.0 if event.probability is None else event.probability for event in events])
        size = np.array([-event.area_ha for event in events])
        date = np.array([event.date.toordinal() for event in events])
        keys = {"doubt": doubt, "size": size, "date": date, "file": np.zeros(len(events))}
        return {name: np.argsort(key, kind="stable") for name, key in keys.items()}

    @property
    def order(self) -> str:
        """The order to begin with: of a sample that of its draw, so that who stops early has a smaller sample."""
        return "file" if all(event.kind == UNIT for event in self.job.events) else "doubt"

    def progress(self, reviewer: str) -> dict[str, Any]:
        """How far the review is: counts, who judged how much, and how far reviewers agree."""
        rows = self.job.rows
        with self.state() as state:
            judged = {name: one for name, one in state.judged().items() if name in rows}
            mine = state.judged(reviewer)
            last = state.last_of(reviewer)
            said = state.by_reviewer()
        return {
            "events": len(rows),
            "judged": len(judged),
            "mine": sum(name in rows for name in mine),
            "kinds": dict(Counter(one.kind for one in judged.values())),
            "reviewers": [{"name": name, "judged": len(events)} for name, events in said.items()],
            "disputed": len(disputed(said)),
            "agreement": [
                {"names": list(one.names), "both": one.num_both, "same": one.num_same, "kappa": one.kappa}
                for one in agreements(said)
            ],
            "last": None if last is None else {"key": last.key, "row": rows.get(last.event)},
        }
