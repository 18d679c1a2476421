"""Run tasks as tasks of Apache Spark: on one machine, on a standalone cluster, on YARN or Kubernetes."""

from __future__ import annotations

import atexit
import concurrent.futures
import contextlib
import functools
import gc
import logging
import os
import queue
import re
import sys
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landweave.errors import MissingPackageError, TaskError
from landweave.jobs.executor import TRIES, Function, Outcome, TaskT, attempt
from landweave.jobs.java import find_java
from landweave.jobs.master import check_master, is_here, is_local, must_answer, unreachable, workers_told
from landweave.jobs.worker import Setup, prepare, see_gpu

if TYPE_CHECKING:
    from pyspark import SparkContext

_LOG = logging.getLogger(__name__)
_REGISTER_S, _POLL_S = 45.0, 0.5
# Spark gives a job up when one of its tasks failed this often. Ours set a task aside long before, so only executors
# that cannot start at all come this far.
_MAX_FAILURES = 8
# Java holds all tasks of a job in its memory, some kilobytes each.
_TASKS_A_JOB = 10_000


@dataclass(frozen=True)
class Spark:
    """A Spark cluster, asked once a process: the same value finds the same application again, until `stop`.

    A worker is a Python process of an executor, which takes one task after the other and keeps what it has opened.

    Attributes:
        master: As Spark writes it: spark://host:port, local[4], local-cluster[2,1,1024], yarn, k8s://...
        workers: Workers that may run at once; None is all that the master has.
        setup: How each is prepared; each computes with `threads` threads and holds as many cores.
        gpus_per_worker: Share of a GPU that Spark gives each worker: 0.25 for four at one GPU; 0 for none.
        patience_s: How long the job may stand still because the cluster runs nothing of it.
        settings: More of Spark's own settings, which go before ours: (("spark.executor.memory", "4g"),).
    """

    master: str
    workers: int | None = None
    setup: Setup = field(default_factory=lambda: Setup(threads=1))
    gpus_per_worker: float = 0.0
    patience_s: float = 120.0
    settings: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_master(self.master)

    @property
    def num_workers(self) -> int:
        """Workers that run at once, at most; where neither `workers` nor the master tells, what the cluster has."""
        told = self.workers or workers_told(self.master, self._cores_per_task)
        return told or max(_context(self).defaultParallelism // self._cores_per_task, 1)

    @property
    def _cores_per_task(self) -> int:
        # Spark counts the slots of a local master as cores: each is one worker, whatever its threads.
        return 1 if is_local(self.master) else self.setup.threads or 1

    def run(self, function: Function[TaskT], tasks: Iterable[TaskT]) -> Iterator[Outcome]:
        """Give one outcome for every task, in the order in which they end.

        A task whose process or executor died is run again by Spark. When it was struck twice it is run a last time,
        alone, after all others, so that a neighbour that took the executor down is not mistaken for it; who dies then
        is set aside.

        Raises:
            MissingPackageError: No pyspark here, or no Java of version 17 or newer.
            TaskError: The master cannot be reached, has no place for the job, or lost all executors for good.
        """
        every = {task.key: task for task in tasks}
        if not every:
            return
        struck, keys = [], list(every)
        for first in range(0, len(keys), _TASKS_A_JOB):
            part = [every[key] for key in keys[first : first + _TASKS_A_JOB]]
            for outcome in _outcomes(self, function, part, TRIES - 1):
                if isinstance(outcome.error, _StruckError):
                    struck.append(every[outcome.key])
                else:
                    yield outcome
        for task in struck:
            yield from _outcomes(self, function, [task], 1)


class _StruckError(TaskError):
    """The task's process or executor died under it."""


def _outcomes(spark: Spark, function: Function[Any], tasks: Sequence[Any], tries: int) -> Iterator[Outcome]:
    """One Spark job: outcomes as they come; a task that lost more than `tries` processes comes back as struck."""
    context = _context(spark)
    told: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    # An accumulator is Spark's own way for small results to reach the driver while the job still runs.
    box: Any = context.accumulator([], _Mailbox(told))  # type: ignore[arg-type]
    here = str(Path.cwd())
    work = functools.partial(_answer, function=function, setup=spark.setup, folder=here, box=box, tries=tries)
    group = f"landweave-{uuid.uuid4().hex}"
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="spark") as thread:
        job = thread.submit(_submit, context, group, tasks, work)
        try:
            with _blaming(spark, tasks):
                yield from _listen(told, job, _Watch(spark, context))
        finally:
            with contextlib.suppress(*_failures()):
                # Again and again: the thread may not have got as far as to begin it.
                while not job.done():
                    context.cancelJobGroup(group)
                    concurrent.futures.wait([job], timeout=_POLL_S)


