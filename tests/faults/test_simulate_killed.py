"""A simulated world whose writing is killed goes on, and the bytes are those of one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.landweave import KILLED, landweave

from landweave.provenance import file_sha256
from landweave.simulate.world import load_world
from landweave.simulate.write import PARTS, write

# Two scenes and their truth, in two parts of 300 m each.
TINY = """
[worlds.tiny-1]
height_px = 30
width_px = 60
scenes = [{ date = 2023-07-12, cloud = 0.3 }, { sensor = "landsat-8-c2l2", date = 2019-06-02 }]
old_map = { date = 2016-07-01, omission = { "Grassland" = 0.2 } }
"""
SMALL_PARTS = "import landweave.simulate.deliver as deliver; deliver._PART_M = 300.0\n"
SUFFIXES = {".tif", ".TIF", ".jp2", ".xml", ".txt", ".json"}


def hashes(folder: Path) -> dict[str, str]:
    """Of every file of scenes and truth under its final name."""
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for part in ("scenes", "truth")
        for path in (folder / part).rglob("*")
        if path.suffix in SUFFIXES and ".aside" not in path.name
    }


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("worlds") / "worlds.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def whole(worlds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole")
    last = list(write(load_world("tiny-1", 4, worlds), folder))[-1]
    assert last.failed is None
    found = hashes(folder)
    assert len(found) >= 12 + 1 + 2 + 7 + 1 + 1 + 4
    return found


# Among the parts, right after one has its name; among the files, right before one has its name.
@pytest.mark.parametrize(("name", "before"), [("scene-001", False), ("T33UUP_20230712T103000_B03", True)])
def test_killed_half_way_goes_on_with_the_same_bytes(
    worlds: Path, whole: dict[str, str], tmp_path: Path, name: str, before: bool
) -> None:
    folder = tmp_path / "world"
    arguments = ("simulate", "tiny-1", "--worlds", worlds, "--seed", 4, "-o", folder)
    dying = SMALL_PARTS + KILLED.format(name=name, number=1, before=before)
    code, said = landweave(*arguments, before=dying)
    assert code == -9, said
    assert (folder / PARTS).is_dir()
    there = {path: digest for path, digest in hashes(folder).items() if not path.endswith((".xml", ".json", ".txt"))}
    assert there.keys() < whole.keys()
    assert bool(there) == before
    # What stands under its final name is whole.
    assert all(whole[path] == digest for path, digest in there.items())
    code, said = landweave(*arguments, before=SMALL_PARTS)
    assert code == 0, said
    assert hashes(folder) == whole
    assert not (folder / PARTS).exists()
    assert not list(folder.rglob("*.aside*"))
