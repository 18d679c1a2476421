"""A job of labels is killed and starved of disk: run again, it gives the bytes of an undisturbed one."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from tests.faults.landweave import KILLED, landweave
from tests.series.labelled import label, make_land

from landweave.datasets.points import open_points
from landweave.errors import SeriesError
from landweave.series.label import PURITY, folder_of
from landweave.series.purity import read_purity

KEYS = ("samples", "floor", "points", "trees", "block_px", "gap_px")


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_land(tmp_path_factory.mktemp("land"))


@pytest.fixture(scope="module")
def expected(land: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("expected") / "samples.h5"
    label(land, out)
    return out.read_bytes()


def words(land: dict[str, Any], out: Path) -> list[object]:
    sets = [f"--set={name}={land[name]}" for name in (*KEYS, "core_px")]
    command = ["series", "label", land["series"], "--map", land["map"], "--truth", land["truth"]]
    return [*command, "--legend", "simulated-8", "-o", out, "--threads", 1, *sets]


def test_killed_it_goes_on(land: dict[str, Any], expected: bytes, tmp_path: Path) -> None:
    out = tmp_path / "samples.h5"
    # Right after the forests have told what is stable, and before anything is drawn.
    code, _ = landweave(*words(land, out), before=KILLED.format(name="stable.tif", number=1, before="False"))
    assert code == -signal.SIGKILL
    label(land, out)
    assert out.read_bytes() == expected
    assert read_purity(folder_of(out) / PURITY)["classes"]
    assert not list(folder_of(out).rglob("*.aside*"))


def test_a_full_disk_is_said_and_what_is_done_is_kept(land: dict[str, Any], expected: bytes, tmp_path: Path) -> None:
    out = tmp_path / "samples.h5"
    code, said = landweave(*words(land, out), max_file_bytes=40_000)
    assert code == 1
    assert "no space left while writing" in said
    assert "what is done is kept" in said
    assert not out.exists()
    label(land, out)
    assert out.read_bytes() == expected


def test_samples_cut_short_are_refused(land: dict[str, Any], expected: bytes, tmp_path: Path) -> None:
    for size in (0, 100, len(expected) - 1000):
        (tmp_path / "samples.h5").write_bytes(expected[:size])
        with pytest.raises(SeriesError, match="cannot be read") as caught:
            open_points(tmp_path / "samples.h5")
        assert "landweave series label" in caught.value.do
