"""Recipes of harmonisation: from pairs to a card of reflectance, stopped and gone on, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recipe import making
from tests.recipe import paired_making as pairs

from landweave.errors import ArchiveError, ConfigError, DivergedError, LandweaveError, OutputError, SensorError
from landweave.models.card import load_card
from landweave.models.pair.harmoniser import Harmoniser
from landweave.models.pair.mgan import Generator
from landweave.parallel.world import World
from landweave.patches.archive import Archive
from landweave.recipe.harmonize import HarmonizeRecipe, find, run
from landweave.recipe.kinds import load_recipe
from landweave.train import checkpoint
from landweave.train.adversarial import Adversarial
from landweave.train.log import EpochRecord, StepRecord

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return pairs.cut(tmp_path_factory.mktemp("archive"))


def test_pairs_become_a_card(archive: Archive, tmp_path: Path) -> None:
    records = pairs.train(pairs.recipe(archive.folder), tmp_path / "run")
    card, network = load_card(tmp_path / "run" / "card")
    assert (card.task, card.network, card.sensor, card.bands) == ("reflectance", "mgan", "sentinel-2-l2a", pairs.BANDS)
    assert card.output is not None
    assert (card.output.sensor, card.output.bands) == ("landsat-8-like", pairs.TARGETS)
    assert card.output.input_sizes_m == (10, 10, 20)
    assert card.output.pixel_size_m == 30
    assert (card.sight.stride, card.sight.reach_px) == (4, 9)
    statistics = archive.mean_and_std()
    assert card.mean == tuple(statistics[name][0] for name in pairs.BANDS)
    assert card.output.std == tuple(statistics[name][1] for name in pairs.TARGETS)
    assert isinstance(network, Generator)
    assert not network.training
    ends = [record for record in records if isinstance(record, EpochRecord)]
    assert set(ends[-1].figures) == {"loss", "sam", "rmse_SR_B3", "rmse_SR_B4", "rmse_SR_B6"}
    assert set(ends[-1].losses) == {"loss", "adversarial", "discriminator"}
    assert (card.training["num_train"], card.training["num_validation"], card.training["patch_px"]) == (9, 4, 16)


@pytest.mark.parametrize(
    ("num", "changed"),
    [(2, {}), (4, {"average": 0.9, "losses": {"penalty": 1.0}}), (5, {"losses": {"adversarial": 0}})],
)
def test_stopped_and_gone_on_is_not_stopped(
    archive: Archive, tmp_path: Path, num: int, changed: Mapping[str, Any]
) -> None:
    wanted = pairs.recipe(archive.folder, **changed)
    pairs.train(wanted, tmp_path / "whole")
    making.stop_after(run(wanted, tmp_path / "stopped", World()), num)
    assert not (tmp_path / "stopped" / "card").exists()
    pairs.train(wanted, tmp_path / "stopped")
    for file in ("card.json", "weights.safetensors"):
        whole, stopped = ((tmp_path / name / "card" / file).read_bytes() for name in ("whole", "stopped"))
        assert whole == stopped
    last = [checkpoint.load(checkpoint.every(tmp_path / name / "checkpoints")[-1]) for name in ("whole", "stopped")]
    assert {name.split("/")[1] for name in last[0].tensors} >= set(["generator", "discriminator"][: 1 + (num < 5)])
    assert all(torch.equal(last[0].tensors[name], last[1].tensors[name]) for name in last[0].tensors)
    assert making.told(tmp_path / "whole") == making.told(tmp_path / "stopped")


def test_what_the_input_shows_is_learnt(tmp_path: Path) -> None:
    """Better than the same land's means, in physical values, on pairs that were not trained on."""
    archive = pairs.cut(tmp_path / "archive", num=40)
    optimiser = {"name": "adam", "rate": 1e-2, "weight_decay": 0}
    changed = {"epochs": 15, "batch_global": 8, "optimiser": optimiser, "generator": {"width": 8, "depth": 1}}
    records = pairs.train(pairs.recipe(archive.folder, checkpoint_every_s=60, **changed), tmp_path / "run")
    best = min(record.figures["rmse_SR_B3"] for record in records if isinstance(record, EpochRecord))
    card, network = load_card(tmp_path / "run" / "card")
    arrays = archive.batch(archive.part("validation"))
    views = {10.0: arrays["data_10m"] * 0.0001 - 0.1, 20.0: arrays["data_20m"] * 0.0001 - 0.1}
    physical = {size: torch.from_numpy(array).float() for size, array in views.items()}
    valid = torch.from_numpy(np.array(arrays["valid"]))
    with torch.no_grad():
        told = Harmoniser(card, network)(physical, valid)[:, 0][valid].numpy()
    wanted = (arrays["target_30m"][:, 0] * 0.0000275 - 0.2)[arrays["valid"]]
    plain = views[10.0][:, 0].reshape(-1, 16, 3, 16, 3).mean((2, 4))[arrays["valid"]]
    own, raw = (float(np.sqrt(np.mean((found - wanted) ** 2))) for found in (told, plain))
    assert own == pytest.approx(best, rel=0.05)
    assert own < 0.7 * raw


def test_a_moving_average_is_judged_and_kept(archive: Archive, tmp_path: Path) -> None:
    pairs.train(pairs.recipe(archive.folder, average=0.5, epochs=1), tmp_path / "run")
    kept = checkpoint.load(checkpoint.every(tmp_path / "run" / "checkpoints")[-1]).tensors
    weights = load_card(tmp_path / "run" / "card")[1].state_dict()
    assert all(torch.equal(value, kept[f"best/average/{name}"]) for name, value in weights.items())
    assert not all(torch.equal(value, kept[f"best/generator/{name}"]) for name, value in weights.items())


