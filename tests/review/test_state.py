"""What follows from a history of decisions."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from landweave.review.state import State, fold
from landweave.review.store import Decision


def row(number: int, event: str = "e1", reviewer: str = "Ada", **changes: Any) -> Decision:
    known = {"key": f"k{number}", "event": event, "kind": "approve", "from_id": 1, "to_id": 2, "reviewer": reviewer}
    time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=number)
    return Decision(**{**known, "number": number, "time": time, **changes})


def undo(number: int, of: int, event: str = "e1", reviewer: str = "Ada") -> Decision:
    return row(number, event, reviewer, kind="undo", undoes=f"k{of}")


def test_the_latest_counts_and_undoing_it_brings_the_earlier_back() -> None:
    state = fold([row(1), row(2, kind="discard")])
    assert state.in_force("e1") == row(2, kind="discard")
    state.add([undo(3, 2)])
    assert state.in_force("e1") == row(1)
    assert state.undone == {"k2"}
    state.add([undo(4, 1)])
    assert state.in_force("e1") is None
    assert state.judged() == {}
    assert state.num_read == 4
    assert list(state.history) == ["k1", "k2"]


def test_an_undo_may_reach_behind_a_later_decision() -> None:
    state = fold([row(1), row(2, kind="discard"), undo(3, 1)])
    assert state.in_force("e1") == row(2, kind="discard")


def test_reviewers_have_decisions_of_their_own() -> None:
    state = fold([row(1), row(2, reviewer="Bob", to_id=5), row(3, "e2", "Bob")])
    assert state.in_force("e1") == row(2, reviewer="Bob", to_id=5)
    assert state.in_force("e1", "Ada") == row(1)
    assert set(state.judged("Ada")) == {"e1"}
    assert set(state.judged("Bob")) == set(state.judged()) == {"e1", "e2"}
    assert state.judged("nobody") == {}
    assert state.reviewers == ("Ada", "Bob")
    assert state.by_reviewer() == {"Ada": {"e1": (1, 2)}, "Bob": {"e1": (1, 5), "e2": (1, 2)}}
    assert state.last_of("Bob") == row(3, "e2", "Bob")
    assert state.last_of("nobody") is None


@given(st.data())
def test_folding_piece_by_piece_is_folding_the_whole(data: st.DataObject) -> None:
    rows: list[Decision] = []
    for number in range(1, data.draw(st.integers(1, 25)) + 1):
        live = [one for one in rows if one.undoes is None and all(other.undoes != one.key for other in rows)]
        if live and data.draw(st.booleans()):
            taken = data.draw(st.sampled_from(live))
            rows.append(undo(number, taken.number, taken.event, taken.reviewer))
        else:
            rows.append(row(number, data.draw(st.sampled_from("abc")), data.draw(st.sampled_from(["Ada", "Bob"]))))
    cut = data.draw(st.integers(0, len(rows)))
    state = State()
    state.add(rows[:cut])
    state.add(rows[cut:])
    assert state == fold(rows)
    # The plain meaning: the decision with the highest number among those that nobody undid.
    undone = {one.undoes for one in rows}
    for event in "abc":
        live = [one for one in rows if one.event == event and one.undoes is None and one.key not in undone]
        assert state.in_force(event) == (live[-1] if live else None)
