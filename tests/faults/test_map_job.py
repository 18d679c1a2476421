"""A map job is killed, starved of disk and given broken scenes: run again, it gives the bytes of an undisturbed one."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest
from tests.faults.landweave import KILLED, landweave, start
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene

from landweave.atomic import locked
from landweave.jobs.ledger import NAME
from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob
from landweave.provenance import file_sha256

FILES = ("map.tif", "probabilities.tif", "map.json")
SIGKILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    make_catalog(folder / "c.parquet", make_scene(folder, "s", grid_at(300, 300)))
    make_card(folder / "card")
    return folder


def words(place: Path, out: Path, *more: object) -> list[object]:
    job = ["map", "--card", place / "card", "--scenes", place / "c.parquet", "-o", out]
    return [*job, "--core", 128, "--probabilities", "--threads", 1, *more]


def hashes(folder: Path) -> dict[str, str]:
    return {name: file_sha256(folder / name) for name in FILES}


@pytest.fixture(scope="module")
def expected(place: Path) -> dict[str, str]:
    code, said = landweave(*words(place, place / "undisturbed"))
    assert code == 0, said
    return hashes(place / "undisturbed")


def whole_files(out: Path) -> bool:
    """Nothing half-written stands under a final name: each GeoTIFF can be read to its last block."""
    from landweave.raster.files import close_files, grid_of
    from landweave.raster.read import read_numbers
    from landweave.tiling import Window

    every = [path for path in out.rglob("*.tif") if not path.name.startswith(".")]
    for path in every:
        height, width = grid_of(str(path)).shape
        read_numbers(str(path), Window(0, 0, height, width))
    close_files()
    return bool(every)


def test_killed_at_one_moment_after_the_other(place: Path, expected: dict[str, str], tmp_path: Path) -> None:
    """One job, killed six times: before and after renames of tiles, in the ledger, around assembling."""
    moments = [("r0", 1, True), ("r0", 4, False), ("map.tif", 1, True), ("map.tif", 1, False), ("map.json", 1, True)]
    for name, number, before in moments:
        code, _ = landweave(*words(place, tmp_path), before=KILLED.format(name=name, number=number, before=before))
        assert code == SIGKILLED, name
        if name != "r0" or number > 1:
            assert whole_files(tmp_path)
        # And as if the last line of the ledger had been torn.
        with (tmp_path / NAME).open("ab") as file:
            file.write(b'{"key":"r00')
    code, said = landweave(*words(place, tmp_path))
    assert code == 0, said
    assert hashes(tmp_path) == expected
    assert not list(tmp_path.rglob(".*aside*"))


def test_driver_of_a_pool_killed_and_a_worker_killed(place: Path, expected: dict[str, str], tmp_path: Path) -> None:
    process = start(*words(place, tmp_path, "--workers", 2))
    driver = psutil.Process(process.pid)
    assert _wait(lambda: any((tmp_path / "tiles").rglob("r*.tif")))
    workers = _workers(driver)
    driver.kill()
    process.communicate()
    # Without a driver its workers end by themselves, and at once.
    assert _wait(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers))
    (tmp_path / "tiles" / "labels" / "r00001c00001.tif").unlink(missing_ok=True)
    process = start(*words(place, tmp_path, "--workers", 2))
    driver = psutil.Process(process.pid)
    assert _wait(lambda: bool(_workers(driver)) or process.poll() is not None)
    for worker in _workers(driver)[:1]:
        worker.kill()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert hashes(tmp_path) == expected


def _workers(driver: psutil.Process) -> list[psutil.Process]:
    try:
        return [child for child in driver.children() if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


def _wait(is_true: object, seconds: float = 60) -> bool:
    assert callable(is_true)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_true():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("max_file_bytes", [6_000, 60_000], ids=["tiles", "assembling"])
def test_a_full_disk(place: Path, expected: dict[str, str], tmp_path: Path, max_file_bytes: int) -> None:
    code, said = landweave(*words(place, tmp_path), max_file_bytes=max_file_bytes)
    assert code == 1
    assert all(part in said for part in ("given:", "expected:", "to do:"))
    assert "space" in said
    assert not (tmp_path / "map.json").exists()
    assert not list(tmp_path.rglob(".*aside*"))
    assert max_file_bytes < 60_000 or whole_files(tmp_path)
    code, said = landweave(*words(place, tmp_path))
    assert code == 0, said
    assert hashes(tmp_path) == expected


def test_two_jobs_at_once(place: Path, tmp_path: Path) -> None:
    with locked(tmp_path):
        began = time.monotonic()
        code, said = landweave(*words(place, tmp_path))
    assert code == 1
    assert "another landweave process" in said
    assert "wait for that job" in said
    assert time.monotonic() - began < 60
    assert not (tmp_path / "map.tif").exists()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A place whose scene lacks its end: some tiles can be read, others not."""
    make_card(tmp_path / "card")
    scene = make_scene(tmp_path, "s", grid_at(512, 768))
    make_catalog(tmp_path / "c.parquet", scene)
    path = tmp_path / "s.tif"
    whole = path.read_bytes()
    (tmp_path / "whole.tif").write_bytes(whole)
    path.write_bytes(whole[: int(len(whole) * 0.97)])
    return tmp_path


def test_tiles_that_fail_are_set_aside(broken: Path) -> None:
    out = broken / "out"
    code, said = landweave(*words(broken, out))
    assert code == 3, said
    assert "tasks set aside" in said
    assert "s.tif, which cannot be read" in said
    assert "run the same command again with --retry-failed" in said
    assert (out / "map.tif").is_file()
    assert "tiles_missing" in (out / "map.json").read_text()
    (broken / "s.tif").write_bytes((broken / "whole.tif").read_bytes())
    code, said = landweave(*words(broken, out))
    assert code == 3, said
    assert "set aside before" in said
    code, said = landweave(*words(broken, out, "--retry-failed"))
    assert code == 0, said
    assert "tiles_missing" not in (out / "map.json").read_text()
    job = MapJob(card=broken / "card", scenes=broken / "c.parquet", core_px=128, probabilities=True)
    list(run(job, broken / "undisturbed", Serial(Setup(threads=1))))
    assert hashes(out) == hashes(broken / "undisturbed")
