"""Start ranks: processes of this machine, a script for SLURM, or tasks of a Spark cluster."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from landweave.errors import ConfigError, MissingPackageError, TaskError

# Ranks whose peer has ended leave by themselves within ten seconds; who does not is killed.
_LATE_S = 20.0
_POLL_S = 0.05
# What the command line leaves with when it was asked to stop and has saved.
STOPPED = 130
# A dead rank is noticed at once by its closed connection; this is for one that lives and does not come.
TIMEOUT_S = 300.0


def command() -> str:
    """The command landweave that belongs to this Python."""
    return str(Path(sys.executable).with_name("landweave"))


def here(words: Sequence[str], num_ranks: int, threads: int, log: Path | None = None) -> int:
    """Run the command `words` as `num_ranks` processes of this machine with `threads` threads each; gives an exit code.

    SIGTERM and Ctrl-C are passed on to all ranks. When one rank fails the others are given some seconds to say so.
    What the ranks say goes to the file `log`, or where this process's own words go.

    Returns:
        0 when every rank ended well, else the code of the first that did not (128 + number for a signal).
    """
    port = _free_port()
    # A session of their own, so that Ctrl-C reaches each once: asked twice, they do not save.
    ranks: list[subprocess.Popen[bytes]] = []
    with log.open("wb") if log else contextlib.nullcontext() as heard:
        try:
            for rank in range(num_ranks):
                told = _environment(rank, num_ranks, port, threads)
                ranks.append(subprocess.Popen(words, env=told, start_new_session=True, stdout=heard, stderr=heard))
            with _passing_on(ranks):
                return _wait(ranks)
        finally:
            for process in ranks:
                process.kill()
                process.wait()


def _environment(rank: int, num_ranks: int, port: int, threads: int) -> dict[str, str]:
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": num_ranks, "LOCAL_WORLD_SIZE": num_ranks}
    told |= {"MASTER_PORT": port, "OMP_NUM_THREADS": threads}
    return {**os.environ, "MASTER_ADDR": "127.0.0.1", **{name: str(value) for name, value in told.items()}}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait(ranks: Sequence[subprocess.Popen[bytes]]) -> int:
    first, late_s = 0, float("inf")
    while running := [process for process in ranks if process.poll() is None]:
        first = first or _failed(ranks)
        late_s = min(late_s, time.monotonic() + _LATE_S) if first else late_s
        if time.monotonic() > late_s:
            for process in running:
                process.kill()
        time.sleep(_POLL_S)
    return first or _failed(ranks)


def _failed(ranks: Sequence[subprocess.Popen[bytes]]) -> int:
    """The exit code of a rank that did not end well, or 0."""
    codes = [process.returncode for process in ranks if process.returncode]
    return next((code if code > 0 else 128 - code for code in codes), 0)


@contextlib.contextmanager
def _passing_on(ranks: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    def pass_on(number: int, frame: FrameType | None) -> None:
        for process in ranks:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class SlurmJob:
    """What a script for SLURM asks for.

    Attributes:
        name: Of the job.
        nodes: How many machines.
        ranks_per_node: Processes on each.
        cpus_per_rank: Cores, and threads, of each process.
        gpus: Whether each rank has a GPU.
        time_limit: As SLURM writes it: minutes, hh:mm:ss or days-hh:mm:ss.
        partition: Where to run; empty leaves it to SLURM.
        account: Who pays; empty leaves it to SLURM.
        save_s: Seconds before the end of the allocation at which the ranks are asked to save.
        before: Lines of shell that come first, to load modules.
    """

    name: str
    nodes: int = 1
    ranks_per_node: int = 1
    cpus_per_rank: int = 1
    gpus: bool = False
    time_limit: str = "01:00:00"
    partition: str = ""
    account: str = ""
    save_s: int = 180
    before: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(\d+-)?\d+(:\d+){0,2}", self.time_limit):
            raise ConfigError(
                f"time limit {self.time_limit!r}", "minutes, hh:mm:ss or days-hh:mm:ss", "write for example 04:00:00"
            )
        for what, text in (("job name", self.name), ("partition", self.partition), ("account", self.account)):
            if not re.fullmatch(r"[\w.,@+-]*", text):
                raise ConfigError(f"{what} {text!r}", "letters, digits and . , @ + - _", f"give another {what}")
        if min(self.nodes, self.ranks_per_node, self.cpus_per_rank) < 1:
            raise ConfigError(
                f"{self.nodes} nodes of {self.ranks_per_node} ranks with {self.cpus_per_rank} cores",
                "at least one of each",
                "give --nodes, --ranks-per-node and --cpus-per-rank of 1 or more",
            )


_SLURM = """\
#!/bin/bash
{directives}
set -euo pipefail
cd {folder}
{before}
# All ranks meet on the first node, at a port that another job is unlikely to have.
read -r MASTER_ADDR < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR MASTER_PORT OMP_NUM_THREADS={cpus} SRUN_CPUS_PER_TASK={cpus}

