"""What runs tasks: the protocol that every executor keeps, and one attempt at one task."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from landweave.errors import LandweaveError, OutputError, TaskError
from landweave.jobs.worker import memory_limit_mb

TRIES = 3
"""How often a task is tried before it is set aside."""
Summary = Mapping[str, float | int | str]


@runtime_checkable
class Task(Protocol):
    """An independent piece of a job: a frozen dataclass that can be sent to another process."""

    @property
    def key(self) -> str:
        """Unique in the job, fit for a file name, the same in every run."""


TaskT = TypeVar("TaskT", bound=Task)
Function = Callable[[TaskT], Summary]
"""Top-level, takes one task, writes its own output, and gives a small summary whose numbers add up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Attributes:
        key: The task's key.
        summary: What its function gave; empty where it failed.
        error: Why it was set aside, or None.
        seconds: Wall time of the last try.
        lacked_memory: Whether it failed for want of memory, which it may have shared with others.
    """

    key: str
    summary: Summary = field(default_factory=dict)
    error: LandweaveError | None = None
    seconds: float = 0.0
    lacked_memory: bool = False


@runtime_checkable
class Executor(Protocol):
    """Runs tasks, each at least once until it succeeds or has failed `TRIES` times."""

    @property
    def num_workers(self) -> int:
        """Processes that run tasks at once, at most."""

    def run(self, function: Function[TaskT], tasks: Iterable[TaskT]) -> Iterator[Outcome]:
        """Give one outcome for every task, in the order in which they end.

        Closing the iterator stops what still runs; a task that was stopped leaves nothing under a final name.
        """


def attempt(function: Function[TaskT], task: TaskT, tries: int = TRIES) -> Outcome:
    """Try `task` up to `tries` times in this thread; whatever goes wrong becomes the outcome's error.

    An OutputError is not tried again: a full disk fails every task alike, and the job must stop.
    """
    for left in reversed(range(tries)):
        began = time.perf_counter()
        try:
            return Outcome(task.key, _plain(function(task)), None, time.perf_counter() - began)
        except Exception as error:
            if not left or isinstance(error, OutputError):
                lacked = _lacked_memory(error)
                named = _starved(task.key) if lacked else _named(error)
                return Outcome(task.key, {}, named, time.perf_counter() - began, lacked)
    raise ValueError(f"{tries} tries")


def _plain(summary: Mapping[str, object]) -> Summary:
    plain: dict[str, float | int | str] = {}
    for name, value in summary.items():
        if not isinstance(value, int | float | str):
            raise TypeError(f"{name} = {value!r} in a task's summary is no plain number or text")
        plain[name] = value
    return plain


def _lacked_memory(error: Exception) -> bool:
    # Torch has a class of its own for GPUs only; on CPUs its allocator, and C++'s, tell by their words.
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _STARVED)
    )


_STARVED = ("can't allocate memory", "out of memory", "std::bad_alloc")


def _starved(key: str) -> TaskError:
    limit = memory_limit_mb()
    return TaskError(
        f"task {key}, which needs more memory than {f'its limit of {limit} MiB' if limit else 'there is'}",
        "a task whose process has room for it",
        "take smaller tiles (--core) or a higher --memory-limit, and run the same command again with --retry-failed",
    )


def _named(error: Exception) -> LandweaveError:
    if isinstance(error, LandweaveError):
        return error
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return TaskError(
        f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})",
        "a task that ends without an error",
        "mend the cause and run the same command again with --retry-failed: what is done is kept",
    )
