"""The archive: what is written is read, every broken file is named, bytes do not depend on when they are written."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.patches import making

from landweave.errors import ArchiveError, LandweaveError, SplitError
from landweave.patches import archive
from landweave.patches.archive import open_archive
from landweave.patches.layout import Layout
from landweave.patches.verify import verify


def broken(folder: Path) -> dict[str, str]:
    return {found.file: found.reason for _, found in verify(folder) if found}


def check_parts(error: LandweaveError, given: str, expected: str, do: str) -> None:
    assert given in error.given
    assert expected in error.expected
    assert do in error.do


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = making.write(tmp_path, (4, 3))
    first, second = making.arrays(making.make(), 4, 0), making.arrays(making.make(), 3, 1)
    got = made.batch([6, 0, 4])
    assert len(made) == 7
    assert set(got) == {"data_10m", "data_20m", "data_60m", "mask", "valid"}
    for key, array in got.items():
        np.testing.assert_array_equal(array, [second[key][2], first[key][0], second[key][0]])
        assert array.dtype == first[key].dtype


def test_a_run_of_one_shard_is_not_copied(tmp_path: Path) -> None:
    made = making.write(tmp_path, (4, 3))
    got = made.batch([1, 2, 3])["data_10m"]
    assert not got.flags.writeable and got.base is not None
    np.testing.assert_array_equal(got, making.arrays(making.make(), 4)["data_10m"][1:4])
    across = made.batch([3, 4])["data_10m"]
    assert across.flags.writeable
    np.testing.assert_array_equal(across[1], made.batch([4])["data_10m"][0])


def test_no_index_gives_an_empty_batch(tmp_path: Path) -> None:
    assert making.write(tmp_path).batch([])["data_10m"].shape == (0, 2, 12, 12)


@pytest.mark.parametrize("wrong", [[7], [-1], [0, 99]])
def test_a_patch_that_is_not_there_is_refused(tmp_path: Path, wrong: list[int]) -> None:
    with pytest.raises(ArchiveError) as caught:
        making.write(tmp_path).batch(wrong)
    check_parts(caught.value, str(wrong[-1]), "0 to 6", "part")


def test_plain_h5py_reads_a_shard(tmp_path: Path) -> None:
    making.write(tmp_path, (4,))
    with h5py.File(tmp_path / "shards" / "000000.h5") as file:
        assert file["data_10m"].chunks is None
        np.testing.assert_array_equal(file["data_20m"], making.arrays(making.make(), 4)["data_20m"])
        assert Layout.from_json(json.loads(file.attrs["layout"])) == making.make()


def test_parts_partition_the_archive(tmp_path: Path) -> None:
    made = making.write(tmp_path, (4, 3))
    assert made.part("train").tolist() == [0, 3, 6]
    parts = np.concatenate([made.part(name) for name in ("train", "validation", "test")])
    assert sorted(parts) == list(range(7))


def test_an_empty_part_is_refused(tmp_path: Path) -> None:
    made = making.write(tmp_path, (4,), splits=("train",))
    with pytest.raises(SplitError) as caught:
        made.part("test")
    check_parts(caught.value, "test", "train 4", "fractions")


def test_no_patch_for_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SplitError) as caught:
        making.write(tmp_path, (4,), splits=("test",))
    check_parts(caught.value, "4 patches", "at least one", "left away")
    assert not (tmp_path / "archive.json").exists()


def test_statistics_are_of_the_training_part(tmp_path: Path) -> None:
    made = making.write(tmp_path, (4, 3))
    numbers = made.batch(made.part("train").tolist())["data_20m"][:, 0].astype(float)
    mean, std = made.mean_and_std()["B05"]
    assert mean == pytest.approx(numbers.mean() * 1e-4 - 0.1, rel=1e-12)
    assert std == pytest.approx(numbers.std() * 1e-4, rel=1e-12)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        making.write(tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 7
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_both_targets_can_be_stored(tmp_path: Path) -> None:
    layout = making.make(targets=("mask", "classes"))
    got = making.write(tmp_path, (2,), layout).batch([1, 0])
    np.testing.assert_array_equal(got["classes"], making.arrays(layout, 2)["classes"][::-1])


def test_threads_read_the_same(tmp_path: Path) -> None:
    made = making.write(tmp_path, (4, 3, 5))
    wanted = made.batch(range(12))["data_10m"].copy()
    again, got = open_archive(tmp_path), {}

    def read(place: int) -> None:
        got[place] = again.batch([place, 11 - place])["data_10m"][0]

    threads = [threading.Thread(target=read, args=(place,)) for place in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 12
    for place, patch in got.items():
        np.testing.assert_array_equal(patch, wanted[place])


def test_a_whole_archive_verifies(tmp_path: Path) -> None:
    making.write(tmp_path)
    assert [(name, found) for name, found in verify(tmp_path)] == [
        ("patches.parquet", None),
        ("archive.h5", None),
        ("shards/000000.h5", None),
        ("shards/000001.h5", None),
    ]


def test_verify_names_every_broken_file(tmp_path: Path) -> None:
    making.write(tmp_path, (4, 3, 2, 2))
    shards = tmp_path / "shards"
    content = bytearray((shards / "000000.h5").read_bytes())
    content[5000] ^= 1
    (shards / "000000.h5").write_bytes(content)
    (shards / "000001.h5").unlink()
    (shards / "000002.h5").write_bytes((shards / "000002.h5").read_bytes()[:-7])
    (shards / "000009.h5").write_bytes(b"")
    (tmp_path / "patches.parquet").write_bytes(b"PAR1")
    found = broken(tmp_path)
    assert set(found) == {"patches.parquet", *(f"shards/00000{i}.h5" for i in (0, 1, 2, 9))}
    assert "checksum" in found["shards/000000.h5"]
    assert found["shards/000001.h5"] == "missing"
    assert "expected" in found["shards/000002.h5"]
    assert "not in the manifest" in found["shards/000009.h5"]


@pytest.mark.parametrize("cut", [0, 4096])
def test_a_cut_shard_is_refused_when_the_archive_is_opened(tmp_path: Path, cut: int) -> None:
    making.write(tmp_path)
    path = tmp_path / "shards" / "000001.h5"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ArchiveError) as caught:
        open_archive(tmp_path)
    check_parts(caught.value, "000001.h5", "a whole shard", "cut it again")


@pytest.mark.parametrize(
    ("text", "given"),
    [
        (None, "No such file"),
        ("", "Expecting value"),
        ("[]", "list"),
        ('{"format": 2, "kind": "archive"}', "format 2"),
        ('{"format": 1, "kind": "card"}', "card"),
        ('{"format": 1, "kind": "archive"}', "layout"),
        ('{"format": 1, "kind": "archive", "layout": {"sensor": 1}}', "views"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, text: str | None, given: str) -> None:
    if text is not None:
        (tmp_path / "archive.json").write_text(text)
    for reader in (open_archive, lambda folder: list(verify(folder))):
        with pytest.raises(ArchiveError) as caught:
            reader(tmp_path)
        assert given in caught.value.given or "'shards'" in caught.value.given or "layout" in caught.value.given
        assert "archive" in caught.value.expected and caught.value.do


def test_an_archive_that_was_not_ended_says_how_to_go_on(tmp_path: Path) -> None:
    making.write(tmp_path)
    (tmp_path / "archive.json").unlink()
    with pytest.raises(ArchiveError) as caught:
        open_archive(tmp_path)
    check_parts(caught.value, "not ended", "archive.json", "goes on where it stopped")


@pytest.mark.parametrize("key", ["data_20m", "mask", "valid"])
def test_arrays_of_another_layout_are_refused(tmp_path: Path, key: str) -> None:
    layout = making.make()
    given = making.arrays(layout, 2)
    given[key] = given[key].astype(np.int32)
    with pytest.raises(ArchiveError) as caught:
        archive.write_shard(tmp_path, "000000", layout, given, making.rows(2))
    check_parts(caught.value, "int32", key, "layout")
    assert not list(tmp_path.rglob("*.h5"))


def test_the_index_says_where_patches_lie(tmp_path: Path) -> None:
    table = making.write(tmp_path, (4, 3)).table()
    assert table["id"].tolist() == [f"p{i:04d}" for i in range(7)]
    assert table["shard"].tolist() == ["000000"] * 4 + ["000001"] * 3
    assert table.crs.to_epsg() == 32633
    assert table.geometry[2].bounds == (400.0, 0.0, 520.0, 120.0)


def test_threads_write_shards_side_by_side(tmp_path: Path) -> None:
    layout, rows = making.make(), making.rows(4)
    arrays = making.arrays(layout, 4)
    with ThreadPoolExecutor(8) as threads:
        names = [f"{number:06d}" for number in range(40)]
        written = [threads.submit(archive.write_shard, tmp_path, name, layout, arrays, rows) for name in names]
        for each in written:
            each.result()
    contents = [path.read_bytes() for path in (tmp_path / "shards").glob("*.h5")]
    assert len(contents) == 40
    assert len(set(contents)) == 1
