"""The command line in a process of its own, which can be killed, starved and limited.

The processes are forked from one that has imported what is slow to import and has done nothing else, so that they start
at once. Each has its own memory, limits, streams and exit code, as if it had been started from a shell.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAIN = "from landweave.cli.main import main; main()"
# The process kills itself, as the kernel would: right before or after the n-th time that a file gets its final name.
KILLED = """
import os, signal, landweave.atomic as atomic
replace, count = atomic._replace, [0]
def dying(temporary, path):
    count[0] += 1
    last = path.name.startswith({name!r}) and count[0] >= {number}
    if last and {before}: os.kill(os.getpid(), signal.SIGKILL)
    replace(temporary, path)
    if last: os.kill(os.getpid(), signal.SIGKILL)
atomic._replace = dying
"""
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
# What takes a second to import. None of it starts a thread or opens a file before it is used.
_IMPORTED = (
    "landweave.cli.main",
    "landweave.demo",
    "landweave.mapping.job",
    "landweave.patches.job",
    "landweave.recipe.kinds",
    "landweave.series.label",
    "landweave.simulate.write",
    # The first optimiser imports it.
    "torch._dynamo",
)
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(_IMPORTED))


class Started:
    """A process, with what tests need of subprocess.Popen: two streams of text, signals and an exit code."""

    def __init__(self, code: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
        ours, theirs = zip(*(_FORKS.Pipe(duplex=False) for _ in range(2)), strict=True)
        self._process = _FORKS.Process(target=_run, args=(code, words, dict(environment), *theirs))
        self._process.start()
        # What a failed test leaves running ends with the tests.
        atexit.register(self.kill)
        for end in theirs:
            end.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(end.fileno()), encoding="utf-8") for end in ours)

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        # It may end between the question and the signal.
        with contextlib.suppress(ProcessLookupError):
            if self.returncode is None:
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        atexit.unregister(self.kill)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it says until it ends."""
        with ThreadPoolExecutor(2) as threads:
            said = [threads.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            return said[0].result(), said[1].result()


def _run(code: str, words: Sequence[str], environment: Mapping[str, str], *streams: Connection) -> None:
    """In the process: run `code` as `python -c` would."""
    for number, stream in enumerate(streams, 1):
        os.dup2(stream.fileno(), number)
        stream.close()
    # Those of the process it was forked from are for the files that stood there.
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sys.argv = ["-c", *words]
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit:
        raise
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()


def python(code: str, *words: object, environment: Mapping[str, str] | None = None) -> Started:
    """Start `python -c CODE WORDS`, told `environment` beside what this process was told."""
    return Started(code, [str(word) for word in words], {**os.environ, **(environment or {})})


def start(*arguments: object, before: str = "", max_file_bytes: int | None = None) -> Started:
    """Start `landweave ARGUMENTS` with `before` run first, files limited to `max_file_bytes`."""
    limit = "" if max_file_bytes is None else LIMITED.format(limit=max_file_bytes)
    return python(f"{limit}\n{before}\n{MAIN}", *arguments)


def landweave(*arguments: object, before: str = "", max_file_bytes: int | None = None) -> tuple[int, str]:
    """Run to the end; the exit code and what was said on stderr."""
    process = start(*arguments, before=before, max_file_bytes=max_file_bytes)
    _, said = process.communicate(timeout=120)
    return process.wait(), said
