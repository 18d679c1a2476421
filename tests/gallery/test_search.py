"""The nearest codes are those of comparing with all of them; what is asked for wrongly is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from tests.gallery.making import make_gallery

from landweave.errors import CardError, GalleryError, LandweaveError
from landweave.gallery.hash import codes
from landweave.gallery.search import code_of, code_of_file, nearest
from landweave.raster.write import write_tile


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 20), st.sampled_from([1, 7, 50, 9000]), st.sampled_from([4, 48, 64]))
def test_the_nearest_are_those_of_comparing_with_all(seed: int, k: int, num: int, bits: int) -> None:
    generator = np.random.default_rng(seed)
    held = generator.integers(0, 2**bits, num, dtype=np.uint64, endpoint=False)
    code = int(generator.integers(0, 2**bits, dtype=np.uint64))
    apart = np.bitwise_count(held ^ np.uint64(code))
    # Of equals the one that stands first.
    expected = np.lexsort((np.arange(num), apart))[:k]
    found = nearest(held, code, k)
    np.testing.assert_array_equal(found.rows, expected)
    np.testing.assert_array_equal(found.distances, apart[expected])


def test_nothing_is_found_among_nothing() -> None:
    found = nearest(np.zeros(0, np.uint64), 5, 3)
    assert len(found.rows) == len(found.distances) == 0


def test_at_least_one_is_asked_for() -> None:
    with pytest.raises(GalleryError) as caught:
        nearest(np.zeros(3, np.uint64), 0, 0)
    assert "0 images" in caught.value.given
    assert "at least one" in caught.value.expected
    assert caught.value.do


def test_images_are_found_by_their_names(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path, (0b0011, 0b1100), (0b0011, 0b0111, 0b1100))
    assert code_of(gallery, "p1") == 0b0111
    assert nearest(gallery.codes, code_of(gallery, "p1"), 2).rows.tolist() == [1, 0]
    with pytest.raises(GalleryError) as caught:
        code_of(gallery, "p9")
    assert "p9" in caught.value.given
    assert "3 images, p0" in caught.value.expected
    assert "--file" in caught.value.do


SIDECAR = """sensor = "sentinel-2-l2a"
bands = ["B04", "B03", "B05"]
datetime = 2023-07-12T10:00:00Z
scale = 1.0
offset = 0.0
georeference = "none"
"""


def write_file(folder: Path, values: np.ndarray, sidecar: str = SIDECAR) -> Path:
    path = folder / "place.tif"
    write_tile(path, values.astype(np.float32), GeoBox(values.shape[1:], Affine.identity(), None))
    path.with_suffix(".toml").write_text(sidecar)
    return path


def test_a_picture_of_the_patch_size_has_the_code_of_its_values(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path / "gallery")
    values = np.random.default_rng(0).uniform(0.05, 0.4, (3, 32, 32)).astype(np.float32)
    found = code_of_file(gallery, write_file(tmp_path, values))
    assert found == int(codes(gallery, values[None])[0])


def test_a_larger_picture_has_the_code_of_most_of_its_patches(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path / "gallery")
    patch, other = np.random.default_rng(0).uniform(0.05, 0.4, (2, 3, 32, 32)).astype(np.float32)
    other *= 0.2
    wide = np.concatenate([patch, patch, other], 2)
    assert code_of_file(gallery, write_file(tmp_path, wide)) == int(codes(gallery, patch[None])[0])


LANDSAT = """sensor = "landsat-8-c2l2"
bands = ["SR_B4", "SR_B3", "SR_B5"]
datetime = 2023-07-12T10:00:00Z
scale = 1.0
offset = 0.0
georeference = "none"
"""
NUMBERS = """sensor = "sentinel-2-l2a"
bands = ["B04", "B03", "B05"]
datetime = 2023-07-12T10:00:00Z
unit = "digital_number"
georeference = "none"
"""
GOOD = np.full((3, 32, 32), 0.2)
WRONG: list[tuple[np.ndarray, str, type[LandweaveError], str, str, str]] = [
    (GOOD, LANDSAT, CardError, "landsat-8-c2l2", "sentinel-2-l2a", "build a gallery of this one"),
    (GOOD, SIDECAR.replace(', "B05"', ', "-"'), LandweaveError, "B05", "bands", "bands that are there"),
    (GOOD * np.nan, SIDECAR, GalleryError, "without a valid pixel", "land", "mask"),
    (GOOD * 4000, NUMBERS, CardError, "digital_number", "reflectance", "build a gallery of this one"),
]


@pytest.mark.parametrize(("values", "sidecar", "kind", "told", "expected", "do"), WRONG)
def test_pictures_that_do_not_fit_are_refused(
    tmp_path: Path, values: np.ndarray, sidecar: str, kind: type[LandweaveError], told: str, expected: str, do: str
) -> None:
    gallery = make_gallery(tmp_path / "gallery")
    with pytest.raises(kind) as caught:
        code_of_file(gallery, write_file(tmp_path, values, sidecar))
    assert told in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do
