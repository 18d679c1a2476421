"""Tasks for the tests of jobs: plain functions that write small files. Imported by worker processes too."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy
import psutil

from landweave.atomic import write_text
from landweave.errors import OutputError, SceneError
from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch


@dataclass(frozen=True, slots=True)
class Square:
    """Write the square of a number; `trouble` says what goes wrong on the way."""

    number: int
    folder: Path
    trouble: str = ""

    @property
    def key(self) -> str:
        return f"n{self.number:03d}"

    @property
    def path(self) -> Path:
        return self.folder / f"{self.key}.txt"

    @property
    def tried(self) -> Path:
        return self.folder / f"{self.key}.tries"


def tries(task: Square) -> int:
    return len(task.tried.read_bytes()) if task.tried.exists() else 0


def square(task: Square) -> Summary:
    with task.tried.open("ab") as file:
        file.write(b".")
    _meet(task)
    write_text(task.path, f"{task.number**2}\n")
    return {"squares": 1, "total": task.number**2}


def _meet(task: Square) -> None:
    match task.trouble:
        case "raise":
            raise ZeroDivisionError("nothing to divide by")
        case "raise once" if tries(task) == 1:
            raise ConnectionError("the line is down")
        case "refuse":
            raise SceneError(f"{task.key} is empty", "a scene", "get it again")
        case "full":
            time.sleep(0.5)
            raise OutputError("no space left", "space", "free some")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once" if tries(task) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        case "lack memory at first" if tries(task) > 3:
            pass
        case "lack memory" | "lack memory at first":
            numpy.ones(2**52, numpy.uint8)
        case "leave":
            os._exit(7)
        case "die with all" if tries(task) <= 2:
            # As a container does that is over its limit: this process, and the executor that started it.
            for process in [*psutil.Process().parents()[:2], psutil.Process()]:
                process.kill()
        case "slow":
            time.sleep(0.3)


def gpu_seen(task: Square) -> Summary:
    time.sleep(0.3)
    return {"gpu": os.environ.get("CUDA_VISIBLE_DEVICES", ""), "process": os.getpid()}


def no_plain_summary(task: Square) -> Summary:
    return {"array": [task.number]}  # type: ignore[dict-item]


_INSIDE: list[str] = []
_MOST: list[int] = [0]


def take_turns(task: Square) -> Summary:
    """Gives the most tasks ever seen computing at once in this process, and its threads."""
    watch = Stopwatch()

    def work() -> None:
        _INSIDE.append(task.key)
        _MOST[0] = max(_MOST[0], len(_INSIDE))
        time.sleep(0.01)
        _INSIDE.remove(task.key)

    watch.compute(work)
    return {"most": _MOST[0], "threads": threading.active_count(), **watch.seconds}


def environment(task: Square) -> Summary:
    import torch

    return {"threads": torch.get_num_threads(), "cache": os.environ["GDAL_CACHEMAX"], "process": os.getpid()}
