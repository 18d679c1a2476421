"""Kill one process of a map job on Spark at a moment that a seed draws: in the tests, and in benchmarks/faults.py."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.faults.landweave import Started, start
from tests.parallel.spark_cluster import Cluster

WHOM = ("task", "executor", "worker", "driver")
_LIMIT_S = 240


@dataclass(frozen=True, order=True)
class Kill:
    """Who is killed, and when.

    Attributes:
        share: Share of the tiles that are done by then; 1 is inside assembling.
        delay_s: How long after that.
        whom: A task's Python process, an executor, a worker of the cluster, or the driver.
    """

    share: float
    delay_s: float
    whom: str


def drawn(seed: int, num: int) -> list[Kill]:
    """As many kills, in the order of their moments; every second one is inside assembling."""
    generator = random.Random(seed)
    # Of four kills each kind is one.
    whom = [each for _ in range(0, num, len(WHOM)) for each in generator.sample(WHOM, len(WHOM))]
    shares = [1.0 if place % 2 else generator.uniform(0, 0.9) for place in range(num)]
    return sorted(Kill(share, generator.uniform(0, 0.15), each) for share, each in zip(shares, whom, strict=False))


def torment(words: Sequence[object], out: Path, num_tiles: int, cluster: Cluster, kills: Sequence[Kill]) -> list[Kill]:
    """Run a map job to its end through all kills, again where the driver was killed; gives those that struck.

    A kill whose moment never came, because the job ended first, is left out.
    """
    waiting, struck = list(kills), []
    while True:
        process = start(*words)
        lost_driver = False
        while waiting and not lost_driver and _comes(waiting[0], out, num_tiles, process):
            kill = waiting.pop(0)
            time.sleep(kill.delay_s)
            if _strike(kill, process, cluster):
                struck.append(kill)
                lost_driver = kill.whom == "driver"
        _, said = process.communicate(timeout=_LIMIT_S)
        if not lost_driver:
            assert process.returncode == 0, said
            return struck


def _comes(kill: Kill, out: Path, num_tiles: int, process: Started) -> bool:
    def is_due() -> bool:
        if kill.share == 1:
            return assembles(out)
        ledger = out / "ledger.jsonl"
        return ledger.is_file() and ledger.read_bytes().count(b'"summary"') >= max(1, kill.share * num_tiles)

    end = time.monotonic() + _LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        if is_due():
            return True
        time.sleep(0.005)
    return False


def assembles(out: Path) -> bool:
    """Whether a sheet is being written at this moment."""
    return any("tiles" not in path.parts for path in out.rglob(".*.aside.tif"))


def _strike(kill: Kill, process: Started, cluster: Cluster) -> bool:
    if kill.whom == "driver":
        process.kill()
        return True
    if kill.whom == "worker":
        cluster.workers[0].kill()
        # As an operator would: a cluster that loses one machine after the other has none left in the end.
        cluster.add_worker()
        return True
    is_it: dict[str, Callable[[psutil.Process], bool]] = {"task": _runs_tasks, "executor": _is_executor}
    victims = [each for each in below(cluster) if is_it[kill.whom](each)]
    for victim in victims[:1]:
        victim.kill()
    return bool(victims)


def below(cluster: Cluster) -> list[psutil.Process]:
    """All processes that the cluster's workers have started."""
    found = []
    for worker in cluster.workers:
        try:
            found += psutil.Process(worker.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            continue
    return found


def _words(process: psutil.Process | None) -> str:
    try:
        return " ".join(process.cmdline()) if process else ""
    except psutil.Error:
        return ""


def _is_executor(process: psutil.Process) -> bool:
    return "CoarseGrainedExecutorBackend" in _words(process)


def _runs_tasks(process: psutil.Process) -> bool:
    # The daemon that forks them has the same name; its parent is the executor.
    try:
        return "pyspark.daemon" in _words(process) and "pyspark.daemon" in _words(process.parent())
    except psutil.Error:
        return False
