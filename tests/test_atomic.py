"""Nothing half-written ever stands under a final name, and a folder has one writer."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from landweave import atomic
from landweave.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "map.tif"
    with atomic.aside(path) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".tif"
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == ["map.tif"]


def test_a_failed_block_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")
    with pytest.raises(KeyError), atomic.aside(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with atomic.aside(tmp_path / "card") as temporary:
            temporary.mkdir()
            (temporary / text).write_text(text)
    assert names(tmp_path / "card") == ["two"]


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "permissions"),
        (errno.EROFS, "permissions"),
        (errno.ENAMETOOLONG, "nearer to the root"),
        (errno.ENOTDIR, "remove what stands there"),
    ],
)
def test_refusals_of_the_system_say_what_to_do(number: int, says: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught, atomic.aside(tmp_path / "a"):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in caught.value.given
    assert caught.value.expected
    assert says in caught.value.do


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), atomic.aside(tmp_path / "a"):
        raise ConnectionError(errno.ECONNREFUSED, "no")


def test_a_name_too_long_for_the_file_system(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="a shorter path"):
        atomic.write_text(tmp_path / ("x" * 300) / "a.txt", "text")


def test_a_name_that_is_not_utf8_is_written_or_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9") / "a.txt"
    atomic.write_text(path, "text")
    assert path.read_text() == "text"


def test_the_folder_of_a_job_is_utf8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(OutputError) as caught, atomic.locked(folder):
        pass
    assert "caf\\udce9" in caught.value.given
    assert caught.value.expected == "a path in UTF-8"
    assert "rename the folder" in caught.value.do
    assert not folder.exists()


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="a folder where folders are needed"):
        atomic.write_text(tmp_path / "out" / "a.txt", "text")


def test_a_place_where_nothing_can_be_made() -> None:
    with pytest.raises(OutputError, match="a folder where folders are needed"):
        atomic.write_text(Path("/proc/landweave.txt"), "text")


HOLD = """
import sys, time
from pathlib import Path
from landweave.atomic import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_a_killed_one_frees_the_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="another landweave process") as caught, atomic.locked(tmp_path):
            pass
        assert "wait for that job" in caught.value.do
        holder.kill()
    with atomic.locked(tmp_path):
        assert (tmp_path / ".landweave.lock").exists()


FILL = """
import resource, signal, sys
from pathlib import Path
from landweave.atomic import write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_bytes(Path(sys.argv[1]) / "big", bytes(5000))
"""


def test_a_file_that_cannot_grow_leaves_nothing(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
    done = subprocess.run([sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "OutputError" in done.stderr
    assert names(tmp_path) == []


def test_sweeping_removes_what_killed_runs_left(tmp_path: Path) -> None:
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / ".0123456789ab.aside.tif").write_text("half")
    (tmp_path / "tiles" / "r0.tif").write_text("whole")
    assert atomic.sweep(tmp_path) == 1
    assert names(tmp_path / "tiles") == ["r0.tif"]
