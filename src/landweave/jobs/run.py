"""Run what the ledger lacks, and give records of how it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landweave.errors import OutputError
from landweave.jobs.executor import Executor, Function, Outcome, Summary, TaskT
from landweave.jobs.ledger import Ledger, opened


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a phase is.

    Attributes:
        phase: What goes on ("map", "assemble").
        done: Units done, those of earlier runs included.
        total: Units in all.
        unit: What is counted ("tiles").
        summary: The summaries of all done tasks, added up.
        failed: The task that was set aside just now and why, or None.
    """

    phase: str
    done: int
    total: int
    unit: str
    summary: Summary = field(default_factory=dict)
    failed: str | None = None


def run(
    function: Function[TaskT],
    tasks: Iterable[TaskT],
    executor: Executor,
    folder: Path,
    configuration: Mapping[str, Any],
    *,
    phase: str = "tasks",
    unit: str = "tasks",
) -> Iterator[Progress]:
    """Run the tasks that the ledger in `folder` lacks; a job of one phase.

    Args:
        function: Top-level; takes one task, writes its own output, gives a summary.
        tasks: All tasks of the job.
        executor: What runs them.
        folder: The job's output, held while the job runs.
        configuration: Everything that decides the result; another one than last time is refused.
        phase: Name of the phase in the records.
        unit: What its tasks are called in the records.

    Raises:
        OutputError: The folder is in use, full, or holds another job's work.
    """
    with opened(folder, configuration) as ledger:
        yield from fulfil(function, tasks, executor, ledger, phase=phase, unit=unit)


def fulfil(
    function: Function[TaskT],
    tasks: Iterable[TaskT],
    executor: Executor,
    ledger: Ledger,
    *,
    phase: str = "tasks",
    unit: str = "tasks",
    intact: Callable[[TaskT], bool] = lambda task: True,
) -> Iterator[Progress]:
    """Run the tasks that `ledger` lacks: one phase of a job that holds its folder already (`ledger.opened`).

    A task that fails is set aside and named in a record. The next run of the job names it too, but does not try it:
    for that `ledger.retry_failed` is called first.

    Args:
        function: Top-level; takes one task, writes its own output, gives a summary.
        tasks: All tasks of the phase; their keys are unique in the job.
        executor: What runs them.
        ledger: The job's ledger.
        phase: Name of the phase in the records.
        unit: What its tasks are called in the records.
        intact: Whether the output of a task that is done still stands; where not, the task is run again.

    Raises:
        OutputError: The disk is full; what is done is kept.
    """
    every = list(tasks)
    assert len({task.key for task in every}) == len(every), "two tasks with one key"
    lacking = [task for task in every if task.key not in ledger.done or not intact(task)]
    missing = {task.key for task in lacking}
    total = _sum(ledger.done[task.key] for task in every if task.key not in missing)
    done = len(every) - len(lacking)
    yield Progress(phase, done, len(every), unit, total)
    aside = [task.key for task in lacking if task.key in ledger.failed]
    for key in aside:
        told = f"{key}: set aside before: {_given(ledger.failed[key])}; mend it and give --retry-failed"
        yield Progress(phase, done, len(every), unit, total, told)
    lacking = [task for task in lacking if task.key not in ledger.failed]
    with contextlib.closing(_iterator(executor.run(function, lacking))) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome.error, OutputError):
                raise outcome.error
            ledger.add(outcome)
            done += outcome.error is None
            total = add(total, outcome.summary)
            yield Progress(phase, done, len(every), unit, total, _failure(outcome))


def add(one: Summary, other: Summary) -> Summary:
    """Two summaries as one: numbers are added, of texts the later stays."""
    both = dict(one)
    for name, value in other.items():
        before = both.get(name, 0)
        both[name] = value if isinstance(value, str) or isinstance(before, str) else before + value
    return both


def _sum(summaries: Iterable[Summary]) -> Summary:
    total: Summary = {}
    for summary in summaries:
        total = add(total, summary)
    return total


def _given(error: str) -> str:
    """What was given, of an error's three parts as the ledger keeps them."""
    return error.partition("\nexpected: ")[0].removeprefix("given: ")


def _failure(outcome: Outcome) -> str | None:
    return None if outcome.error is None else f"{outcome.key}: {outcome.error.given}; {outcome.error.do}"


def _iterator(outcomes: Iterator[Outcome]) -> Any:
    """The outcomes as a generator, which can be closed."""
    yield from outcomes
