"""Recipes of pairs: both views reach the network, its card tells both, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.datasets import pair_making
from tests.recipe import making

from landweave.config import check, load
from landweave.datasets import pairs
from landweave.errors import ArchiveError, CardError, ConfigError, LandweaveError
from landweave.evaluation.patches import judge
from landweave.jobs.serial import Serial
from landweave.models.card import load_card, load_parts
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.recipe import judge as parts
from landweave.recipe import material as materials
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import make_feed, run

FOLDER = sorted((Path(__file__).parents[2] / "recipes").glob("pairs-*.toml"))
TINY: dict[str, Any] = {"width": 0.25, "dropout": 0.2}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    place = tmp_path_factory.mktemp("place")
    pair_making.write_place(place)
    told = {
        "scenes": place / "catalog.parquet", "labels": place / "classes.tif", "sensor": "aerial-rgb",
        "beside": "airborne-48", "patch_px": 8, "per_class": 10, "block_px": 24, "pixels": "own",
    }  # fmt: skip
    for _ in pairs.run_catalog(check(pairs.PairScenesJob, told, "here"), place / "archive", executor=Serial()):
        pass
    return open_archive(place / "archive")


def recipe(archive: Archive, **changed: Any) -> TrainRecipe:
    told = {
        "archive": archive.folder, "network": "two_branch", "arguments": TINY, "task": "patches", "epochs": 1,
        "batch_global": 16, "precision": "fp32", "optimiser": {"name": "adam", "rate": 1e-3, "weight_decay": 0.0},
    }  # fmt: skip
    return check(TrainRecipe, {**told, **changed}, "here")


def train(made: TrainRecipe, out: Path) -> Path:
    for _ in run(made, out, World()):
        pass
    return out / "card"


@pytest.fixture(scope="module")
def card(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(recipe(archive), tmp_path_factory.mktemp("run") / "run")


def test_the_card_tells_both_views(archive: Archive, card: Path) -> None:
    told, network = load_card(card)
    assert (told.sensor, told.bands, told.unit, told.task) == (
        "aerial-rgb",
        ("R", "G", "B"),
        "digital_number",
        "patches",
    )
    assert told.second is not None
    assert (told.second.sensor, told.second.bands) == ("airborne-48", pair_making.HSI)
    assert (told.second.pixel_size_m, told.second.unit) == (1.0, "radiance")
    statistics = archive.mean_and_std()
    assert told.second.mean == tuple(statistics[name][0] for name in told.second.bands)
    assert told.arguments == {**TINY, "num_second": 4, "patch_px": 8, "second_px": 4}
    assert told.sight.reach_px is None
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 8, 8), torch.zeros(2, 4, 4, 4)).shape == (2, 4)


def test_both_views_of_a_batch_are_normalised_and_turned_alike(archive: Archive) -> None:
    made = recipe(archive, augment="dihedral")
    material = materials.find(made, archive)
    batch = next(iter(make_feed(made, material, World()).epoch(0, 0)))
    assert batch.beside is not None
    assert (batch.values.shape[1:], batch.beside.shape[1:]) == ((3, 8, 8), (4, 4, 4))
    assert [view.shape for view in batch.views] == [batch.values.shape, batch.beside.shape]
    whole = list(make_feed(made, material, World()).epoch(0, 0))
    assert abs(torch.cat([one.beside for one in whole]).mean()) < 0.1
    # Where the second sensor is bright follows where the label's letters change: turned together, they stay together.
    plain = next(iter(make_feed(recipe(archive, augment="none"), material, World()).epoch(0, 0)))
    assert not torch.equal(plain.values, batch.values)
    for one in range(len(batch.values)):
        turns = [torch.rot90(plain.values[one], k, (1, 2)) for k in range(4)]
        turns += [turn.flip(-1) for turn in turns]
        how = next(place for place, turn in enumerate(turns) if torch.equal(turn, batch.values[one]))
        second = torch.rot90(plain.beside[one], how % 4, (1, 2))
        assert torch.equal(second.flip(-1) if how >= 4 else second, batch.beside[one])


def test_micro_batches_hold_both_views(archive: Archive) -> None:
    made = recipe(archive, accumulate=2)
    batch = next(iter(make_feed(made, materials.find(made, archive), World()).epoch(0, 0)))
    pieces = list(batch.micro_batches())
    assert len(pieces) == 2
    assert torch.equal(torch.cat([piece.beside for piece in pieces]), batch.beside)


@pytest.mark.parametrize("network", ["svm", "neighbours", "forest"])
def test_classical_models_learn_from_all_numbers_of_both_views(archive: Archive, network: str, tmp_path: Path) -> None:
    own = {"num_trees": 10} if network == "forest" else {}
    made = recipe(archive, network=network, arguments={"features": "flat", **own})
    folder = train(made, tmp_path / "run")
    told, _ = load_parts(folder)
    assert told.second is not None
    *_, last = judge(folder, archive, "test", "test")
    assert last.done == archive.manifest["splits"]["test"]
    # Chance is a quarter, and there are ten samples a class.
    assert making.told(tmp_path / "run")[-1]["figures"]["overall_accuracy"] > 0.4


def test_a_card_is_judged_as_training_judged_it(archive: Archive, card: Path) -> None:
    going = judge(card, archive, "validation", "validation")
    while True:
        try:
            next(going)
        except StopIteration as ended:
            found = ended.value.confusion
            break
    again = parts.judge(card, archive, archive.part("validation"))
    assert np.array_equal(found.counts, again.counts)
    assert found.counts.sum() == archive.manifest["splits"]["validation"]


def test_training_goes_on_from_a_card_with_its_normalisation(archive: Archive, card: Path, tmp_path: Path) -> None:
    made = recipe(archive, start=card, epochs=1)
    told, _ = load_card(train(made, tmp_path / "run"))
    assert told.second == load_card(card)[0].second


@pytest.mark.parametrize("path", FOLDER, ids=lambda path: path.stem)
def test_a_recipe_in_the_folder_fits(path: Path, archive: Archive) -> None:
    assert path.read_text().startswith("# ")
    told = load(TrainRecipe, path)
    changed = told.model_copy(update={"archive": archive.folder, "legend": None})
    beside = materials.find(changed, archive).beside
    assert beside is not None
    if told.network == "two_branch":
        assert (told.optimiser.name, told.optimiser.rate, told.batch_global) == ("adam", 1e-3, 40)


def test_there_are_recipes() -> None:
    assert [path.stem for path in FOLDER] == ["pairs-city", "pairs-houston", "pairs-svm"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return making.cut(tmp_path_factory.mktemp("alone"))


WRONG: list[tuple[dict[str, Any], type[LandweaveError], tuple[str, str, str]]] = [
    ({"task": "pixels"}, LandweaveError, ("pixels", "", "")),
    ({"arguments": {"features": "some"}, "network": "svm"}, ConfigError, ("features = some", "flat", "features")),
    ({"arguments": {**TINY, "ceiling": False}}, ConfigError, ("branch rgb", "at least 16 x 16", "ceiling")),
]


@pytest.mark.parametrize(("changed", "kind", "words"), WRONG)
def test_what_does_not_fit_is_refused_before_the_first_step(
    archive: Archive, tmp_path: Path, changed: dict[str, Any], kind: type[LandweaveError], words: tuple[str, str, str]
) -> None:
    with pytest.raises(kind) as caught:
        train(recipe(archive, **changed), tmp_path / "run")
    told = caught.value.given, caught.value.expected, caught.value.do
    assert all(word in text for word, text in zip(words, told, strict=True)), told


def test_an_archive_of_one_sensor_is_refused(alone: Archive, archive: Archive, card: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as caught:
        train(recipe(alone), tmp_path / "run")
    assert "alone" in caught.value.given
    assert "pairs" in caught.value.expected
    assert "--beside" in caught.value.do
    with pytest.raises(CardError) as other:
        list(judge(card, alone, "train", "train"))
    assert other.value.given
    assert other.value.expected
    assert other.value.do
