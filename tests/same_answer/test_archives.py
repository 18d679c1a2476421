"""An archive is the same from one process, from a pool, after a stop, and however many patches a shard has."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.patches import scenes
from tests.patches.scenes import cut, hashes

from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.patches import stats
from landweave.patches.job import ScenesJob, run_catalog
from landweave.patches.verify import verify


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> ScenesJob:
    folder = tmp_path_factory.mktemp("scenes")
    made = [scenes.write_scene(folder, f"S2-{i}") for i in range(2)]
    return scenes.job(folder, made, scenes.write_labels(folder / "labels.tif"))


@pytest.fixture(scope="module")
def whole(wanted: ScenesJob, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "archive"
    cut(wanted, out)
    content = hashes(out)
    assert len(content) > 20
    return content


def test_a_pool_writes_what_one_process_writes(wanted: ScenesJob, whole: dict[str, bytes], tmp_path: Path) -> None:
    cut(wanted, tmp_path / "a", Pool(2))
    assert hashes(tmp_path / "a") == whole


@pytest.mark.parametrize("num_records", [1, 3, 6])
def test_stopped_and_run_again(wanted: ScenesJob, whole: dict[str, bytes], tmp_path: Path, num_records: int) -> None:
    out = tmp_path / "a"
    with contextlib.closing(run_catalog(wanted, out, executor=Serial())) as records:
        for _ in range(num_records):
            next(records)
    assert not (out / "archive.json").exists()
    assert cut(wanted, out)[1][0].done >= num_records - 1
    assert hashes(out) == whole


def test_run_again_when_all_is_done(wanted: ScenesJob, whole: dict[str, bytes], tmp_path: Path) -> None:
    cut(wanted, tmp_path / "a")
    records = cut(wanted, tmp_path / "a")[1]
    assert records[0].done == records[0].total > 5
    assert hashes(tmp_path / "a") == whole


def test_broken_shards_are_cut_again(wanted: ScenesJob, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "a"
    cut(wanted, out)
    first, second, third = sorted((out / "shards").glob("*.h5"))[:3]
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    third.with_suffix(".json").unlink()
    cut(wanted, out)
    assert hashes(out) == whole
    assert all(found is None for _, found in verify(out))


def test_killed_and_run_again(wanted: ScenesJob, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "a"
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from landweave.jobs.serial import Serial\nfrom landweave.patches import archive\n"
        "from landweave.patches.job import ScenesJob, run_catalog\n"
        "job = ScenesJob.model_validate_json(sys.argv[1])\n"
        "for record in run_catalog(job, Path(sys.argv[2]), executor=Serial()):\n"
        "    print(record.done, flush=True)\n    time.sleep(0.02)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, wanted.model_dump_json(), str(out)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    while int(process.stdout.readline() or 99) < 3:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "archive.json").exists()
    assert len(list((out / "shards").glob("*.h5"))) >= 3
    cut(wanted, out)
    assert hashes(out) == whole


def test_patches_do_not_depend_on_the_size_of_shards(wanted: ScenesJob, tmp_path: Path) -> None:
    one = cut(wanted, tmp_path / "one")[0]
    four = cut(wanted.model_copy(update={"patches_per_shard": 31}), tmp_path / "four")[0]
    assert len(one.shards) > len(four.shards) > 1
    assert len(one) == len(four) > 50
    order = np.random.default_rng(0).permutation(len(one))
    first, second = one.batch(order), four.batch(order)
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key])
    assert one.statistics == four.statistics
    assert one.table().drop(columns=["shard", "row"]).equals(four.table().drop(columns=["shard", "row"]))


def test_sums_of_shards_are_the_sums_of_the_whole(wanted: ScenesJob, tmp_path: Path) -> None:
    archive = cut(wanted, tmp_path / "a")[0]
    whole = archive.batch(archive.part("train"))
    for view in archive.layout.views:
        direct = stats.band_sums(view, whole[view.key], whole["valid"])
        assert all(archive.statistics[name] == sums for name, sums in direct.items())
        assert all(sums.count > 1000 // view.pixel_size_m for sums in direct.values())
