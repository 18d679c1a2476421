"""A gallery built from patches: what it finds, what other programs see, what is refused, and how it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import torch
from tests.gallery.making import KINDS, cut_kinds, quick
from tests.recipe.making import recipe, train

from landweave.errors import CardError, ConfigError, GalleryError, LandweaveError, OutputError
from landweave.gallery.build import build
from landweave.gallery.embed import Piece, embed
from landweave.gallery.hash import codes
from landweave.gallery.images import Gallery, open_gallery
from landweave.jobs.executor import Outcome
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.metrics.retrieval import retrieve
from landweave.models.card import load_card
from landweave.models.upsample import to_finest
from landweave.patches.archive import Archive


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, Gallery]:
    folder = tmp_path_factory.mktemp("gallery")
    archive = cut_kinds(folder / "archive", 72)
    list(build(quick(folder / "archive"), folder / "gallery", Serial()))
    return archive, open_gallery(folder / "gallery")


def test_kinds_become_clusters_and_codes_find_them(made: tuple[Archive, Gallery]) -> None:
    archive, gallery = made
    kinds = np.arange(len(archive)) % len(KINDS)
    assert gallery.num_buckets == 3
    assert gallery.facts["curve"]["chosen"] == 3
    test = archive.part("test")
    train = archive.part("train")
    found = retrieve(gallery.codes[test], kinds[test], gallery.codes[train], kinds[train])
    assert found.num_queries == len(test) == 12
    assert found.mean_average_precision > 0.95 > found.mean_by_chance
    # A bucket is one kind.
    pairs = set(zip(gallery.buckets[test].tolist(), kinds[test].tolist(), strict=True))
    assert len(pairs) == 3


def test_every_image_says_what_it_is(made: tuple[Archive, Gallery]) -> None:
    archive, gallery = made
    table = geopandas.read_parquet(gallery.folder / "images.parquet")
    assert table["id"].tolist() == archive.ids()
    assert table["part"].tolist() == archive.table()["split"].tolist()
    assert set(table["sensor"]) == {"sentinel-2-l2a"}
    assert table["row"].tolist() == [32 * i for i in range(72)]
    assert set(table["px"]) == {32}
    assert table.crs.to_epsg() == 32633
    assert table.geometry.area.unique().tolist() == [320.0**2]
    distances = np.bitwise_count(gallery.codes ^ gallery.centroids[gallery.buckets])
    np.testing.assert_array_equal(table["distance"], distances)
    assert np.isfinite(table[["plane_x", "plane_y"]].to_numpy()).all()


def test_the_codes_of_the_table_are_those_of_physical_values(made: tuple[Archive, Gallery]) -> None:
    archive, gallery = made
    arrays = archive.batch(range(6))
    fine, half = (view.to_physical(arrays[view.key]) for view in archive.layout.views)
    values = to_finest({10.0: torch.from_numpy(fine), 20.0: torch.from_numpy(half)}).numpy()
    order = [archive.layout.bands.index(band) for band in gallery.card.bands]
    found = codes(gallery, values[:, order], np.array(arrays["valid"]))
    np.testing.assert_array_equal(found, gallery.codes[:6])


def test_the_encoder_is_kept_and_gives_features(made: tuple[Archive, Gallery], tmp_path: Path) -> None:
    archive, gallery = made
    card, _ = load_card(gallery.folder / "encoder")
    assert card.task == "features"
    assert card.identity == gallery.facts["encoder"]
    piece = Piece("x", archive.folder, 3, 8, gallery.folder / "encoder", card.identity, tmp_path / "x.npy")
    assert embed(piece) == {"patches": 5}
    assert np.load(tmp_path / "x.npy").shape == (5, 32)
    assert "<svg" in (gallery.folder / "curve.svg").read_text()


def test_an_encoder_of_labels_will_do_too(made: tuple[Archive, Gallery], tmp_path: Path) -> None:
    archive, _ = made
    train(recipe(archive.folder, arguments={"width": 4, "depth": 2}, epochs=1), tmp_path / "run")
    job = quick(archive.folder, encoder=tmp_path / "run" / "card", contrast={})
    list(build(job, tmp_path / "gallery", Serial()))
    found = open_gallery(tmp_path / "gallery")
    assert load_card(tmp_path / "gallery" / "encoder")[0].network == "unet"
    assert found.num_buckets >= 2
    assert not (tmp_path / "gallery" / "work" / "contrast").exists()


class Stopping:
    """An executor that stops after so many tasks, as a killed process would."""

    num_workers = 1

    def __init__(self, after: int) -> None:
        self.after = after

    def run(self, function: Any, tasks: Any) -> Iterator[Outcome]:
        for outcome in Serial().run(function, tasks):
            if self.after == 0:
                raise KeyboardInterrupt
            self.after -= 1
            yield outcome


@pytest.mark.parametrize("after", [0, 1])
def test_stopped_and_gone_on_is_the_same(made: tuple[Archive, Gallery], tmp_path: Path, after: int) -> None:
    archive, gallery = made
    job = quick(archive.folder)
    with pytest.raises(KeyboardInterrupt):
        list(build(job, tmp_path / "g", Stopping(after)))
    with pytest.raises(GalleryError) as caught:
        open_gallery(tmp_path / "g")
    assert "begun and not ended" in caught.value.given
    list(build(job, tmp_path / "g", Pool(2) if after else Serial()))
    for name in ("images.parquet", "curve.svg", "hash/weights.safetensors", "encoder/weights.safetensors"):
        assert (tmp_path / "g" / name).read_bytes() == (gallery.folder / name).read_bytes(), name
    # What stands is not built again.
    before = (tmp_path / "g" / "gallery.json").stat().st_mtime_ns
    assert list(build(job, tmp_path / "g", Serial())) == []
    assert (tmp_path / "g" / "gallery.json").stat().st_mtime_ns == before


def test_another_job_in_the_same_folder_is_refused(made: tuple[Archive, Gallery]) -> None:
    archive, gallery = made
    with pytest.raises(OutputError) as caught:
        list(build(quick(archive.folder, clusters=(2, 4)), gallery.folder, Serial()))
    assert "clusters was [2,6], is now [2,4]" in caught.value.given


WRONG: list[tuple[dict[str, object], type[LandweaveError], str]] = [
    ({"clusters": (5, 2)}, ConfigError, "clusters as fewest and most"),
    ({"hash": {"bits": 80}}, ConfigError, "64"),
    ({"hash": {"labels": "x"}}, ConfigError, "which the gallery says itself"),
    ({"contrast": {"network": "unett"}}, ConfigError, "unet"),
    ({"contrast": {"temprature": 1}}, ConfigError, "temperature"),
    ({"encoder": Path("nowhere"), "contrast": {}}, CardError, "a card"),
    ({"encoder": Path("nowhere")}, ConfigError, "encoder or contrast"),
]


@pytest.mark.parametrize(("more", "kind", "expected"), WRONG)
def test_what_makes_no_gallery_is_refused_early(
    made: tuple[Archive, Gallery], tmp_path: Path, more: dict[str, object], kind: type[LandweaveError], expected: str
) -> None:
    archive, _ = made
    with pytest.raises(kind) as caught:
        list(build(quick(archive.folder, **more), tmp_path / "g", Serial()))
    assert expected in f"{caught.value.given} {caught.value.expected}"
    assert caught.value.do


def test_too_few_patches_for_so_many_clusters(made: tuple[Archive, Gallery], tmp_path: Path) -> None:
    archive, _ = made
    with pytest.raises(LandweaveError) as caught:
        list(build(quick(archive.folder, clusters=(2, 80)), tmp_path / "g", Serial()))
    assert "into up to 80 clusters" in caught.value.given
    assert "raise sample" in caught.value.do
