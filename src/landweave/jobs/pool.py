"""Run tasks in processes of one machine; one that dies is noticed and replaced."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from landweave.errors import TaskError
from landweave.jobs.executor import TRIES, Executor, Function, Outcome, TaskT, attempt
from landweave.jobs.worker import Setup, prepare

_FAREWELL_S = 5.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Worker processes of this machine.

    Attributes:
        num_workers: How many.
        setup: How each is prepared; `threads` counts for one worker.
        in_flight: Tasks in flight in each, so that its reading, computing and writing overlap.
    """

    num_workers: int
    setup: Setup = field(default_factory=lambda: Setup(threads=1))
    in_flight: int = 3

    def run(self, function: Function[TaskT], tasks: Iterable[TaskT]) -> Iterator[Outcome]:
        """Give one outcome for every task, in the order in which they end.

        The tasks that a worker held when it died are tried again at the end, alone in a worker, so that each is judged
        by itself; one that has cost three workers their life is set aside. What lacked memory beside others is
        tried again alone, too.

        Raises:
            TaskError: Workers die before they take a task.
        """
        with staying(self) as crew:
            yield from crew.run(function, tasks)


@contextlib.contextmanager
def staying(executor: Executor) -> Iterator[Executor]:
    """The executor for several runs, one after the other: the workers of a pool stay from one to the next.

    A worker takes seconds to start, and keeps the models and files that it has opened. Other executors are given as
    they are.
    """
    if not isinstance(executor, Pool):
        yield executor
        return
    crew = _Crew(executor)
    try:
        yield crew
        crew.farewell()
    finally:
        crew.kill()


@dataclass(frozen=True, slots=True)
class _Begin:
    """What a worker does with the tasks that follow."""

    function: Function[Any]


@dataclass
class _Member:
    """A worker process, seen from the driver."""

    process: BaseProcess
    connection: Connection
    holds: dict[str, Any] = field(default_factory=dict)
    is_ready: bool = False
    is_alone: bool = False


@dataclass
class _Crew:
    """The worker processes of a pool, and what is still to do; itself an executor."""

    pool: Pool
    members: list[_Member] = field(default_factory=list)
    waiting: deque[Any] = field(default_factory=deque)
    suspects: deque[Any] = field(default_factory=deque)
    deaths: Counter[str] = field(default_factory=Counter)
    stillborn: int = 0
    _begin: _Begin | None = None

    @property
    def num_workers(self) -> int:
        return self.pool.num_workers

    def run(self, function: Function[TaskT], tasks: Iterable[TaskT]) -> Iterator[Outcome]:
        self._begin, self.waiting = _Begin(function), deque(tasks)
        self.deaths.clear()
        is_done = False
        try:
            yield from self._outcomes()
            is_done = True
        finally:
            if not is_done:
                self.kill()

    def _outcomes(self) -> Iterator[Outcome]:
        for member in self.members:
            self._send(member, self._begin)
        wanted = min(self.pool.num_workers, len(self.waiting))
        self.members += [self._hire() for _ in range(wanted - len(self.members))]
        while self.waiting or self.suspects or any(member.holds for member in self.members):
            for member in self.members:
                self._hand_out(member)
            by_connection = {member.connection: member for member in self.members}
            for connection in multiprocessing.connection.wait(list(by_connection)):
                yield from self._listen(by_connection[connection])  # type: ignore[index]

    def _hire(self) -> _Member:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self.pool.setup, self.pool.in_flight)
        process = context.Process(target=_serve, args=arguments, daemon=True, name="landweave-worker")
        process.start()
        # With this end closed here, the death of the worker is the end of the pipe.
        theirs.close()
        member = _Member(process, ours)
        self._send(member, self._begin)
        return member

    def _hand_out(self, member: _Member) -> None:
        while self.waiting and not member.is_alone and len(member.holds) < self.pool.in_flight:
            self._give(member, self.waiting.popleft())
        if self.suspects and not member.holds:
            self._give(member, self.suspects.popleft())
            member.is_alone = True

    def _give(self, member: _Member, task: Any) -> None:
        member.holds[task.key] = task
        self._send(member, task)

    def _send(self, member: _Member, what: Any) -> None:
        # A dead worker is noticed where its pipe is read: here nothing needs to be done.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            member.connection.send(what)

    def _listen(self, member: _Member) -> Iterator[Outcome]:
        try:
            outcome: Outcome | None = member.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(member)
            return
        member.is_ready = True
        if outcome is not None:
            task = member.holds.pop(outcome.key)
            if outcome.lacked_memory and not member.is_alone and self.pool.in_flight > 1:
                # The others in this process may have taken what it lacked.
                self.suspects.append(task)
                return
            member.is_alone = False
            yield outcome

    def _bury(self, member: _Member) -> Iterator[Outcome]:
        member.connection.close()
        member.process.join(_FAREWELL_S)
        self.members.remove(member)
        self._count_stillborn(member)
        for task in member.holds.values():
            self.deaths[task.key] += member.is_ready
            if self.deaths[task.key] >= TRIES:
                yield Outcome(task.key, {}, _killer(task.key, member.process.exitcode, self.pool.setup))
            else:
                self.suspects.append(task)
        if self.waiting or self.suspects:
            self.members.append(self._hire())

    def _count_stillborn(self, member: _Member) -> None:
        self.stillborn += not member.is_ready
        if self.stillborn >= TRIES:
            raise TaskError(
                f"worker processes that end with exit code {member.process.exitcode} before they take a task",
                "processes that can start",
                "read the messages above; raise --memory-limit if there is one, or run with --workers 1",
            )

    def farewell(self) -> None:
        """Let idle workers end by themselves."""
        for member in self.members:
            self._send(member, None)
        for member in self.members:
            member.process.join(_FAREWELL_S)

    def kill(self) -> None:
        """End all workers at once: what they hold is written aside and lost without harm."""
        for member in self.members:
            member.process.kill()
            member.process.join()
            member.connection.close()
        self.members.clear()


def _killer(key: str, exit_code: int | None, setup: Setup) -> TaskError:
    cause = f"signal {signal.Signals(-exit_code).name}" if exit_code and exit_code < 0 else f"exit code {exit_code}"
    limit = f", its memory limited to {setup.memory_limit_mb} MiB" if setup.memory_limit_mb else ""
    return TaskError(
        f"task {key}, whose worker process died {TRIES} times ({cause}{limit})",
        "a task that its process survives; SIGKILL often means too little memory",
        "give the job more memory or smaller tiles, and run the same command again with --retry-failed",
    )


def _serve(connection: Connection, setup: Setup, in_flight: int) -> None:
    """The life of a worker process: prepare, then answer tasks until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare(setup, own_process=True)
    begin = _receive(connection)
    connection.send(None)
    sending = threading.Lock()
    with concurrent.futures.ThreadPoolExecutor(in_flight, thread_name_prefix="task") as threads:
        while (told := _receive(connection)) is not None:
            if isinstance(told, _Begin):
                begin = told
            else:
                threads.submit(_answer, connection, sending, begin.function, told)


def _receive(connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        # The driver is gone: nobody wants what is still being computed.
        os._exit(1)


def _answer(connection: Connection, sending: threading.Lock, function: Function[Any], task: Any) -> None:
    outcome = attempt(function, task)
    with sending, contextlib.suppress(BrokenPipeError):
        connection.send(outcome)
