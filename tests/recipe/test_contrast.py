"""Recipes that learn features without labels: the card they end with, going on, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recipe.making import cut, stop_after, told

from landweave.config import check
from landweave.errors import CardError, ConfigError, OutputError, SensorError
from landweave.models.card import load_card
from landweave.models.encode import features
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.recipe.contrast import ContrastRecipe, neighbours, run
from landweave.recipe.kinds import load_recipe
from landweave.recipe.unlabelled import Patches, bands_of


def recipe(archive: Path, **changed: Any) -> ContrastRecipe:
    values = {
        "task": "contrast",
        "archive": archive,
        "arguments": {"width": 4},
        "epochs": 2,
        "batch_global": 6,
        "precision": "fp32",
        "checkpoint_every_s": 0.0,
        "log_every_steps": 1,
        **changed,
    }
    return check(ContrastRecipe, values, "test")


# The bands of tests.recipe.making, as an archive stores them.
STORED = ("B03", "B04", "B05")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contrast") / "archive"
    cut(folder, px=32)
    return folder


def test_it_ends_with_the_card_of_an_encoder(archive: Path, tmp_path: Path) -> None:
    list(run(recipe(archive), tmp_path, World()))
    card, network = load_card(tmp_path / "card")
    assert (card.task, card.network, card.bands) == ("features", "resnet18", STORED)
    assert card.sight.reach_px is None
    assert card.training["patch_px"] == 32
    assert card.training["num_train"] == 12
    with torch.inference_mode():
        assert features(network, torch.zeros(2, 3, 32, 32)).shape == (2, 32)
    figures = [line for line in told(tmp_path) if line.get("phase") == "validate" or "figures" in line]
    assert len(figures) == 2


def test_labels_are_not_looked_at(archive: Path, tmp_path: Path) -> None:
    cut(tmp_path / "classes", px=32, targets=("classes",))
    list(run(recipe(archive), tmp_path / "a", World()))
    list(run(recipe(tmp_path / "classes"), tmp_path / "b", World()))
    both = [(tmp_path / name / "card" / "weights.safetensors").read_bytes() for name in "ab"]
    assert both[0] == both[1]


def test_stopped_and_gone_on_is_not_stopped(archive: Path, tmp_path: Path) -> None:
    list(run(recipe(archive), tmp_path / "whole", World()))
    records: Any = run(recipe(archive), tmp_path / "stopped", World())
    stop_after(records, 3)
    list(run(recipe(archive), tmp_path / "stopped", World()))
    both = [(tmp_path / name / "card" / "weights.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert both[0] == both[1]
    assert told(tmp_path / "whole") == told(tmp_path / "stopped")


def test_neighbours_lie_in_the_same_scene_and_part_and_near(tmp_path: Path) -> None:
    archive = cut(tmp_path / "archive", num=20, px=32)
    splits = archive.table()["split"].to_numpy()
    found = neighbours(archive, 2, 1)
    assert (splits[found] == splits).all()
    assert (found != np.arange(30)).all()
    # The patches stand in a row: one of the two nearest is at most two places away.
    assert np.abs(found - np.arange(30)).max() <= 2
    np.testing.assert_array_equal(found, neighbours(archive, 2, 1))
    assert (found != neighbours(archive, 2, 2)).any()


def test_a_patch_that_is_alone_is_its_own_neighbour(tmp_path: Path) -> None:
    archive = cut(tmp_path / "archive", num=2, px=32)
    assert neighbours(archive, 8, 1).tolist() == [1, 0, 2]


def test_pairs_of_neighbours_are_learnt_from(archive: Path, tmp_path: Path) -> None:
    list(run(recipe(archive, pairs="near"), tmp_path / "near", World()))
    list(run(recipe(archive, pairs="same"), tmp_path / "same", World()))
    card, _ = load_card(tmp_path / "near" / "card")
    assert card.bands == STORED
    both = [(tmp_path / name / "card" / "weights.safetensors").read_bytes() for name in ("near", "same")]
    assert both[0] != both[1]


def test_the_second_patch_follows_the_first(archive: Path) -> None:
    held = open_archive(archive)
    partners = np.roll(np.arange(len(held)), 1)
    source = Patches(bands_of(held, None), np.zeros((len(held), 1), np.uint8)).beside(partners)
    batch, plain = source.batch(np.array([4, 9])), held.batch([4, 9, 3, 8])
    for view in held.layout.views:
        bands = len(view.bands)
        np.testing.assert_array_equal(batch[view.key][:, :bands], plain[view.key][:2])
        np.testing.assert_array_equal(batch[view.key][:, bands:], plain[view.key][2:])
    np.testing.assert_array_equal(batch["valid"], plain["valid"][:2] & plain["valid"][2:])


def test_any_network_with_a_coarse_scale_will_do(archive: Path, tmp_path: Path) -> None:
    made = recipe(archive, network="unet", arguments={"width": 2, "depth": 3}, epochs=1)
    list(run(made, tmp_path, World()))
    assert load_card(tmp_path / "card")[0].network == "unet"


def test_what_cannot_be_learnt_from_is_refused(archive: Path, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"network": "pixel", "arguments": {}}, CardError, "coarse scale"),
        ({"network": "resnet81"}, ConfigError, "resnet18"),
        ({"bands": ("B04", "B09")}, SensorError, "B05"),
        ({"sensor": "landsat-8-c2l2"}, SensorError, "landsat-8-c2l2"),
    ]
    for changed, kind, expected in cases:
        with pytest.raises(kind) as caught:
            list(run(recipe(archive, **changed), tmp_path / "x", World()))
        assert expected in caught.value.expected  # type: ignore[attr-defined]


def test_another_recipe_in_the_same_folder_is_refused(archive: Path, tmp_path: Path) -> None:
    list(run(recipe(archive, epochs=1), tmp_path, World()))
    with pytest.raises(OutputError):
        list(run(recipe(archive, epochs=1, temperature=0.5), tmp_path, World()))


def test_a_file_says_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('task = "contrast"\narchive = "archive"\ntemperature = 0.3\n')
    found = load_recipe(path, ["epochs=7"])
    assert isinstance(found, ContrastRecipe)
    assert (found.temperature, found.epochs) == (0.3, 7)
    path.write_text('task = "contrst"\narchive = "archive"\n')
    with pytest.raises(ConfigError):
        load_recipe(path)
