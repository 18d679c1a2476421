"""A recipe whose network stands on three ranks makes the card of one process, wherever it was begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.parallel import launching
from tests.recipe import making
from tests.same_answer import placed_ranks
from tests.same_answer.placed_ranks import STOPS, recipe

from landweave.parallel.traffic import Traffic, load_all
from landweave.parallel.world import World
from landweave.recipe.run import run


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs on one process and on three ranks."""
    folder, out = making.cut(tmp_path_factory.mktemp("archive"), px=32).folder, tmp_path_factory.mktemp("runs")
    assert len(making.train(recipe(folder), out / "alone")) > STOPS
    making.stop_after(run(recipe(folder), out / "begun alone", World()), STOPS)
    launching.ranks(3, placed_ranks.__file__, folder, out)
    making.train(recipe(folder), out / "begun placed")
    return out


@pytest.mark.parametrize("name", ["placed", "auto", "begun alone", "begun placed", "moved"])
def test_the_card_is_that_of_one_process(out: Path, name: str) -> None:
    """Weights, figures, thresholds and log; a checkpoint of any placement is gone on with in any other."""
    assert making.told(out / name) == making.told(out / "alone") != []
    for file in ("card/weights.safetensors", "card/card.json"):
        assert (out / name / file).read_bytes() == (out / "alone" / file).read_bytes(), file


def test_the_planner_split_the_network(out: Path) -> None:
    """Each rank sent activations or gradients, and none summed up weights with another."""
    found = load_all(out / "auto")
    assert len(found) == 3 and all(rank.num_sent for rank in found)
    kinds = sum(found, Traffic()).by_kind()
    assert kinds["activation"] > 0 and kinds["gradient"] > 0 and kinds["all_reduce"] == 0
    # What one rank sends another receives, over the same cut.
    total = sum(found, Traffic())
    assert total.sent == total.received
    assert total.steps == 3 * found[0].steps > 0


@pytest.mark.parametrize(
    ("name", "given", "expected", "do"),
    [
        ("disagree", "another placement on rank 1 than on rank 0", "all 3 ranks", "every rank the same files"),
        ("missing", "layer layer9 in the placement of trunk", "layer4.1 (did you mean that?)", "lists the layers"),
        ("too many", "placement on 4 ranks, started on 3", "4 ranks, or a multiple", "start 4 ranks"),
    ],
)
def test_what_does_not_fit_is_refused_on_every_rank(out: Path, name: str, given: str, expected: str, do: str) -> None:
    for rank in range(3):
        said = (out / f"{name}-{rank}").read_text()
        assert given in said and expected in said and do in said, said
    assert not (out / name).exists()
