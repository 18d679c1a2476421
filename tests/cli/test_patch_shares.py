"""Shares of one archive, cut at the same time in one folder, as the script of docs/verbs/patch.md does on a cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.datasets.test_positions import PLACES, write_list
from tests.patches import scenes
from tests.patches.scenes import hashes

from landweave.atomic import locked
from landweave.cli.main import run
from landweave.patches.archive import open_archive
from landweave.raster.catalog import write_catalog

PAGE = Path(__file__).parents[2] / "docs" / "verbs" / "patch.md"
PRODUCTS = [f"S2A_MSIL2A_20230712T10300{i}_N0509_R022_T33UUP_20230712T120000" for i in range(3)]
SMALL = ["--set", "patch_px=12", "--set", "block_m=200", "--set", "gap_m=50", "--set", "patches_per_shard=2"]


def script() -> str:
    found = re.search(r"```bash\n(#!/bin/bash.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three products of other places, a list, and a landweave that the script finds."""
    lines = []
    made = []
    for i, name in enumerate(PRODUCTS):
        corner = (scenes.CORNER[0] + 6000 * i, scenes.CORNER[1])
        made.append(scenes.write_scene(tmp_path, name, edge_m=3600, corner=corner))
        lines += [f"{name.rsplit('_', 1)[0]}_{h:02d}_{v:02d},Pastures" for h, v in PLACES]
    write_catalog(made, tmp_path / "catalog.parquet")
    write_list(tmp_path / "list.csv", "patch_id,labels", lines)
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "landweave"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from landweave.cli.main import main; main()" "$@"\n')
    command.chmod(0o755)
    # Paths in a job are kept as they were said.
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(work: Path, out: str) -> list[str]:
    wanted = ["--scenes", "catalog.parquet", "--positions", "list.csv"]
    return ["patch", *wanted, "--legend", "bigearthnet-19", *SMALL, "-o", str(work / out)]


def start(work: Path, told: Mapping[str, str]) -> subprocess.Popen[str]:
    """The documented script with small patches, as SLURM starts it."""
    (work / "patch.sh").write_text(script().replace("-o archive/", f"{' '.join(SMALL)} -o archive/"))
    path = f"{work / 'bin'}:{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", "patch.sh"],
        cwd=work,
        env={**os.environ, "PATH": path, "SLURM_CPUS_PER_TASK": "1", **told},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_script_is_bash(tmp_path: Path) -> None:
    (tmp_path / "patch.sh").write_text(script())
    checked = subprocess.run(["bash", "-n", str(tmp_path / "patch.sh")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_two_shares_at_once_and_a_last_call_make_the_archive_of_one(work: Path) -> None:
    assert run(options(work, "whole")) == 0
    shares = [start(work, {"SLURM_ARRAY_TASK_ID": str(i), "SLURM_ARRAY_TASK_COUNT": "2"}) for i in (1, 2)]
    for number, share in enumerate(shares, 1):
        said, wrong = share.communicate(timeout=120)
        assert share.returncode == 0, wrong
        assert f"share {number}/2 is cut" in said
    assert not (work / "archive" / "archive.json").exists()
    written = {path: path.stat().st_mtime_ns for path in (work / "archive" / "shards").glob("*.h5")}
    assert len(written) == 9
    last = start(work, {})
    said, wrong = last.communicate(timeout=120)
    assert last.returncode == 0, wrong
    assert "15 patches of 12 px" in said
    # The last call found everything cut.
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert len(hashes(work / "whole")) == 9 * 2 + 3
    assert hashes(work / "archive") == hashes(work / "whole")


def test_a_share_that_never_ran_is_made_up_for(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(options(work, "whole")) == 0
    assert run([*options(work, "a"), "--share", "2/3"]) == 0
    assert "share 2/3 is cut" in capsys.readouterr().out
    num = len(list((work / "a" / "shards").glob("*.h5")))
    assert 0 < num < 9
    assert run(options(work, "a")) == 0
    assert hashes(work / "a") == hashes(work / "whole")
    assert len(open_archive(work / "a")) == 15


def test_a_folder_that_a_share_is_writing_to_is_not_finished(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(work / "a", "1-of-2"):
        assert run(options(work, "a")) == 1
        assert "another landweave process" in capsys.readouterr().err
        assert run([*options(work, "a"), "--share", "1/2"]) == 1
        assert run([*options(work, "a"), "--share", "2/2"]) == 0
    with locked(work / "a"):
        assert run([*options(work, "a"), "--share", "1/2"]) == 1
    assert run([*options(work, "a"), "--share", "1/2", "--set", "seed=4"]) == 1
    said = capsys.readouterr().err
    assert "seed was 0, is now 4" in said and "another output" in said


def test_a_share_that_is_none_is_said(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*options(work, "a"), "--share", "3/2"]) == 1
    said = capsys.readouterr().err
    assert "given: share 3/2" in said and "expected: NUMBER/OF" in said and "to do: " in said
    assert not (work / "a").exists()
