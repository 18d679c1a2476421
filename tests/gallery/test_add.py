"""New imagery comes into a gallery without a rebuild; twice changes nothing; what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.gallery.making import cut_kinds, quick

from landweave.errors import CardError, GalleryError, LandweaveError
from landweave.gallery import add as adding
from landweave.gallery.add import add
from landweave.gallery.build import build
from landweave.gallery.images import Gallery, open_gallery
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("add")
    cut_kinds(folder / "archive", 36)
    cut_kinds(folder / "more", 18, seed=3, place=1)
    job = quick(folder / "archive", hash={"epochs": 6, "batch_global": 12, "precision": "fp32"})
    list(build(job, folder / "gallery", Serial()))
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "copy")
    return tmp_path / "copy"


def test_new_images_get_codes_of_the_same_network(folder: Path) -> None:
    before = open_gallery(folder / "gallery")
    old = before.codes
    records = list(add(folder / "gallery", folder / "more", Serial()))
    assert {record.phase for record in records} == {"embed", "code"}
    after = open_gallery(folder / "gallery")
    assert len(after.codes) == 36 + 18
    np.testing.assert_array_equal(after.codes[:36], old)
    np.testing.assert_array_equal(after.centroids, before.centroids)
    assert after.card == before.card
    table = after.table()
    assert table["scene"].tolist()[36:] == ["scene1"] * 18
    # A kind goes into the bucket of its kind.
    kinds = np.arange(54) % 3
    kinds[36:] = np.arange(18) % 3
    assert len(set(zip(after.buckets.tolist(), kinds.tolist(), strict=True))) <= 4
    assert [one["images"] for one in after.facts["archives"]] == [36, 18]


def test_twice_is_once(folder: Path) -> None:
    list(add(folder / "gallery", folder / "more", Serial()))
    before = {name: (folder / "gallery" / name).read_bytes() for name in ("gallery.json", "images.parquet")}
    assert list(add(folder / "gallery", folder / "more", Serial())) == []
    assert before == {name: (folder / "gallery" / name).read_bytes() for name in before}
    # What stands is not built again either: the new images would be lost.
    job = quick(folder / "archive", hash={"epochs": 6, "batch_global": 12, "precision": "fp32"})
    assert list(build(job, folder / "gallery", Serial())) == []
    assert len(open_gallery(folder / "gallery").codes) == 54


@pytest.mark.parametrize("where", ["write_images", "write_facts"])
def test_killed_and_run_again_is_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    whole = folder.parent / "whole"
    shutil.copytree(folder, whole)
    list(add(whole / "gallery", folder / "more", Serial()))

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(adding, where, die)
        with pytest.raises(KeyboardInterrupt):
            list(add(folder / "gallery", folder / "more", Serial()))
    list(add(folder / "gallery", folder / "more", Serial()))
    for name in ("gallery.json", "images.parquet"):
        assert (folder / "gallery" / name).read_bytes() == (whole / "gallery" / name).read_bytes()


def of_another_size(folder: Path) -> None:
    shutil.rmtree(folder / "more")
    cut_kinds(folder / "more", 18, px=16, place=1)


def of_the_same_names(folder: Path) -> None:
    shutil.rmtree(folder / "more")
    cut_kinds(folder / "more", 18, seed=3)


def of_another_sensor(folder: Path) -> None:
    path = folder / "more" / "archive.json"
    content = json.loads(path.read_text())
    content["layout"]["sensor"] = "sentinel-2-l1c"
    path.write_text(json.dumps(content))


def another_encoder(folder: Path) -> None:
    path = folder / "gallery" / "gallery.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "encoder": "f" * 64}))


WRONG: list[tuple[Callable[[Path], None], type[LandweaveError], str, str, str]] = [
    (of_another_size, GalleryError, "patches of 16 pixels", "patches of 32 pixels", "--set patch_px=32"),
    (of_the_same_names, GalleryError, "holds already", "images of other names", "one gallery from one archive"),
    (of_another_sensor, CardError, "sentinel-2-l1c", "sentinel-2-l2a", "patches of that sensor"),
    (another_encoder, GalleryError, "encoder, a card with identity", "made with, ffff", "build it again"),
]


@pytest.mark.parametrize(("change", "kind", "given", "expected", "do"), WRONG)
def test_what_does_not_fit_is_refused(
    folder: Path, change: Callable[[Path], None], kind: type[LandweaveError], given: str, expected: str, do: str
) -> None:
    change(folder)
    with pytest.raises(kind) as caught:
        list(add(folder / "gallery", folder / "more", Serial()))
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def test_images_of_other_zones_lie_in_degrees(folder: Path) -> None:
    elsewhere: Archive = cut_kinds(folder / "east", 18, seed=4, place=2, crs="EPSG:32634")
    list(add(folder / "gallery", folder / "east", Serial()))
    found: Gallery = open_gallery(folder / "gallery")
    table = found.table()
    assert table.crs.to_epsg() == 4326
    assert table.geometry.total_bounds[2] < 180
    assert table["crs"].tolist()[36:] == ["EPSG:32634"] * len(elsewhere)


def test_images_without_a_place_leave_no_crs(folder: Path) -> None:
    cut_kinds(folder / "nowhere", 18, seed=5, place=3, crs="")
    list(add(folder / "gallery", folder / "nowhere", Serial()))
    assert open_gallery(folder / "gallery").table().crs is None
