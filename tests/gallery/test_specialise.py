"""Models by bucket: each begins from mono and stays only where it is better; stopped and run again nothing is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.gallery import trained
from tests.gallery.making import make_gallery
from tests.recipe import making

from landweave.errors import CardError, GalleryError, LandweaveError, OutputError, TaskError
from landweave.gallery import specialise
from landweave.gallery.images import open_gallery
from landweave.gallery.models import Models, open_models
from landweave.gallery.specialise import BucketTask, far_limit, figures_of, membership, train_bucket
from landweave.jobs.pool import Pool
from landweave.jobs.worker import Setup
from landweave.metrics.confusion import Confusion
from landweave.models.card import load_card, load_parts
from landweave.patches.archive import open_archive
from landweave.recipe.judge import judge


@pytest.fixture
def folder(models_made: Path) -> Path:
    return models_made


@pytest.fixture
def copy(models_copy: Path) -> Path:
    return models_copy


def models(folder: Path) -> Models:
    return open_models(open_gallery(folder / "gallery"))


def says(error: LandweaveError, given: str, expected: str, do: str) -> None:
    assert given in error.given
    assert expected in error.expected
    assert do in error.do


def test_every_bucket_has_the_better_of_two_cards(folder: Path) -> None:
    found = models(folder)
    archive = open_archive(folder / "archive")
    assert [model.num_train for model in found.buckets] == [8, 9, 1]
    ids, validation = archive.ids(), archive.part("validation")
    for model in found.buckets[:2]:
        assert model.own["mean_iou"] != model.mono["mean_iou"]
        is_better = model.own["mean_iou"] > model.mono["mean_iou"]
        assert found.has_own(model.bucket) is is_better
        assert model.why == ("better than mono" if is_better else "not better than mono")
        mine = [i for i in validation if trained.bucket_of(int(ids[i][1:])) == model.bucket]
        assert len(mine) == model.num_validation
        for figures, name in ((model.mono, "mono"), (model.own, f"bucket-{model.bucket:02d}")):
            told = judge(folder / "gallery" / "models" / name / "card", archive, np.array(mine))
            assert figures["mean_iou"] == pytest.approx(told.mean_iou)
    assert any(found.has_own(bucket) for bucket in range(2))


def test_a_bucket_with_too_few_patches_takes_mono(folder: Path) -> None:
    model = models(folder).buckets[2]
    assert not model.own
    assert model.card == "models/mono/card"
    assert "too few patches" in model.why
    assert not (folder / "gallery" / "models" / "bucket-02").exists()


def test_a_bucket_learns_from_its_own_patches_beginning_with_mono(folder: Path) -> None:
    told, _ = load_card(folder / "gallery" / "models" / "bucket-01" / "card")
    mono, _ = load_card(folder / "gallery" / "models" / "mono" / "card")
    assert told.training["num_train"] == 9
    assert told.mean == mono.mean
    recipe = json.loads((folder / "gallery" / "models" / "bucket-01" / "recipe.json").read_text())["configuration"]
    assert recipe["start"].endswith("mono/card")
    assert recipe["epochs"] == 4


def test_run_again_nothing_is_trained(folder: Path) -> None:
    before = (folder / "gallery" / "models.json").read_bytes()
    records = trained.train(folder)
    assert [(record.phase, record.done) for record in records] == [("mono", 1), ("buckets", 3)]
    assert (folder / "gallery" / "models.json").read_bytes() == before


def test_serial_and_pool_train_the_same_models(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "archive", tmp_path / "archive")
    shutil.copytree(folder / "gallery", tmp_path / "gallery", ignore=shutil.ignore_patterns("models*"))
    trained.train(tmp_path, Pool(2, Setup(threads=torch.get_num_threads()), in_flight=1))
    found, other = models(folder), models(tmp_path)
    assert found.buckets == other.buckets
    assert len({model.identity for model in found.buckets}) > 1
    assert (found.mono, found.far_limit) == (other.mono, other.far_limit)


def test_a_card_that_is_there_can_be_mono(folder: Path, copy: Path, tmp_path: Path) -> None:
    card = folder / "gallery" / "models" / "mono" / "card"
    for name in ("models", "models.json"):
        path = copy / "gallery" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    trained.train(copy, mono=card)
    assert models(copy).buckets == models(folder).buckets
    assert load_parts(copy / "gallery" / "models" / "mono" / "card")[0] == load_parts(card)[0]
    assert not (copy / "gallery" / "models" / "mono" / "recipe.json").exists()


def test_a_bucket_whose_result_is_gone_is_trained_again(folder: Path, copy: Path) -> None:
    (copy / "gallery" / "models" / "bucket-00.json").unlink()
    (copy / "gallery" / "models.json").unlink()
    records = trained.train(copy)
    assert [record.done for record in records if record.phase == "buckets"] == [2, 3]
    assert models(copy).buckets == models(folder).buckets


def test_another_recipe_is_not_mixed_in(copy: Path) -> None:
    with pytest.raises(OutputError) as caught:
        trained.train(copy, buckets=making.recipe(copy / "archive", epochs=9))
    says(caught.value, "another job", "this very job", "remove this folder")


def test_an_archive_that_the_gallery_does_not_hold_is_refused(tmp_path: Path) -> None:
    making.cut(tmp_path / "archive", 6)
    make_gallery(tmp_path / "gallery", codes=[3, 12], patch_px=16)
    with pytest.raises(GalleryError) as caught:
        membership(open_gallery(tmp_path / "gallery"), open_archive(tmp_path / "archive"))
    says(caught.value, "7 of 9 patches", "the gallery holds", "landweave gallery add")


def test_mono_that_labels_patches_is_refused(copy: Path) -> None:
    recipe = making.recipe(copy / "archive", network="resnet18", arguments={"width": 4}, task="patches", epochs=1)
    shutil.rmtree(copy / "gallery" / "models")
    with pytest.raises(CardError) as caught:
        trained.train(copy, recipe=recipe)
    says(caught.value, "labels patches", "labels pixels", "task = pixels")


def test_a_training_that_fails_is_named_and_the_others_are_kept(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(copy / "gallery" / "models")
    whole = train_bucket

    def fails_once(task: BucketTask) -> Any:
        if task.bucket == 1:
            raise CardError("bucket 1", "none", "nothing")
        return whole(task)

    monkeypatch.setattr(specialise, "train_bucket", fails_once)
    (copy / "gallery" / "models.json").unlink()
    with pytest.raises(TaskError) as caught:
        trained.train(copy)
    says(caught.value, "bucket-01", "all buckets", "run it again")
    assert (copy / "gallery" / "models" / "bucket-00.json").is_file()
    assert not (copy / "gallery" / "models.json").exists()


def test_how_far_is_too_far_is_learnt_from_validation_images(tmp_path: Path) -> None:
    # Images 1, 4, 7... are of the validation part: their distances to bucket 0 are 0, 1, 2 ... 9 bits.
    codes = [(1 << (i // 3)) - 1 if i % 3 == 1 else 0 for i in range(30)]
    gallery = make_gallery(tmp_path / "gallery", (0, (1 << 48) - 1), codes)
    assert far_limit(gallery, 0.05) == 9
    assert far_limit(gallery, 0.5) == 5
    distances = gallery.table()["distance"][1::3]
    assert (distances > far_limit(gallery, 0.3)).mean() <= 0.3


def test_figures_of_nothing_are_left_away() -> None:
    assert figures_of(Confusion.zero(3)) == {}
    found = figures_of(Confusion(np.array([[8, 2], [0, 10]])))
    assert found["iou_0"] == 0.8
    assert found["overall_accuracy"] == 0.9
    assert found["mean_iou"] == pytest.approx((0.8 + 10 / 12) / 2)
    assert found["pixels"] == 20
