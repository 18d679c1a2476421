"""What a recipe finds in its archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recipe import making

from landweave.patches.archive import Archive
from landweave.recipe.material import Material, arguments, class_weights, count_classes, find, labels


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return making.cut(tmp_path_factory.mktemp("archive"))


def material(archive: Archive, **changed: Any) -> Material:
    return find(making.recipe(archive.folder, **changed), archive)


def weights(archive: Archive, told: Any, **changed: Any) -> torch.Tensor | None:
    recipe = making.recipe(archive.folder, loss={"class_weights": told}, **changed)
    return class_weights(recipe, find(recipe, archive))


def test_all_bands_where_none_are_named(archive: Archive) -> None:
    found = material(archive)
    assert found.bands == archive.layout.bands
    assert [view.key for view in found.views] == ["data_10m", "data_20m"]
    assert (len(found.train), len(found.validation)) == (12, 6)
    assert not set(found.train) & set(found.validation)


def test_views_that_are_not_needed_are_not_read(archive: Archive) -> None:
    fine, coarse = material(archive, bands=("B04",)), material(archive, bands=("B05",))
    assert [view.key for view in fine.views] == ["data_10m"]
    assert set(fine.batch(np.array([0, 5]))) == {"data_10m", "mask", "valid"}
    assert [view.key for view in coarse.views] == ["data_10m", "data_20m"]
    assert set(material(archive, task="multilabel").batch(np.array([3]))) == {
        "data_10m",
        "data_20m",
        "classes",
        "valid",
    }


def test_the_identity_is_of_what_the_archive_holds(archive: Archive, tmp_path: Path) -> None:
    same, other = making.cut(tmp_path / "same"), making.cut(tmp_path / "other", seed=1)
    assert material(same).identity == material(archive).identity != material(other).identity


def test_classes_are_counted_where_they_are_valid(archive: Archive) -> None:
    counts, total = count_classes(material(archive))
    arrays = archive.batch(archive.part("train"))
    known = arrays["mask"][arrays["valid"].astype(bool)]
    assert counts.tolist() == [(known == k).sum() for k in range(3)]
    assert total == counts.sum() > 0


def test_no_weights_unless_told(archive: Archive) -> None:
    assert weights(archive, "none") is None


def test_weights_by_name_in_the_order_of_the_legend(archive: Archive) -> None:
    assert weights(archive, {"town": 5.0, "meadow": 0.5}).tolist() == [0.5, 1.0, 5.0]


def test_balanced_weights_make_all_classes_count_alike(archive: Archive) -> None:
    found = weights(archive, "balanced")
    counts, total = count_classes(material(archive))
    assert (found.double().numpy() * counts).tolist() == pytest.approx([total / 3] * 3, rel=1e-6)


def test_balanced_weights_of_labels_are_absent_over_present(archive: Archive) -> None:
    found = weights(archive, "balanced", task="multilabel")
    present = archive.batch(archive.part("train"))["classes"].sum(0)
    wanted = [(12 - num) / num if 0 < num < 12 else 1.0 for num in present.tolist()]
    assert found.tolist() == pytest.approx(wanted)


def test_labels_are_those_of_the_training_part(archive: Archive) -> None:
    found = labels(material(archive, task="multilabel"))
    assert (found == archive.batch(archive.part("train"))["classes"]).all()
    assert found.shape == (12, 3) and found.any()


def test_a_native_stem_gets_the_ratio_of_every_band(archive: Archive) -> None:
    recipe = making.recipe(archive.folder, bands=("B05", "B04"), arguments={"stem": "native", "width": 8})
    assert arguments(recipe, find(recipe, archive)) == {"width": 8, "ratios": [2, 1]}
    plain = making.recipe(archive.folder)
    assert arguments(plain, find(plain, archive)) == plain.arguments
