"""Run tasks in this process."""

from __future__ import annotations

import concurrent.futures
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from landweave.jobs.executor import Function, Outcome, TaskT, attempt
from landweave.jobs.worker import Setup, prepare


@dataclass(frozen=True, slots=True)
class Serial:
    """This process alone.

    Attributes:
        setup: How this process is prepared.
        in_flight: Tasks in flight at once, each in a thread of its own; they take turns to compute
            (`worker.compute`), so that reading and writing of some overlap with the computation of another.
            1 runs one task after the other, in order, in the calling thread.
    """

    setup: Setup = field(default_factory=Setup)
    in_flight: int = 1

    @property
    def num_workers(self) -> int:
        """One: this process."""
        return 1

    def run(self, function: Function[TaskT], tasks: Iterable[TaskT]) -> Iterator[Outcome]:
        """Give one outcome for every task, in the order in which they end."""
        prepare(self.setup)
        if self.in_flight == 1:
            return (attempt(function, task) for task in tasks)
        return _threaded(function, iter(tasks), self.in_flight)


def _threaded(function: Function[TaskT], tasks: Iterator[TaskT], in_flight: int) -> Iterator[Outcome]:
    threads = concurrent.futures.ThreadPoolExecutor(in_flight, thread_name_prefix="task")
    starved: list[TaskT] = []
    try:
        running = {threads.submit(attempt, function, task): task for task in itertools.islice(tasks, in_flight)}
        while running:
            ended, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            done = [(running.pop(future), future.result()) for future in ended]
            fresh = itertools.islice(tasks, len(ended))
            running |= {threads.submit(attempt, function, task): task for task in fresh}
            # What lacked memory beside others is tried once more, alone.
            starved += [task for task, outcome in done if outcome.lacked_memory]
            yield from (outcome for _, outcome in done if not outcome.lacked_memory)
        yield from (attempt(function, task) for task in starved)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
