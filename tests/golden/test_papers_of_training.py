"""What two papers say of training, held by the recipes that stand for them.

Sources: Sedona et al., Remote Sensing 2019, 11, 3056 (ResNet-50 on BigEarthNet, SGD); its successor at IGARSS 2021
(ResNet-50 on SAT-4 and SAT-6, LAMB against Adam). The 65K run of the latter diverges in the paper: its recipe is kept
to show the place, and says so.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from landweave.config import load
from landweave.recipe.recipe import TrainRecipe

RECIPES = Path(__file__).parents[2] / "recipes"

# Name, global batch, rate of LAMB, epochs of warm-up.
LAMB = [("8k", 8192, 0.02, 5), ("16k", 16384, 0.028, 10), ("32k", 32768, 0.04, 20), ("65k", 65536, 0.05, 40)]


@pytest.mark.parametrize(("name", "batch", "rate", "warmup"), LAMB)
def test_lamb_at_large_batches(name: str, batch: int, rate: float, warmup: int) -> None:
    path = RECIPES / f"sat6-lamb-{name}.toml"
    recipe = load(TrainRecipe, path)
    table, schedule = recipe.scaled_optimiser(1), recipe.schedule
    assert (table.name, table.rate, recipe.samples_per_step(8)) == ("lamb", rate, batch)
    assert (schedule.name, schedule.power, schedule.warmup_epochs) == ("polynomial", 2.0, warmup)
    assert ("diverges" in path.read_text()) == (name == "65k")


def test_the_rates_follow_the_root_of_the_batch_up_to_32k() -> None:
    """0.028 and 0.04 are 0.02 times the root of 2 and of 4; 0.05 is less than the rule's 0.057."""
    by_rule = [LAMB[0][2] * (batch / LAMB[0][1]) ** 0.5 for _, batch, _, _ in LAMB]
    assert [rate for _, _, rate, _ in LAMB[:3]] == pytest.approx(by_rule[:3], rel=0.02)
    assert LAMB[3][2] < 0.9 * by_rule[3]


def test_adam_is_the_baseline() -> None:
    recipe = load(TrainRecipe, RECIPES / "sat6-adam.toml")
    assert (recipe.optimiser.name, recipe.optimiser.rate, recipe.batch_global) == ("adam", 0.001, 64)
    assert recipe.schedule.name == "constant"


@pytest.mark.parametrize(("ranks", "each"), [(4, 64), (96, 32)])
def test_sgd_on_bigearthnet_has_the_rate_of_its_ranks_and_batches(ranks: int, each: int) -> None:
    values = load(TrainRecipe, RECIPES / "bigearthnet-resnet50.toml").model_dump(exclude_unset=True)
    recipe = TrainRecipe.model_validate({**values, "batch_global": None, "batch_per_rank": each})
    assert recipe.scaled_optimiser(ranks).rate == pytest.approx(0.1 * ranks * each / 256)


def test_sgd_on_bigearthnet_has_the_papers_course() -> None:
    recipe = load(TrainRecipe, RECIPES / "bigearthnet-resnet50.toml")
    factors = [recipe.schedule.factor(epoch * 100, 100, recipe.epochs) for epoch in (4.99, 5, 29, 30, 60, 80)]
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.01, 0.001])
    assert recipe.schedule.factor(0, 100, recipe.epochs) == pytest.approx(1 / 500)
    assert recipe.optimiser.nesterov and recipe.optimiser.decay_on == "convolutions"
    assert (recipe.arguments["dropout"], recipe.augment) == (0.5, "dihedral")
