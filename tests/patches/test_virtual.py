"""The archive as one file: plain h5py sees every array whole, wherever the folder lies; equal input, equal bytes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.patches import making

from landweave.errors import OutputError
from landweave.patches import virtual
from landweave.patches.archive import open_archive
from landweave.patches.verify import verify

BANDS = ("B01", "B02", "B03", "B05", "B8A")


def test_plain_h5py_sees_the_whole_under_the_papers_keys(tmp_path: Path) -> None:
    layout = making.make(60, BANDS, ("classes",))
    made = making.write(tmp_path, (4, 3, 5), layout)
    wanted = made.batch(range(12))
    with h5py.File(tmp_path / "archive.h5") as file:
        assert set(file) == {"data_10m", "data_20m", "data_60m", "classes", "valid"}
        assert file["data_10m"].shape == (12, 2, 60, 60) and file["data_10m"].is_virtual
        for key, array in wanted.items():
            assert file[key].dtype == array.dtype
            np.testing.assert_array_equal(file[key][...], array)
        np.testing.assert_array_equal(file["data_60m"][3:9:2], wanted["data_60m"][3:9:2])
        assert file.attrs["format"] == 1


def test_a_moved_archive_is_read_from_anywhere(tmp_path: Path) -> None:
    making.write(tmp_path / "a", (2, 3))
    shutil.move(tmp_path / "a", tmp_path / "elsewhere")
    code = "import h5py, sys; print(int(h5py.File(sys.argv[1])['data_10m'][...].sum(dtype='int64')))"
    path = str(tmp_path / "elsewhere" / "archive.h5")
    said = subprocess.run([sys.executable, "-c", code, path], cwd="/", capture_output=True, text=True, check=True)
    wanted = open_archive(tmp_path / "elsewhere").batch(range(5))["data_10m"].sum(dtype="int64")
    assert int(said.stdout) == wanted > 0


def test_it_is_small_and_holds_no_time(tmp_path: Path) -> None:
    making.write(tmp_path / "a", (40, 40))
    time.sleep(1.1)
    making.write(tmp_path / "b", (40, 40))
    content = (tmp_path / "a" / "archive.h5").read_bytes()
    assert content == (tmp_path / "b" / "archive.h5").read_bytes()
    assert len(content) < 20_000


def test_verify_checks_it_too(tmp_path: Path) -> None:
    making.write(tmp_path, (4, 3))
    path = tmp_path / "archive.h5"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert [found.file for _, found in verify(tmp_path) if found] == ["archive.h5"]
    path.unlink()
    assert [found.reason for _, found in verify(tmp_path) if found] == ["No such file or directory"]


def test_landweave_itself_does_not_need_it(tmp_path: Path) -> None:
    making.write(tmp_path, (4, 3))
    (tmp_path / "archive.h5").unlink()
    assert len(open_archive(tmp_path)) == 7


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError) as caught:
        virtual.write(tmp_path / "file", making.make().shapes(), [("shards/a.h5", 2)])
    assert "file" in caught.value.given
    assert caught.value.expected
    assert "-o" in caught.value.do
