"""Archives when things go wrong: full disks, foreign folders, two jobs at once, odd paths."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.landweave import python
from tests.patches import making, scenes
from tests.patches.scenes import cut

from landweave.atomic import locked
from landweave.errors import OutputError
from landweave.patches.archive import open_archive
from landweave.patches.job import ScenesJob
from landweave.patches.verify import verify


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> ScenesJob:
    folder = tmp_path_factory.mktemp("scenes")
    return scenes.job(folder, [scenes.write_scene(folder)], scenes.write_labels(folder / "labels.tif"))


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file may grow above 60 kB, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def check(error: OutputError, given: str, expected: str, do: str) -> None:
    assert given in error.given
    assert expected in error.expected
    assert do in error.do


def test_a_full_disk_stops_the_job_and_what_is_done_is_kept(wanted: ScenesJob, tmp_path: Path) -> None:
    whole = cut(wanted, tmp_path / "whole")[0]
    with small_files(), pytest.raises(OutputError) as caught:
        cut(wanted, tmp_path / "a")
    check(caught.value, "no space left", "free space", "run the same command again")
    assert not (tmp_path / "a" / "archive.json").exists()
    assert not list((tmp_path / "a" / "shards").glob("*.aside*"))
    again = cut(wanted, tmp_path / "a")[0]
    assert [shard.sha256 for shard in again.shards] == [shard.sha256 for shard in whole.shards]


def test_a_shard_is_never_half_written(tmp_path: Path) -> None:
    with small_files(), pytest.raises(OutputError) as caught:
        making.write(tmp_path / "a", (200,))
    check(caught.value, "no space left while writing", "free space", "what is done is kept")
    assert [path for path in (tmp_path / "a").rglob("*") if path.is_file()] == []


def test_two_jobs_in_one_folder_are_refused(wanted: ScenesJob, tmp_path: Path) -> None:
    with locked(tmp_path / "a"), pytest.raises(OutputError) as caught:
        cut(wanted, tmp_path / "a")
    check(caught.value, "another landweave process", "no other job", "wait")


def test_a_folder_with_something_else_is_refused(wanted: ScenesJob, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("dear")
    with pytest.raises(OutputError) as caught:
        cut(wanted, tmp_path / "a")
    check(caught.value, "thesis.tex", "empty folder", "-o")
    assert (tmp_path / "a" / "thesis.tex").read_text() == "dear"


def test_paths_that_are_not_utf_8_or_too_long_are_said(wanted: ScenesJob, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        cut(wanted, tmp_path / ("x" * 300))
    check(caught.value, "characters", "shorter path", "root")
    # An output in a folder whose name is no UTF-8 works, or is refused in three parts; it does not end in a traceback.
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9"))
    try:
        assert len(cut(wanted, odd)[0]) > 0
    except OutputError as error:
        assert error.given and error.expected and error.do


def test_a_killed_writer_leaves_no_shard(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from landweave import atomic\nfrom tests.patches import making\n"
        "atomic._sync = lambda path: os.kill(os.getpid(), signal.SIGKILL)\n"
        "making.write(Path(sys.argv[1]), (4,))\n"
    )
    assert python(code, tmp_path / "a").wait() == -9
    assert not list((tmp_path / "a").rglob("000000.*"))
    making.write(tmp_path / "a", (4,))
    assert all(found is None for _, found in verify(tmp_path / "a"))


def test_an_index_of_another_archive_is_noticed(tmp_path: Path) -> None:
    making.write(tmp_path / "a", (4, 3))
    making.write(tmp_path / "b", (2, 2))
    content = (tmp_path / "b" / "patches.parquet").read_bytes()
    (tmp_path / "a" / "patches.parquet").write_bytes(content)
    broken = [found.file for _, found in verify(tmp_path / "a") if found]
    assert broken == ["patches.parquet"]
    with pytest.raises(OSError) as caught:
        open_archive(tmp_path / "a")
    assert "4 rows" in str(caught.value) and "7" in str(caught.value)
