"""What runs the tasks: the options of every verb with jobs, and what they contradict."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from landweave.cli.executor import Machine, with_machine
from landweave.cli.main import run
from landweave.errors import ConfigError, SceneError
from landweave.jobs.executor import Executor, Outcome
from landweave.jobs.ledger import opened
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.jobs.spark import Spark
from landweave.jobs.worker import num_cores

CLUSTER = "spark://head:7077"


@pytest.mark.parametrize(
    ("told", "kind", "workers", "threads"),
    [
        ({}, Serial, 1, num_cores()),
        ({"workers": 2, "threads": 3}, Pool, 2, 3),
        ({"executor": "pool"}, Pool, 1, num_cores()),
        ({"executor": "serial", "workers": 1}, Serial, 1, num_cores()),
        ({"executor": "spark", "master": CLUSTER, "workers": 8, "threads": 2}, Spark, 8, 2),
        ({"executor": "spark", "master": CLUSTER, "workers": 8}, Spark, 8, 1),
        ({"executor": "spark", "master": "local[1]"}, Spark, 1, num_cores()),
        ({"executor": "spark", "master": "local[*]"}, Spark, num_cores(), 1),
        ({"executor": "spark", "master": "local-cluster[2,2,1024]", "threads": 2}, Spark, 2, 2),
    ],
)
def test_options_make_an_executor(
    told: dict[str, Any], kind: type[Executor], workers: int, threads: int, tmp_path: Path
) -> None:
    made = Machine(**told).begin(tmp_path, in_flight=3)
    assert isinstance(made, kind)
    assert made.num_workers == workers
    assert made.setup.threads == threads  # type: ignore[attr-defined]


def test_what_each_process_is_given(tmp_path: Path) -> None:
    made = Machine(workers=2, gdal_cache=64, memory_limit=4096, tickets_per_gpu=3).begin(tmp_path)
    assert isinstance(made, Pool)
    assert (made.setup.gdal_cache_mb, made.setup.memory_limit_mb) == (64, 4096)
    assert made.setup.tickets and made.setup.tickets.per_gpu == 3
    on_spark = Machine(
        executor="spark", master=CLUSTER, gpus_per_worker=0.25, patience=9, spark_set=("spark.executor.memory=4g",)
    ).begin(tmp_path)
    assert isinstance(on_spark, Spark)
    assert (on_spark.gpus_per_worker, on_spark.patience_s) == (0.25, 9)
    assert on_spark.settings == (("spark.executor.memory", "4g"),)


@pytest.mark.parametrize(
    ("told", "given", "do"),
    [
        ({"executor": "sparc"}, "--executor sparc", "choose what runs"),
        ({"executor": "serial", "workers": 2}, "--executor serial --workers 2", "--executor pool"),
        ({"executor": "spark"}, "without --master", "--master spark://"),
        ({"master": CLUSTER}, "--master with the executor serial", "--executor spark"),
        ({"workers": 2, "gpus_per_worker": 0.5}, "--gpus-per-worker with the executor pool", "--executor spark"),
        ({"spark_set": ("a=b",)}, "--spark-set with", "--executor spark"),
        ({"executor": "spark", "master": "local[2]", "spark_set": ("memory",)}, "--spark-set memory", "memory=4g"),
        ({"executor": "spark", "master": "head:7077"}, "'head:7077'", "spark://host:7077"),
    ],
)
def test_contradictions_are_refused(told: dict[str, Any], given: str, do: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        Machine(**told).begin(tmp_path)
    assert given in refused.value.given
    assert refused.value.expected
    assert do in refused.value.do


def test_what_was_set_aside_is_taken_up_again_when_asked(tmp_path: Path) -> None:
    for retry, expected in ((False, 1), (True, 0)):
        with opened(tmp_path / "job", {}) as ledger:
            if not ledger.failed:
                ledger.add(Outcome("a", {}, SceneError("x", "y", "z")))
        Machine(retry_failed=retry).begin(tmp_path / "job")
        with opened(tmp_path / "job", {}) as ledger:
            assert len(ledger.failed) == expected


def test_a_verb_gets_the_options_in_place_of_its_machine() -> None:
    told: list[Any] = []

    @with_machine
    def verb(name: str, *, machine: Machine, often: int = 2) -> None:
        told.extend([name, often, machine])

    names = list(inspect.signature(verb).parameters)
    assert names[:2] == ["name", "often"]
    assert "machine" not in names
    options = {name: each.default for name, each in inspect.signature(verb).parameters.items() if name != "name"}
    verb(name="x", **{**options, "workers": 4})
    assert told == ["x", 2, Machine(workers=4)]


@pytest.mark.parametrize("verb", ["map", "patch", "simulate"])
def test_verbs_with_tasks_have_them(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    said = capsys.readouterr().out
    assert all(option in said for option in ("--executor", "--master", "--retry-failed", "--memory-limit"))


def test_mistakes_are_said_in_three_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "demo-1", "-o", str(tmp_path / "world"), "--executor", "spark"]
    assert run(words) == 1
    said = capsys.readouterr().err
    assert all(part in said for part in ("given:", "expected:", "to do:", "--master"))
    assert not (tmp_path / "world").exists()
