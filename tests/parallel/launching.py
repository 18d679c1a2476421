"""Start ranks on loopback, as a user would with torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
