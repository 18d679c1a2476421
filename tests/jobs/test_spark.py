"""Tasks on Spark: a real standalone master with two workers on loopback, whose processes and executors die."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.jobs.tasks import Square, environment, gpu_seen, square, tries
from tests.parallel.spark_cluster import started

from landweave.errors import ConfigError, MissingPackageError, TaskError
from landweave.jobs.executor import Executor, Outcome
from landweave.jobs.spark import Spark, first_cause, settings_of, stop
from landweave.jobs.worker import Setup, num_cores

# One for most tests, so that they share an application.
SETUP = Setup(threads=1, gdal_cache_mb=77, memory_limit_mb=6000)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(tmp_path_factory.mktemp("spark"), gpus=(3,)) as cluster:
        yield cluster.address
        stop()


def errors(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.key: outcome.error.given for outcome in outcomes if outcome.error}


@pytest.mark.spark
def test_every_task_ends_once_whatever_its_neighbours_do(
    master: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Relative paths are meant from here, wherever executors stand.
    monkeypatch.chdir(tmp_path)
    troubles = {4: "die", 7: "raise", 9: "die once", 11: "refuse", 13: "leave"}
    tasks = [Square(number, Path(), troubles.get(number, "")) for number in range(20)]
    outcomes = list(Spark(master, setup=SETUP).run(square, tasks))
    assert sorted(outcome.key for outcome in outcomes) == [task.key for task in tasks]
    found = errors(outcomes)
    assert set(found) == {"n004", "n007", "n011", "n013"}
    assert "task n004, whose process or executor died 3 times" in found["n004"]
    assert "nothing to divide by" in found["n007"]
    assert tries(tasks[4]) == tries(tasks[7]) == tries(tasks[13]) == 3
    assert tries(tasks[9]) == 2
    assert all(task.path.exists() for task in tasks if task.trouble in {"", "die once"})


@pytest.mark.spark
def test_workers_are_prepared_once_and_kept(master: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several jobs of Spark, as for very many tasks.
    monkeypatch.setattr("landweave.jobs.spark._TASKS_A_JOB", 5)
    spark = Spark(master, setup=SETUP)
    assert isinstance(spark, Executor)
    outcomes = list(spark.run(environment, [Square(number, tmp_path) for number in range(12)]))
    assert len(outcomes) == 12
    assert {(outcome.summary["threads"], outcome.summary["cache"]) for outcome in outcomes} == {(1, "77")}
    # Two executors of one core, each with one process for all of its tasks.
    assert 1 <= len({outcome.summary["process"] for outcome in outcomes} - {os.getpid()}) <= 2
    assert spark.num_workers == 2
    assert list(spark.run(square, [])) == []


@pytest.mark.spark
def test_a_task_that_takes_its_executor_down_is_done_in_the_end(master: str, tmp_path: Path) -> None:
    """As a container over its limit dies, with all that is in it: its neighbours are done, and so is it, alone."""
    tasks = [Square(number, tmp_path, "die with all" if number == 3 else "slow") for number in range(8)]
    outcomes = list(Spark(master, setup=SETUP).run(square, tasks))
    assert sorted(outcome.key for outcome in outcomes) == [task.key for task in tasks]
    assert not errors(outcomes)
    assert tries(tasks[3]) == 3


@pytest.mark.spark
def test_what_needs_more_than_the_limit_is_named_and_the_others_are_done(master: str, tmp_path: Path) -> None:
    tasks = [Square(number, tmp_path, "lack memory" if number == 2 else "") for number in range(6)]
    outcomes = list(Spark(master, setup=SETUP).run(square, tasks))
    assert len(outcomes) == 6
    assert set(errors(outcomes)) == {"n002"}
    assert "needs more memory than its limit of 6000 MiB" in errors(outcomes)["n002"]


@pytest.mark.spark
def test_closing_ends_what_runs(master: str, tmp_path: Path) -> None:
    outcomes = Spark(master, setup=SETUP).run(square, [Square(n, tmp_path, "slow") for n in range(40)])
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    time.sleep(3)
    done = len(list(tmp_path.glob("*.txt")))
    time.sleep(1.5)
    assert len(list(tmp_path.glob("*.txt"))) == done < 40


@pytest.mark.spark
def test_spark_deals_out_gpus(master: str, tmp_path: Path) -> None:
    """Each worker of the cluster says that it has a GPU of the number 3; a task sees that one only."""
    spark = Spark(master, setup=SETUP, gpus_per_worker=0.5)
    outcomes = list(spark.run(gpu_seen, [Square(number, tmp_path) for number in range(4)]))
    assert [outcome.summary["gpu"] for outcome in outcomes] == ["3"] * 4


@pytest.mark.spark
def test_executors_lost_for_good_end_the_job_with_what_to_do(tmp_path: Path) -> None:
    """Both workers of a cluster of their own are killed, so that nobody starts executors again."""
    (tmp_path / "out").mkdir()
    stop()
    with started(tmp_path) as cluster:
        spark = Spark(cluster.address)
        outcomes = spark.run(square, [Square(n, tmp_path / "out", "slow") for n in range(200)])
        next(outcomes)
        # Only now impatient: executors take their time to start on a busy machine.
        object.__setattr__(spark, "patience_s", 4.0)
        for worker in cluster.workers:
            for each in [*psutil.Process(worker.pid).children(recursive=True), worker]:
                each.kill()
        with pytest.raises(TaskError) as lost:
            list(outcomes)
        stop()
    assert "ran nothing of this job for 4 s: 0 executors" in lost.value.given
    assert "free cores" in lost.value.expected
    assert "what is done is kept" in lost.value.do


@pytest.mark.spark
def test_a_master_that_asks_for_more_than_there_is_says_so(master: str, tmp_path: Path) -> None:
    stop()
    with pytest.raises(TaskError) as refused:
        list(Spark(master, setup=Setup(threads=5), patience_s=2).run(square, [Square(1, tmp_path)]))
    assert "ran nothing of this job" in refused.value.given
    assert "5 free cores a worker" in refused.value.expected
    assert "--threads" in refused.value.do


@pytest.mark.spark
def test_workers_without_our_python_are_told(master: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop()
    monkeypatch.setenv("PYSPARK_PYTHON", "/nowhere/python")
    with pytest.raises(TaskError) as refused:
        list(Spark(master).run(square, [Square(1, tmp_path)]))
    stop()
    assert "/nowhere/python" in refused.value.given
    assert "start this Python with landweave" in refused.value.expected
    assert "PYSPARK_PYTHON" in refused.value.do


@pytest.mark.spark
def test_a_port_that_is_no_master_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop()
    monkeypatch.setattr("landweave.jobs.spark._REGISTER_S", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=server.accept, daemon=True).start()
        with pytest.raises(TaskError) as refused:
            list(Spark(f"spark://127.0.0.1:{server.getsockname()[1]}").run(square, [Square(1, tmp_path)]))
    says_unreachable(refused.value)


ABORTED = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 8 times, \
most recent failure: Lost task 0.7 in stage 0.0 (TID 7) (127.0.0.1 executor 0): {cause}
\tat org.apache.spark.api.python.BasePythonRunner.compute(PythonRunner.scala:1)
Caused by: java.io.IOException: error=2, No such file or directory
\t... 22 more
"""
TRACE = """org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "worker.py", line 1, in main
ModuleNotFoundError: No module named 'landweave'
"""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (ABORTED.format(cause='java.io.IOException: Cannot run program "/a/python"'), 'program "/a/python"'),
        (ABORTED.format(cause=TRACE), "ModuleNotFoundError: No module named 'landweave'"),
        ("[Errno 111] Connection refused", "[Errno 111] Connection refused"),
        (
            "An error occurred.\n: java.lang.IllegalStateException: stopped\n\tat org.x",
            "IllegalStateException: stopped",
        ),
        ("", "no cause told"),
    ],
)
def test_the_cause_is_found_in_pages_of_traces(text: str, cause: str) -> None:
    assert cause in first_cause(text)


