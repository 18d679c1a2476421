"""Networks of series: stopped and resumed equals not stopped, bit for bit; two ranks equal one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file
from tests.parallel import launching
from tests.recipe import making
from tests.recipe.series_making import cut, recipe

from landweave.parallel.world import World
from landweave.recipe.series import run

# Batches of 16, 16, 16 and 12 or 13: the last one shares unevenly between two ranks.
EPOCHS, NUM_TRAIN = 2, 61
RECIPES: dict[str, dict[str, Any]] = {
    "lstm": {"epochs": EPOCHS},
    "transformer": {"epochs": EPOCHS, "optimiser": {"rate": 0.003}, "class_weights": "balanced", "splice": 0.5},
    "tempcnn": {"epochs": EPOCHS, "norm_over_ranks": True},
    "ltae": {"epochs": EPOCHS, "norm_over_ranks": True, "dates": {"per_year": 7}},
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    part = [0] * NUM_TRAIN + [1] * (120 - NUM_TRAIN)
    return cut(tmp_path_factory.mktemp("samples"), part=torch.tensor(part, dtype=torch.uint8).numpy())


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_stopped_anywhere_and_resumed_is_the_run_that_was_not(samples: Path, tmp_path: Path, name: str) -> None:
    asked = recipe(samples, name, **RECIPES[name])
    whole = list(run(asked, tmp_path / "whole", World()))
    # Two records an epoch of steps, one of its end.
    assert len(whole) == 3 * EPOCHS
    for num_records in (1, 5):
        out = tmp_path / str(num_records)
        making.stop_after(run(asked, out, World()), num_records)
        assert not (out / "card").exists()
        list(run(asked, out, World()))
        for file in ("card/weights.safetensors", "card/card.json"):
            assert (out / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), (num_records, file)
        assert making.told(out) == making.told(tmp_path / "whole") != []


def test_two_ranks_are_one(samples: Path, tmp_path: Path) -> None:
    """Losses agree to 1e-5 of themselves, weights to 1e-4: only the order of sums differs (see test_training)."""
    launching.ranks(2, Path(__file__).with_name("two_ranks_of_series.py"), samples, tmp_path / "two")
    for name, changed in RECIPES.items():
        list(run(recipe(samples, name, **changed), tmp_path / "one" / name, World()))
        one, two = (making.told(tmp_path / ranks / name) for ranks in ("one", "two"))
        assert len(one) == len(two) == 3 * EPOCHS
        for mine, other in zip(one, two, strict=True):
            assert mine["losses"] == pytest.approx(other["losses"], rel=1e-5), name
            assert mine.get("figures", {}) == pytest.approx(other.get("figures", {}), rel=1e-5), name
        weights = [load_file(tmp_path / ranks / name / "card/weights.safetensors") for ranks in ("one", "two")]
        for key, values in weights[0].items():
            assert values == pytest.approx(weights[1][key], abs=1e-4), (name, key)
