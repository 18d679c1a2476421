"""What a process that runs tasks needs once: threads, logging, GDAL's cache, a device, and the turn to compute."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

GDAL_CACHE_MB = 256
_TURN = threading.Lock()


@dataclass(frozen=True, slots=True)
class Setup:
    """How a process that runs tasks is prepared.

    Attributes:
        threads: Threads of one computation; None leaves the libraries' own choice.
        gdal_cache_mb: GDAL's block cache, in MiB.
        log_level: Level of the root logger.
    """

    threads: int | None = None
    gdal_cache_mb: int = GDAL_CACHE_MB
    log_level: int = logging.WARNING


_PREPARED = [Setup()]


def prepare(setup: Setup, own_process: bool = False) -> None:
    """Prepare this process. Call it before GDAL opens its first file, and best before torch is imported.

    Args:
        setup: What to set.
        own_process: True in a worker process, whose logging and environment are landweave's to set.
    """
    _PREPARED[:] = [setup]
    if own_process:
        logging.basicConfig(level=setup.log_level, format="%(levelname)s %(name)s: %(message)s", force=True)
    os.environ["GDAL_CACHEMAX"] = str(setup.gdal_cache_mb)
    if setup.threads is not None:
        _limit_threads(setup.threads, own_process)


def _limit_threads(threads: int, own_process: bool) -> None:
    if own_process:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
            os.environ[name] = str(threads)
    if own_process or "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def threads() -> int:
    """Threads that one computation of this process uses: what `prepare` was told, else all cores."""
    return _PREPARED[-1].threads or num_cores()


def num_cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def compute_slot() -> Iterator[None]:
    """Wait for this process's turn to compute, and hold it.

    Several tasks are in flight in the threads of one process; they take turns here, so that one computes with all of
    the process's threads while others read and write.
    """
    with _TURN:
        yield


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

    @contextlib.contextmanager
    def turn(self, phase: str = "compute") -> Iterator[None]:
        """`compute_slot` with the waiting time added to `wait_s` and the time in it to `phase`."""
        with contextlib.ExitStack() as stack:
            with self("wait"):
                stack.enter_context(compute_slot())
            stack.enter_context(self(phase))
            yield
