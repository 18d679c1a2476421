"""Training and judging with data_super in place of interpolated bands."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.patches import scenes
from tests.patches.test_super import card
from tests.recipe import making

from landweave.errors import ArchiveError, CardError
from landweave.evaluation.patches import judge
from landweave.mapping.plan import check_fit
from landweave.models.card import load_card
from landweave.parallel.world import World
from landweave.patches.archive import Archive
from landweave.recipe import material
from landweave.recipe.run import make_feed

BANDS = ["B09", "B02", "B05"]


def archive(folder: Path, seed: int | None = 0) -> Archive:
    """Patches of bands of 10, 20 and 60 m with data_super, but for seed None."""
    labels = scenes.write_labels(folder / "labels.tif")
    made = None if seed is None else card(folder / f"sharpener-{seed}", seed)
    job = scenes.job(folder, [scenes.write_scene(folder)], labels, sharpener=made)
    return scenes.cut(job, folder / f"archive-{seed}")[0]


def values(found: material.Material) -> torch.Tensor:
    """What a network takes of the first validation samples, without augmentation."""
    wanted = making.recipe(found.archive.folder, network="pixel", arguments={}, bands=BANDS)
    return next(iter(make_feed(wanted, found, World()).judged())).values


@pytest.mark.parametrize("network", ["pixel", "linear"])
def test_networks_take_the_bands_that_were_sharpened(tmp_path: Path, network: str) -> None:
    held = archive(tmp_path)
    wanted = making.recipe(held.folder, network=network, arguments={}, bands=BANDS, upsampling="super", epochs=1)
    making.train(wanted, tmp_path / "run")
    made = json_card(tmp_path / "run" / "card")
    assert held.layout.super is not None
    assert made == held.layout.super.sharpener
    told = deque(judge(tmp_path / "run" / "card", held, "test", "test"), maxlen=1)
    assert told[0].done == len(held.part("test"))


def json_card(folder: Path) -> str:
    """The sharpener that a card names."""
    from landweave.models.card import load_parts

    return load_parts(folder)[0].sharpener


def test_values_are_the_stored_ones(tmp_path: Path) -> None:
    held = archive(tmp_path)
    wanted = making.recipe(held.folder, bands=BANDS, upsampling="super")
    found = material.find(wanted, held)
    assert [view.key for view in found.views] == ["data_10m", "data_super"]
    batch = held.batch(found.validation[:5])
    stacked = np.concatenate([batch["data_super"][:, 1:], batch["data_10m"][:, :1], batch["data_super"][:, :1]], 1)
    mean, std = (np.array(part)[:, None, None] for part in (found.mean, found.std))
    expected = (stacked * 1e-4 - 0.1 - mean) / std
    valid = batch["valid"][:, None] & np.ones_like(stacked, bool)
    np.testing.assert_allclose(values(found).numpy()[valid], expected[valid], rtol=1e-4, atol=1e-4)


def test_without_the_key_an_archive_is_as_if_it_had_none(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with_it, without = archive(tmp_path), archive(tmp_path / "plain", None)
    found = [material.find(making.recipe(held.folder, bands=BANDS), held) for held in (with_it, without)]
    assert [one.sharpener for one in found] == ["", ""]
    assert torch.equal(*(values(one) for one in found))


def test_only_the_views_that_are_needed_are_read(tmp_path: Path) -> None:
    held = archive(tmp_path)
    found = material.find(making.recipe(held.folder, bands=["B02"], upsampling="super"), held)
    assert [view.key for view in found.views] == ["data_10m"]
    # Nothing of it was sharpened, so that its card needs no sharpener.
    assert found.sharpener == ""


def test_an_archive_without_data_super_is_refused(tmp_path: Path) -> None:
    held = archive(tmp_path, None)
    with pytest.raises(ArchiveError) as told:
        making.train(making.recipe(held.folder, upsampling="super"), tmp_path / "run")
    assert "without data_super" in told.value.given
    assert told.value.expected
    assert "--super" in told.value.do


def test_an_archive_of_another_sharpener_and_whole_scenes_are_refused(tmp_path: Path) -> None:
    held = archive(tmp_path)
    wanted = making.recipe(
        held.folder, network="pixel", arguments={}, bands=BANDS, upsampling="super", epochs=1, precision="fp32"
    )
    making.train(wanted, tmp_path / "run")
    for seed in (None, 1):
        (tmp_path / str(seed)).mkdir()
        with pytest.raises(CardError) as told:
            deque(judge(tmp_path / "run" / "card", archive(tmp_path / str(seed), seed), "test", "test"))
        assert ("no sharpener" in told.value.given) == (seed is None)
        assert "--super" in told.value.do
    with pytest.raises(CardError) as refused:
        check_fit(load_card(tmp_path / "run" / "card")[0], scenes.write_scene(tmp_path))
    assert "sharpener" in refused.value.given
    assert "bilinear" in refused.value.do
