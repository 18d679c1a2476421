"""The verb map: options become a job, mistakes exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene

from landweave.cli.main import run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_card(tmp_path / "card", "pixel")
    make_catalog(tmp_path / "c.parquet", make_scene(tmp_path, "s", grid_at(60, 70)))
    return tmp_path


def words(place: Path, *more: str) -> list[str]:
    return ["map", "--card", str(place / "card"), "--scenes", str(place / "c.parquet"), "-o", str(place / "map"), *more]


def test_a_map(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    area = "500100,4989500,500400,4989900"
    assert run(words(place, "--area", area, "--core", "32", "--entropy", "--precision", "bf16")) == 0
    said = capsys.readouterr()
    assert "map.tif: 0.0 Mpx, 100.0% valid" in said.out
    assert "km2/s, bf16" in said.out
    assert "labels compared with fp32" in said.out
    assert "assemble" in said.err
    assert (place / "map" / "entropy.tif").is_file()


def test_mistakes_have_three_parts_and_exit_code_1(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words(place, "--rule", "newest")) == 1
    assert run(words(place, "--margin", "-1")) == 1
    assert run(words(place, "--card", str(place / "none"))) == 1
    assert capsys.readouterr().err.count("to do:") == 3
    assert not (place / "map").exists()


AREAS = ["1,2", "a,b,c,d", "1,2,3,nan", "inf,2,3,4", ""]


@pytest.mark.parametrize("more", [*(("--area", area) for area in AREAS), ("--workers", "0"), ("--unknown",)])
def test_wrong_usage_is_exit_code_2(place: Path, more: tuple[str, ...]) -> None:
    assert run(words(place, *more)) == 2
    assert not (place / "map").exists()


def test_a_large_map_with_objects(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--core", "32", "--sheet-px", "32", "--objects", "Class 1,Class 2", "--objects", "Class 3"]
    assert run(words(place, *more, "--min-area-m2", "300", "--simplify-m", "5")) == 0
    said = capsys.readouterr()
    assert "map.vrt: 0.0 Mpx" in said.out
    assert "tiles/s, device busy" in said.out
    assert "stitch" in said.err
    assert (place / "map" / "objects.parquet").is_file()
    assert len(list((place / "map" / "sheets").glob("map-*.tif"))) == 6


def test_a_scene_that_cannot_be_read_is_named_and_the_code_is_3(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = (make_scene(place, name, grid_at(60, 70), seed=n, day=n + 1) for n, name in enumerate(("good", "bad")))
    make_catalog(place / "c.parquet", good, bad)
    (place / "bad.tif").write_bytes(b"")
    assert run(words(place)) == 3
    said = capsys.readouterr().err
    assert "set aside" in said
    assert "bad.tif, which cannot be read" in said
    assert (place / "map" / "map.tif").is_file()


def test_a_card_or_a_gallery(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words(place, "--gallery", str(place))) == 1
    assert run(["map", "--scenes", str(place / "c.parquet"), "-o", str(place / "map")]) == 1
    assert capsys.readouterr().err.count("either a card or a gallery") == 2
    assert run(words(place, "--objects", "Clas 1")) == 1
    assert "Class 1" in capsys.readouterr().err
    assert not (place / "map").exists()
