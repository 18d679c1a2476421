"""A job runs what its ledger lacks, sets failing tasks aside, and stops at a full disk."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.jobs.tasks import Square, square, tries

from landweave.errors import OutputError
from landweave.jobs.executor import Executor
from landweave.jobs.ledger import opened, retry_failed
from landweave.jobs.pool import Pool
from landweave.jobs.run import Progress, add, fulfil, run
from landweave.jobs.serial import Serial

SUMMARIES = st.dictionaries(st.sampled_from("abc"), st.integers(-9, 9))


def job(folder: Path, troubles: dict[int, str], executor: Executor | None = None) -> list[Progress]:
    scratch = folder.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    tasks = [Square(number, scratch, troubles.get(number, "")) for number in range(6)]
    return list(run(square, tasks, executor or Serial(), folder, {"job": 1}, phase="square", unit="numbers"))


def test_progress_adds_up(tmp_path: Path) -> None:
    records = job(tmp_path / "job", {})
    assert [record.done for record in records] == list(range(7))
    assert records[-1] == Progress("square", 6, 6, "numbers", {"squares": 6, "total": 55})


@pytest.mark.parametrize("executor", [Serial(), Serial(in_flight=3), Pool(2)], ids=["one", "threads", "pool"])
def test_failing_tasks_are_named_and_taken_up_again(tmp_path: Path, executor: Executor) -> None:
    records = job(tmp_path / "job", {2: "raise", 4: "refuse"}, executor)
    failed = sorted(record.failed for record in records if record.failed)
    assert [line.split(":")[0] for line in failed] == ["n002", "n004"]
    assert "nothing to divide by" in failed[0]
    assert "get it again" in failed[1]
    assert records[-1].done == 4
    # Without being asked to, the next run names them, tries nothing, and says what to do.
    still = [record.failed for record in job(tmp_path / "job", {}, executor)]
    assert still[0] is None
    assert [line.split(":")[0] for line in still[1:] if line] == ["n002", "n004"]
    assert all(line and "set aside before" in line and "--retry-failed" in line for line in still[1:])
    assert tries(Square(4, tmp_path / "scratch")) == 3
    assert retry_failed(tmp_path / "job") == 2
    again = job(tmp_path / "job", {}, executor)
    assert [record.done for record in again] == [4, 5, 6]
    assert not [record.failed for record in again if record.failed]
    assert again[-1].summary == {"squares": 6, "total": 55}
    assert tries(Square(1, tmp_path / "scratch")) == 1


@pytest.mark.parametrize("executor", [Serial(), Serial(in_flight=3), Pool(2)], ids=["one", "threads", "pool"])
def test_a_full_disk_stops_the_job_and_keeps_what_is_done(tmp_path: Path, executor: Executor) -> None:
    with pytest.raises(OutputError):
        job(tmp_path / "job", {5: "full"}, executor)
    assert job(tmp_path / "job", {}, executor)[0].done >= 1


def test_an_output_that_vanished_is_made_again(tmp_path: Path) -> None:
    tasks = [Square(number, tmp_path / "out") for number in range(4)]
    (tmp_path / "out").mkdir()
    last: Callable[[], Progress] = functools.partial(_last, tmp_path / "job", tasks)
    last()
    tasks[2].path.unlink()
    assert last().done == 4
    assert tasks[2].path.exists()
    assert [tries(task) for task in tasks] == [1, 1, 2, 1]


def _last(folder: Path, tasks: list[Square]) -> Progress:
    with opened(folder, {}) as ledger:
        return list(fulfil(square, tasks, Serial(), ledger, intact=lambda task: task.path.exists()))[-1]


def test_a_stopped_job_goes_on(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    tasks = [Square(number, tmp_path / "out") for number in range(6)]
    records = run(square, tasks, Serial(), tmp_path / "job", {})
    assert [next(records).done for _ in range(3)] == [0, 1, 2]
    records.close()  # type: ignore[attr-defined]
    assert [record.done for record in run(square, tasks, Serial(), tmp_path / "job", {})] == [2, 3, 4, 5, 6]


@given(SUMMARIES, SUMMARIES, SUMMARIES)
def test_summaries_add_up(one: dict[str, int], two: dict[str, int], three: dict[str, int]) -> None:
    assert add(add(one, two), three) == add(one, add(two, three))
    assert add(one, {}) == add({}, one) == one


def test_texts_stay() -> None:
    assert add({"device": "cpu", "n": 1}, {"device": "cuda", "n": 2}) == {"device": "cuda", "n": 3}
