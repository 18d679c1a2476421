"""What jobs of several phases have in common: figures of all phases, what must be there, what is lacking."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.jobs.tasks import Square, square, tries

from landweave.errors import OutputError, TaskError
from landweave.jobs.executor import Summary
from landweave.jobs.ledger import LACKS, retry_failed
from landweave.jobs.phases import Phases, held, here
from landweave.jobs.pool import Pool
from landweave.jobs.run import Progress
from landweave.jobs.serial import Serial


def squares(folder: Path, first: int, last: int, **troubles: str) -> list[Square]:
    folder.mkdir(exist_ok=True)
    return [Square(number, folder, troubles.get(f"n{number}", "")) for number in range(first, last)]


def ran(phases: Phases, tasks: list[Square], phase: str) -> list[Square]:
    """The tasks that are done at the end of a phase."""
    found: list[Square] = []

    def going() -> object:
        found.extend((yield from phases.run(square, tasks, phase, "numbers")))

    list(going())  # type: ignore[call-overload]
    return found


def lacking(task: Square) -> Summary:
    square(task)
    return {LACKS: "a scene"} if task.number == 1 else {}


def test_figures_of_all_phases_add_up(tmp_path: Path) -> None:
    with held(tmp_path / "job", "squares", {"job": 1}, Serial()) as phases:
        assert len(ran(phases, squares(tmp_path / "a", 0, 3), "one")) == 3
        assert len(ran(phases, squares(tmp_path / "b", 3, 5), "two")) == 2
        assert phases.total == {"squares": 5, "total": 30}
        assert phases.before == {}
        assert phases.has_run
        assert list(phases.wall_s) == ["one", "two"]
    told = json.loads((tmp_path / "job" / "job.json").read_text())
    assert (told["kind"], told["configuration"]) == ("squares", {"job": 1})


def test_the_second_run_knows_what_the_first_did(tmp_path: Path) -> None:
    for run in range(2):
        with held(tmp_path / "job", "squares", {}, Serial()) as phases:
            done = ran(phases, squares(tmp_path / "a", 0, 3), "one")
            assert len(done) == 3
            assert phases.has_run == (run == 0)
            assert phases.before == ({} if run == 0 else phases.total)
    # Unless its file is gone.
    done[1].path.unlink()
    with held(tmp_path / "job", "squares", {}, Serial()) as phases:
        ran(phases, done, "one")
        assert phases.has_run
    assert [tries(task) for task in done] == [1, 2, 1]


def test_what_must_be_there_is_told_with_its_cause(tmp_path: Path) -> None:
    tasks = squares(tmp_path / "a", 0, 3, n1="refuse")
    with held(tmp_path / "job", "squares", {}, Serial()) as phases:
        assert [task.number for task in ran(phases, tasks, "one")] == [0, 2]
        phases.must_have(tasks[2:], "all squares")
        phases.must_have_some(tasks)
        with pytest.raises(TaskError) as caught:
            phases.must_have(tasks, "all squares")
    assert "n001 is empty" in caught.value.given
    assert caught.value.expected == "all squares"
    assert "--retry-failed" in caught.value.do


def test_a_job_of_which_everything_failed_tells_why(tmp_path: Path) -> None:
    tasks = squares(tmp_path / "a", 0, 2, n0="refuse", n1="raise")
    with held(tmp_path / "job", "squares", {}, Serial()) as phases:
        assert ran(phases, tasks, "one") == []
        with pytest.raises(TaskError) as caught:
            phases.must_have_some(tasks, "number")
    assert "every number failed: given: n000 is empty" in caught.value.given
    assert "one number" in caught.value.expected
    assert "--retry-failed" in caught.value.do
    assert retry_failed(tmp_path / "job") == 2
    with held(tmp_path / "job", "squares", {}, Serial()) as phases:
        assert len(ran(phases, squares(tmp_path / "a", 0, 2), "one")) == 2


def test_what_tasks_did_without_is_told(tmp_path: Path) -> None:
    tasks = squares(tmp_path / "a", 0, 3)
    with held(tmp_path / "job", "squares", {}, Serial()) as phases:
        records = list(phases.run(lacking, tasks, "one", "numbers"))
        assert records[-1] == Progress("one", 3, 3, "numbers", {LACKS: "a scene"})
        assert phases.lacks(tasks) == {"n001": "a scene"}
        assert phases.lacks(tasks[2:]) == {}


def test_another_job_is_refused(tmp_path: Path) -> None:
    with held(tmp_path / "job", "squares", {"job": 1}, Serial()):
        pass
    with pytest.raises(OutputError, match="another job"), held(tmp_path / "job", "squares", {"job": 2}, Serial()):
        pass


def test_without_an_executor_it_is_this_process() -> None:
    assert here(None, 3) == Serial(in_flight=3)
    pool = Pool(2)
    assert here(pool) is pool
