"""Baselines through the same recipe and command: a card that the mapping job can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.recipe import making

from landweave.classical import store
from landweave.errors import ConfigError, LandweaveError, OutputError
from landweave.models.card import load_parts
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.recipe import classical
from landweave.train.log import read_log


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return making.cut(tmp_path_factory.mktemp("archive"), num=20).folder


def train(folder: Path, out: Path, network: str = "forest", **changed: Any) -> list[Any]:
    arguments = {"num_trees": 10} if network == "forest" else {}
    told = {"network": network, **changed, "arguments": {**arguments, **changed.get("arguments", {})}}
    return making.train(making.recipe(folder, **told), out)


def physical(archive: Archive, index: int) -> np.ndarray[Any, Any]:
    arrays = archive.batch([index])
    views = [view.to_physical(arrays[view.key])[0] for view in archive.layout.views]
    return views[0]


@pytest.mark.parametrize(("network", "window_px"), [("linear", 1), ("forest", 1), ("forest", 3)])
def test_a_card_of_a_baseline_predicts_the_archive(folder: Path, tmp_path: Path, network: str, window_px: int) -> None:
    bands = ("B03", "B04")
    records = train(folder, tmp_path, network, bands=bands, arguments={"window_px": window_px})
    card, arrays = load_parts(tmp_path / "card")
    assert (card.network, card.bands, card.task, card.is_classical) == (network, bands, "pixels", True)
    assert (card.sight.stride, card.sight.reach_px, card.arguments["window_px"]) == (1, window_px // 2, window_px)
    archive = open_archive(folder)
    index = int(archive.part("validation")[0])
    kept = archive.batch([index])
    model = store.from_arrays(network, arrays)
    valid = kept["valid"][0].astype(bool)
    told = store.predict_map(model, physical(archive, index), valid, window_px).argmax(0)
    known = valid & (kept["mask"][0] != 255)
    assert (told[known] == kept["mask"][0][known]).mean() > 0.85
    assert records[-1].figures["overall_accuracy"] > 0.85


@pytest.mark.parametrize(
    ("network", "task"), [("linear", "multilabel"), ("forest", "multilabel"), ("forest", "patches")]
)
def test_baselines_learn_labels_of_patches(folder: Path, tmp_path: Path, network: str, task: str) -> None:
    records = train(folder, tmp_path, network, task=task)
    card, arrays = load_parts(tmp_path / "card")
    assert (card.task, card.sight.reach_px) == (task, None)
    assert store.from_arrays(network, arrays).num_features == 2 * len(card.bands)
    assert ("micro_f1" if task == "multilabel" else "overall_accuracy") in records[-1].figures


def test_the_same_recipe_gives_the_same_card(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        train(folder, tmp_path / name, arguments={"num_samples": 500})
    files = ("card/weights.safetensors", "card/card.json")
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_about_as_many_samples_as_asked_for(folder: Path, tmp_path: Path) -> None:
    records = train(folder, tmp_path, arguments={"num_samples": 1000})
    num = next(record.summary["samples"] for record in records if record.phase == "fit")
    assert num == pytest.approx(1000, rel=0.15)
    assert load_parts(tmp_path / "card")[0].training["num_samples"] == num


def test_a_balanced_draw_has_as_many_of_each_class() -> None:
    y = np.array([[0] * 90 + [1] * 10] * 100, np.uint8)
    x = np.zeros((2, *y.shape), np.float32)
    drawn = classical._draw(x, y, np.array([0.01, 0.09]), key=3)
    assert np.bincount(drawn.y).tolist() == pytest.approx([90, 90], abs=25)
    assert drawn.x.shape == (len(drawn.y), 2)


def test_pixels_without_label_are_never_drawn() -> None:
    y = np.array([[0, 255, 1, 255]], np.uint8)
    assert classical._draw(np.zeros((1, 1, 4), np.float32), y, np.ones(2), key=0).y.tolist() == [0, 1]


def test_the_log_has_the_figures(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path)
    (line,) = read_log(tmp_path)
    assert line["kind"] == "epoch"
    assert line["figures"]["overall_accuracy"] > 0.8


def test_another_recipe_is_refused_and_the_same_may_run_again(folder: Path, tmp_path: Path) -> None:
    train(folder, tmp_path)
    train(folder, tmp_path)
    with pytest.raises(OutputError):
        train(folder, tmp_path, seed=8)


def test_a_fit_on_several_ranks_is_refused(folder: Path, tmp_path: Path) -> None:
    recipe = making.recipe(folder, network="linear", arguments={})
    with pytest.raises(ConfigError) as refused:
        making.train(recipe, tmp_path, World(rank=1, size=2))
    assert "linear on 2 ranks" in refused.value.given
    assert "one process" in refused.value.expected
    assert "without torchrun" in refused.value.do


MISTAKES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"loss": {"class_weights": {"water": 2.0}}}, "by name", "balanced", "draw samples evenly"),
    ({"arguments": {"num_tree": 3}}, "num_tree", "num_trees", "mend"),
    ({"arguments": {"window_px": 4}}, "window_px", "odd", "set window_px"),
]


@pytest.mark.parametrize(("changed", "given", "expected", "do"), MISTAKES, ids=lambda value: str(value)[:30])
def test_mistakes_are_said_in_three_parts(
    folder: Path, tmp_path: Path, changed: dict[str, Any], given: str, expected: str, do: str
) -> None:
    with pytest.raises(LandweaveError) as refused:
        train(folder, tmp_path, **changed)
    assert isinstance(refused.value, ConfigError)
    assert given in refused.value.given
    assert expected in refused.value.expected
    assert do in refused.value.do
