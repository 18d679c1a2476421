"""Tiles go to the bucket that most of their patches are like, or to mono where they are like none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gallery import trained

from landweave.errors import GalleryError
from landweave.gallery import route as routes
from landweave.gallery.hash import codes
from landweave.gallery.models import NO_BUCKET
from landweave.gallery.route import Route, Router, decide, patches


@pytest.fixture(scope="module")
def folder(models_made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(models_made / "gallery", tmp_path_factory.mktemp("route") / "gallery"))


@pytest.fixture(scope="module")
def router(folder: Path) -> Router:
    return Router(folder)


def tile(seed: int = 0, shape: tuple[int, int] = (48, 48)) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.random((3, *shape), np.float32), np.ones(shape, bool)


def send(router: Router, found: list[int], monkeypatch: pytest.MonkeyPatch) -> Route:
    """The route of a tile whose patches have these codes."""
    monkeypatch.setattr(routes, "codes", lambda gallery, values, valid: np.array(found, np.uint64))
    return router.route(*tile())


def test_the_bucket_is_that_of_most_patches(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = trained.CENTROIDS
    for bucket, found in ((0, [first] * 4), (1, [second] * 3)):
        sent = send(router, found, monkeypatch)
        assert (sent.bucket, sent.distance, sent.is_far) == (bucket, 0.0, False)
        assert sent.card == router.models.card_of(bucket)
        assert sent.identity == router.models.identity_of(bucket)


def test_what_is_far_goes_to_mono(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    first = trained.CENTROIDS[0]
    assert router.models.far_limit == 1
    near, far = (send(router, [first ^ wrong] * 2, monkeypatch) for wrong in (1 << 20, 3 << 20))
    assert (near.bucket, near.distance, near.is_far) == (0, 1.0, False)
    assert (far.bucket, far.distance, far.is_far) == (0, 2.0, True)
    assert far.card == router.models.mono_card
    assert far.identity == router.models.mono["identity"]


def test_a_mixture_is_far_and_a_few_odd_patches_are_not(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = trained.CENTROIDS
    sent = send(router, [first, first, first, second], monkeypatch)
    assert (sent.bucket, sent.distance, sent.is_far) == (0, 0.0, False)
    mixed = send(router, [first, first, second, second], monkeypatch)
    assert (mixed.distance, mixed.is_far) == (5.0, True)
    assert send(router, [first, second, third], monkeypatch).is_far


def test_a_tile_without_a_valid_pixel_goes_to_mono_and_is_not_far(router: Router) -> None:
    values, valid = tile()
    sent = router.route(values, np.zeros_like(valid))
    assert (sent.bucket, sent.is_far, sent.card) == (NO_BUCKET, False, router.models.mono_card)
    assert np.isnan(sent.distance)


def test_the_network_decides_and_decides_the_same_again(router: Router, folder: Path) -> None:
    values, valid = tile(3)
    sent = router.route(values, valid)
    assert (router.bands, router.gallery.card.bands) == (("B03", "B04", "B05"), ("B04", "B03", "B05"))
    pieces = patches(values[[1, 0, 2]], valid, 16)
    assert pieces is not None
    found = codes(router.gallery, *pieces)
    assert len(found) == 9
    assert (sent.bucket, sent.distance) == decide(found, router.gallery.centroids, 48)
    assert Router(folder).route(values, valid) == sent


def test_bands_are_taken_by_name(folder: Path, router: Router, tmp_path: Path) -> None:
    text = (folder / "models.json").read_text()
    content = json.loads(text)
    content["mono"]["bands"] = ["B02", "B05", "B04", "B03"]
    (folder / "models.json").write_text(json.dumps(content))
    values, valid = tile(5)
    try:
        wider = np.stack([np.full_like(values[0], 9), values[2], values[1], values[0]])
        assert Router(folder).route(wider, valid) == router.route(values, valid)
    finally:
        (folder / "models.json").write_text(text)


def test_a_gallery_without_models_cannot_route(tmp_path: Path) -> None:
    trained.gallery_with_archive(tmp_path)
    with pytest.raises(GalleryError) as caught:
        Router(tmp_path / "gallery")
    assert "without models" in caught.value.given
    assert "gallery train" in caught.value.do


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 40))
def test_patches_cover_the_tile(height: int, width: int, patch_px: int) -> None:
    values = np.arange(height * width, dtype=np.float32).reshape(1, height, width)
    found = patches(values, np.ones((height, width), bool), patch_px)
    assert found is not None
    cut, valid = found
    num = -(-height // patch_px) * -(-width // patch_px)
    assert len(cut) == min(num, 64)
    assert cut.shape[1:] == (1, patch_px, patch_px)
    if num <= 64:
        assert set(cut[:, 0][valid].tolist()) >= set(values.ravel().tolist()) or height < patch_px or width < patch_px


def test_patches_of_a_small_tile_are_filled_up() -> None:
    values, valid = tile(0, (10, 30))
    found = patches(values, valid, 16)
    assert found is not None
    cut, usable = found
    assert cut.shape == (2, 3, 16, 16)
    assert usable[:, :10].all()
    assert not usable[:, 10:].any()
    np.testing.assert_array_equal(cut[1, :, :10], values[:, :, 14:])


def test_patches_that_are_mostly_hidden_are_left_away() -> None:
    values, valid = tile(0, (32, 32))
    valid[:16, :16] = False
    valid[0, 0] = True
    found = patches(values, valid, 16)
    assert found is not None
    assert len(found[0]) == 3
    valid[:] = False
    valid[20, 20] = True
    found = patches(values, valid, 16)
    assert found is not None
    assert found[1].sum() == 1