def _submit(context: SparkContext, group: str, tasks: Sequence[Any], work: Any) -> None:
    context.setJobGroup(group, group, interruptOnCancel=True)
    # A slice for every task: each is sent, run and tried again by itself.
    context.parallelize(tasks, len(tasks)).foreach(work)


def _listen(told: queue.SimpleQueue[Outcome], job: concurrent.futures.Future[None], watch: _Watch) -> Iterator[Outcome]:
    seen: set[str] = set()
    while not (job.done() and told.empty()):
        with contextlib.suppress(queue.Empty):
            outcome = told.get(timeout=_POLL_S)
            # A task that ran twice, because Spark took its executor for lost, counts once.
            if outcome.key not in seen:
                seen.add(outcome.key)
                yield outcome
        if not job.done():
            watch.look()
    job.result()


class _Mailbox:
    """How Spark adds outcomes up: in lists on the workers, into a queue on the driver."""

    def __init__(self, told: queue.SimpleQueue[Outcome] | None = None) -> None:
        self.told = told

    def __reduce__(self) -> tuple[type[_Mailbox], tuple[()]]:
        return _Mailbox, ()

    def zero(self, value: list[Outcome]) -> list[Outcome]:
        """Nothing."""
        return []

    def addInPlace(self, one: list[Outcome], other: list[Outcome]) -> list[Outcome]:  # noqa: N802 - Spark's name
        """Both."""
        if self.told is None:
            return one + other
        for outcome in other:
            self.told.put(outcome)
        return one


def _answer(task: Any, *, function: Function[Any], setup: Setup, folder: str, box: Any, tries: int) -> None:
    """What a worker does with a task."""
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context
    if context.attemptNumber() >= tries:
        box.add([Outcome(task.key, {}, _struck(task.key, setup))])
        return
    # Executors have folders of their own; paths are meant from where the user stands.
    os.chdir(folder)
    if not _READY or _READY[0] != setup:
        gpu = context.resources().get("gpu")
        if gpu:
            see_gpu(gpu.addresses[0])
        prepare(setup, own_process=True)
    box.add([attempt(function, task)])
    if not _READY:
        # Spark collects garbage after every task, 0.1 s with torch loaded: what is here now is here to stay.
        gc.collect()
        gc.freeze()
    _READY[:] = [setup]


_READY: list[Setup] = []


def _struck(key: str, setup: Setup) -> _StruckError:
    limit = f" (their limit is {setup.memory_limit_mb} MiB)" if setup.memory_limit_mb else ""
    return _StruckError(
        f"task {key}, whose process or executor died {TRIES} times{limit}",
        "a task that its process survives; SIGKILL often means too little memory",
        "give the workers more memory or the job smaller tiles, and run the same command again with --retry-failed",
    )


@dataclass
class _Watch:
    """Whether the cluster still does something for us."""

    spark: Spark
    context: SparkContext
    moved: float = field(default_factory=time.monotonic)
    looked: float = 0.0
    most: int = 0

    def look(self) -> None:
        """Look, at most every half second.

        Raises:
            TaskError: Nothing ran for longer than the patience.
        """
        now = time.monotonic()
        if now - self.looked < _POLL_S:
            return
        self.looked = now
        if self._num_running():
            self.moved = now
        executors = self._num_executors()
        if executors < self.most:
            _LOG.warning("an executor was lost, %d of %d are left; its tasks are run again", executors, self.most)
        self.most = executors
        if now - self.moved > self.spark.patience_s:
            raise TaskError(
                f"{self.spark.master}, which ran nothing of this job for {self.spark.patience_s:.0f} s: "
                f"{executors} executors are here",
                f"executors with {self.spark._cores_per_task} free cores a worker",
                "look at the master's page for lost or busy machines, ask for less with --workers or --threads, "
                "and run the same command again: what is done is kept",
            )

    def _num_running(self) -> int:
        tracker = self.context.statusTracker()
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return sum(stage.numActiveTasks for stage in stages if stage)

    def _num_executors(self) -> int:
        # The driver is counted among those that hold memory.
        return int(self.context._jsc.sc().getExecutorMemoryStatus().size()) - 1


