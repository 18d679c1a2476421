"""The same samples however a job of labels was cut into blocks, by whom it was run, and where it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.series.labelled import label, make_land

from landweave.config import check
from landweave.datasets.points import open_points
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.jobs.spark import Spark, stop
from landweave.series.label import PURITY, folder_of, run
from landweave.series.labelplan import LabelJob
from landweave.series.purity import read_purity


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_land(tmp_path_factory.mktemp("land"))


@pytest.fixture(scope="module")
def whole(land: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "samples.h5"
    label(land, out)
    assert len(open_points(out)) > 500
    return out


@pytest.mark.parametrize("core_px", [16, 40])
def test_blocks_do_not_show(land: dict[str, Any], whole: Path, tmp_path: Path, core_px: int) -> None:
    label(land, tmp_path / "samples.h5", core_px=core_px)
    assert (tmp_path / "samples.h5").read_bytes() == whole.read_bytes()
    reports = [read_purity(folder_of(path) / PURITY) for path in (whole, tmp_path / "samples.h5")]
    assert reports[0] == reports[1]


def test_workers_do_not_show(land: dict[str, Any], whole: Path, tmp_path: Path) -> None:
    label(land, tmp_path / "samples.h5", Pool(2), core_px=24)
    assert (tmp_path / "samples.h5").read_bytes() == whole.read_bytes()
    assert (folder_of(tmp_path / "samples.h5") / "stable.tif").is_file()


def test_a_job_that_was_stopped_goes_on(land: dict[str, Any], whole: Path, tmp_path: Path) -> None:
    job = check(LabelJob, {**land, "core_px": 16}, "a test")
    # Stopped after every few records, again and again, until it ends by itself.
    for steps in range(5, 400, 7):
        records = run(job, tmp_path / "samples.h5", Serial())
        seen = [record for _, record in zip(range(steps), records, strict=False)]
        records.close()
        if (tmp_path / "samples.h5").exists():
            break
        assert seen
    assert (tmp_path / "samples.h5").read_bytes() == whole.read_bytes()


def test_another_seed_gives_other_samples(land: dict[str, Any], whole: Path, tmp_path: Path) -> None:
    label(land, tmp_path / "samples.h5", seed=1)
    assert open_points(tmp_path / "samples.h5").identity != open_points(whole).identity


@pytest.mark.spark
def test_spark_does_not_show(land: dict[str, Any], whole: Path, tmp_path: Path) -> None:
    try:
        label(land, tmp_path / "samples.h5", Spark("local[2]"), core_px=32)
    finally:
        stop()
    assert (tmp_path / "samples.h5").read_bytes() == whole.read_bytes()
