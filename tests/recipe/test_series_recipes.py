"""The recipes of series in recipes/: they fit, have the published sizes, and train."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.recipe.series_making import SMALL, cut

from landweave.config import check
from landweave.models.table import build
from landweave.parallel.world import World
from landweave.recipe.kinds import load_recipe
from landweave.recipe.series import SeriesRecipe, run

FOLDER = Path(__file__).parents[2] / "recipes"
NAMES = ("multi-year-lstm", "sliding-transformer", "series-tempcnn", "series-ltae", "series-forest")


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_in_the_folder_trains(name: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    path = FOLDER / f"{name}.toml"
    assert path.read_text().startswith("# ")
    asked = load_recipe(path)
    assert isinstance(asked, SeriesRecipe)
    changed = {"samples": cut(tmp_path), "bands": None, "epochs": 1, "precision": "fp32"}
    changed["arguments"] = {**asked.arguments, **SMALL[asked.network]}
    told = {**asked.model_dump(exclude_unset=True), **changed}
    assert list(run(check(SeriesRecipe, told, "test"), tmp_path / "run", World()))
    assert (tmp_path / "run/card/card.json").is_file()


def test_published_sizes() -> None:
    lstm, transformer = (load_recipe(FOLDER / f"{name}.toml") for name in NAMES[:2])
    assert isinstance(lstm, SeriesRecipe)
    assert isinstance(transformer, SeriesRecipe)
    assert (lstm.epochs, lstm.optimiser.name, len(lstm.bands or ())) == (100, "adam", 10)
    assert (transformer.epochs, transformer.optimiser.rate, transformer.per_class) == (100, 0.003, 10_000)
    assert transformer.schedule.name == "cyclic"
    # The sizes that docs/methods/series_networks.md tells, and tests/golden/test_networks_of_series.py counts.
    for asked in (lstm, transformer):
        plain = build(asked.network, 10, 9)
        written = build(asked.network, 10, 9, **asked.arguments)
        assert {k: v.shape for k, v in plain.state_dict().items()} == {
            k: v.shape for k, v in written.state_dict().items()
        }


def test_the_cyclic_rate_begins_at_its_height() -> None:
    schedule = load_recipe(FOLDER / "sliding-transformer.toml").schedule  # type: ignore[union-attr]
    factors = [schedule.factor(step, 10, 100) for step in range(1000)]
    assert max(factors) == factors[10] == 1
    assert min(factors[10:]) == pytest.approx(0.01, abs=0.02)
    assert factors[110] == pytest.approx(1, abs=0.02)
