"""Start ranks on loopback: as a user would with torchrun, or as torchrun does, but without two seconds of imports."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.landweave import Started, python

ROOT = Path(__file__).parents[2]


def start(num_ranks: int, *words: object) -> subprocess.CompletedProcess[str]:
    """torchrun's end, whatever it was."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={num_ranks}", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True, check=False, timeout=200
    )


def torchrun(num_ranks: int, *words: object) -> str:
    """What the ranks print; fails when one fails."""
    ended = start(num_ranks, *words)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return ended.stdout


_RANK = """
import runpy, sys, torch
torch.set_num_threads(1)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def ranks(num: int, script: object, *words: object) -> list[str]:
    """What `num` ranks of `script` print, told their places by torchrun's variables; fails when one fails."""
    with ThreadPoolExecutor(num) as threads:
        return list(threads.map(_end, _started(num, script, *words)))


def ended(num: int, script: object, *words: object) -> list[tuple[int, str]]:
    """How `num` ranks of `script` ended, and what they said on stderr."""
    with ThreadPoolExecutor(num) as threads:
        return list(threads.map(_ended, _started(num, script, *words)))


def _started(num: int, script: object, *words: object) -> list[Started]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    told = {"WORLD_SIZE": str(num), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    places = [{**told, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(num)]
    return [python(_RANK, script, *words, environment=place) for place in places]


def _ended(rank: Started) -> tuple[int, str]:
    _, said = rank.communicate(timeout=200)
    return rank.wait(), said


def _end(rank: Started) -> str:
    said, wrong = rank.communicate(timeout=200)
    assert rank.wait() == 0, wrong[-4000:]
    return said
