"""One rank, two and four: the same losses over ten steps of the same global batches."""

from __future__ import annotations

import json

import pytest
from tests.parallel import launching
from tests.recipe import making
from tests.same_answer import several_ranks

from landweave.parallel.world import World

Runs = dict[int, dict[str, list[float]]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Losses by number of ranks and kind; dropout, augmentation and pairs are drawn in all of them."""
    folder = making.cut(tmp_path_factory.mktemp("archive"), num=38, px=32).folder
    out = tmp_path_factory.mktemp("runs")
    for ranks in (2, 4):
        launching.ranks(ranks, several_ranks.__file__, folder, out / f"{ranks}.json")
    told = {ranks: json.loads((out / f"{ranks}.json").read_text()) for ranks in (2, 4)}
    return {1: several_ranks.every(folder, World()), **told}


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("kind", ["resnet50 over ranks", "without batch norm"])
def test_ranks_do_not_matter(runs: Runs, kind: str, ranks: int) -> None:
    """Batches of 8, the last of each epoch of 6; AdamW. Only the order of sums differs, and grows from step to step."""
    one, several = runs[1][kind], runs[ranks][kind]
    assert len(one) == several_ranks.STEPS
    assert several[:5] == pytest.approx(one[:5], rel=1e-5)
    assert several == pytest.approx(one, rel=1e-3)
    assert len(set(one)) == len(one)


@pytest.mark.parametrize("ranks", [2, 4])
def test_without_batch_norm_over_ranks_the_difference_shows_at_once(runs: Runs, ranks: int) -> None:
    """Each rank then normalises its own four or two samples: docs/methods/training.md says how far off losses are."""
    one, several = runs[1]["resnet50 each rank"], runs[ranks]["resnet50 each rank"]
    assert one == runs[1]["resnet50 over ranks"][: len(one)]
    far = [abs(mine - other) / other for mine, other in zip(several, one, strict=True)]
    assert max(far) > 1e-2
    assert far[0] > 1e-4