def _failures() -> tuple[type[Exception], ...]:
    """What pyspark raises when the cluster fails us."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    return (Py4JError, PySparkException, OSError, AttributeError)


@contextlib.contextmanager
def _blaming(spark: Spark, tasks: Sequence[Any]) -> Iterator[None]:
    try:
        yield
    except _failures() as error:
        raise TaskError(
            f"Spark at {spark.master}, which gave up a job of {len(tasks)} tasks: {first_cause(str(error))}",
            "a cluster whose executors can start this Python with landweave and reach this machine",
            "install landweave on every machine under the same path (or set PYSPARK_PYTHON), look at the executors' "
            "logs, and run the same command again: what is done is kept",
        ) from error


def first_cause(text: str) -> str:
    """The most telling line of one of Spark's pages of traces: what the last task that failed said."""
    lines = [line.strip().removeprefix(": ") for line in text.splitlines() if line.strip()]
    last = next((place for place, line in enumerate(lines) if "most recent failure: " in line), 0)
    # Below the lines that begin with "at" stand those who only passed it on.
    end = next((place for place, line in enumerate(lines) if line.startswith("at ")), len(lines))
    told = [line for line in lines[last + 1 : end] if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return (told or [lines[last].rpartition("most recent failure: ")[2]] if lines else ["no cause told"])[-1][:300]


_OPEN: list[tuple[Spark, Any]] = []


def stop() -> None:
    """End the application that this process holds, if any; the next `run` begins another."""
    while _OPEN:
        _, context = _OPEN.pop()
        with contextlib.suppress(*_failures()):
            context.stop()


def _context(spark: Spark) -> SparkContext:
    """The application for `spark`, begun where this process has none."""
    if _OPEN and _OPEN[0][0] == spark and not _is_over(_OPEN[0][1]):
        return _OPEN[0][1]  # type: ignore[no-any-return]
    if _OPEN:
        stop()
    context = _begin(spark)
    _OPEN.append((spark, context))
    atexit.register(stop)
    return context


def _is_over(context: SparkContext) -> bool:
    try:
        return bool(context._jsc.sc().isStopped())
    except _failures():
        return True


def _begin(spark: Spark) -> SparkContext:
    try:
        from pyspark import SparkConf, SparkContext
    except ImportError as error:
        raise MissingPackageError(
            "landweave without pyspark", "pyspark to run tasks on Spark", "pip install 'landweave[spark]'"
        ) from error
    # Nothing of ours goes through pandas there.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    os.environ["JAVA_HOME"] = str(find_java(os.environ))
    must_answer(spark.master)
    # The cluster's processes need the packages that this one has.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if is_here(spark.master):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    conf = SparkConf().setAll(list(settings_of(spark).items()))
    failures: tuple[type[Exception], ...] = (*_failures(), TimeoutError)
    starter = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="spark-start")
    try:
        # Java first, which takes its time on a busy machine; a master that answers takes an application in no time.
        SparkContext._ensure_initialized(conf=conf)
        begun = starter.submit(SparkContext.getOrCreate, conf)
        return begun.result(_REGISTER_S if spark.master.startswith("spark:") else None)
    except failures as error:
        raise unreachable(spark.master, first_cause(str(error)) if str(error) else "no answer") from error
    finally:
        starter.shutdown(wait=False)


def settings_of(spark: Spark) -> dict[str, str]:
    """What Spark is told: first ours, then what the user wants otherwise."""
    local = is_local(spark.master)
    threads = spark.setup.threads or 1
    made = {
        "spark.master": f"local[{spark.num_workers},{_MAX_FAILURES}]" if local else spark.master,
        "spark.app.name": "landweave",
        "spark.task.maxFailures": str(_MAX_FAILURES),
        "spark.task.cpus": str(spark._cores_per_task),
        "spark.python.worker.reuse": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "FATAL",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(path for path in sys.path if Path(path).is_dir()),
        "spark.executorEnv.OMP_NUM_THREADS": str(threads),
        "spark.executorEnv.OMP_WAIT_POLICY": "PASSIVE",
    }
    if spark.workers and not local:
        made["spark.cores.max"] = str(spark.workers * spark._cores_per_task)
    if spark.gpus_per_worker:
        made |= {"spark.executor.resource.gpu.amount": "1"}
        made |= {"spark.task.resource.gpu.amount": f"{spark.gpus_per_worker:g}"}
    return made | dict(spark.settings)