code=0
srun --kill-on-bad-exit=1 {words} || code=$?
# Asked to stop before the allocation ended, the ranks have saved: the same command goes on in the next one.
if [ "$code" -eq {stopped} ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def slurm_script(job: SlurmJob, words: Sequence[str], folder: Path) -> str:
    """A script for sbatch: the command `words` as all ranks of `job` in `folder`, and again when time ran out.

    `folder` and everything that `words` name must be on a file system that all nodes share.
    """
    asked = {
        "job-name": job.name,
        "nodes": job.nodes,
        "ntasks-per-node": job.ranks_per_node,
        "cpus-per-task": job.cpus_per_rank,
        "gpus-per-node": job.ranks_per_node if job.gpus else "",
        "time": job.time_limit,
        "partition": job.partition,
        "account": job.account,
        "signal": f"TERM@{job.save_s}",
        "output": f"{job.name}-%j.log",
        "open-mode": "append",
    }
    return _SLURM.format(
        directives="\n".join(f"#SBATCH --{name}={value}" for name, value in asked.items() if value != ""),
        folder=shlex.quote(str(folder)),
        before="\n".join(job.before),
        cpus=job.cpus_per_rank,
        words=shlex.join(words),
        stopped=STOPPED,
    )


def on_spark(
    function: Callable[[list[str]], int], words: Sequence[str], *, master: str, num_ranks: int, gpus: bool = False
) -> None:
    """Run `function(words)` as `num_ranks` ranks on the Spark cluster at `master`, all at the same time.

    Nothing but success comes back: what the ranks make lies in files, which all machines must see under the same paths,
    and what they say appears here as they say it. Each task of Spark is one rank.

    Args:
        function: Importable by its name on every machine; gives an exit code.
        words: What it is given.
        master: As Spark writes it: spark://host:port, yarn or local-cluster[...].
        num_ranks: How many; the cluster must have as many free slots at once.
        gpus: Whether each rank has a GPU that Spark assigns.

    Raises:
        MissingPackageError: pyspark is not installed.
        TaskError: A rank failed; what it said stands above.
    """
    try:
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException
        from pyspark.ml.torch.distributor import TorchDistributor
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingPackageError(
            "landweave without pyspark", "pyspark to reach a Spark cluster", "pip install 'landweave[spark]'"
        ) from error
    # The cluster's processes need the packages that this one has.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("landweave")
    # Spark would try four times; most failures are mistakes, and after others the same command goes on.
    for key in ("spark.task.maxFailures", "spark.stage.maxConsecutiveAttempts"):
        builder = builder.config(key, "1")
    session = builder.getOrCreate()
    try:
        ranks = TorchDistributor(num_processes=num_ranks, local_mode=False, use_gpu=gpus)
        ranks.run(_spark_rank, function, list(words), str(Path.cwd()))
    except (RuntimeError, Py4JError, PySparkException) as error:
        # Of their pages only the first line is short; what matters was printed by the ranks.
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TaskError(
            f"a rank of {num_ranks} on {master} that failed: {first}",
            "all ranks to end well",
            "read what the ranks said above, mend it, and run the same command again: checkpoints are kept",
        ) from error
    finally:
        session.stop()


def _spark_rank(function: Callable[[list[str]], int], words: list[str], folder: str) -> int:
    """One rank; its return value must not depend on the rank, because Spark gives back that of any."""
    # Spark starts its tasks in folders of their own; paths are meant from where the user stands.
    os.chdir(folder)
    if code := function(words):
        raise SystemExit(code)
    return 0
