"""Recipes that learn codes from clusters: the card they end with, where they begin, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recipe.making import cut, stop_after, told

from landweave.config import check
from landweave.errors import CardError, ConfigError, LandweaveError, SampleError
from landweave.models.card import load_card
from landweave.models.patch.hashing import Hashing
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.recipe import contrast
from landweave.recipe.contrast import ContrastRecipe
from landweave.recipe.hash import HashRecipe, read_clusters, run, write_clusters
from landweave.recipe.kinds import load_recipe
from landweave.recipe.kinds import run as run_any

# The bands of tests.recipe.making, as an archive stores them.
STORED = ("B03", "B04", "B05")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hash")
    archive = cut(made / "archive", px=32)
    write_clusters(made / "clusters.parquet", archive.ids(), np.arange(len(archive)) % 3)
    return made


def recipe(folder: Path, **changed: Any) -> HashRecipe:
    values = {
        "task": "hash",
        "archive": folder / "archive",
        "labels": folder / "clusters.parquet",
        "bits": 16,
        "width": 4,
        "epochs": 2,
        "batch_global": 6,
        "precision": "fp32",
        "checkpoint_every_s": 0.0,
        "log_every_steps": 1,
        **changed,
    }
    return check(HashRecipe, values, "test")


def test_it_ends_with_a_card_of_codes(folder: Path, tmp_path: Path) -> None:
    list(run(recipe(folder), tmp_path, World()))
    card, network = load_card(tmp_path / "card")
    assert (card.task, card.network, card.bands) == ("codes", "hashing", STORED)
    assert dict(card.arguments) == {"bits": 16, "width": 4}
    assert card.legend.names == ("cluster 0", "cluster 1", "cluster 2")
    assert "code_accuracy" in card.training["validation"]
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 16)


def test_stopped_and_gone_on_is_not_stopped(folder: Path, tmp_path: Path) -> None:
    list(run_any(recipe(folder), tmp_path / "whole", World()))
    records: Any = run(recipe(folder), tmp_path / "stopped", World())
    stop_after(records, 3)
    list(run(recipe(folder), tmp_path / "stopped", World()))
    both = [(tmp_path / name / "card" / "weights.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert both[0] == both[1]
    assert told(tmp_path / "whole") == told(tmp_path / "stopped")


def encoder(folder: Path, out: Path, **changed: Any) -> Path:
    values = {"task": "contrast", "archive": folder / "archive", "epochs": 1, "batch_global": 6, **changed}
    list(contrast.run(check(ContrastRecipe, {"arguments": {"width": 4}, **values}, "test"), out, World()))
    return out / "card"


def test_a_body_that_is_kept_stays_as_it_is_and_one_that_learns_does_not(folder: Path, tmp_path: Path) -> None:
    start = encoder(folder, tmp_path / "encoder")
    begun = load_card(start)[1].state_dict()
    for body in ("kept", "learnt"):
        list(run(recipe(folder, start=start, body=body), tmp_path / body, World()))
        state = load_card(tmp_path / body / "card")[1].state_dict()
        same = all(torch.equal(begun[name.removeprefix("body.")], state[name]) for name in state if "body." in name)
        # Running means of batch norm too: the features are those that were clustered.
        assert same == (body == "kept")


def test_it_begins_from_an_encoder_of_its_width(folder: Path, tmp_path: Path) -> None:
    start = encoder(folder, tmp_path / "encoder")
    # With a rate of next to nothing the weights stay what they were.
    still = {"optimiser": {"rate": 1e-12, "weight_decay": 0.0}, "epochs": 1}
    list(run(recipe(folder, start=start, **still), tmp_path / "run", World()))
    begun, network = load_card(start)[1], load_card(tmp_path / "run" / "card")[1]
    assert isinstance(network, Hashing)
    for name in ("conv1.weight", "layer4.1.conv2.weight"):
        torch.testing.assert_close(network.body.get_parameter(name), begun.get_parameter(name), atol=1e-6, rtol=1e-4)


def test_an_encoder_of_another_width_is_no_beginning(folder: Path, tmp_path: Path) -> None:
    start = encoder(folder, tmp_path / "encoder", arguments={"width": 2})
    list(run(recipe(folder, start=start, epochs=1), tmp_path / "run", World()))
    assert load_card(tmp_path / "run" / "card")[0].arguments["width"] == 4


def test_an_encoder_of_other_bands_is_refused(folder: Path, tmp_path: Path) -> None:
    start = encoder(folder, tmp_path / "encoder", bands=["B03", "B04"])
    with pytest.raises(CardError) as caught:
        list(run(recipe(folder, start=start), tmp_path / "run", World()))
    assert "B03, B04" in caught.value.given
    assert ", ".join(STORED) in caught.value.expected
    assert "leave start away" in caught.value.do


def test_clusters_come_back_and_foreign_patches_have_none(folder: Path, tmp_path: Path) -> None:
    archive = open_archive(folder / "archive")
    write_clusters(tmp_path / "some.parquet", [archive.ids()[2], "elsewhere"], np.array([4, 1]))
    found = read_clusters(tmp_path / "some.parquet", archive)
    assert found[2] == 4
    assert (np.delete(found, 2) == -1).all()
    write_clusters(tmp_path / "again.parquet", [archive.ids()[2], "elsewhere"], np.array([4, 1]))
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "some.parquet").read_bytes()


def labels_of(folder: Path, ids: list[str], clusters: list[int]) -> Path:
    path = folder / "labels.parquet"
    write_clusters(path, ids, np.array(clusters, np.int64))
    return path


def test_labels_that_teach_nothing_are_refused(folder: Path, tmp_path: Path) -> None:
    ids = open_archive(folder / "archive").ids()
    (tmp_path / "text.parquet").write_text("id,cluster\n")
    cases: list[tuple[dict[str, Any], type[LandweaveError], str]] = [
        ({"labels": labels_of(tmp_path, ids, [1] * len(ids))}, SampleError, "at least two"),
        ({"labels": tmp_path / "nowhere.parquet"}, SampleError, "columns id and cluster"),
        ({"labels": tmp_path / "text.parquet"}, SampleError, "columns id and cluster"),
        ({"bits": 1}, ConfigError, "longer codes"),
    ]
    for changed, kind, expected in cases:
        with pytest.raises(kind) as caught:
            list(run(recipe(folder, **changed), tmp_path / "x", World()))
        assert expected in caught.value.expected
        assert caught.value.do
    with pytest.raises(SampleError) as caught:
        read_clusters(labels_of(tmp_path, ["elsewhere"], [1]), open_archive(folder / "archive"))
    assert "none of whose 1 patches" in caught.value.given


def test_a_file_says_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('task = "hash"\narchive = "archive"\nlabels = "clusters.parquet"\n')
    found = load_recipe(path)
    assert isinstance(found, HashRecipe)
    assert found.bits == 48