def test_without_the_adversarial_part_there_is_no_discriminator(archive: Archive, tmp_path: Path) -> None:
    records = pairs.train(pairs.recipe(archive.folder, losses={"adversarial": 0}, epochs=1), tmp_path / "run")
    kept = checkpoint.load(checkpoint.every(tmp_path / "run" / "checkpoints")[-1]).tensors
    assert not [name for name in kept if "discriminator" in name]
    assert {name for record in records if isinstance(record, StepRecord) for name in record.losses} == {"loss"}


def test_a_discriminator_that_wins_stops_the_run_and_loses_nothing(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.7, 0.01, *[0.7] * 3, *[0.01] * 9])
    is_stalled = Adversarial.is_stalled
    monkeypatch.setattr(Adversarial, "is_stalled", lambda self, _: is_stalled(self, {"discriminator": next(losses)}))
    with pytest.raises(DivergedError) as told:
        pairs.train(pairs.recipe(archive.folder, epochs=9, stall_steps=6), tmp_path / "run")
    assert "nothing to learn in 6 updates" in told.value.given
    kept = checkpoint.every(tmp_path / "run" / "checkpoints")[-1]
    assert str(kept) in told.value.given
    assert "discriminator" in told.value.do
    # From before the stall, not from its end.
    assert kept.name == "step-00000005"
    assert checkpoint.load(kept).facts["standing"]["stalled"] == 0


def test_numbers_that_are_none_stop_the_run(archive: Archive, tmp_path: Path) -> None:
    optimiser = {"name": "sgd", "rate": 1e30, "weight_decay": 0}
    with pytest.raises(DivergedError) as told:
        pairs.train(pairs.recipe(archive.folder, optimiser=optimiser, epochs=9), tmp_path / "run")
    assert "nan" in told.value.given or "inf" in told.value.given
    assert "optimiser.rate" in told.value.do


def test_bands_can_be_chosen_on_both_sides(archive: Archive) -> None:
    found = find(pairs.recipe(archive.folder, bands=["B11", "B03"], target_bands=["SR_B6", "SR_B3"], like="mine"))
    assert found.bands == ("B03", "B11")
    assert found.output.bands == ("SR_B6", "SR_B3")
    assert found.output.input_sizes_m == (10, 20)
    assert found.output.sensor == "mine"


@pytest.mark.parametrize(
    ("changed", "error", "given"),
    [
        ({"sensor": "sentinel-2-l1c"}, SensorError, "sentinel-2-l2a"),
        ({"target_sensor": "landsat-9-c2l2"}, SensorError, "landsat-8-c2l2"),
        ({"bands": ["B05"]}, SensorError, "B05"),
        ({"target_bands": ["SR_B7"]}, SensorError, "SR_B7"),
        ({"target_bands": ["SR_B3"]}, ConfigError, "3 bands to 1"),
        ({"generator": {"depth": 5}}, ConfigError, "16 pixels of 30 m"),
        ({"discriminator": {"depth": 3}}, ConfigError, "16 pixels of 30 m"),
        ({"losses": {"adversarial": -1}}, ConfigError, "adversarial"),
        ({"losses": {"differentiable": ["colour"]}}, ConfigError, "colour"),
    ],
)
def test_what_cannot_work_is_refused(
    archive: Archive, tmp_path: Path, changed: Mapping[str, Any], error: type[LandweaveError], given: str
) -> None:
    with pytest.raises(error) as told:
        pairs.train(pairs.recipe(archive.folder, **changed), tmp_path / "run")
    assert given in told.value.given
    assert all((told.value.expected, told.value.do))
    assert not (tmp_path / "run").exists()


def test_an_archive_of_one_sensor_is_refused(tmp_path: Path) -> None:
    single = making.cut(tmp_path / "single")
    with pytest.raises(ArchiveError) as told:
        find(pairs.recipe(single.folder))
    assert "sentinel-2-l2a alone" in told.value.given
    assert "harmonize pairs" in told.value.do


def test_a_band_that_never_varies_is_refused(tmp_path: Path) -> None:
    flat = pairs.cut(tmp_path / "flat", target_30m=np.uint16(9000))
    with pytest.raises(SensorError) as told:
        find(pairs.recipe(flat.folder))
    assert "SR_B3, SR_B4, SR_B6 with one value" in told.value.given


def test_another_recipe_is_refused(archive: Archive, tmp_path: Path) -> None:
    pairs.train(pairs.recipe(archive.folder, epochs=1), tmp_path / "run")
    with pytest.raises(OutputError):
        pairs.train(pairs.recipe(archive.folder, epochs=1, stall_steps=9), tmp_path / "run")
    configuration = json.loads((tmp_path / "run" / "recipe.json").read_text())["configuration"]
    assert (configuration["task"], configuration["losses"]["absolute"]) == ("harmonize", 100)


@pytest.mark.parametrize(("name", "adversarial"), [("s2-to-l8-gan", 1.0), ("s2-to-l8-l1", 0.0)])
def test_the_recipes_in_the_folder_are_those_of_the_paper(name: str, adversarial: float) -> None:
    found = load_recipe(ROOT / "recipes" / f"{name}.toml")
    assert isinstance(found, HarmonizeRecipe)
    assert found.losses.adversarial == adversarial
    assert [found.optimiser.scaled(found.samples_per_step(ranks)).rate for ranks in (1, 16)] == pytest.approx(
        [1e-4, 16e-4]
    )
    assert (found.samples_per_step(1), found.samples_per_step(16)) == (16, 256)
