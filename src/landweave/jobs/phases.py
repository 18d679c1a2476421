"""A job of several phases in a folder that it holds: what all such jobs have in common."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from landweave.errors import TaskError
from landweave.jobs.executor import Executor, Function, Summary, Task
from landweave.jobs.ledger import LACKS, Ledger, opened
from landweave.jobs.pool import staying
from landweave.jobs.run import Progress, add, fulfil
from landweave.jobs.serial import Serial
from landweave.jobs.worker import prepare
from landweave.provenance import write_record

MEND = "mend the cause and run the same command again with --retry-failed"
_TaskT = TypeVar("_TaskT", bound=Task)


def has_file(task: Any) -> bool:
    """Whether the file that a task writes last, its `path`, is there."""
    return bool(task.path.is_file())


def here(executor: Executor | None, in_flight: int = 1) -> Executor:
    """The executor of a job; where none was asked for, this process.

    Called before anything is opened: GDAL settles the size of its cache with the first file, which may be a scene that
    is looked at before there is a task.
    """
    executor = executor or Serial(in_flight=in_flight)
    if isinstance(executor, Serial):
        prepare(executor.setup)
    return executor


@dataclass
class Phases:
    """A job under way.

    Attributes:
        executor: What runs its tasks.
        ledger: Which are done.
        total: The summaries of all tasks of all phases so far, added up; those of earlier runs included.
        before: Of those, what earlier runs had done.
        wall_s: Seconds of this run on the clock, by phase.
        has_run: Whether this run did anything.
    """

    executor: Executor
    ledger: Ledger
    total: Summary = field(default_factory=dict)
    before: Summary = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    has_run: bool = False

    def run(
        self,
        function: Function[_TaskT],
        tasks: Sequence[_TaskT],
        phase: str,
        unit: str,
        intact: Callable[[_TaskT], bool] = has_file,
    ) -> Generator[Progress, None, list[_TaskT]]:
        """Run one phase, as `jobs.run.fulfil` does; its value are the tasks that are done."""
        began, first, last = time.time(), None, Progress(phase, 0, 0, unit)
        for last in fulfil(function, tasks, self.executor, self.ledger, phase=phase, unit=unit, intact=intact):
            if first is None:
                first, self.before = last, add(self.before, last.summary)
            self.has_run |= last.done > first.done
            yield last
        self.wall_s[phase] = time.time() - began
        self.total = add(self.total, last.summary)
        return [task for task in tasks if task.key in self.ledger.done]

    def must_have(self, tasks: Sequence[Task], expected: str) -> None:
        """Refuse to go on without one of these tasks.

        Raises:
            TaskError: One was set aside.
        """
        for task in tasks:
            if task.key in self.ledger.failed:
                raise TaskError(self.ledger.failed[task.key], expected, MEND)

    def must_have_some(self, tasks: Sequence[Task], unit: str = "tile") -> None:
        """Refuse to go on where none of these tasks is done, and tell what failed first.

        Raises:
            TaskError: None is done.
        """
        if any(task.key in self.ledger.done for task in tasks):
            return
        cause = next(iter(self.ledger.failed.values()), f"there was no {unit}")
        raise TaskError(f"a job of which every {unit} failed: {cause}", f"at least one {unit} that can be done", MEND)

    def lacks(self, tasks: Sequence[Task]) -> dict[str, str]:
        """What tasks that are done had to do without, by key."""
        told = ((task.key, self.ledger.done.get(task.key, {}).get(LACKS)) for task in tasks)
        return {key: str(text) for key, text in told if text}


@contextlib.contextmanager
def held(out: Path, kind: str, configuration: Mapping[str, Any], executor: Executor) -> Iterator[Phases]:
    """Hold `out` for a job of this kind and configuration; job.json there says what decided it.

    Raises:
        OutputError: The folder is in use, cannot be written, or holds another job's work.
    """
    with opened(out, configuration) as ledger, staying(executor) as crew:
        write_record(out / "job.json", kind, configuration)
        yield Phases(crew, ledger)
