"""A map job gives the same bytes in this process, in threads, and in a pool; and when it was stopped and went on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene
from tests.parallel.spark_cluster import cluster

from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.jobs.spark import Spark, stop
from landweave.jobs.worker import Setup
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob
from landweave.provenance import file_sha256

FILES = ("map.tif", "map.tif.aux.xml", "probabilities.tif", "entropy.tif", "map.json")
ONE = Setup(threads=1)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> MapJob:
    folder = tmp_path_factory.mktemp("executors")
    scenes = [make_scene(folder, name, grid_at(200, 260, 40 * n), seed=n, day=n + 1) for n, name in enumerate("ab")]
    make_catalog(folder / "c.parquet", *scenes)
    make_card(folder / "card")
    return MapJob(
        card=folder / "card",
        scenes=folder / "c.parquet",
        core_px=128,
        probabilities=True,
        entropy=True,
        rule="majority",
    )


def hashes(folder: Path) -> dict[str, str]:
    return {name: file_sha256(folder / name) for name in FILES}


@pytest.fixture(scope="module")
def expected(job: MapJob, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("serial")
    last = list(run(job, folder, Serial(ONE)))[-1]
    assert last.done == last.total == 3
    return hashes(folder)


@pytest.mark.parametrize("executor", [Serial(ONE, 3), Pool(2, ONE)], ids=["threads", "pool"])
def test_executors_agree(job: MapJob, expected: dict[str, str], executor: Executor, tmp_path: Path) -> None:
    assert not [record.failed for record in run(job, tmp_path / "out", executor) if record.failed]
    assert hashes(tmp_path / "out") == expected


@pytest.mark.spark
def test_a_spark_cluster_agrees(job: MapJob, expected: dict[str, str], tmp_path: Path) -> None:
    """Each layer and each tile by tasks of a standalone cluster, under a name of its own."""
    try:
        with cluster(tmp_path) as master:
            spark = Spark(master, setup=ONE)
            assert not [record.failed for record in run(job, tmp_path / "out", spark) if record.failed]
    finally:
        stop()
    assert hashes(tmp_path / "out") == expected


def test_stopped_and_resumed_is_not_stopped(job: MapJob, expected: dict[str, str], tmp_path: Path) -> None:
    for _ in range(3):
        going = run(job, tmp_path, Serial(ONE))
        assert [next(going).phase for _ in range(2)] == ["map"] * 2
        going.close()  # type: ignore[attr-defined]
    list(run(job, tmp_path, Serial(ONE)))
    assert hashes(tmp_path) == expected
