"""The verb patch: from the command line to an archive, and what it says when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.patches import making, scenes
from tests.published import bigearthnet as published

from landweave.cli.main import run
from landweave.patches.archive import open_archive


@pytest.fixture
def catalog(tmp_path: Path) -> list[str]:
    """Options that name a catalog, its labels and their legend."""
    labels = scenes.write_labels(tmp_path / "labels.tif")
    job = scenes.job(tmp_path, [scenes.write_scene(tmp_path)], labels)
    return ["--scenes", str(job.scenes), "--labels", str(labels), "--legend", "three", "--legends", str(job.legends)]


SMALL = ["--set", "patch_px=12", "--set", "gap_px=6"]


def test_patches_from_a_catalog(catalog: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "archive"
    assert run(["patch", *catalog, *SMALL, "--bands", "B02,B05", "-o", str(out)]) == 0
    said = capsys.readouterr()
    archive = open_archive(out)
    assert archive.layout.bands == ("B02", "B05")
    assert f"{len(archive)} patches of 12 px of 10 m, 2 bands of sentinel-2-l2a, legend three" in said.out
    assert "train-test" in said.out
    assert "shards" in said.err


def test_patches_from_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for h in (0, 20, 40):
        published.write_v1(tmp_path / "in", h, 0, ["Pastures"])
    options = ["--dataset", "bigearthnet-v1", "--folder", str(tmp_path / "in"), "--legend", "bigearthnet-43"]
    assert run(["patch", *options, "-o", str(tmp_path / "a")]) == 0
    assert "3 patches of 120 px" in capsys.readouterr().out


def test_verify_names_every_broken_shard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    making.write(tmp_path, (2, 2, 2, 2))
    assert run(["patch", "--verify", str(tmp_path)]) == 0
    assert "6 files, all whole" in capsys.readouterr().out
    for name in ("000001", "000003"):
        path = tmp_path / "shards" / f"{name}.h5"
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    (tmp_path / "shards" / "000002.h5").unlink()
    assert run(["patch", "--verify", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    for name, reason in (("000001", "checksum"), ("000002", "missing"), ("000003", "checksum")):
        assert f"broken: shards/{name}.h5: {reason}" in said
    assert "000000" not in said
    assert "given: " in said and "3 broken of 6 files" in said
    assert "expected: " in said and "checksums of the manifest" in said
    assert "to do: " in said and "run the command" in said


@pytest.mark.parametrize(
    ("changes", "given", "expected", "do"),
    [
        (["--set", "patch_pixels=12"], "unknown key patch_pixels", "patch_px", "docs/formats.md"),
        (["--set", "min_valid=2"], "min_valid = 2", "less than or equal to 1", "mend"),
        (["--set", "patch_px"], "--set patch_px", "key=value", "value"),
        (["--period", "2023"], "period = '2023'", "FIRST/LAST day", "mend"),
        (["--bands", "B02,B99"], "B99", "B", "name a band"),
        (["--legend", "four"], "four", "one of", "--legends"),
        (["--sensor", "naip"], "naip", "sentinel-2-l2a on 2023-07-12", "--sensor"),
        (["--labels", "none.tif"], "none.tif", "map", "--labels"),
        (["--scenes", "none.parquet"], "none.parquet", "catalog", "landweave catalog"),
    ],
)
def test_what_is_wrong_is_said_in_three_parts(
    catalog: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: list[str],
    given: str,
    expected: str,
    do: str,
) -> None:
    out = tmp_path / "archive"
    assert run(["patch", *catalog, *SMALL, *changes, "-o", str(out)]) == 1
    parts = capsys.readouterr().err.split("    given: ")[1]
    first, rest = parts.split(" expected: ")
    second, third = rest.split("    to do: ")
    assert given in first and expected in second and do in third
    assert not out.exists() or not list(out.rglob("*.h5"))


def test_without_an_output_or_labels_nothing_is_done(catalog: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["patch", *catalog]) == 2
    assert "-o archive/" in capsys.readouterr().err
    assert run(["patch", *catalog[:2], "-o", "never"]) == 1
    assert "labels is missing" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_said(
    catalog: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert run(["patch", *catalog, *SMALL, "-o", str(tmp_path / "file" / "archive")]) == 1
    said = capsys.readouterr().err
    assert "file" in said and "expected: " in said and "-o" in said
    assert run(["patch", *catalog, *SMALL, "-o", str(tmp_path / ("x" * 300))]) == 1
    assert "characters" in capsys.readouterr().err


def test_a_shard_that_fails_is_set_aside_and_named(
    catalog: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = scenes.labels()
    ids[0, 0] = 77
    scenes.write_labels(tmp_path / "labels.tif", ids)
    options = [*catalog, *SMALL, "--set", "patches_per_shard=8", "-o", str(tmp_path / "a")]
    assert run(["patch", *options]) == 3
    said = capsys.readouterr()
    assert "set aside" in said.err and "00000-0000" in said.err and "77" in said.err
    assert "failed: shard 00000-0000: 1" in said.out
    archive = open_archive(tmp_path / "a")
    assert len(archive.shards) > 3 and "00000-0000" not in [shard.name for shard in archive.shards]
    assert run(["patch", *options]) == 3
