"""A map in sheets with objects and a gallery is stopped at one rename after the other: run again, it gives the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene

import landweave.atomic as atomic
from landweave.errors import OutputError
from landweave.jobs.serial import Serial
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob
from landweave.provenance import file_sha256


class StoppedError(BaseException):
    """As a kill is: nothing catches it."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    make_card(folder / "card", "pixel")
    make_catalog(folder / "c.parquet", make_scene(folder, "s", grid_at(130, 150)))
    return folder


def mapped(place: Path, out: Path) -> dict[str, str]:
    """Run the job; hashes of all that it ends with."""
    values = {"card": place / "card", "scenes": place / "c.parquet", "precision": "fp32", "core_px": 64}
    more = {"sheet_px": 64, "entropy": True, "objects": ("Class 1", "Class 2"), "min_area_m2": 300}
    failed = [record.failed for record in run(MapJob.model_validate({**values, **more}), out, Serial())]
    assert not any(failed)
    sheets = [f"sheets/map-r{row:03d}c{col:03d}.tif" for row in range(3) for col in range(3)]
    # A VRT tells the paths of its sheets from its own folder, so that it is the same everywhere.
    names = ["map.vrt", "map.json", "entropy.vrt", "objects.parquet", *sheets]
    return {name: file_sha256(out / name) for name in names}


@pytest.fixture(scope="module")
def expected(place: Path) -> dict[str, str]:
    return mapped(place, place / "undisturbed")


# Pieces of objects and joined ones, sheets, and what tells that they are there.
MOMENTS = [
    "r00001c00001.tif",
    "map-r001c001.tif",
    "map.vrt.aux.xml",
    "map.vrt",
    "r00001c00000.npz",
    "r00001c00000.open",
    "r00001c00000.parquet",
    "links-r001c000.json",
    "linked.json",
    "sheet-r000c001.parquet",
    "objects.parquet",
    "map.json",
    "summary.json",
]


@pytest.mark.parametrize(("name", "is_renamed"), [(name, number % 2 > 0) for number, name in enumerate(MOMENTS)])
def test_stopped_at_a_rename(
    place: Path, expected: dict[str, str], tmp_path: Path, monkeypatch: Any, name: str, is_renamed: bool
) -> None:
    replace, stops = atomic._replace, []

    def stopping(temporary: Path, path: Path) -> None:
        if path.name.startswith(name) and is_renamed:
            replace(temporary, path)
        if path.name.startswith(name):
            stops.append(path.name)
            raise StoppedError
        replace(temporary, path)

    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(atomic, "_replace", stopping)
        mapped(place, tmp_path)
    assert stops
    assert mapped(place, tmp_path) == expected
    assert not list(tmp_path.rglob(".*aside*"))


@pytest.mark.parametrize("name", ["map-r001c001.tif", "objects.parquet", "r00001c00000.npz"])
def test_a_full_disk_stops_the_job_and_it_goes_on(
    place: Path, expected: dict[str, str], tmp_path: Path, monkeypatch: Any, name: str
) -> None:
    sync = atomic._sync

    def full(path: Path) -> None:
        if path.suffix == Path(name).suffix and Path(name).stem in told[-1]:
            raise OSError(28, "No space left on device", str(path))
        sync(path)

    told = [""]
    writing = atomic.writing

    def noting(path: Path) -> Any:
        told.append(path.name)
        return writing(path)

    with monkeypatch.context() as patched, pytest.raises(OutputError, match="space") as caught:
        patched.setattr(atomic, "_sync", full)
        patched.setattr(atomic, "writing", noting)
        mapped(place, tmp_path)
    assert caught.value.do
    assert mapped(place, tmp_path) == expected


def test_a_damaged_part_is_found_where_it_is_used(place: Path, expected: dict[str, str], tmp_path: Path) -> None:
    """A file that was removed is written again with all that follows from it."""
    mapped(place, tmp_path)
    for name in ("tiles/objects/r00000c00001.parquet", "tiles/labels/r00001c00001.tif", "sheets/map-r000c000.tif"):
        (tmp_path / name).unlink()
    assert mapped(place, tmp_path) == expected
