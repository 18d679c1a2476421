"""A gallery on disk comes back as it was, or an error says why not; and the codes that its network gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import geopandas
import numpy as np
import pytest
from tests.gallery.making import hash_card, make_gallery

from landweave.errors import CardError, GalleryError, LandweaveError
from landweave.gallery.hash import codes
from landweave.gallery.images import open_gallery
from landweave.models.patch.hashing import unpack

LARGE = (1 << 47) + 1


def test_a_gallery_comes_back(tmp_path: Path) -> None:
    made = make_gallery(tmp_path, (0b0011, LARGE), (0b0011, 0b0111, LARGE))
    found = open_gallery(tmp_path)
    assert found.centroids.tolist() == [0b0011, LARGE]
    assert found.codes.tolist() == [0b0011, 0b0111, LARGE]
    assert found.codes.dtype == np.uint64
    assert found.buckets.tolist() == [0, 0, 1]
    assert (found.bits, found.patch_px, found.num_buckets) == (48, 32, 2)
    assert found.card == made.card
    assert found.describe()[1:] == ["bucket 0: 2 images", "bucket 1: 1 images"]


def test_other_programs_open_the_images(tmp_path: Path) -> None:
    make_gallery(tmp_path, (0b0011, LARGE))
    frame = geopandas.read_parquet(tmp_path / "images.parquet")
    assert frame.crs.to_epsg() == 32633
    assert frame.geometry.area.tolist() == [320.0**2] * 2
    query = f"select code, bucket, distance from '{tmp_path / 'images.parquet'}' order by bucket"
    assert duckdb.sql(query).fetchall() == [(0b0011, 0, 0), (LARGE, 1, 0)]


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_gallery(tmp_path / name)
    for name in ("gallery.json", "images.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_codes_are_the_bits_of_the_network(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    generator = np.random.default_rng(0)
    values = generator.random((5, 3, 32, 32), np.float32)
    valid = np.ones((5, 32, 32), bool)
    found = codes(gallery, values, valid)
    assert found.dtype == np.uint64
    assert 0 < unpack(found, gallery.bits).mean() < 1
    np.testing.assert_array_equal(found, codes(gallery, values))
    # One by one as all at once, and what is not valid changes nothing.
    np.testing.assert_array_equal(found, np.concatenate([codes(gallery, one[None]) for one in values]))
    valid[:, :8] = False
    holes = values.copy()
    holes[:, :, :8] = np.nan
    np.testing.assert_array_equal(codes(gallery, values, valid), codes(gallery, holes, valid))


def another_card(folder: Path) -> None:
    shutil.rmtree(folder / "hash")
    hash_card(folder / "hash", seed=7)


def damaged_weights(folder: Path) -> None:
    path = folder / "hash" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def changed(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "gallery.json"
        content = {**json.loads(path.read_text()), **values}
        path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))

    return change


def not_ended(folder: Path) -> None:
    (folder / "gallery.json").unlink()
    (folder / "work").mkdir()


DAMAGE: list[tuple[Callable[[Path], None], type[LandweaveError], str, str, str]] = [
    (lambda folder: (folder / "gallery.json").unlink(), GalleryError, "gallery.json", "a gallery", "gallery build"),
    (not_ended, GalleryError, "begun and not ended", "a gallery", "goes on where it stopped"),
    (lambda folder: (folder / "gallery.json").write_text("{"), GalleryError, "gallery.json", "a gallery", "copy"),
    (changed(format=2), GalleryError, "format 2", "format 1", "the landweave that wrote it"),
    (changed(kind="archive"), GalleryError, "kind archive", "a gallery", "check the folder"),
    (changed(bits=None), GalleryError, "gallery.json", "a gallery", "check the folder"),
    (another_card, GalleryError, "a card with identity", "that this gallery was made with", "copy the whole folder"),
    (damaged_weights, CardError, "weights.safetensors", "SHA-256", "copy the whole card folder"),
]


@pytest.mark.parametrize(("damage", "kind", "given", "expected", "do"), DAMAGE)
def test_a_damaged_gallery_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], kind: type[LandweaveError], given: str, expected: str, do: str
) -> None:
    make_gallery(tmp_path)
    damage(tmp_path)
    with pytest.raises(kind) as caught:
        open_gallery(tmp_path)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do
