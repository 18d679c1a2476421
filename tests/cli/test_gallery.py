"""The verb gallery: from an archive to buckets, and what can be asked of them, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.gallery.making import cut_kinds, make_gallery

from landweave.cli.main import run
from landweave.gallery.images import open_gallery

QUICK = [
    word
    for key in (
        "contrast.arguments.width=4",
        "contrast.epochs=2",
        "contrast.batch_global=24",
        'contrast.precision="fp32"',
        "hash.epochs=6",
        "hash.batch_global=12",
        'hash.precision="fp32"',
    )
    for word in ("--set", key)
]


def test_from_an_archive_to_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive, gallery = cut_kinds(tmp_path / "archive", 36), str(tmp_path / "gallery")
    cut_kinds(tmp_path / "more", 18, place=1)
    recipe = tmp_path / "contrast.toml"
    recipe.write_text('task = "contrast"\narchive = "elsewhere"\ntemperature = 0.3\n')
    options = ["-o", gallery, "--clusters", "2..5", "--contrast", str(recipe), *QUICK]
    assert run(["gallery", "build", str(tmp_path / "archive"), *options]) == 0
    said = capsys.readouterr()
    assert "36 images of 32 px, 3 bands of sentinel-2-l2a" in said.out
    assert "embed" in said.err
    assert json.loads((tmp_path / "gallery" / "gallery.json").read_text())["configuration"]["contrast"]["epochs"] == 2
    first = archive.ids()[0]
    assert run(["gallery", "search", gallery, first, "--k", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("  0 bits  bucket ")
    assert run(["gallery", "add", gallery, str(tmp_path / "more")]) == 0
    assert "54 images" in capsys.readouterr().out
    assert run(["gallery", "show", gallery, "-o", str(tmp_path / "pictures"), "--per-bucket", "4"]) == 0
    assert str(tmp_path / "pictures" / "index.html") in capsys.readouterr().out


def test_one_number_of_clusters_leaves_no_choice(tmp_path: Path) -> None:
    cut_kinds(tmp_path / "archive", 36)
    options = ["-o", str(tmp_path / "g"), "--clusters", "4", *QUICK]
    assert run(["gallery", "build", str(tmp_path / "archive"), *options]) == 0
    assert open_gallery(tmp_path / "g").facts["curve"]["chosen"] == 4


def test_a_search_is_by_an_image_or_by_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_gallery(tmp_path)
    assert run(["gallery", "search", str(tmp_path)]) == 2
    assert run(["gallery", "search", str(tmp_path), "p0", "--file", "x.tif"]) == 2
    assert run(["gallery", "search", str(tmp_path), "p7"]) == 1
    assert "image p7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--clusters", "few"], "FEWEST..MOST"),
        (["--clusters", "9..2"], "fewest and most"),
        (["--set", "hash.bitz=8"], "bits"),
        (["--encoder", "nowhere"], "a card"),
    ],
)
def test_what_makes_no_gallery_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], word: str
) -> None:
    cut_kinds(tmp_path / "archive", 18)
    assert run(["gallery", "build", str(tmp_path / "archive"), "-o", str(tmp_path / "g"), *options]) == 1
    assert word in capsys.readouterr().err
    assert not (tmp_path / "g" / "gallery.json").exists()


def test_a_recipe_of_another_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut_kinds(tmp_path / "archive", 18)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('task = "pixels"\n')
    options = ["-o", str(tmp_path / "g"), "--contrast", str(recipe)]
    assert run(["gallery", "build", str(tmp_path / "archive"), *options]) == 1
    assert "task" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["build", "search", "add", "show", "train", "which"])
def test_every_command_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gallery", name, "--help"]) == 0
    assert f"landweave gallery {name}" in capsys.readouterr().out.split("Usage:", 1)[1].split("\n", 1)[1]
