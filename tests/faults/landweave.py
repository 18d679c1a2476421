"""The command line in a process of its own, which can be killed, starved and limited."""

from __future__ import annotations

import subprocess
import sys
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


def start(*arguments: object, before: str = "", max_file_bytes: int | None = None) -> subprocess.Popen[str]:
    """Start `landweave ARGUMENTS` with `before` run first, files limited to `max_file_bytes`."""
    limit = "" if max_file_bytes is None else LIMITED.format(limit=max_file_bytes)
    return subprocess.Popen(
        [sys.executable, "-c", f"{limit}\n{before}\n{MAIN}", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def landweave(*arguments: object, before: str = "", max_file_bytes: int | None = None) -> tuple[int, str]:
    """Run to the end; the exit code and what was said on stderr."""
    process = start(*arguments, before=before, max_file_bytes=max_file_bytes)
    _, said = process.communicate(timeout=120)
    return process.returncode, said
