"""A job that maps a series is killed at drawn moments, and its disk is full: run again, it gives the same bytes."""

from __future__ import annotations

import dataclasses
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.landweave import KILLED, landweave
from tests.series.making import make_series
from tests.series.networks import make_series_card

from landweave.jobs.ledger import NAME
from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup
from landweave.provenance import file_sha256
from landweave.series.changes import ChangeJob, find_changes
from landweave.series.job import SeriesMapJob, run
from landweave.series.maps import open_maps
from landweave.series.plan import write_series

DATES = [f"{year}-{month:02d}-10" for year in (2019, 2020) for month in (2, 6, 10)]
ONE = Serial(Setup(threads=1))
# Ways in which a file gets its final name; what is renamed is in the folder of maps, or of changes.
MAPPED = ("r0", "labels.tif", "top.tif", "series_map.json", "summary.json")
CHANGED = ("r0", "events.parquet", "final-", "2020.tif", "date.tif")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    series, _ = make_series(folder, DATES, (40, 48))
    write_series(series, folder / "series.json")
    write_series(dataclasses.replace(series, scenes=series.scenes[:-1]), folder / "shorter.json")
    make_series_card(folder / "card", num_dates=3)
    list(run(job(folder), folder / "whole", ONE))
    list(find_changes(ChangeJob(maps=(folder / "whole",), min_area_px=2, core_px=32), folder / "change", ONE))
    return folder


def job(place: Path, series: str = "series.json", *, append: bool = False) -> SeriesMapJob:
    return SeriesMapJob(
        series=place / series, card=place / "card", kind="spans", core_px=32, precision="fp32", append=append
    )


def words(place: Path, out: Path) -> list[object]:
    told = ["series", "map", place / "series.json", "--card", place / "card", "--spans", "-o", out]
    return [*told, "--core", 32, "--precision", "fp32", "--threads", 1]


def changing(place: Path, out: Path) -> list[object]:
    return ["series", "change", place / "whole", "-o", out, "--min-area", 2, "--core", 32, "--threads", 1]


def hashes(folder: Path) -> dict[str, str]:
    """Of all that a job leaves, but for when and how it went."""
    kept = [path for path in folder.rglob("*") if path.suffix in (".tif", ".parquet") and "tiles" not in path.parts]
    return {str(path.relative_to(folder)): file_sha256(path) for path in kept}


def drawn(seed: int, names: tuple[str, ...], num: int) -> list[tuple[str, int, bool]]:
    """Right before or after which rename of which file the process dies."""
    generator = random.Random(seed)
    return [(generator.choice(names), generator.randint(1, 3), generator.random() < 0.5) for _ in range(num)]


@pytest.mark.parametrize(("command", "whole", "names"), [(words, "whole", MAPPED), (changing, "change", CHANGED)],
                         ids=["map", "change"])  # fmt: skip
def test_killed_at_drawn_moments(
    place: Path, command: Callable[[Path, Path], list[object]], whole: str, names: tuple[str, ...]
) -> None:
    # Beside the one that was not killed: events name their maps by the way from here to there.
    out, killed = place / f"{whole}-killed", 0
    for name, number, before in drawn(5, names, 2):
        code, said = landweave(*command(place, out), before=KILLED.format(name=name, number=number, before=before))
        assert code in (0, -signal.SIGKILL), said
        killed += code != 0
        # And as if the last line of the ledger had been torn.
        with (out / NAME).open("ab") as file:
            file.write(b'{"key":"r00')
    assert killed
    code, said = landweave(*command(place, out))
    assert code == 0, said
    assert hashes(out) == hashes(place / whole) != {}
    assert not list(out.rglob(".*aside*"))


def test_killed_while_a_new_scene_is_mapped(place: Path, tmp_path: Path) -> None:
    list(run(job(place, "shorter.json"), tmp_path, ONE))
    before = hashes(tmp_path)
    hook = KILLED.format(name="top.tif", number=1, before="True")
    code, _ = landweave(*words(place, tmp_path), "--append", before=hook)
    assert code == -signal.SIGKILL
    # What was there is there still, and tells of the scenes that it was made from.
    assert hashes(tmp_path).items() >= before.items()
    assert len(open_maps(tmp_path).scenes) == len(DATES) - 1
    list(run(job(place, append=True), tmp_path, ONE))
    assert hashes(tmp_path) == hashes(place / "whole")


def test_a_full_disk_is_said_and_what_is_done_is_kept(place: Path, tmp_path: Path) -> None:
    code, said = landweave(*words(place, tmp_path), max_file_bytes=2_000)
    assert code == 1
    assert "no space left while writing" in said
    assert "what is done is kept" in said
    list(run(job(place), tmp_path, ONE))
    assert hashes(tmp_path) == hashes(place / "whole")
