"""Tasks in worker processes: the dead are noticed and replaced, the guilty are set aside, the innocent are done."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from tests.jobs.tasks import Square, environment, square, take_turns, tries

from landweave.errors import TaskError
from landweave.jobs.executor import Outcome
from landweave.jobs.pool import Pool, staying
from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup


def errors(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.key: outcome.error.given for outcome in outcomes if outcome.error}


def test_every_task_ends_once_whatever_its_neighbours_do(tmp_path: Path) -> None:
    troubles = {4: "die", 7: "raise", 9: "die once", 11: "refuse", 13: "leave"}
    tasks = [Square(number, tmp_path, troubles.get(number, "")) for number in range(20)]
    outcomes = list(Pool(2).run(square, tasks))
    assert sorted(outcome.key for outcome in outcomes) == [task.key for task in tasks]
    found = errors(outcomes)
    assert set(found) == {"n004", "n007", "n011", "n013"}
    assert "died 3 times (signal SIGKILL)" in found["n004"]
    assert "exit code 7" in found["n013"]
    assert tries(tasks[4]) == 3
    # Three times alone; before that, it may have been under way in a worker that a neighbour ended.
    assert tries(tasks[7]) >= 3
    assert all(task.path.exists() for task in tasks if task.trouble in {"", "die once"})


def test_workers_are_prepared(tmp_path: Path) -> None:
    pool = Pool(2, Setup(threads=1, gdal_cache_mb=77))
    outcomes = list(pool.run(environment, [Square(number, tmp_path) for number in range(6)]))
    assert len(outcomes) == 6
    assert {(outcome.summary["threads"], outcome.summary["cache"]) for outcome in outcomes} == {(1, "77")}
    assert os.getpid() not in {outcome.summary["process"] for outcome in outcomes}


def test_tasks_of_one_worker_overlap_and_take_turns_to_compute(tmp_path: Path) -> None:
    outcomes = list(Pool(1).run(take_turns, [Square(number, tmp_path) for number in range(9)]))
    assert {outcome.summary["most"] for outcome in outcomes} == {1}
    assert max(int(outcome.summary["threads"]) for outcome in outcomes) >= 3


def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path) -> None:
    tasks = [Square(number, tmp_path, "slow") for number in range(8)]
    outcomes = Pool(2).run(square, tasks)
    first = next(outcomes)
    workers = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
    assert workers
    workers[0].send_signal(signal.SIGKILL)
    rest = list(outcomes)
    assert sorted(outcome.key for outcome in [first, *rest]) == [task.key for task in tasks]
    assert not errors([first, *rest])


def test_no_worker_stays_behind(tmp_path: Path) -> None:
    outcomes = Pool(2).run(square, [Square(number, tmp_path, "slow") for number in range(8)])
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    children = psutil.Process().children()
    assert not [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_workers_that_cannot_start_end_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(TaskError) as caught:
        list(Pool(1).run(square, [Square(1, tmp_path)]))
    assert "before they take a task" in caught.value.given
    assert caught.value.expected == "processes that can start"
    assert "--workers 1" in caught.value.do


def test_workers_stay_from_one_run_to_the_next_and_no_longer(tmp_path: Path) -> None:
    with staying(Pool(2)) as crew:
        assert crew.num_workers == 2
        first = list(crew.run(environment, [Square(number, tmp_path) for number in range(9)]))
        again = list(crew.run(environment, [Square(number, tmp_path) for number in range(9, 18)]))
        assert len(first) == len(again) == 9
        assert {one.summary["process"] for one in again} <= {one.summary["process"] for one in first}
        # Another function, and a worker that died between two runs.
        psutil.Process(int(first[0].summary["process"])).kill()
        squares = [Square(number, tmp_path) for number in range(20, 30)]
        outcomes = list(crew.run(square, squares))
        assert sorted(outcome.key for outcome in outcomes) == [task.key for task in squares]
        assert not errors(outcomes)
        assert all(task.path.exists() for task in squares)
    children = psutil.Process().children()
    assert not [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_other_executors_need_not_stay() -> None:
    serial = Serial()
    with staying(serial) as same:
        assert same is serial


def test_no_tasks_no_workers() -> None:
    assert list(Pool(2).run(square, [])) == []


def test_what_needs_more_than_the_limit_is_set_aside_and_its_neighbours_are_done(tmp_path: Path) -> None:
    tasks = [Square(number, tmp_path, "lack memory" if number == 2 else "") for number in range(6)]
    outcomes = list(Pool(1, Setup(threads=1, memory_limit_mb=6000)).run(square, tasks))
    assert sorted(outcome.key for outcome in outcomes) == [task.key for task in tasks]
    assert set(errors(outcomes)) == {"n002"}
    assert "task n002, which needs more memory than its limit of 6000 MiB" in errors(outcomes)["n002"]
    # Three times beside others, and three times alone, so that the others are not to blame.
    assert tries(tasks[2]) == 6


def test_what_lacked_memory_beside_others_is_done_alone(tmp_path: Path) -> None:
    tasks = [Square(number, tmp_path, "lack memory at first" if number == 2 else "") for number in range(6)]
    assert not errors(list(Pool(1).run(square, tasks)))
    assert tries(tasks[2]) == 4
