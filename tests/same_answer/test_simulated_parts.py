"""A world made in this process, in others, and in parts of another size: the same bytes, the same numbers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from landweave.jobs.pool import Pool
from landweave.provenance import file_sha256
from landweave.simulate import deliver
from landweave.simulate.truth import cover
from landweave.simulate.world import load_world
from landweave.simulate.write import write
from landweave.tiling import Window

WORLD = load_world("demo-1", 9, height_px=120, width_px=120)
SUFFIXES = (".tif", ".jp2", ".xml")


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES and path.is_file()
    }


def test_one_process_and_two_write_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(write(WORLD, tmp_path / "serial"))
    monkeypatch.setattr(deliver, "_PART_M", 600.0)
    list(write(WORLD, tmp_path / "parts"))
    monkeypatch.undo()
    list(write(WORLD, tmp_path / "pool", Pool(2)))
    expected = hashes(tmp_path / "serial")
    assert len(expected) >= 15
    assert hashes(tmp_path / "pool") == expected
    assert hashes(tmp_path / "parts") == expected


def test_a_window_of_a_world_of_any_size_is_the_same() -> None:
    window, date = Window(60, 66, 40, 30), dt.date(2023, 7, 12)
    small = cover(WORLD, window, date)
    assert len(np.unique(small)) > 1
    large = load_world("demo-1", 9, height_px=600_000, width_px=600_000)
    assert np.array_equal(cover(large, window, date), small)
