"""Stopped and resumed equals not stopped; two ranks equal one."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import load_file
from tests.parallel import launching
from tests.recipe import making

from landweave.parallel.world import World
from landweave.recipe.run import run

STEPS = 9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return making.cut(tmp_path_factory.mktemp("archive")).folder


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody stopped."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert len(making.train(making.recipe(folder, checkpoint_every_steps=2), out)) == STEPS + 3
    return out


@pytest.mark.parametrize("num_records", [1, 2, 3, 4, 5, 11, 12])
def test_a_run_stopped_anywhere_and_resumed_is_the_run_that_was_not(
    folder: Path, whole: Path, tmp_path: Path, num_records: int
) -> None:
    recipe, out = making.recipe(folder, checkpoint_every_steps=2), tmp_path / "run"
    making.stop_after(run(recipe, out, World()), num_records)
    assert not (out / "card").exists()
    making.train(recipe, out)
    for name in ("card/weights.safetensors", "card/card.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    assert making.told(out) == making.told(whole) != []


def test_a_run_stopped_at_every_record_is_the_run_that_was_not(folder: Path, whole: Path, tmp_path: Path) -> None:
    recipe, out = making.recipe(folder, checkpoint_every_steps=2), tmp_path / "run"
    for _ in range(STEPS + 3):
        making.stop_after(run(recipe, out, World()), 1)
    making.train(recipe, out)
    assert (out / "card/weights.safetensors").read_bytes() == (whole / "card/weights.safetensors").read_bytes()
    assert making.told(out) == making.told(whole)


def test_when_checkpoints_come_changes_nothing(folder: Path, whole: Path, tmp_path: Path) -> None:
    for name, seconds in (("always", 0.0), ("never", 1e9)):
        recipe = making.recipe(folder, checkpoint_every_steps=0, checkpoint_every_s=seconds)
        making.train(recipe, tmp_path / name)
        weights = (tmp_path / name / "card/weights.safetensors").read_bytes()
        assert weights == (whole / "card/weights.safetensors").read_bytes()
        assert making.told(tmp_path / name) == making.told(whole)


def test_a_finished_run_stays_as_it_is(folder: Path, whole: Path) -> None:
    before = (whole / "card/card.json").read_bytes()
    assert making.train(making.recipe(folder, checkpoint_every_steps=2), whole) == []
    assert (whole / "card/card.json").read_bytes() == before


RECIPES = {
    "pixel": {"network": "pixel", "arguments": {}},
    "unet": {"norm_over_ranks": True},
    "classes": {"network": "pixel", "arguments": {}, "loss": {"class_weights": {"water": 3.0}, "smoothing": 0.1}},
    "mixed": {
        "norm_over_ranks": True,
        "batch_global": 4,
        "grow_batch": ((1, 2),),
        "accumulate": 2,
        "mixup": 0.4,
        "optimiser": {"name": "lamb", "rate": 0.01},
        "epochs": 4,
    },
}
"""A network without batch norm; one with it and dropout, over ranks; class weights. Batches of 5, 5 and 2.

Then all that large batches bring at once: LAMB, pairs from the whole batch, two micro-batches, batches that grow from 4
to 8 and 4.
"""


def test_two_ranks_are_one(folder: Path, tmp_path: Path) -> None:
    """Losses agree to 5e-6 of themselves over nine steps, weights to 5e-5, half a hundredth of one step of Adam.

    Only the order of sums differs; Adam divides by the length of a gradient, which blows up the rounding of small ones.
    """
    launching.ranks(2, Path(__file__).with_name("two_ranks.py"), folder, tmp_path / "two")
    for rank in range(2):
        refused = (tmp_path / "two" / f"refused-{rank}").read_text()
        assert "another recipe or archive on rank 1 than on rank 0" in refused
        assert "on all 2 ranks" in refused and "give every rank the same" in refused
        assert "another precision on rank 1 than on rank 0" in (tmp_path / "two" / f"machines-{rank}").read_text()
    assert not (tmp_path / "two" / "disagree").exists()
    for name, changed in RECIPES.items():
        making.train(making.recipe(folder, **changed), tmp_path / "one" / name)
        one, two = (making.told(tmp_path / ranks / name) for ranks in ("one", "two"))
        assert len(one) == len(two) >= STEPS + 3
        for mine, other in zip(one, two, strict=True):
            assert mine["losses"] == pytest.approx(other["losses"], rel=5e-6)
            assert mine.get("figures", {}) == pytest.approx(other.get("figures", {}), rel=1e-5)
        weights = [load_file(tmp_path / ranks / name / "card/weights.safetensors") for ranks in ("one", "two")]
        for key, values in weights[0].items():
            assert values == pytest.approx(weights[1][key], abs=5e-5), (name, key)
