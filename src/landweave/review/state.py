"""Who has decided what: the rows of a store, folded one after the other. No database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from landweave.review.store import Decision


@dataclass
class State:
    """What follows from a history of decisions.

    A decision is in force unless it was undone or one after it speaks of the same event; when that one is undone, the
    earlier one is in force again.

    Attributes:
        num_read: How many rows were folded in, undoings among them.
        history: All decisions by key, without undoings.
        undone: Keys of those that were undone.
    """

    num_read: int = 0
    history: dict[str, Decision] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    _of_event: dict[str, list[Decision]] = field(default_factory=dict)
    _of_reviewer: dict[str, dict[str, list[Decision]]] = field(default_factory=dict)

    def add(self, rows: Iterable[Decision]) -> None:
        """Fold rows in, in the order of their numbers."""
        for row in rows:
            self.num_read = row.number
            mine = self._of_reviewer.setdefault(row.reviewer, {})
            lists = [self._of_event.setdefault(row.event, []), mine.setdefault(row.event, [])]
            if row.undoes is None:
                self.history[row.key] = row
                for each in lists:
                    each.append(row)
                continue
            taken = self.history[row.undoes]
            self.undone.add(row.undoes)
            for each in lists:
                each.remove(taken)

    def in_force(self, event: str, reviewer: str | None = None) -> Decision | None:
        """The decision that counts for an event: of all reviewers the latest, or that of one reviewer."""
        found = self._of_event if reviewer is None else self._of_reviewer.get(reviewer, {})
        live = found.get(event)
        return live[-1] if live else None

    def judged(self, reviewer: str | None = None) -> dict[str, Decision]:
        """Events with a decision in force, by anybody or by one reviewer."""
        found = self._of_event if reviewer is None else self._of_reviewer.get(reviewer, {})
        return {event: live[-1] for event, live in found.items() if live}

    def last_of(self, reviewer: str) -> Decision | None:
        """The latest decision of a reviewer that is not undone."""
        live = (each[-1] for each in self._of_reviewer.get(reviewer, {}).values() if each)
        return max(live, key=lambda decision: decision.number, default=None)

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Names of all who ever decided, in the order of the alphabet."""
        return tuple(sorted(self._of_reviewer))

    def by_reviewer(self) -> Mapping[str, Mapping[str, tuple[int, int]]]:
        """What each reviewer says of each event: classes before and after."""
        return {
            name: {event: (one.from_id, one.to_id) for event, one in self.judged(name).items()}
            for name in self.reviewers
        }


def fold(rows: Sequence[Decision]) -> State:
    """The state after a whole history."""
    state = State()
    state.add(rows)
    return state
