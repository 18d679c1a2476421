"""What a process that runs tasks needs once: threads, logging, GDAL's cache, a device, and the turn to compute."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import functools
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from landweave.jobs.ticket import Ticket, Tickets

GDAL_CACHE_MB = 256
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Setup:
    """How a process that runs tasks is prepared.

    Attributes:
        threads: Threads of one computation; None leaves the libraries' own choice.
        gdal_cache_mb: GDAL's block cache, in MiB.
        log_level: Level of the root logger.
        memory_limit_mb: Most memory of the process, in MiB of address space (RLIMIT_AS); None sets no limit.
        tickets: Where a worker process takes its share of a GPU, for as long as it lives; None takes none.
    """

    threads: int | None = None
    gdal_cache_mb: int = GDAL_CACHE_MB
    log_level: int = logging.WARNING
    memory_limit_mb: int | None = None
    tickets: Tickets | None = None


_PREPARED = [Setup()]
_HELD: list[Ticket] = []
# From glibc's malloc.h: one arena, what is large by mmap, nothing given back at the heap's end, which grows by 64 MiB.
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD, _TOP_PAD = -8, -3, -1, -2
_MALLOC = {_ARENA_MAX: 1, _MMAP_THRESHOLD: 2**25, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 2**26}


def prepare(setup: Setup, own_process: bool = False) -> None:
    """Prepare this process. Call it before GDAL opens its first file, and best before torch is imported.

    Args:
        setup: What to set.
        own_process: True in a worker process, whose logging and environment are landweave's to set.
    """
    _PREPARED[:] = [setup]
    if own_process:
        one_heap()
        logging.basicConfig(level=setup.log_level, format="%(levelname)s %(name)s: %(message)s", force=True)
        if setup.tickets and not _HELD:
            _HELD.append(setup.tickets.take())
            see_gpu(str(_HELD[0].gpu))
    os.environ["GDAL_CACHEMAX"] = str(setup.gdal_cache_mb)
    if setup.memory_limit_mb is not None:
        _limit_memory(setup.memory_limit_mb)
    if setup.threads is not None:
        _limit_threads(setup.threads, own_process)


def see_gpu(name: str) -> None:
    """Let this process see one GPU only. Call it before CUDA is used for the first time."""
    os.environ["CUDA_VISIBLE_DEVICES"] = name


def _limit_memory(limit_mb: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))


def memory_limit_mb() -> int | None:
    """The limit that `prepare` was told, or None."""
    return _PREPARED[-1].memory_limit_mb


def give_way() -> None:
    """Let threads of a computation that wait for each other sleep, not spin: reading and writing need the cores.

    Call it before torch is imported, which reads this once; what the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def give_back_memory() -> None:
    """Return to the system what was freed and is kept for later: after loading, which takes more than what it makes."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def one_heap() -> None:
    """Let glibc take memory for all threads from one heap, and what is large from the system.

    Tensors of 32 MiB and more go back to the system when they are freed. Kept in the heap they would be a sixth faster,
    but part it into pieces that the next ones do not fit: a map job would hold four times what its network needs.

    Call it before the process has a second thread: glibc settles the number of its heaps when the first one comes.
    """
    with contextlib.suppress(OSError, AttributeError):
        malloc = ctypes.CDLL(None)
        for option, value in _MALLOC.items():
            malloc.mallopt(option, value)


def _limit_threads(threads: int, own_process: bool) -> None:
    if own_process:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
            os.environ[name] = str(threads)
    # Imported later, torch reads them from the environment; the import takes a second, and not every worker needs it.
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def threads() -> int:
    """Threads that one computation of this process uses: what `prepare` was told, else all cores."""
    return _PREPARED[-1].threads or num_cores()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute by the calling thread alone: where threads would wait for each other longer than they compute."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def num_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


def compute(function: Callable[[], ResultT]) -> ResultT:
    """Run `function` when it is its turn, in the one thread of this process that computes; gives what it gives.

    Several tasks are in flight in the threads of one process; one at a time computes here, with all of the process's
    threads, while the others read and write. `function` must not call `compute` itself.
    """
    return _computing().submit(function).result()


@functools.cache
def _computing() -> concurrent.futures.Executor:
    # One thread and not just a lock: the allocator keeps an arena, and OpenMP a team, for every thread that computes.
    return concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="compute")


@dataclass
class Stopwatch:
    """Seconds by phase of one task, for its summary: `with watch("read"): ...` adds to `read_s`."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Add the time of the block to `phase`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            name = f"{phase}_s"
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def compute(self, function: Callable[[], ResultT], phase: str = "compute") -> ResultT:
        """`compute` with the waiting time added to `wait_s` and the time in it to `phase`."""
        asked = time.perf_counter()

        def timed() -> ResultT:
            self.seconds["wait_s"] = self.seconds.get("wait_s", 0.0) + time.perf_counter() - asked
            with self(phase):
                return function()

        return compute(timed)