def says_unreachable(error: TaskError) -> None:
    assert "cannot be reached" in error.given
    assert "a master that runs" in error.expected
    assert "docs/verbs/cluster.md" in error.do


@pytest.mark.parametrize("hosts", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2", "no-such-host.invalid:7077"])
def test_an_unreachable_master_is_named_at_once(hosts: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(TaskError) as refused:
        list(Spark(f"spark://{hosts}").run(square, [Square(1, tmp_path)]))
    assert time.monotonic() - began < 30
    assert hosts in refused.value.given
    says_unreachable(refused.value)


def test_without_pyspark_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingPackageError) as refused:
        list(Spark("local[2]").run(square, [Square(1, tmp_path)]))
    assert "without pyspark" in refused.value.given
    assert "Spark" in refused.value.expected
    assert "pip install 'landweave[spark]'" in refused.value.do


def test_without_java_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPackageError, match="Java 17 or newer"):
        list(Spark("local[2]").run(square, [Square(1, tmp_path)]))


def test_what_spark_is_told() -> None:
    told = settings_of(
        Spark(
            "spark://head:7077", 6, Setup(threads=4), gpus_per_worker=0.25, settings=(("spark.executor.memory", "4g"),)
        )
    )
    assert told["spark.master"] == "spark://head:7077"
    assert (told["spark.task.cpus"], told["spark.cores.max"]) == ("4", "24")
    assert told["spark.executorEnv.OMP_NUM_THREADS"] == "4"
    assert (told["spark.executor.resource.gpu.amount"], told["spark.task.resource.gpu.amount"]) == ("1", "0.25")
    assert told["spark.executor.memory"] == "4g"
    local = settings_of(Spark("local[3]", setup=Setup(threads=2)))
    # A local master takes the number of failures from its name alone.
    assert local["spark.master"] == f"local[3,{local['spark.task.maxFailures']}]"
    assert local["spark.task.cpus"] == "1"
    assert "spark.cores.max" not in local


def test_what_is_no_master_is_refused() -> None:
    with pytest.raises(ConfigError, match="head:7077"):
        Spark("head:7077")


@pytest.mark.parametrize(
    ("master", "workers", "threads", "expected"),
    [
        ("local", None, None, 1),
        ("local[3]", None, 2, 3),
        ("local[3]", 2, None, 2),
        ("local[*]", None, 1, num_cores()),
        ("local-cluster[2,4,1024]", None, 2, 4),
        ("spark://host:7077", 7, 1, 7),
    ],
)
def test_how_many_workers_there_are(master: str, workers: int | None, threads: int | None, expected: int) -> None:
    assert Spark(master, workers, Setup(threads)).num_workers == expected
