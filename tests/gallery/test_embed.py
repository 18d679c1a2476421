"""Pieces of an archive: features of a card, one after the other, the same however they are cut; wrong cards refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.gallery.making import BANDS, cut_kinds, hash_card

from landweave.errors import ArchiveError, CardError, LandweaveError, SensorError
from landweave.gallery import embed as embedding
from landweave.gallery.embed import Piece, embed, pieces, together
from landweave.gallery.hash import buckets, code
from landweave.legend import LandClass, Legend
from landweave.models.card import Card, load_card, save_card
from landweave.models.cardtext import Task
from landweave.models.encode import features
from landweave.models.normalise import Normalise
from landweave.models.patch.hashing import pack
from landweave.models.sight import Sight
from landweave.models.table import build
from landweave.models.upsample import to_finest
from landweave.patches.archive import Archive
from landweave.sensors import Unit


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return cut_kinds(tmp_path_factory.mktemp("embed") / "archive", 24)


def encoder(
    folder: Path,
    network: str = "resnet18",
    bands: tuple[str, ...] = BANDS,
    sensor: str = "sentinel-2-l2a",
    unit: Unit = "reflectance",
    task: Task = "features",
) -> Card:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        arguments = {} if network == "pixel" else {"width": 4}
        made = build(network, len(bands), 2, **arguments).eval()
    legend = Legend("two", "made for tests", (LandClass(1, "a", "#000000"), LandClass(2, "b", "#ffffff")))
    mean, std = (0.1,) * len(bands), (0.1,) * len(bands)
    card = Card(network, arguments, sensor, bands, 10.0, unit, mean, std, legend, task, Sight(1, None))
    return save_card(folder, card, made)


def piece(archive: Archive, card: Card, folder: Path, first: int = 0, last: int = 24) -> Piece:
    return Piece(f"p{first}", archive.folder, first, last, folder / "card", card.identity, folder / f"p{first}.npy")


def values_of(archive: Archive, card: Card) -> torch.Tensor:
    arrays = archive.batch(range(len(archive)))
    views = {v.pixel_size_m: torch.from_numpy(v.to_physical(arrays[v.key])) for v in archive.layout.views}
    order = [archive.layout.bands.index(band) for band in card.bands]
    return Normalise(card.mean, card.std)(to_finest(views)[:, order], torch.from_numpy(np.array(arrays["valid"])))


@pytest.mark.parametrize("network", ["resnet18", "unet"])
def test_features_are_those_of_the_network_on_normalised_bands(archive: Archive, tmp_path: Path, network: str) -> None:
    card = encoder(tmp_path / "card", network)
    made = piece(archive, card, tmp_path)
    assert not made.is_written
    assert embed(made) == {"patches": 24}
    assert made.is_written
    with torch.inference_mode():
        expected = features(load_card(tmp_path / "card")[1], values_of(archive, card)).numpy()
    np.testing.assert_allclose(np.load(made.out), expected, atol=1e-5)


def test_codes_are_the_bits_of_the_hash_network(archive: Archive, tmp_path: Path) -> None:
    card = hash_card(tmp_path / "card")
    made = piece(archive, card, tmp_path)
    assert code(made) == {"patches": 24}
    with torch.inference_mode():
        expected = pack((load_card(tmp_path / "card")[1](values_of(archive, card)) > 0).numpy())
    np.testing.assert_array_equal(np.load(made.out), expected)


def test_pieces_together_are_the_whole(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = encoder(tmp_path / "card")
    embed(whole := piece(archive, card, tmp_path))
    monkeypatch.setattr(embedding, "PER_TASK", 7)
    cut = pieces("embed", archive, tmp_path / "card", card.identity, tmp_path / "cut")
    assert [(one.first, one.last) for one in cut] == [(0, 7), (7, 14), (14, 21), (21, 24)]
    assert len({one.key for one in cut}) == 4
    for one in reversed(cut):
        embed(one)
    np.testing.assert_allclose(together(cut), np.load(whole.out), atol=1e-5)


def test_a_piece_twice_gives_the_same_bytes(archive: Archive, tmp_path: Path) -> None:
    card = encoder(tmp_path / "card")
    made = piece(archive, card, tmp_path)
    embed(made)
    before = made.out.read_bytes()
    embed(made)
    assert made.out.read_bytes() == before


WRONG: list[tuple[Callable[[Path], Card], type[LandweaveError], str, str]] = [
    (lambda folder: encoder(folder, "pixel"), CardError, "pixel as an encoder", "coarse scale"),
    (lambda folder: encoder(folder, sensor="landsat-8-c2l2"), CardError, "sentinel-2-l2a", "landsat-8-c2l2"),
    (lambda folder: encoder(folder, unit="radiance"), CardError, "reflectance", "radiance"),
    (lambda folder: encoder(folder, bands=("B04", "B12")), SensorError, "B12", "B0"),
]


@pytest.mark.parametrize(("make", "kind", "given", "expected"), WRONG)
def test_cards_that_do_not_fit_are_refused(
    archive: Archive,
    tmp_path: Path,
    make: Callable[[Path], Card],
    kind: type[LandweaveError],
    given: str,
    expected: str,
) -> None:
    card = make(tmp_path / "card")
    with pytest.raises(kind) as caught:
        embed(piece(archive, card, tmp_path))
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert caught.value.do


def test_another_card_in_its_place_is_noticed(archive: Archive, tmp_path: Path) -> None:
    made = piece(archive, encoder(tmp_path / "card"), tmp_path)
    shutil.rmtree(tmp_path / "card")
    encoder(tmp_path / "card", "unet")
    with pytest.raises(CardError) as caught:
        embed(made)
    assert "with identity" in caught.value.given
    assert "begun with" in caught.value.expected
    assert "put that card back" in caught.value.do


def test_an_archive_that_is_gone_is_named(archive: Archive, tmp_path: Path) -> None:
    card = encoder(tmp_path / "card")
    gone = Piece("p", tmp_path / "nowhere", 0, 3, tmp_path / "card", card.identity, tmp_path / "p.npy")
    with pytest.raises(ArchiveError):
        embed(gone)


def test_buckets_are_majorities_and_those_of_one_code_are_one() -> None:
    codes = np.array([0b01, 0b11, 0b01, 0b10, 0b10, 0b01], np.uint64)
    clusters = np.array([0, 0, 0, 1, 1, 2])
    assert buckets(codes, clusters, 2).tolist() == [0b01, 0b10]
