"""A map job gives the same bytes in this process, in threads, and in a pool; and when it was stopped and went on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene
from tests.parallel.spark_cluster import cluster
from tests.series.making import make_series
from tests.series.networks import make_series_card

from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.jobs.spark import Spark, stop
from landweave.jobs.worker import Setup
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob
from landweave.provenance import file_sha256
from landweave.series.changes import ChangeJob, find_changes
from landweave.series.job import SeriesMapJob
from landweave.series.job import run as run_series
from landweave.series.plan import write_series

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


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A series of two years, and a card of series."""
    (tmp_path / "place").mkdir()
    dates = [f"{year}-{month:02d}-10" for year in (2019, 2020) for month in (2, 6, 10)]
    series, _ = make_series(tmp_path / "place", dates, (40, 48))
    write_series(series, tmp_path / "place" / "series.json")
    make_series_card(tmp_path / "place" / "card", num_dates=3)
    return tmp_path / "place"


def of_series(place: Path, executor: Executor, out: Path) -> None:
    """Map the series by spans and find change, in `out`."""
    mapping = SeriesMapJob(series=place / "series.json", card=place / "card", kind="spans", core_px=32)
    changing = ChangeJob(maps=(out / "spans",), min_area_px=2, core_px=32)
    records = [*run_series(mapping, out / "spans", executor), *find_changes(changing, out / "change", executor)]
    assert not [record.failed for record in records if record.failed]


def series_hashes(folder: Path) -> dict[str, str]:
    found = [folder / "change" / "events.parquet"]
    found += [path for name in ("spans/spans", "change") for path in (folder / name).rglob("*.tif")]
    return {str(path.relative_to(folder)): file_sha256(path) for path in found if "tiles" not in path.parts}


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
def test_a_spark_cluster_agrees(job: MapJob, expected: dict[str, str], place: Path, tmp_path: Path) -> None:
    """Each layer and each tile by tasks of a standalone cluster, under a name of its own."""
    try:
        with cluster(tmp_path) as master:
            spark = Spark(master, setup=ONE)
            assert not [record.failed for record in run(job, tmp_path / "out", spark) if record.failed]
            # On the same cluster, which takes longer to start than both jobs: the maps of a series, and their changes.
            of_series(place, spark, tmp_path / "spark")
    finally:
        stop()
    assert hashes(tmp_path / "out") == expected
    of_series(place, Serial(ONE), tmp_path / "serial")
    assert series_hashes(tmp_path / "spark") == series_hashes(tmp_path / "serial") != {}


def test_stopped_and_resumed_is_not_stopped(job: MapJob, expected: dict[str, str], tmp_path: Path) -> None:
    for _ in range(3):
        going = run(job, tmp_path, Serial(ONE))
        assert [next(going).phase for _ in range(2)] == ["map"] * 2
        going.close()  # type: ignore[attr-defined]
    list(run(job, tmp_path, Serial(ONE)))
    assert hashes(tmp_path) == expected
