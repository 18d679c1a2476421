"""The verb simulate."""

from __future__ import annotations

from pathlib import Path

import pytest

from landweave.cli.main import run
from landweave.raster.products import recognise

TINY = "[worlds.tiny-1]\nheight_px = 12\nwidth_px = 18\nscenes = [{ date = 2023-07-12 }]\n"


def test_a_world_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "worlds.toml").write_text(TINY)
    out = tmp_path / "world"
    arguments = ["simulate", "tiny-1", "--worlds", str(tmp_path / "worlds.toml"), "--seed", "4", "-o", str(out)]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert f"scenes: {out / 'scenes'}" in shown.out
    assert f"truth: {out / 'truth'}" in shown.out
    assert "1/1 parts" in shown.err
    assert len(recognise(out / "scenes").scenes) == 1
    assert (out / "truth" / "2023.tif").is_file()
    assert run(arguments) == 0


def test_an_unknown_world_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "demo-7", "-o", str(tmp_path / "world")]) == 1
    shown = capsys.readouterr().err
    assert "given: world demo-7" in shown
    assert "expected: demo-1 (did you mean that?)" in shown
    assert "to do: name a known world" in shown
    assert not (tmp_path / "world").exists()


def test_a_folder_of_another_world_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "worlds.toml").write_text(TINY)
    arguments = ["simulate", "tiny-1", "--worlds", str(tmp_path / "worlds.toml"), "-o", str(tmp_path / "world")]
    assert run(arguments) == 0
    assert run([*arguments, "--seed", "2"]) == 1
    assert "given:" in capsys.readouterr().err
