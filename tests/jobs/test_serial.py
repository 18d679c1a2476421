"""Tasks in this process, one after the other or several in flight."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.jobs.tasks import Square, square, take_turns, tries

from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup


@pytest.mark.parametrize("in_flight", [1, 3])
def test_every_task_ends_once(tmp_path: Path, in_flight: int) -> None:
    tasks = [Square(number, tmp_path, "raise" if number == 5 else "") for number in range(12)]
    outcomes = list(Serial(in_flight=in_flight).run(square, tasks))
    assert sorted(outcome.key for outcome in outcomes) == [task.key for task in tasks]
    assert [outcome.key for outcome in outcomes if outcome.error] == ["n005"]


def test_one_in_flight_keeps_the_order(tmp_path: Path) -> None:
    tasks = [Square(number, tmp_path) for number in (3, 1, 2)]
    assert [outcome.key for outcome in Serial().run(square, tasks)] == ["n003", "n001", "n002"]


def test_tasks_in_flight_take_turns_to_compute(tmp_path: Path) -> None:
    outcomes = list(Serial(in_flight=3).run(take_turns, [Square(number, tmp_path) for number in range(9)]))
    assert len(outcomes) == 9
    assert {outcome.summary["most"] for outcome in outcomes} == {1}
    assert max(int(outcome.summary["threads"]) for outcome in outcomes) >= 4
    assert sum(float(outcome.summary["wait_s"]) for outcome in outcomes) > 0.05


@pytest.mark.parametrize("in_flight", [1, 3])
def test_closing_stops_what_was_not_begun(tmp_path: Path, in_flight: int) -> None:
    tasks = [Square(number, tmp_path, "slow") for number in range(50)]
    outcomes = Serial(Setup(), in_flight).run(square, iter(tasks))
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert sum(tries(task) for task in tasks) <= 1 + 2 * in_flight


def test_no_tasks_no_outcomes() -> None:
    assert list(Serial(in_flight=2).run(square, [])) == list(Serial().run(square, [])) == []


def test_what_lacked_memory_beside_others_is_done_alone(tmp_path: Path) -> None:
    tasks = [Square(number, tmp_path, "lack memory at first" if number == 2 else "") for number in range(5)]
    outcomes = list(Serial(in_flight=3).run(square, tasks))
    assert sorted(outcome.key for outcome in outcomes) == [task.key for task in tasks]
    assert not [outcome for outcome in outcomes if outcome.error]
    assert tries(tasks[2]) == 4
