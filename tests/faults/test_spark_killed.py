"""Map jobs on a real Spark cluster: processes killed at drawn moments, a full disk, two jobs on one folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.kills import WHOM, Kill, drawn, torment
from tests.faults.landweave import landweave
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene
from tests.parallel.spark_cluster import Cluster, started

from landweave.atomic import locked
from landweave.provenance import file_sha256

FILES = ("map.tif", "probabilities.tif", "map.json")
# The disk of the workers, not that of the driver: files of a task cannot grow beyond this many bytes.
FULL = """
import resource, sys
if "pyspark.daemon" in sys.orig_argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory.mktemp("spark")) as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    make_catalog(folder / "c.parquet", make_scene(folder, "s", grid_at(640, 640)))
    make_card(folder / "card")
    return folder


def words(place: Path, out: Path, cluster: Cluster | None = None) -> list[object]:
    job = ["map", "--card", place / "card", "--scenes", place / "c.parquet", "-o", out]
    on = ["--executor", "spark", "--master", cluster.address] if cluster else []
    return [*job, "--core", 128, "--probabilities", "--threads", 1, *on]


def hashes(folder: Path) -> dict[str, str]:
    return {name: file_sha256(folder / name) for name in FILES}


@pytest.fixture(scope="module")
def expected(place: Path) -> dict[str, str]:
    code, said = landweave(*words(place, place / "undisturbed"))
    assert code == 0, said
    return hashes(place / "undisturbed")


@pytest.mark.spark
def test_three_kills_leave_the_bytes_of_an_undisturbed_run(
    place: Path, expected: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    kills = drawn(seed=7, num=3)
    assert kills[-1].share == 1
    struck = torment(words(place, tmp_path, cluster), tmp_path, 25, cluster, kills)
    assert struck == kills
    assert hashes(tmp_path) == expected


@pytest.mark.spark
def test_a_full_disk_of_the_workers(place: Path, expected: dict[str, str], cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "sitecustomize.py").write_text(FULL.format(limit=6000))
    before = f"import sys; sys.path.append({str(tmp_path / 'full')!r})"
    code, said = landweave(*words(place, tmp_path / "out", cluster), before=before)
    assert code == 1, said
    assert all(part in said for part in ("given: no space left", "expected: free space", "to do: free some space"))
    assert not (tmp_path / "out" / "map.json").exists()
    # What is done is kept, whoever goes on: here a process alone.
    code, said = landweave(*words(place, tmp_path / "out"))
    assert code == 0, said
    assert hashes(tmp_path / "out") == expected


def test_two_jobs_on_one_folder(place: Path, tmp_path: Path) -> None:
    """The second is refused before it asks any cluster."""
    with locked(tmp_path):
        code, said = landweave(*words(place, tmp_path), "--executor", "spark", "--master", "spark://127.0.0.1:1")
    assert code == 1
    assert "another landweave process" in said
    assert "wait for that job" in said


def test_an_unreachable_master(place: Path, tmp_path: Path) -> None:
    code, said = landweave(*words(place, tmp_path), "--executor", "spark", "--master", "spark://127.0.0.1:1")
    assert code == 1
    assert "Spark master spark://127.0.0.1:1, which cannot be reached" in said
    assert "docs/verbs/cluster.md" in said
    code, said = landweave(*words(place, tmp_path))
    assert code == 0, said


@pytest.mark.parametrize("seed", range(5))
def test_kills_are_drawn_by_their_seed(seed: int) -> None:
    kills = drawn(seed, 4)
    assert kills == drawn(seed, 4) == sorted(kills)
    assert sorted(kill.whom for kill in kills) == sorted(WHOM)
    assert [kill.share for kill in kills].count(1) == 2
    assert all(isinstance(kill, Kill) and 0 <= kill.delay_s < 0.2 for kill in kills)
