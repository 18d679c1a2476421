"""Contact sheets, the plane and the page: what they hold, from where, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.gallery.making import cut_kinds, quick

from landweave.errors import GalleryError
from landweave.gallery.build import build
from landweave.gallery.images import open_gallery
from landweave.gallery.show import show
from landweave.jobs.serial import Serial


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    cut_kinds(folder / "archive", 36)
    job = quick(folder / "archive", hash={"epochs": 8, "batch_global": 12, "precision": "fp32"})
    list(build(job, folder / "gallery", Serial()))
    return folder


def test_every_bucket_has_a_sheet_and_the_page_shows_them(built: Path, tmp_path: Path) -> None:
    gallery = open_gallery(built / "gallery")
    written = show(gallery, tmp_path)
    filled = np.unique(gallery.buckets)
    names = {path.name for path in written}
    assert names == {f"bucket-{bucket}.png" for bucket in filled} | {"plane.svg", "curve.svg", "index.html"}
    page = (tmp_path / "index.html").read_text()
    for name in names - {"index.html"}:
        assert f'src="{name}"' in page
    assert "36 images" in page
    assert "clusters" in (tmp_path / "curve.svg").read_text()
    assert "bucket 0" in (tmp_path / "plane.svg").read_text()
    first = next(path for path in written if path.suffix == ".png")
    # Patches of 32 pixels are shown twice as large, twelve a row with two pixels between them.
    num = int((gallery.buckets == int(first.stem.split("-")[1])).sum())
    width = min(num, 12) * 66 - 2
    assert Image.open(first).size == (width, -(-num // 12) * 66 - 2)


def test_the_same_gallery_gives_the_same_pictures(built: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        show(open_gallery(built / "gallery"), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_no_more_than_asked_for_are_shown(built: Path, tmp_path: Path) -> None:
    paths = show(open_gallery(built / "gallery"), tmp_path, per_bucket=2)
    assert {Image.open(path).size[1] for path in paths if path.suffix == ".png"} == {64}


def test_archives_that_were_moved_are_named_anew(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "copy")
    gallery = open_gallery(tmp_path / "copy" / "gallery")
    facts = dict(gallery.facts, archives=[{**gallery.facts["archives"][0], "folder": str(tmp_path / "gone")}])
    object.__setattr__(gallery, "facts", facts)
    with pytest.raises(GalleryError) as caught:
        show(gallery, tmp_path / "out")
    assert "gone" in caught.value.given
    assert "where it was" in caught.value.expected
    assert "--archive" in caught.value.do
    assert show(gallery, tmp_path / "out", (tmp_path / "copy" / "archive",))


def test_an_archive_that_changed_is_refused(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "copy")
    gallery = open_gallery(tmp_path / "copy" / "gallery")
    shutil.rmtree(tmp_path / "copy" / "archive")
    cut_kinds(tmp_path / "copy" / "archive", 36, seed=9)
    facts = dict(gallery.facts)
    facts["archives"] = [{**facts["archives"][0], "folder": str(tmp_path / "copy" / "archive")}]
    object.__setattr__(gallery, "facts", facts)
    with pytest.raises(GalleryError) as caught:
        show(gallery, tmp_path / "out")
    assert "has changed" in caught.value.given
    assert caught.value.expected
    assert "--archive" in caught.value.do
