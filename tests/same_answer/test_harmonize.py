"""Harmonisation: two ranks equal one, in both networks; tiles equal the whole inside the sight that a card promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.parallel import launching
from tests.recipe import paired_making as pairs
from tests.same_answer import two_ranks_of_pairs

from landweave.models.card import load_card
from landweave.models.pair.harmoniser import Harmoniser
from landweave.parallel.world import World

Found = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pairs.cut(tmp_path_factory.mktemp("archive")).folder


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Found, Found]:
    out = tmp_path_factory.mktemp("runs") / "two.npz"
    launching.ranks(2, two_ranks_of_pairs.__file__, folder, out)
    with np.load(out) as two:
        return two_ranks_of_pairs.every(folder, World()), dict(two)


@pytest.mark.parametrize("kind", two_ranks_of_pairs.KINDS)
def test_two_ranks_are_one(runs: tuple[Found, Found], kind: str) -> None:
    """The relativistic losses compare an image with the mean of all ranks' images, or this would not hold."""
    one, two = ({name: values for name, values in run.items() if name.startswith(f"{kind}/")} for run in runs)
    assert set(one) == set(two)
    losses = one[f"{kind}/losses"]
    assert len(losses) >= 8
    assert len(np.unique(losses[:, 0])) == len(losses)
    names = {name.split("/")[1] for name in one}
    assert (
        names
        == {"losses", "generator"}
        | {
            "as published": {"discriminator"},
            "with options": {"discriminator", "average"},
            "differences alone": set(),
        }[kind]
    )
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-6, atol=1e-9, err_msg=name)


def test_tiles_are_the_whole(folder: Path, tmp_path: Path) -> None:
    """Aligned to the stride and with a margin as wide as the reach, a tile's core is what the whole gives there."""
    pairs.train(pairs.recipe(folder, epochs=1), tmp_path / "run")
    card, network = load_card(tmp_path / "run" / "card")
    made, margin, core = Harmoniser(card, network), card.sight.margin_px, 12
    assert (card.sight.stride, margin) == (4, 12)
    assert margin is not None
    generator = torch.Generator().manual_seed(0)
    edge = 60
    land = {size: torch.rand(1, num, int(edge * 30 / size), int(edge * 30 / size), generator=generator)
            for size, num in ((10.0, 2), (20.0, 1))}  # fmt: skip
    valid = torch.rand(1, edge, edge, generator=generator) > 0.1
    with torch.no_grad():
        whole = made(land, valid)
        for row, col in ((12, 12), (24, 36)):
            seen = [slice(start - margin, start + core + margin) for start in (row, col)]
            part = {
                size: view[:, :, *(slice(int(s.start * 30 / size), int(s.stop * 30 / size)) for s in seen)]
                for size, view in land.items()
            }
            told = made(part, valid[:, *seen])[..., margin : margin + core, margin : margin + core]
            torch.testing.assert_close(told, whole[..., row : row + core, col : col + core], rtol=1e-5, atol=1e-6)
