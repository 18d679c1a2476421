"""Patches of a list from whole products: killed at any shard, alone or as one share of several, then run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.datasets.test_positions import PLACES, write_list
from tests.faults.landweave import KILLED, landweave
from tests.patches import scenes
from tests.patches.scenes import hashes

from landweave.cli.main import run
from landweave.patches.archive import open_archive
from landweave.patches.verify import verify
from landweave.raster.catalog import write_catalog

NAMES = [f"S2A_MSIL2A_20230712T10300{i}_N0509_R022_T33UUP_20230712T120000" for i in range(2)]
SMALL = ["--set", "patch_px=12", "--set", "block_m=200", "--set", "gap_m=50", "--set", "patches_per_shard=2"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("products")
    made, lines = [], []
    for i, name in enumerate(NAMES):
        corner = (scenes.CORNER[0] + 6000 * i, scenes.CORNER[1])
        made.append(scenes.write_scene(folder, name, edge_m=3600, corner=corner))
        lines += [f"{name.rsplit('_', 1)[0]}_{h:02d}_{v:02d},Pastures" for h, v in PLACES]
    write_catalog(made, folder / "catalog.parquet")
    write_list(folder / "list.csv", "patch_id,labels", lines)
    assert run(command(folder, folder / "whole")) == 0
    assert len(hashes(folder / "whole")) == 6 * 2 + 3
    return folder


def command(root: Path, out: Path) -> list[str]:
    wanted = ["--scenes", str(root / "catalog.parquet"), "--positions", str(root / "list.csv")]
    return ["patch", *wanted, "--legend", "bigearthnet-19", *SMALL, "-o", str(out)]


# Before a shard has its name, after its arrays have but before its note has, and between the index and the manifest.
@pytest.mark.parametrize(
    ("name", "before"), [("00001-0000.h5", True), ("00000-0002.h5", False), ("archive.json", True)]
)
def test_killed_alone_and_run_again(root: Path, tmp_path: Path, name: str, before: bool) -> None:
    out = tmp_path / "a"
    code, _ = landweave(*command(root, out), before=KILLED.format(name=name, number=1, before=before))
    assert code == -9
    assert not (out / "archive.json").exists()
    assert run(command(root, out)) == 0
    assert hashes(out) == hashes(root / "whole")


def test_a_share_that_was_killed_is_made_up_for_without_doubles(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "a"
    dying = KILLED.format(name="0000", number=3, before=False)
    code, _ = landweave(*command(root, out), "--share", "1/2", before=dying)
    assert code == -9
    torn = out / "ledger-1-of-2.jsonl"
    torn.write_bytes(torn.read_bytes() + b'{"key": "000')
    assert run([*command(root, out), "--share", "2/2"]) == 0
    assert run(command(root, out)) == 0
    assert hashes(out) == hashes(root / "whole")
    ids = open_archive(out).ids()
    assert len(ids) == len(set(ids)) == 10
    assert all(found is None for _, found in verify(out))


def test_a_full_disk_stops_a_share_and_what_is_done_is_kept(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "a"
    code, said = landweave(*command(root, out), "--share", "1/2", max_file_bytes=9000)
    assert code == 1 and "no space left" in said and "run the same command again" in said
    assert not list(out.rglob("*.h5"))
    assert run(command(root, out)) == 0
    assert hashes(out) == hashes(root / "whole")
