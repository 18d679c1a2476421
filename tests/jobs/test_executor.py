"""One attempt at one task: whatever goes wrong becomes an error in three parts."""

from __future__ import annotations

import copy
import multiprocessing
from pathlib import Path

import pytest
from tests.jobs.tasks import Square, no_plain_summary, square, tries

from landweave import errors
from landweave.errors import LandweaveError, OutputError, SceneError, TaskError
from landweave.jobs.executor import TRIES, attempt


def test_a_task_that_works_gives_its_summary(tmp_path: Path) -> None:
    outcome = attempt(square, Square(3, tmp_path))
    assert (outcome.key, outcome.summary, outcome.error) == ("n003", {"squares": 1, "total": 9}, None)
    assert outcome.seconds > 0
    assert (tmp_path / "n003.txt").read_text() == "9\n"


def test_a_task_that_fails_is_tried_three_times_and_named(tmp_path: Path) -> None:
    task = Square(3, tmp_path, "raise")
    outcome = attempt(square, task)
    assert tries(task) == TRIES == 3
    assert isinstance(outcome.error, TaskError)
    assert "ZeroDivisionError: nothing to divide by" in outcome.error.given
    assert "tasks.py:" in outcome.error.given
    assert outcome.error.expected
    assert "run the same command again" in outcome.error.do
    assert not outcome.summary


def test_what_fails_once_and_then_works_is_done(tmp_path: Path) -> None:
    task = Square(3, tmp_path, "raise once")
    assert attempt(square, task).error is None
    assert tries(task) == 2


def test_a_landweave_error_is_kept_as_it_is(tmp_path: Path) -> None:
    outcome = attempt(square, Square(3, tmp_path, "refuse"))
    assert isinstance(outcome.error, SceneError)
    assert outcome.error.do == "get it again"


def test_a_full_disk_is_not_tried_again(tmp_path: Path) -> None:
    task = Square(3, tmp_path, "full")
    assert isinstance(attempt(square, task).error, OutputError)
    assert tries(task) == 1


def test_a_summary_that_does_not_add_up_is_an_error(tmp_path: Path) -> None:
    error = attempt(no_plain_summary, Square(3, tmp_path)).error
    assert error is not None
    assert "array = [3]" in error.given


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_want_of_memory_is_told_apart(tmp_path: Path, error: Exception) -> None:
    def fail(task: Square) -> dict[str, int]:
        raise error

    outcome = attempt(fail, Square(3, tmp_path))
    assert outcome.lacked_memory
    assert outcome.error
    assert "task n003, which needs more memory than there is" in outcome.error.given
    assert "room for it" in outcome.error.expected
    assert "--memory-limit" in outcome.error.do and "--retry-failed" in outcome.error.do
    assert not attempt(square, Square(3, tmp_path, "raise")).lacked_memory


CHILDREN = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LandweaveError)]


@pytest.mark.parametrize("kind", CHILDREN)
def test_every_error_of_ours_travels_between_processes(kind: type[LandweaveError]) -> None:
    ours, theirs = multiprocessing.Pipe()
    ours.send(kind("this", "that", "so"))
    for error in (theirs.recv(), copy.copy(kind("this", "that", "so"))):
        assert type(error) is kind
        assert (error.given, error.expected, error.do) == ("this", "that", "so")
