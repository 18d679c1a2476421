"""The desk: what may be decided, and what comes next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.review.making import draft, fresh_desk, light_job, make_events, parts

from landweave.errors import LandweaveError, LegendError, ReviewError
from landweave.review.desk import Desk
from landweave.review.job import Job


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return light_job(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def desk(job: Job, tmp_path: Path) -> Desk:
    return fresh_desk(job, tmp_path)


def decide(desk: Desk, number: int, **changes: Any) -> Any:
    changes.setdefault("key", f"key-{number}-{changes.get('reviewer', 'Ada')}-{changes.get('kind', 'approve')}")
    return desk.decide(**draft(number, **changes))


def test_what_each_decision_makes_of_the_labels(desk: Desk) -> None:
    assert [(one.from_id, one.to_id) for one in make_events()[:3]] == [(1, 5), (2, 5), (1, 5)]
    kept = [decide(desk, 0), decide(desk, 1, kind="discard"), decide(desk, 2, kind="relabel", labels=(1, 2))]
    assert [(one.kind, one.from_id, one.to_id) for one in kept] == [
        ("approve", 1, 5),
        ("discard", 2, 2),
        ("relabel", 1, 2),
    ]


@pytest.mark.parametrize(("changes", "kind"), [
    ({"event": "no such event"}, ReviewError),
    ({"kind": "relabel"}, ReviewError),
    ({"kind": "relabel", "labels": (1, 5)}, ReviewError),
    ({"kind": "relabel", "labels": (1, 77)}, LegendError),
    ({"kind": "undo"}, ReviewError),
])  # fmt: skip
def test_what_means_nothing_is_refused(desk: Desk, changes: dict[str, Any], kind: type[LandweaveError]) -> None:
    with pytest.raises(kind) as caught:
        decide(desk, 0, **changes)
    parts(caught.value)
    assert desk.store.since() == []


def follow(desk: Desk, num: int, **words: Any) -> list[int | None]:
    words = {"order": "file", "shown": "mine", "reviewer": "Ada", **words}
    found: list[int | None] = []
    for _ in range(num):
        row, _, _ = desk.next_row(**words, after=found[-1] if found else None)
        found.append(row)
    return found


def test_orders(desk: Desk) -> None:
    assert follow(desk, 7) == [0, 1, 2, 3, 4, 5, 0]
    assert follow(desk, 3, order="doubt") == [0, 1, 2]
    assert follow(desk, 3, order="date") == [0, 1, 2]
    assert follow(desk, 4, back=True) == [5, 4, 3, 2]
    assert desk.order == "doubt"


def test_the_most_doubtful_and_the_largest_come_first(job: Job, tmp_path: Path) -> None:
    sure, sizes = (0.9, None, 0.3, 0.9, 0.5, 0.1), (1, 2, 9, 3, 2, 2)
    changed = [replace(one, probability=p, area_ha=a) for one, p, a in zip(job.events, sure, sizes, strict=True)]
    desk = fresh_desk(replace(job, events=tuple(changed)), tmp_path)
    assert follow(desk, 6, order="doubt") == [1, 5, 2, 4, 0, 3]
    assert follow(desk, 6, order="size") == [2, 3, 1, 4, 5, 0]


def test_what_is_judged_does_not_come_again(desk: Desk) -> None:
    decide(desk, 0)
    decide(desk, 2, reviewer="Bob")
    assert follow(desk, 5) == [1, 2, 3, 4, 5]
    assert follow(desk, 5, reviewer="Bob") == [0, 1, 3, 4, 5]
    assert follow(desk, 4, shown="open") == [1, 3, 4, 5]
    assert follow(desk, 7, shown="all") == [0, 1, 2, 3, 4, 5, 0]
    assert desk.next_row(order="file", shown="disputed", reviewer="Ada") == (None, 0, 0)
    decide(desk, 0, reviewer="Bob", kind="discard")
    assert desk.next_row(order="file", shown="disputed", reviewer="Ada") == (0, 1, 1)
    assert desk.next_row(order="file", shown="mine", reviewer="Ada", after=0) == (1, 1, 5)


def test_undo_brings_an_event_back(desk: Desk) -> None:
    kept = decide(desk, 0)
    assert desk.progress("Ada")["last"] == {"key": kept.key, "row": 0}
    undone = desk.undo(key="undo-0001", undoes=kept.key, reviewer="Ada")
    assert (undone.event, undone.kind) == ("event-00000", "undo")
    assert follow(desk, 1) == [0]
    assert desk.progress("Ada")["last"] is None
    with pytest.raises(ReviewError) as caught:
        desk.undo(key="undo-0002", undoes="nothing-0", reviewer="Ada")
    parts(caught.value)
    with pytest.raises(ReviewError):
        desk.undo(key="undo-0003", undoes=kept.key, reviewer="Bob")


def test_progress_counts_everybody_and_how_far_they_agree(desk: Desk) -> None:
    decide(desk, 0)
    decide(desk, 1, kind="discard")
    decide(desk, 0, reviewer="Bob")
    decide(desk, 1, reviewer="Bob")
    told = desk.progress("Ada")
    assert (told["events"], told["judged"], told["mine"]) == (6, 2, 2)
    assert told["kinds"] == {"approve": 2}
    assert told["reviewers"] == [{"name": "Ada", "judged": 2}, {"name": "Bob", "judged": 2}]
    assert told["disputed"] == 1
    (pair,) = told["agreement"]
    assert (pair["names"], pair["both"], pair["same"]) == (["Ada", "Bob"], 2, 1)


def test_two_desks_on_one_database_see_each_other(desk: Desk) -> None:
    other = Desk(desk.job, desk.store)
    decide(desk, 0)
    assert follow(other, 2) == [1, 2]
    decide(other, 1)
    assert desk.progress("Ada")["judged"] == 2


def test_decisions_on_events_that_are_gone_do_no_harm(desk: Desk) -> None:
    decide(desk, 5)
    fewer = Desk(replace(desk.job, events=desk.job.events[:5]), desk.store)
    assert fewer.progress("Ada")["judged"] == 0
    assert fewer.progress("Ada")["last"]["row"] is None
    assert follow(fewer, 6) == [0, 1, 2, 3, 4, 0]
