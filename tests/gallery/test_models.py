"""models.json comes back as it was; models of other codes, buckets without a card and damaged cards are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.gallery.making import hash_card

from landweave.errors import CardError, GalleryError, LandweaveError
from landweave.gallery.images import open_gallery
from landweave.gallery.models import NO_BUCKET, Models, check_cards, check_fit, open_models, write_models
from landweave.models.card import Card, load_parts


@pytest.fixture
def folder(models_copy: Path) -> Path:
    return models_copy / "gallery"


def models(folder: Path) -> Models:
    return open_models(open_gallery(folder))


def test_models_come_back(folder: Path) -> None:
    found, gallery = models(folder), open_gallery(folder)
    # The commit may have changed since the fixture was made.
    before = {**found.facts, "commit": None}
    write_models(gallery, found, found.facts["configuration"])
    assert {**models(folder).facts, "commit": None} == before
    assert found.bands == ("B03", "B04", "B05")
    assert found.mono["legend"]["classes"] == ["meadow", "water", "town"]
    assert found.card_of(NO_BUCKET) == found.mono_card == folder / "models" / "mono" / "card"
    assert found.identity_of(NO_BUCKET) == load_parts(found.mono_card)[0].identity
    assert (found.far_limit, found.drift_share, found.figure) == (1.0, 0.2, "mean_iou")


def test_every_card_can_be_checked(folder: Path) -> None:
    found = models(folder)
    cards = check_cards(found)
    assert set(cards) == {found.mono["identity"], *(model.identity for model in found.buckets)}


def test_people_are_told(folder: Path) -> None:
    lines = models(folder).describe()
    assert "unet for 3 bands of sentinel-2-l2a, legend squares" in lines[0]
    assert lines[3].startswith("bucket 2: 1 patches; too few patches")
    assert "mean_iou 0." in lines[1]
    assert lines[-1] == "farther than 1 bits: mono; drifted above 20% of such"


def changed(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "models.json"
        content = {**json.loads(path.read_text()), **values}
        path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))

    return change


def one_bucket_less(folder: Path) -> None:
    path = folder / "models.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "buckets": content["buckets"][:2]}))


def no_card(folder: Path) -> None:
    shutil.rmtree(folder / "models" / "mono" / "card")


def damaged_weights(folder: Path) -> None:
    path = folder / "models" / "mono" / "card" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-3])


def another_card(folder: Path) -> None:
    shutil.rmtree(folder / "models" / "mono" / "card")
    hash_card(folder / "models" / "mono" / "card")


def another_encoder(folder: Path) -> None:
    shutil.rmtree(folder / "hash")
    card = hash_card(folder / "hash", num_clusters=3, seed=9)
    path = folder / "gallery.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "hash": card.identity}))


DAMAGE: list[tuple[Callable[[Path], None], type[LandweaveError], str, str, str]] = [
    (lambda folder: (folder / "models.json").unlink(), GalleryError, "without models", "models.json", "gallery train"),
    (lambda folder: (folder / "models.json").write_text("{"), GalleryError, "models.json", "models.json", "train"),
    (changed(format=2), GalleryError, "format 2", "format 1", "the landweave that wrote it"),
    (changed(kind="gallery"), GalleryError, "kind gallery", "models of a gallery", "check the folder"),
    (changed(far_limit=None), GalleryError, "far_limit", "models.json", "copy the whole folder"),
    (one_bucket_less, GalleryError, "buckets [0, 1]", "each of the 3 buckets", "gallery train"),
    (another_encoder, GalleryError, "trained for the codes of", "this gallery's hash network", "train them again"),
    (no_card, GalleryError, "mono without its card", "a card for every bucket", "gallery train"),
    (damaged_weights, CardError, "the card of mono", "SHA-256", "gallery train"),
    (another_card, GalleryError, "mono with a card of identity", "models.json", "copy the whole folder"),
]


@pytest.mark.parametrize(("damage", "kind", "given", "expected", "do"), DAMAGE)
def test_damaged_models_are_refused(
    folder: Path, damage: Callable[[Path], None], kind: type[LandweaveError], given: str, expected: str, do: str
) -> None:
    damage(folder)
    with pytest.raises(kind) as caught:
        check_cards(models(folder))
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def mono(folder: Path, **values: Any) -> Card:
    card, _ = load_parts(folder / "models" / "mono" / "card")
    return Card(**{**{name: getattr(card, name) for name in card.__dataclass_fields__}, **values})


@pytest.mark.parametrize(
    ("values", "given", "expected"),
    [
        ({"task": "patches"}, "labels patches", "labels pixels"),
        ({"sensor": "landsat-8-c2l2"}, "landsat-8-c2l2", "sentinel-2-l2a in reflectance"),
        ({"pixel_size_m": 20.0}, "pixels of 20 m", "pixels of 10 m"),
        ({"bands": ("B04", "B03", "B08")}, "B04, B03, B08", "also B05"),
    ],
)
def test_cards_whose_scenes_the_gallery_cannot_read_are_refused(
    folder: Path, values: dict[str, Any], given: str, expected: str
) -> None:
    gallery = open_gallery(folder)
    check_fit(gallery, mono(folder))
    with pytest.raises(CardError) as caught:
        check_fit(gallery, mono(folder, **values), ("mono",))
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert caught.value.do
